"""A backup taken under load restores to a consistent shop, and brings nobody back."""

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patron.app.care.backup import _unpack
from patron.kit.problems import Problem
from running import Running, eventually, running


@pytest.fixture
def shop() -> Iterator[Running]:
    with running(lake_flush_seconds=3600) as house:
        house.open_shop()
        house.start()
        yield house


def positions(shop: Running, where: str = "true") -> list[int]:
    """The log positions that the lake holds."""
    query = f"SELECT position FROM events WHERE {where} ORDER BY position"
    return [row["position"] for row in shop.run("lake", "sql", query)]


def still_there_once(shop: Running, kept: list[int]) -> None:
    """What the lake kept through a restore is there, and what came after it; each once."""
    after = positions(shop)  # what waited unread in the backup is among them
    assert after == sorted(set(after))
    assert after[: len(kept)] == kept
    assert len(positions(shop, "body LIKE '%\"new\"%'")) == 1


def walked(shop: Running, at_least: int) -> int:
    """The log's last position, once it is as far as `at_least`."""

    def look() -> int:
        found = int(shop.run("lake", "status")["position"])
        return found if found >= at_least else 0

    return eventually(look, f"log position {at_least}")


def test_a_backup_under_load_restores_and_the_lake_is_cut_back(
    shop: Running, tmp_path: Path
) -> None:
    sent = 0
    enough = threading.Event()

    def load() -> None:
        nonlocal sent
        while not enough.is_set():
            shop.track("Product Viewed", {"product_id": f"p{sent}"}, userId=f"u{sent % 20}")
            sent += 1

    thread = threading.Thread(target=load)
    thread.start()
    try:
        eventually(lambda: sent > 100, "some load")
        shop.run("lake", "copy")
        file = tmp_path / "patron.tar"
        made = shop.run("backup", str(file))
        assert made["shops"] == ["acme"]
        before = sent
        eventually(lambda: sent > before + 100, "more load")
    finally:
        enough.set()
        thread.join()
    shop.track("Product Viewed", {"product_id": "after"}, userId="u7")
    walked(shop, sent + 1)
    shop.run("lake", "copy")
    assert positions(shop) == list(range(1, sent + 2))
    shop.run("profile", "erase", "user_id:u7", "--yes")
    refused = shop.command("restore", str(file), "--yes")
    assert refused.returncode == 1
    assert "stop `patron serve` first" in refused.stderr
    assert shop.stop() == 0

    restored = shop.run("restore", str(file), "--yes")

    assert restored["buried"] == 1
    assert len(restored["cut"]) == 1
    kept = positions(shop)
    assert 100 < len(kept) < sent
    cut_back = Path(restored["cut"][0]).read_bytes()
    assert b'"u7"' not in cut_back
    assert shop.command("profile", "show", "user_id:u7").returncode == 1
    assert positions(shop, "user_id = 'u7'") == []
    status = shop.run("lake", "status")
    assert status["lake_position"] == status["position"]
    assert max(kept) <= status["position"]
    looked = shop.command("doctor", "--no-mail", "--json")
    found: list[dict[str, Any]] = json.loads(looked.stdout)
    assert [f["state"] for f in found if f["what"] in ("acme: lake", "schema")] == ["ok", "ok"], (
        found
    )

    shop.start()
    shop.track("Product Viewed", {"product_id": "new"}, userId="u1")
    walked(shop, int(status["position"]) + 1)
    shop.run("lake", "copy")
    still_there_once(shop, kept)


def test_what_is_no_backup_is_refused_by_name(tmp_path: Path) -> None:
    with running() as house:
        file = tmp_path / "holiday.tar"
        file.write_text("a photo")
        refused = house.command("restore", str(file), "--yes")
        assert refused.returncode == 1
        assert "holiday.tar is not a backup of Patron" in " ".join(refused.stderr.split())


def packed(file: Path, name: str, **how: Any) -> None:
    """A backup with one member more, of this name."""
    manifest = {"version": "0.1.0", "taken_at": "2026-03-02T12:00:00Z", "shops": []}
    with tarfile.open(file, "w") as tar:
        for one, content in (("manifest.json", json.dumps(manifest).encode()), (name, b"kept")):
            member = tarfile.TarInfo(one)
            member.size, member.mtime = len(content), 1_772_452_800
            if one == name:
                for key, value in how.items():
                    setattr(member, key, value)
            tar.addfile(member, io.BytesIO(content))


def test_a_backup_is_unpacked_with_its_times_and_into_its_folder_alone(tmp_path: Path) -> None:
    file, folder = tmp_path / "b.tar", tmp_path / "out"
    folder.mkdir()
    packed(file, "shops/acme/lake/part.parquet", mode=0o4755)
    assert _unpack(file, folder).version == "0.1.0"
    part = folder / "shops/acme/lake/part.parquet"
    assert (part.read_bytes(), part.stat().st_mtime) == (b"kept", 1_772_452_800)
    assert part.stat().st_mode & 0o7777 == 0o700
    link = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd", "size": 0}
    for name, how in (("../evil", {}), ("/tmp/evil", {}), ("shops/link", link)):
        packed(file, name, **how)
        with pytest.raises(Problem, match="does not belong"):
            _unpack(file, folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar", "out"]
