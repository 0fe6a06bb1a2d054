"""Whether a placement is better when several strategies share its first link.

The first of the days held back are cut in two: on later ones the sources would be older than a
shop's ever are, and what makes up for that would look better than it is. On the earlier part it is
chosen what is blended and how, and trees learn from it; on the later part, of which neither knows
anything, it must be better than the chain as it stands, and trees better than both, by more than
chance: of 2,000 resamples (B. Efron, Bootstrap methods: another look at the jackknife, 1979,
doi:10.1214/aos/1176344552) at least 97.5 % must agree. People are drawn, with all of their
questions: what one of them wants in ten visits is no ten proofs.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from patron.recommend.blend import learning
from patron.recommend.blend.features import features
from patron.recommend.blend.learning import Group
from patron.recommend.blend.link import Heard, heard, lists_of, reranked
from patron.recommend.blend.reciprocal import Fused, Items, fused
from patron.recommend.blend.types import DEPTH, MOST, Decision, Forest, Way
from patron.recommend.measure import gains, measure
from patron.recommend.placements.definition import Placement
from patron.recommend.rules.types import NONE, Strategy
from patron.recommend.serving.answering import chained
from patron.recommend.serving.strategies import NO_ITEMS, Strategies
from patron.recommend.training.asking import Posed
from patron.recommend.training.judging import K, listed
from patron.recommend.training.report import BlendReport, Gain

QUESTIONS, ENOUGH = 4_000, 1_500
"""At most, and so many that no more days are asked about; of both parts together."""
FEWEST = 100
"""Questions of a part; fewer cannot tell a blend from chance."""
CONSTANTS = (60.0, 10.0)
"""The 60 of the paper, and one that leans more on the first places."""
LOUDER = 2.0
"""A list's weight, where it has one, is what it finds alone on the earlier part to this power."""
RESAMPLES = 2_000
LEVEL = 0.95
_SEED = 20090719

Rows = NDArray[np.int32]


class Ruling(msgspec.Struct, frozen=True, eq=False):
    """What is told of a blend, the decision where it is used, and the trees that learned, whether
    they are used or not."""

    report: BlendReport
    decision: Decision | None = None
    forest: Forest | None = None


class Quiz(msgspec.Struct, frozen=True, eq=False):
    """The questions of one part, what each strategy of the link answers to them, and the first
    products of the chain as it stands."""

    questions: Sequence[Posed]
    said: Sequence[Heard]
    chain: Rows

    @property
    def wanted(self) -> list[Items]:
        return [question.wanted for question in self.questions]

    def of_chain(self) -> Rows:
        return self.chain[:, :K]


class Candidate(msgspec.Struct, frozen=True):
    """The first strategies of a link, blended by their places with this constant, or another one
    than the chain begins with alone. Without `weights` all count the same."""

    link: list[Strategy]
    constant: float
    weights: list[float] = []


def quizzes(
    strategies: Strategies, placement: Placement, questions: Sequence[Posed]
) -> tuple[Quiz, Quiz] | None:
    """The earlier and the later part; None where one has too few questions."""
    by_time = sorted(questions, key=lambda question: question.moment.context.now)
    half = len(by_time) // 2
    if half < FEWEST:
        return None
    chain = [strategy for strategy, _ in chained(placement)]
    parts = []
    for some in (by_time[:half], by_time[half:]):
        said = [heard(strategies, link_of(placement), one.moment) for one in some]
        parts.append(Quiz(some, said, listed(strategies, chain, some, 2 * K)))
    return parts[0], parts[1]


def link_of(placement: Placement) -> list[Strategy]:
    return [placement.chain[0], *placement.blend]


def blended_rows(quiz: Quiz, candidate: Candidate) -> Rows:
    """The first products of each question when the link is blended, then the chain."""
    rows = np.full((len(quiz.questions), K), -1, np.int32)
    for row, question, said, chain in zip(rows, quiz.questions, quiz.said, quiz.chain, strict=True):
        lists = lists_of(said, candidate.link)
        found = fused(lists, candidate.constant, DEPTH, candidate.weights)
        fill(row, found.items, question.avoid, chain)
    return rows


def fill(row: Items, items: Items, avoid: Items, chain: Items) -> None:
    """Put the first of `items`, then of the chain, into a row."""
    first = items[~np.isin(items, avoid)][:K] if len(avoid) else items[:K]
    if len(first) < K:
        rest = chain[(chain >= 0) & ~np.isin(chain, first)]
        first = np.concatenate([first, rest])[:K]
    row[: len(first)] = first


def chosen(placement: Placement, early: Quiz) -> tuple[Candidate, int] | None:
    """The best of all candidates on the earlier part, of equals the first; and how many. None where
    nobody but the first of the chain has anything to say. Who is silent is no part of it."""
    speaking = {strategy for said in early.said for strategy in said}
    first, *others = link_of(placement)
    others, wanted = [one for one in others if one in speaking], early.wanted
    if not others:
        return None
    link = [first, *others] if first in speaking else others
    alone = [_alone(early, one) for one in link]
    loudest = max(alone) or 1.0
    loud = [round((one / loudest) ** LOUDER, 3) for one in alone]
    tried = [Candidate([one], CONSTANTS[0]) for one in others] + [
        Candidate(link[:many], constant, weights[:many])
        for many in range(2, len(link) + 1)
        for weights in ([], loud)
        for constant in CONSTANTS
    ]
    scores = [float(gains(blended_rows(early, one), wanted).mean()) for one in tried]
    return tried[int(np.argmax(scores))], len(tried)


def _alone(quiz: Quiz, strategy: Strategy) -> float:
    """What a strategy finds by itself."""
    rows = np.full((len(quiz.questions), K), -1, np.int32)
    for row, question, said in zip(rows, quiz.questions, quiz.said, strict=True):
        if strategy in said:
            fill(row, said[strategy].scored.items, question.avoid, row[:0])
    return float(gains(rows, quiz.wanted).mean())


def gain(one: Rows, other: Rows, questions: Sequence[Posed]) -> Gain:
    """How much NDCG `one` has more than `other` on the same questions, and between what it lies.
    Who is not known asks only once."""
    wanted = [question.wanted for question in questions]
    differs = gains(one, wanted) - gains(other, wanted)
    # Those who are not known have numbers of their own, below all others.
    said = [q.person if q.person != NONE else n - len(questions) for n, q in enumerate(questions)]
    _, who, many = np.unique(said, return_inverse=True, return_counts=True)
    theirs = np.bincount(who, weights=differs)
    draw = np.random.default_rng(_SEED)
    means = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        drawn = draw.integers(0, len(theirs), len(theirs))
        means[number] = theirs[drawn].sum() / many[drawn].sum()
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Gain(float(differs.mean()), float(low), float(high))


def judged(
    placement: Placement, strategies: Strategies, questions: Sequence[Posed],
    popularity: NDArray[np.int64],
) -> Ruling:  # fmt: skip
    """What blending is worth in a placement, and the decision where it is used."""
    parts = quizzes(strategies, placement, questions)
    if parts is None:
        why = f"not tried: too little happened ({len(questions)} of {2 * FEWEST} questions)"
        return Ruling(BlendReport(used=False, why=why, questions=len(questions)))
    early, late = parts
    best = chosen(placement, early)
    if best is None:
        why = "not tried: no other strategy has anything to say"
        return Ruling(BlendReport(used=False, why=why, questions=len(questions)))
    candidate, tried = best
    wanted, rows = late.wanted, blended_rows(late, candidate)
    worth = gain(rows, late.of_chain(), late.questions)
    used = worth.low > 0
    learned = trees(strategies, link_of(placement), early, late)
    report = BlendReport(
        used=used,
        why=_why(candidate.link, worth, used),
        questions=len(late.questions),
        link=candidate.link,
        way=Way.RANKS if used else None,
        constant=candidate.constant,
        weights=candidate.weights,
        tried=tried,
        chain=measure(late.of_chain(), wanted, popularity),
        ranks=measure(rows, wanted, popularity),
        ranks_gain=worth,
    )
    decision = _decision(placement, candidate, Way.RANKS) if used else None
    if isinstance(learned, str):
        return Ruling(msgspec.structs.replace(report, trees_why=learned), decision)
    more = gain(learned.rows, rows if used else late.of_chain(), late.questions)
    report = msgspec.structs.replace(
        report,
        trees=measure(learned.rows, wanted, popularity),
        trees_gain=more,
        trees_why=_trees_why(more, "the blend" if used else "the chain"),
    )
    if more.low > 0:
        report = msgspec.structs.replace(report, used=True, way=Way.TREES)
        whole = Candidate(link_of(placement), CONSTANTS[0])
        decision = _decision(placement, whole, Way.TREES)
    return Ruling(report, decision, learned.forest)


def _decision(placement: Placement, one: Candidate, way: Way) -> Decision:
    chain = [strategy for strategy, _ in chained(placement)]
    return Decision(placement.key, chain, placement.blend, one.link, way, one.constant, one.weights)


class Learned(msgspec.Struct, frozen=True, eq=False):
    """Trees of the earlier part, and the first products they put there on the later one."""

    forest: Forest
    rows: Rows


def trees(
    strategies: Strategies, link: Sequence[Strategy], early: Quiz, late: Quiz
) -> Learned | str:
    """Trees that learned from the earlier part, or why there are none."""
    groups = []
    try:
        learning.loaded()
        for question, said in zip(early.questions, early.said, strict=True):
            found = _offered(said, link, question)
            rows = features(strategies.goods, question.moment, link, said, found)
            groups.append(Group(rows, np.isin(found.items, question.wanted)))
        forest = learning.learned(groups)
    except (learning.NotInstalledError, ValueError) as error:
        return f"no trees: {error}"
    return Learned(forest, reranked_rows(strategies, link, late, forest))


def reranked_rows(
    strategies: Strategies, link: Sequence[Strategy], quiz: Quiz, forest: Forest
) -> Rows:
    """The first products of each question as trees would have them, then the chain."""
    rows: Rows = np.full((len(quiz.questions), K), -1, np.int32)
    for row, question, said, chain in zip(rows, quiz.questions, quiz.said, quiz.chain, strict=True):
        found = _offered(said, link, question)
        best = reranked(strategies.goods, link, question.moment, said, found, forest)
        fill(row, best.items, NO_ITEMS, chain)
    return rows


def _offered(said: Heard, link: Sequence[Strategy], question: Posed) -> Fused:
    """The first products of a link that may be offered."""
    found = fused(lists_of(said, link), CONSTANTS[0], MOST)
    if len(question.avoid):
        found = found.of(~np.isin(found.items, question.avoid))
    return found.of(slice(0, DEPTH))


def _trees_why(worth: Gain, against: str) -> str:
    told = f"NDCG {worth.value:+.4f}, between {worth.low:+.4f} and {worth.high:+.4f}"
    if worth.low > 0:
        return f"trees order the link: better than {against}, {told}"
    return f"trees are not used: no better than {against} for sure, {told}"


def _why(link: Sequence[Strategy], worth: Gain, used: bool) -> str:
    told = f"NDCG {worth.value:+.4f}, between {worth.low:+.4f} and {worth.high:+.4f}"
    named = " with ".join([link[0].value, ", ".join(link[1:])] if len(link) > 1 else link)
    if used:
        return f"{named} stands first: better than the chain, {told}"
    return f"places alone are not used: {named} is no better for sure, {told}"
