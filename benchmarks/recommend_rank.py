"""From two hundred offers to ten under ten rules: microseconds on one core.

The shop has 100,000 products. Five filters and five boosts, one of them about the customer, and
besides them stock, cart, what was bought, one a parent, two a brand, a pin, rotation and a place
for something new. Times are those of the processor, so that a busy machine tells the same. The last
figure is what trees take to weigh the two hundred, beside LightGBM's own `predict` of one row set.
"""

import time
from collections.abc import Callable

import numpy as np

from figure import show
from patron.recommend.blend import learning, trees
from patron.recommend.rules.language import read_boost, read_filter
from patron.recommend.rules.rank import plainly, rank, warm
from patron.recommend.rules.ruleset import Pin, Rules
from patron.recommend.rules.scene import Scene
from patron.recommend.rules.types import Context, Goods, Offer, Ranked, Words
from patron.recommend.types import Scored

PRODUCTS, OFFERED, ROUNDS = 100_000, 200, 3_000
FEATURES = 12
DAY = 86_400
FILTERS = (
    "price < 90",
    "margin > 10% or margin is missing",
    'not category within "Aisle 3"',
    "brand != context.product.brand",
    'attr.colour in ("red", "green", "blue", "white", "black")',
)
BOOSTS = (
    "1.5 if margin > 40% else 1",
    '2 if customer.segments contains "vip" and on_sale else 1',
    "1 + popularity",
    "1 + default(discount, 0)",
    "0.5 if age > 300 else 1",
)


def shop(random: np.random.Generator) -> Goods:
    def column(words: list[str]) -> Words:
        return Words(random.integers(-1, len(words), PRODUCTS).astype(np.int32), words)

    price = random.integers(100, 15_000, PRODUCTS)
    colours = ["red", "green", "blue", "white", "black", "yellow", "pink"]
    parents = random.integers(0, PRODUCTS // 3, PRODUCTS)
    return Goods(
        currency="EUR",
        price=price,
        compare_at=np.where(random.random(PRODUCTS) < 0.2, price * 5 // 4, -1),
        in_stock=random.random(PRODUCTS) < 0.95,
        stock=random.integers(-1, 50, PRODUCTS).astype(np.int32),
        brand=column([f"Brand {n}" for n in range(300)]),
        category=column([f"Aisle {n % 20} > Shelf {n}" for n in range(800)]),
        parent=np.where(random.random(PRODUCTS) < 0.4, parents, -1).astype(np.int32),
        margin=random.random(PRODUCTS).astype(np.float32),
        first_seen=random.integers(0, 700, PRODUCTS) * DAY,
        popularity=random.pareto(2, PRODUCTS).astype(np.float32),
        repeat=random.random(PRODUCTS).astype(np.float32),
        shown=random.random(PRODUCTS) < 0.98,
        kind=column(["product"]),
        attributes={"colour": column(colours)},
    )


def rules() -> Rules:
    return Rules(
        filters=tuple(map(read_filter, FILTERS)),
        boosts=tuple(map(read_boost, BOOSTS)),
        pins=(Pin(77, 3),),
        exclude_bought_days=90,
        exclude_bought_unless=read_filter("bought_again >= 20%"),
        most_per_brand=2,
        rotation=0.1,
        explore_share=0.1,
        ignored_factor=0.9,
    )


def moments(random: np.random.Generator) -> list[tuple[Offer, Context]]:
    def some(many: int) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
        return random.choice(PRODUCTS, many, replace=False).astype(np.int32)

    found = []
    for seed in range(100):
        scores = np.sort(random.random(OFFERED).astype(np.float32))[::-1].copy()
        bought = some(40)
        context = Context(
            now=700 * DAY,
            n=10,
            seed=seed,
            product=int(some(1)[0]),
            cart=some(3),
            cart_value=4_000,
            bought=bought,
            bought_at=random.integers(0, 700, len(bought)) * DAY,
            ignored=some(30),
            ignored_times=random.integers(1, 9, 30).astype(np.int32),
            fresh=some(100),
            customer={"country": "LV", "segments": ["vip"]},
        )
        found.append((Offer("together", Scored(some(OFFERED), scores)), context))
    return found


def times(
    way: Callable[..., Ranked], asked: list[tuple[Offer, Context]], goods: Goods, said: Rules
) -> list[float]:
    """Microseconds of each answer, after the first."""
    way([asked[0][0]], goods, said, asked[0][1])
    took = []
    for number in range(ROUNDS):
        offer, context = asked[number % len(asked)]
        began = time.process_time_ns()
        way([offer], goods, said, context)
        took.append((time.process_time_ns() - began) / 1_000)
    return took


def forest_times(random: np.random.Generator) -> tuple[list[float], list[float], str]:
    """Microseconds in which trees weigh the offered: ours, and LightGBM's own."""
    lightgbm = learning.loaded()
    rows = random.normal(size=(300 * OFFERED, FEATURES))
    score = rows[:, 1] + 0.5 * np.abs(rows[:, 2]) + random.normal(scale=0.5, size=len(rows))
    data = lightgbm.Dataset(rows, score > np.quantile(score, 0.97), group=[OFFERED] * 300)
    booster = lightgbm.train(learning._PARAMS, data, num_boost_round=learning.ROUNDS)
    forest = learning.flat([one["tree_structure"] for one in booster.dump_model()["tree_info"]])
    trees.warm()
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(300):
        asked = rows[number * OFFERED : (number + 1) * OFFERED]
        for way, took in (
            (lambda asked=asked: trees.predicted(forest, asked), ours),
            (lambda asked=asked: booster.predict(asked, num_threads=1), theirs),
        ):
            began = time.process_time_ns()
            way()
            took.append((time.process_time_ns() - began) / 1_000)
    return ours, theirs, f"{len(forest.root)} trees over {FEATURES} features of {OFFERED} products"


def main() -> None:
    random = np.random.default_rng(11)
    goods, said, asked = shop(random), rules(), moments(random)
    warm()
    took = times(rank, asked, goods, said)
    numpy = times(plainly, asked, goods, said)
    plain = times(rank, asked, goods, Rules())
    note = f"{OFFERED} offers, {len(FILTERS)} filters, {len(BOOSTS)} boosts, one core"
    show("rank_p50", float(np.percentile(took, 50)), "µs", note=note)
    show("rank_p99", float(np.percentile(took, 99)), "µs", note=note)
    show("rank_numpy_p50", float(np.percentile(numpy, 50)), "µs", note="the same without numba")
    show("rank_plain_p50", float(np.percentile(plain, 50)), "µs", note="stock, cart, parents only")
    began = time.process_time_ns()
    scene = Scene(goods, asked[0][1])
    for rule in said.filters:
        rule.mask(scene)
    whole = (time.process_time_ns() - began) / 1e6
    show("filters_whole_catalogue", whole, "ms", note=f"five filters over {PRODUCTS:,} products")
    ours, theirs, note = forest_times(random)
    theirs_p50 = float(np.percentile(theirs, 50))
    show("trees_p50", float(np.percentile(ours, 50)), "µs", reference=theirs_p50, note=note)


if __name__ == "__main__":
    main()
