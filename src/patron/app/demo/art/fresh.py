"""Goods that are sold loose, fresh or flat; those without a package get a shelf tag."""

from patron.app.demo.art.drawing import Part, Shape, box, ellipse, rounded
from patron.app.demo.art.packing import GROUND, Drawn, Paint, shaded


def fruit(p: Paint) -> Drawn:
    parts: list[Part] = []
    for x, y, size in ((72, 112, 30), (128, 112, 30), (100, 88, 32)):
        parts += [
            shaded(ellipse(x, y, size, size * 0.95), p.accent),
            Shape(rounded(((x - 1.5, y - size - 7), (x + 3, y - size - 7), (x + 1.5, y - size + 5),
                           (x - 1.5, y - size + 5)), 1), "#6b4a2f"),
            Shape(f"M {x + 1} {y - size - 2} Q {x + 10} {y - size - 14} {x + 22} {y - size - 8} "
                  f"Q {x + 13} {y - size + 3} {x + 1} {y - size - 2} Z", "#5d9a49"),
        ]  # fmt: skip
    return Drawn(parts, (44, 142, 156, 176), tag=True)


def leaf(p: Paint) -> Drawn:
    parts: list[Part] = []
    for tip_x, tip_y, fill in (
        (52, 52, "#4f9350"), (148, 52, "#4f9350"), (74, 34, "#63a95d"), (126, 34, "#63a95d"),
        (100, 26, "#7cbf6d"),
    ):  # fmt: skip
        dx = (tip_x - 100) * 0.5
        parts.append(
            Shape(
                f"M 100 136 C {60 + dx} 112 {tip_x - 34} {tip_y + 34} {tip_x} {tip_y} "
                f"C {tip_x + 34} {tip_y + 34} {140 + dx} 112 100 136 Z",
                fill,
                shade=True,
            )
        )
    vein = "M 99 40 L 101 40 L 102 128 L 98 128 Z"
    band = box(82, 118, 118, 132, 5)
    return Drawn(
        [*parts, Shape(vein, "#ffffff", 0.35), Shape(band, p.accent)], (44, 142, 156, 176), tag=True
    )


def punnet(p: Paint) -> Drawn:
    berries: list[Part] = [
        shaded(ellipse(x, y, 15, 14), p.accent)
        for x, y in ((58, 92), (86, 86), (114, 86), (142, 92), (72, 74), (100, 68), (128, 74))
    ]
    box_ = rounded(((36, 94), (164, 94), (154, GROUND - 4), (46, GROUND - 4)), 6)
    return Drawn([*berries, shaded(box_, p.main)], (56, 104, 144, 160))


def net(p: Paint) -> Drawn:
    knot = rounded(((92, 28), (108, 28), (118, 56), (82, 56)), 4)
    body = rounded(((84, 52), (116, 52), (156, 96), (150, GROUND), (50, GROUND), (44, 96)),
                   (8, 8, 34, 26, 26, 34))  # fmt: skip
    goods: list[Part] = [
        shaded(ellipse(x, y, 19, 17), p.accent)
        for x, y in ((80, 84), (116, 82), (66, 112), (100, 106), (134, 112), (72, 150), (128, 150))
    ]
    return Drawn(
        [Shape(knot, p.dark), Shape(body, p.light, 0.9), *goods, Shape(body, p.main, 0.22)],
        (58, 112, 142, 164),
    )


def page(p: Paint) -> Drawn:
    back = rounded(((66, 36), (150, 44), (142, 172), (58, 164)), 3)
    front = box(52, 34, 140, 168, 3)
    sun = ellipse(96, 130, 24, 24)
    return Drawn(
        [Shape(back, p.dark), shaded(front, p.main), Shape(sun, p.accent, 0.9)],
        (60, 44, 132, 100),
        bottom=170,
    )


def cake(p: Paint) -> Drawn:
    base = rounded(((34, 124), (166, 124), (158, GROUND - 4), (42, GROUND - 4)), 6)
    crumb = rounded(((48, 126), (52, 98), (148, 98), (152, 126)), 6)
    icing = rounded(((48, 108), (56, 84), (144, 84), (152, 108), (134, 102), (118, 112), (100, 103),
                     (82, 112), (66, 102)), 8)  # fmt: skip
    dome = rounded(((40, 126), (52, 66), (148, 66), (160, 126)), (4, 40, 40, 4))
    return Drawn(
        [
            shaded(crumb, "#d9a566"),
            shaded(icing, p.accent),
            Shape(dome, "#ffffff", 0.28),
            shaded(base, p.main),
        ],
        (54, 130, 146, 166),
    )


def plate(p: Paint) -> Drawn:
    parts: list[Part] = [
        shaded(ellipse(100, 92 - 4 * step, 66, 42), fill)
        for step, fill in enumerate(("#dfe4e8", "#eef1f4", "#f8fafb"))
    ]
    rim = Shape(ellipse(100, 84, 52, 32), p.accent, 0.55)
    return Drawn(
        [*parts, rim, Shape(ellipse(100, 84, 48, 29), "#ffffff")],
        (44, 140, 156, 174),
        tag=True,
    )  # fmt: skip


def bunch(p: Paint) -> Drawn:
    parts: list[Part] = [
        Shape(
            f"M 112 30 C {52 + 20 * turn} 44 {24 + 26 * turn} 92 {50 + 26 * turn} {130 + 3 * turn} "
            f"C {60 + 26 * turn} {136 + 3 * turn} {64 + 26 * turn} {130 + 3 * turn} "
            f"{64 + 26 * turn} {124 + 3 * turn} C {66 + 22 * turn} 92 {92 + 12 * turn} 62 122 46 Z",
            fill,
            shade=True,
        )
        for turn, fill in ((2, "#dcae35"), (1, "#ecc347"), (0, "#f6d564"))
    ]
    stem = rounded(((106, 20), (120, 20), (126, 48), (108, 46)), 3)
    return Drawn([*parts, Shape(stem, "#8a6a2f")], (44, 142, 156, 176), tag=True)
