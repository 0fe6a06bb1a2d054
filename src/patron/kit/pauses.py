"""Named points where a test may hold a process, or end it, at exactly the wrong moment.

In production nothing is installed and `reach` costs one comparison.
"""

from collections.abc import Awaitable, Callable

Hook = Callable[[str], Awaitable[None]]

_hook: Hook | None = None


def install(hook: Hook | None) -> None:
    global _hook
    _hook = hook


async def reach(point: str) -> None:
    """Stand at `point` until the installed hook lets go; at once without a hook."""
    if _hook is not None:
        await _hook(point)
