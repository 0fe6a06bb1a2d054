"""What a backup knows of imports: a restored shop forgets none and believes in none too many."""

from pathlib import Path

from imports.files import write_csv
from running import Running, running


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
