"""What a backup knows of imports: a restored shop forgets none and believes in none too many."""

from pathlib import Path

import outside
from imports.files import write_csv
from running import Running, eventually, running


def a_log(folder: Path, name: str) -> str:
    rows = [[f"2025-01-01T00:{n:02d}:00Z", "Looked", f"{name}-{n}"] for n in range(60)]
    return str(write_csv(folder / f"{name}.csv", ["timestamp", "event", "userId"], rows))


def new(shop: Running, file: str) -> tuple[int, bool]:
    """How many events an import added, and whether it was done before."""
    done = shop.run("import", "events", file, "--yes")
    return done["new"], done["already_done"] is not None


def test_imports_stand_where_the_backup_has_them(tmp_path: Path) -> None:
    with running() as shop:
        shop.open_shop()
        before, after = a_log(tmp_path, "before"), a_log(tmp_path, "after")
        assert new(shop, before) == (60, False)
        backup = tmp_path / "patron.tar"
        shop.run("backup", str(backup))
        assert new(shop, after) == (60, False)
        assert new(shop, after) == (0, True)

        shop.run("restore", str(backup), "--yes")

        assert new(shop, before) == (0, True)
        assert new(shop, after) == (60, False), "the restored database does not have these"
        assert shop.run("lake", "copy")["position"] == 120


def consent(shop: Running, who: str) -> str:
    return str(shop.run("profile", "show", who)["email"]["consent"])


def test_what_a_page_said_is_no_more_believed_when_it_comes_back(tmp_path: Path) -> None:
    ada, ben = "ada@people.example", "ben@people.example"
    with running(lake_flush_seconds=3600) as shop:
        shop.open_shop()
        shop.start()
        backup = tmp_path / "patron.tar"
        shop.run("backup", str(backup))
        claimed = {"event": "Email Subscribed", "userId": "ada", "properties": {"email": ada}}
        outside.post(f"{shop.url}/v1/track", json=claimed, auth=(shop.write_key, ""))
        shop.track("Email Subscribed", {"email": ben}, userId="ben")
        eventually(lambda: shop.run("lake", "status")["position"] == 2, "both in the log")
        before = consent(shop, "user_id:ada"), consent(shop, "user_id:ben")
        assert before == ("none", "granted")
        shop.run("lake", "copy")
        assert shop.stop() == 0
        (cut,) = shop.run("restore", str(backup), "--yes")["cut"]

        assert new(shop, cut) == (2, False)

        assert (consent(shop, "user_id:ada"), consent(shop, "user_id:ben")) == before
