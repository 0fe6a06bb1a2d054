"""Which of the events that Patron tells show that their person was there. Pure."""

from patron.events.types import Event

HERS = frozenset(
    [
        "Email Opened",
        "Email Link Clicked",
        "Email Marked as Spam",
        "Email Subscribed",
        "Email Unsubscribed",
        "SMS Subscribed",
        "Unsubscribed",
        "Preferences Updated",
    ]
)
"""What she does herself. Whatever else Patron tells happened to her: a mail was sent, a window ran
out and she left a segment, somebody at the shop wrote a note on her."""
_BY_MACHINES = ("machine_open", "machine_click")


def shows_her(event: Event) -> bool:
    """False of what Patron, or somebody's mail program, did by itself."""
    return event.name in HERS and not any(event.properties.get(name) for name in _BY_MACHINES)
