"""A new installation: its `patron.toml`, and what the owner pastes into her pages."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

LIBRARY = Path("browser/node_modules/@segment/analytics-next/dist/umd")
"""Where npm, with DATA_DIR/browser as its prefix, puts the library of the browser."""

_METHODS = [
    "track", "identify", "page", "screen", "group", "alias", "reset", "ready", "on", "once", "off",
    "user", "setAnonymousId",
]  # fmt: skip


def write_config(path: Path, values: Mapping[str, object]) -> None:
    """Write `patron.toml` with these settings. Raises FileExistsError rather than overwrite."""
    lines = ["# Settings of Patron; `patron doctor` shows and explains all of them.", ""]
    lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value not in (None, "")]
    with path.open("x", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _toml(value: object) -> str:
    # A TOML string is a JSON string, as long as no character is written as two surrogates.
    return json.dumps(value if isinstance(value, int | bool) else str(value), ensure_ascii=False)


def write_secret(path: Path, secret: str) -> None:
    """Write a secret into a file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_text(secret, encoding="utf-8")


def write_secret_once(path: Path, content: bytes) -> None:
    """Write a secret file, whole or not at all, unless there is one: the first writer wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def snippet(base_url: str, write_key: str) -> str:
    """The tag for the shop's pages: queues calls, loads the library, says that a page was seen."""
    methods = json.dumps(_METHODS)
    return f"""<script>
(function () {{
  var a = (window.analytics = window.analytics || []);
  if (a.initialize || a.invoked) return;
  a.invoked = true;
  {methods}.forEach(function (m) {{
    a[m] = function () {{ a.push([m].concat([].slice.call(arguments))); return a; }};
  }});
  var s = document.createElement("script");
  s.async = true;
  s.src = "{base_url}/analytics.js/v1/{write_key}/analytics.min.js";
  document.head.appendChild(s);
  a.page();
}})();
</script>"""


def curl(base_url: str, write_key: str) -> str:
    """A call to paste into a terminal, which then shows up in `patron events tail`."""
    body = {
        "anonymousId": "me-at-the-terminal",
        "event": "Product Viewed",
        "properties": {"product_id": "tea-1", "name": "A first cup of tea", "price": 4.5},
    }
    return (
        f"curl {base_url}/v1/track -u {write_key}: \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d '{json.dumps(body)}'"
    )
