"""What the browser's Segment library fetches before it speaks: its settings, and its own script.

Patron serves the standalone bundle of the npm package @segment/analytics-next (MIT), which the
owner installs; nothing of it is part of Patron.
"""

import gzip
import re
from pathlib import Path
from typing import Any

import msgspec

from patron.kit.problems import Problem

PACKAGE = "@segment/analytics-next"
SCRIPT = "standalone.js"

_PLACE = b'"__WRITE_KEY__"'
_BUNDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.js")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:]{2,45}\](:\d{1,5})?")
_KEPT = 64

# The library asks the address it was itself loaded from for settings and further bundles, unless
# the page has said otherwise.
_PREAMBLE = (
    b'!function(){var s=document.querySelector("script[data-global-segment-analytics-key]"),'
    b'k=s&&s.dataset.globalSegmentAnalyticsKey||"analytics",a=window[k]=window[k]||[],'
    b"c=document.currentScript;"
    b'if(!a._cdn&&c&&c.src)a._cdn=c.src.split("/analytics.js/v1/")[0]}();\n'
)


class Script(msgspec.Struct, frozen=True):
    """A file for the browser, plain and packed."""

    plain: bytes
    packed: bytes


def settings_of(write_key: str, base_url: str) -> dict[str, Any]:
    """The source's settings as `/v1/projects/{writeKey}/settings` answers them."""
    protocol, _, host = base_url.partition("://")
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": write_key,
                "apiHost": f"{host.rstrip('/')}/v1",
                "protocol": protocol,
                "retryQueue": True,
                "addBundledMetadata": False,
                "unbundledIntegrations": [],
                "bundledConfigIds": [],
                "unbundledConfigIds": [],
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {"routingRules": []},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def base_url(scheme: str, host: str) -> str | None:
    """The address a browser reached us at, None when `host` is no host name."""
    if scheme not in ("http", "https") or not _HOST.fullmatch(host):
        return None
    return f"{scheme}://{host}"


class Library:
    """The library's files in `folder` (the package's `dist/umd`), read when first asked for."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._kept: dict[tuple[str, int], Script] = {}

    def script(self, write_key: str) -> Script:
        """The library with the write key and the address of its settings filled in. Problem 404."""
        return self._file(SCRIPT, write_key)

    def bundle(self, name: str) -> Script:
        """A part that the library loads when it needs it. Problem 404."""
        if not _BUNDLE.fullmatch(name):
            raise Problem(404, "Not found", f"there is no bundle {name!r}", remedy="see /api/docs")
        return self._file(name, None)

    def _file(self, name: str, write_key: str | None) -> Script:
        path = self._folder / name if self._folder else None
        try:
            changed = path.stat().st_mtime_ns if path else 0
        except OSError:
            path = None
        if path is None:
            raise Problem(
                404,
                "Not found",
                f"the browser library is not installed here: there is no {name}",
                remedy=f"`npm install {PACKAGE}` where `patron doctor` says",
            )
        key = (f"{name}?{write_key or ''}", changed)
        if key not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            plain = path.read_bytes()
            if write_key is not None:
                plain = _PREAMBLE + plain.replace(_PLACE, msgspec.json.encode(write_key))
            self._kept[key] = Script(plain, gzip.compress(plain, mtime=0))
        return self._kept[key]
