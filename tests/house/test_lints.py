"""Each lint finds its bad sample and passes its good one."""

from pathlib import Path

import lints


def test_too_long() -> None:
    body = "\n".join("    x = 1" for _ in range(61))
    assert lints.too_long(f"def f():\n{body}\n") == ["f has 62 lines, 60 are allowed"]
    assert lints.too_long("x = 1\n" * 401) == ["file has 401 lines, 400 are allowed"]
    nine = ", ".join(f"a{i}" for i in range(9))
    assert lints.too_long(f"def f({nine}): ...\n") == ["f takes 9 parameters, 8 are allowed"]
    assert lints.too_long("class A:\n    def f(self, a, b, c, d, e, g, h, *, i): ...\n") == []


def test_imports_inside() -> None:
    assert lints.imports_inside("def f():\n    from patron.events import walk\n") == [
        "f imports patron.events inside"
    ]
    assert lints.imports_inside("import os\ndef f():\n    import duckdb\n") == []


def test_rule_only() -> None:
    assert lints.says_more_than_its_rule('"""The rule."""\n') == []
    assert lints.says_more_than_its_rule('"""The rule."""\nfrom x import y\n')
    assert lints.says_more_than_its_rule("") == ["has no rule"]


def test_clock() -> None:
    assert lints.reads_the_clock("from datetime import datetime\nx = datetime.now()\n")
    assert lints.reads_the_clock("x = clock.now()\n") == []


def test_tables() -> None:
    tables = lints.made_tables("CREATE TABLE cart (id uuid); CREATE VIEW v_cart AS SELECT 1;")
    assert tables == {"cart"}
    assert lints.named_tables('SQL = "SELECT 1 FROM cart"', tables) == {"cart"}
    assert lints.named_tables('text = "take it from cart three"', tables) == set()
    assert lints.named_tables('SQL = "SELECT 1 FROM v_cart"', tables) == set()


def test_banned() -> None:
    assert lints.banned_name(Path("utils.py"))
    assert lints.banned_name(Path("resolve.py")) == []
