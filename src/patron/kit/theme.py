"""A shop's colour in mails and on pages, so that it can be read by day and by night."""

import re

import msgspec

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_FALLBACK = "#1f5f4a"
_NIGHT_CARD = "#20221f"
_INK = "#1d1f1b"


class Theme(msgspec.Struct, frozen=True):
    """Colours as `#rrggbb`: the brand's, the writing on it, and both for dark mode.

    `name` is for the shop's name on white: the brand's colour, unless that could not be read.
    """

    brand: str
    on_brand: str
    name: str
    brand_dark: str
    on_brand_dark: str


def theme(brand_color: str) -> Theme:
    """A theme around `brand_color`; anything but `#rrggbb` counts as the default colour.

    At night the colour is lightened until it stands out from the card by 4.5:1, the contrast that
    WCAG 2.2 (1.4.3) asks of text.
    """
    brand = brand_color.lower() if _HEX.fullmatch(brand_color) else _FALLBACK
    night = brand
    for step in range(1, 20):
        if contrast(night, _NIGHT_CARD) >= 4.5:
            break
        night = _towards_white(brand, step / 20)
    name = brand if contrast(brand, "#ffffff") >= 4.5 else _INK
    return Theme(brand, _ink_on(brand), name, night, _ink_on(night))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2: 1 (the same) to 21 (black on white)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _ink_on(color: str) -> str:
    return max("#ffffff", "#000000", key=lambda ink: contrast(ink, color))


def _towards_white(color: str, share: float) -> str:
    return "#" + "".join(f"{round(c + (255 - c) * share):02x}" for c in _channels(color))


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in _channels(color))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
