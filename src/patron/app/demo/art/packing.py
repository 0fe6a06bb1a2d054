"""What a drawing of goods is made of."""

from dataclasses import dataclass
from typing import Final

from patron.app.demo.art.drawing import Part, Shape

GROUND: Final = 174


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours of a package: its own, a darker and a lighter shade, the variety's, and that of a
    clear container, which shows what is in it."""

    main: str
    dark: str
    light: str
    accent: str
    body: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """Parts from back to front and the label's place (x0, y0, x1, y1); `tag` puts the label on a
    shelf tag below instead of on the goods. `bottom` is where the goods touch the shelf."""

    parts: list[Part]
    label: tuple[float, float, float, float]
    bottom: float = GROUND
    tag: bool = False


def shaded(path: str, fill: str) -> Shape:
    return Shape(path, fill, shade=True)
