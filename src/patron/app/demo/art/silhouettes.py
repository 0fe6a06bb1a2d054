"""How goods are packed: one small drawing a package, and where its label goes.

Every drawing stands on y = 174 of the 200 × 200 board. `main` is the package's colour, `accent`
the variety's, `dark` and `light` shades of the aisle.
"""

from collections.abc import Callable
from typing import Final

from patron.app.demo.art.drawing import Part, Shape, box, ellipse, lathe, rounded
from patron.app.demo.art.fresh import bunch, cake, fruit, leaf, net, page, plate, punnet
from patron.app.demo.art.packing import GROUND, Drawn, Paint, shaded


def carton_box(p: Paint) -> Drawn:
    side = rounded(((139, 34), (153, 28), (153, 166), (139, GROUND)), 1.5)
    top = rounded(((53, 34), (68, 28), (153, 28), (139, 34)), 1)
    front = box(53, 34, 139, GROUND, 2)
    return Drawn(
        [Shape(side, p.dark), Shape(top, p.light), shaded(front, p.main)], (60, 48, 132, 138)
    )


def slab(p: Paint) -> Drawn:
    front = box(28, 66, 172, 156, 4)
    under = rounded(((32, 154), (168, 154), (160, GROUND - 8), (40, GROUND - 8)), 3)
    return Drawn(
        [Shape(under, p.dark), shaded(front, p.main)],
        (44, 78, 156, 142),
        bottom=168,
    )


def gable(p: Paint) -> Drawn:
    body = box(62, 66, 138, GROUND, 2)
    roof = rounded(((62, 67), (74, 42), (126, 42), (138, 67)), 1)
    fin = box(74, 30, 126, 44, 1.5)
    cap = box(91, 46, 109, 60, 3)
    return Drawn(
        [
            Shape(fin, p.dark),
            shaded(roof, p.light),
            shaded(body, p.main),
            shaded(cap, p.accent),
        ],
        (68, 80, 132, 150),
    )


def jug(p: Paint) -> Drawn:
    body = lathe(((15, 40), (17, 52), (44, 78), (44, GROUND)), (2, 8, 16, 10))
    handle = rounded(((118, 66), (140, 84), (140, 116), (128, 116), (128, 92), (112, 78)), 5)
    cap = box(83, 27, 117, 42, 4)
    return Drawn(
        [shaded(body, p.body), Shape(handle, p.dark, 0.28), shaded(cap, p.accent)],
        (62, 100, 126, 160),
    )


def bottle(p: Paint) -> Drawn:
    body = lathe(((12, 40), (13, 62), (34, 84), (34, GROUND)), (2, 10, 18, 8))
    cap = box(86, 24, 114, 44, 4)
    return Drawn([shaded(body, p.main), shaded(cap, p.dark)], (70, 92, 130, 156))


def soda(p: Paint) -> Drawn:
    body = lathe(
        ((9, 34), (10, 46), (32, 80), (30, 108), (33, 130), (31, 164), (24, GROUND)),
        (2, 8, 20, 20, 20, 10, 5),
    )
    cap = box(88, 22, 112, 37, 4)
    return Drawn([shaded(body, p.accent), shaded(cap, p.dark)], (71, 86, 129, 138))


def wine(p: Paint) -> Drawn:
    body = lathe(((9, 22), (9, 68), (29, 96), (29, GROUND)), (2, 14, 16, 5))
    foil = box(90, 20, 110, 50, 3)
    return Drawn([shaded(body, "#3d4a35"), shaded(foil, p.accent)], (73, 104, 127, 160))


def can(p: Paint) -> Drawn:
    body = box(57, 62, 143, 168, 5)
    return Drawn(
        [
            shaded(ellipse(100, 166, 43, 8), "#9aa3ab"),
            shaded(body, p.main),
            shaded(ellipse(100, 62, 43, 9), "#cfd5da"),
            Shape(ellipse(100, 62, 36, 6.5), "#b4bcc3"),
        ],
        (63, 84, 137, 156),
    )


def tall_can(p: Paint) -> Drawn:
    body = lathe(((24, 40), (31, 52), (31, 164), (25, GROUND)), (2, 6, 6, 3))
    return Drawn(
        [
            shaded(body, p.main),
            shaded(ellipse(100, 40, 24, 5), "#cfd5da"),
            Shape(ellipse(100, 40, 18, 3), "#aeb6bd"),
        ],
        (72, 64, 128, 150),
    )


def case(p: Paint) -> Drawn:
    tops: list[Part] = []
    for x in (50, 83, 116, 149):
        tops += [shaded(ellipse(x, 70, 15, 5), "#cfd5da"), Shape(ellipse(x, 70, 11, 3), "#aeb6bd")]
    cans = [shaded(box(x - 15, 70, x + 15, 96, 3), p.accent) for x in (50, 83, 116, 149)]
    wrap = box(30, 82, 170, GROUND, 6)
    grip = box(84, 88, 116, 96, 4)
    return Drawn(
        [*cans, *tops, shaded(wrap, p.main), Shape(grip, p.dark, 0.5)], (42, 104, 158, 164)
    )


def jar(p: Paint) -> Drawn:
    body = lathe(((32, 58), (43, 74), (43, 164), (36, GROUND)), (4, 12, 10, 6))
    lid = box(64, 38, 136, 62, 5)
    return Drawn(
        [
            shaded(body, p.accent),
            shaded(lid, p.dark),
            Shape(box(64, 55, 136, 58), "#000000", 0.12),
        ],
        (61, 88, 139, 152),
    )


def tub(p: Paint) -> Drawn:
    body = lathe(((58, 92), (48, GROUND)), (3, 8))
    lid = box(38, 76, 162, 96, 6)
    return Drawn([shaded(body, p.main), shaded(lid, p.accent)], (54, 102, 146, 166))


def cup(p: Paint) -> Drawn:
    body = lathe(((42, 66), (32, GROUND)), (2, 7))
    lid = rounded(((54, 60), (146, 60), (150, 70), (50, 70)), 4)
    return Drawn([shaded(body, p.main), shaded(lid, p.accent)], (69, 82, 131, 152))


def pouch(p: Paint) -> Drawn:
    body = rounded(((56, 36), (144, 36), (150, 160), (140, GROUND), (60, GROUND), (50, 160)), 7)
    seal = box(56, 34, 144, 48, 3)
    notch = box(58, 52, 142, 54, 1)
    return Drawn(
        [shaded(body, p.main), Shape(seal, p.accent), Shape(notch, "#000000", 0.14)],
        (62, 66, 138, 154),
    )


def bag(p: Paint) -> Drawn:
    body = rounded(
        (
            (52, 38),
            (148, 38),
            (155, 70),
            (152, 140),
            (146, GROUND),
            (54, GROUND),
            (48, 140),
            (45, 70),
        ),
        (3, 3, 30, 30, 3, 3, 30, 30),
    )
    top, foot = box(51, 30, 149, 42, 2), box(53, 166, 147, GROUND + 2, 2)
    return Drawn(
        [shaded(body, p.main), Shape(top, p.accent), Shape(foot, p.accent)], (58, 58, 142, 150)
    )


def sack(p: Paint) -> Drawn:
    body = rounded(((54, 44), (146, 44), (152, 100), (150, GROUND), (50, GROUND), (48, 100)), 8)
    top = rounded(((58, 28), (142, 28), (146, 46), (54, 46)), 3)
    stitch = box(58, 37, 142, 39, 1)
    return Drawn(
        [shaded(top, p.light), shaded(body, p.main), Shape(stitch, p.dark, 0.6)],
        (60, 62, 140, 156),
    )


def loaf(p: Paint) -> Drawn:
    bread = rounded(
        ((38, 92), (52, 76), (138, 76), (150, 92), (150, GROUND - 4), (38, GROUND - 4)),
        (14, 18, 18, 14, 8, 8),
    )
    twist = rounded(((146, 104), (168, 90), (172, 108), (172, 134), (168, 150), (146, 138)), 6)
    tie = box(148, 108, 155, 134, 3)
    return Drawn(
        [Shape(twist, p.light), shaded(bread, p.main), Shape(tie, p.accent)], (50, 94, 138, 158)
    )


def tray(p: Paint) -> Drawn:
    dish = rounded(((28, 122), (172, 122), (160, 168), (40, 168)), 9)
    goods = rounded(((40, 128), (46, 82), (154, 82), (160, 128)), (4, 26, 26, 4))
    shine = rounded(((58, 90), (98, 90), (88, 99), (56, 99)), 4)
    rim = box(24, 118, 176, 127, 4)
    return Drawn(
        [
            shaded(goods, p.accent),
            Shape(shine, "#ffffff", 0.3),
            shaded(dish, p.main),
            Shape(rim, p.light),
        ],
        (58, 108, 142, 158),
        bottom=168,
    )


def block(p: Paint) -> Drawn:
    top = rounded(((40, 92), (64, 78), (172, 78), (154, 92)), 3)
    side = rounded(((153, 92), (172, 78), (172, 142), (153, 160)), 3)
    front = box(36, 90, 156, 162, 6)
    return Drawn(
        [Shape(top, p.light), Shape(side, p.dark), shaded(front, p.main)],
        (46, 98, 146, 154),
        bottom=164,
    )


def eggs(p: Paint) -> Drawn:
    tops: list[Part] = [shaded(ellipse(x, 92, 13, 17), "#f4e8d8") for x in (48, 74, 100, 126, 152)]
    carton = rounded(((28, 98), (172, 98), (166, 162), (34, 162)), 8)
    return Drawn(
        [*tops, shaded(carton, p.main)],
        (50, 106, 150, 156),
        bottom=164,
    )


def pint(p: Paint) -> Drawn:
    body = lathe(((44, 74), (37, GROUND)), (2, 6))
    lid = rounded(((52, 54), (148, 54), (150, 76), (50, 76)), 6)
    return Drawn([shaded(body, p.main), shaded(lid, p.accent)], (64, 84, 136, 160))


def bar(p: Paint) -> Drawn:
    body = box(30, 84, 170, 144, 5)
    left, right = box(20, 88, 34, 140, 2), box(166, 88, 180, 140, 2)
    return Drawn(
        [Shape(left, p.accent), Shape(right, p.accent), shaded(body, p.main)],
        (42, 92, 158, 136),
        bottom=148,
    )


def packet(p: Paint) -> Drawn:
    body = box(58, 52, 142, GROUND - 6, 4)
    top = box(58, 46, 142, 62, 2)
    return Drawn([shaded(body, p.main), Shape(top, p.accent)], (65, 72, 135, 158))


def canister(p: Paint) -> Drawn:
    body = box(62, 52, 138, GROUND - 2, 5)
    lid = box(59, 36, 141, 56, 5)
    return Drawn([shaded(body, p.main), shaded(lid, p.accent)], (68, 70, 132, 156))


def roll(p: Paint) -> Drawn:
    parts: list[Part] = []
    for x in (68, 132):
        parts += [
            shaded(box(x - 29, 66, x + 29, GROUND - 4, 8), "#f3f5f7"),
            shaded(ellipse(x, 68, 29, 9), "#ffffff"),
            Shape(ellipse(x, 68, 8, 3), "#b9c1c8"),
        ]
    wrap = box(37, 96, 163, GROUND - 12, 5)
    return Drawn([*parts, Shape(wrap, p.main, 0.94)], (52, 102, 148, 158))


def tube(p: Paint) -> Drawn:
    body = rounded(((26, 82), (136, 90), (148, 104), (148, 124), (136, 138), (26, 146)), 5)
    crimp = box(20, 80, 34, 148, 2)
    cap = box(148, 98, 176, 130, 4)
    return Drawn(
        [shaded(body, p.main), Shape(crimp, p.light), shaded(cap, p.accent)],
        (44, 94, 138, 134),
        bottom=150,
    )


def spray(p: Paint) -> Drawn:
    body = lathe(((12, 62), (14, 76), (33, 98), (33, GROUND)), (2, 8, 14, 8))
    head = rounded(((70, 34), (122, 34), (124, 56), (114, 64), (88, 64), (86, 52), (70, 48)), 5)
    trigger = rounded(((80, 50), (90, 52), (84, 82), (76, 80)), 3)
    return Drawn(
        [shaded(body, p.main), Shape(trigger, p.dark), shaded(head, p.accent)],
        (71, 102, 129, 160),
    )


def detergent(p: Paint) -> Drawn:
    body = rounded(
        ((58, 58), (118, 58), (146, 82), (150, GROUND), (54, GROUND)), (12, 12, 20, 12, 12)
    )
    hole = rounded(((118, 76), (132, 86), (135, 116), (122, 112)), 7)
    cap = box(66, 34, 108, 60, 5)
    return Drawn(
        [shaded(body, p.main), Shape(hole, p.light), shaded(cap, p.accent)],
        (61, 96, 117, 162),
    )


def chub(p: Paint) -> Drawn:
    body = box(36, 92, 164, 148, 22)
    ends = [box(24, 110, 40, 130, 5), box(160, 110, 176, 130, 5)]
    return Drawn(
        [*(Shape(end, p.accent) for end in ends), shaded(body, p.main)], (52, 98, 148, 142)
    )


SILHOUETTES: Final[dict[str, Callable[[Paint], Drawn]]] = {
    "box": carton_box, "slab": slab, "carton": gable, "jug": jug, "bottle": bottle, "soda": soda,
    "wine": wine, "can": can, "tallcan": tall_can, "case": case, "jar": jar, "tub": tub, "cup": cup,
    "pouch": pouch, "bag": bag, "sack": sack, "loaf": loaf, "tray": tray, "block": block,
    "eggs": eggs, "pint": pint, "bar": bar, "packet": packet, "canister": canister, "roll": roll,
    "tube": tube, "spray": spray, "detergent": detergent, "fruit": fruit, "leaf": leaf,
    "punnet": punnet, "net": net, "page": page, "cake": cake, "chub": chub, "plate": plate,
    "bunch": bunch,
}  # fmt: skip
