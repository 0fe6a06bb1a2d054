"""Patron on an older PostgreSQL of the owner's: set up, serve, back up, restore."""

from pathlib import Path

from older_postgres import older_server
from running import eventually, running


def test_a_shop_lives_on_an_older_server_and_comes_back_from_its_backup(tmp_path: Path) -> None:
    with older_server() as url, running(database_url=url) as shop:
        shop.open_shop()
        shop.start()
        shop.track("Product Viewed", {"product_id": "tea", "name": "Tea; \\. SET x"}, userId="ada")

        def seen() -> bool:
            return shop.command("profile", "show", "user_id:ada").returncode == 0

        eventually(seen, "her profile")
        file = tmp_path / "patron.tar"
        shop.run("backup", str(file))
        shop.track("Product Viewed", {"product_id": "jam"}, userId="later")
        eventually(
            lambda: shop.command("profile", "show", "user_id:later").returncode == 0, "her profile"
        )
        assert shop.stop() == 0

        restored = shop.run("restore", str(file), "--yes")

        assert restored["shops"] == ["acme"]
        shop.start()
        shown = shop.run("profile", "show", "user_id:ada")
        assert [event["name"] for event in shown["timeline"]] == ["Product Viewed"]
        assert shop.command("profile", "show", "user_id:later").returncode == 1
        shop.track("Product Viewed", {"product_id": "rye"}, userId="new")
        eventually(
            lambda: shop.command("profile", "show", "user_id:new").returncode == 0, "the walk"
        )
        found = {one["what"]: one for one in shop.run("doctor", "--no-mail")}
        assert found["database"]["state"] == "ok"
        assert found["database"]["detail"].startswith("PostgreSQL 1")
        assert found["schema"]["state"] == "ok"


def test_a_shop_moves_from_patrons_own_server_to_an_older_one(tmp_path: Path) -> None:
    file = tmp_path / "patron.tar"
    with running() as at_home:
        made = at_home.open_shop()
        at_home.run("backup", str(file))
    with older_server() as url, running(database_url=url) as away:
        assert away.run("restore", str(file), "--yes", "--moved")["shops"] == ["acme"]
        away.server_key = made["server_key"]
        away.start()
        assert away.call("GET", "/api/shop").json()["name"] == "Acme"
