"""A training: parameters chosen, sources judged, what won counted from the whole history.

The days held back are cut off first. Parameters are chosen on the last days of what is left, so the
days held back have no part in them; then every source is judged there beside plain popularity, and
what does no better is not used. What is used is counted again, from everything.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from patron.kit.clock import monotonic
from patron.kit.log import logger
from patron.recommend.choosing import Chosen
from patron.recommend.held import hold_back
from patron.recommend.history.reading import Past
from patron.recommend.popular import tuning as popularity
from patron.recommend.popular.types import Params as PopularParams
from patron.recommend.serving.opened import Models
from patron.recommend.shelf import TOGETHER, About, Attempt
from patron.recommend.together import fit as together
from patron.recommend.together.types import Params
from patron.recommend.training.asking import MOST, Posed, asked
from patron.recommend.training.asking import About as Subject
from patron.recommend.training.judging import bar, judged
from patron.recommend.training.report import Report, SourceReport
from patron.recommend.training.sources import (
    SOURCES,
    Judged,
    Source,
    Wares,
    fit_popular,
    last_second,
)
from patron.recommend.types import Interactions, Kind

log = logger(__name__)

SHARE = 0.1
FEWEST = 30
"""Questions from which on a source is judged; fewer say nothing."""
WEEK = 7 * 86_400
SECONDS = 60.0
"""For the search of parameters of all sources together."""

Trained = dict[str, tuple[msgspec.Struct, About]]
Heard = Callable[[str], None]


def nobody(what: str) -> None:
    """Hears what is being counted, and keeps it to himself."""


class Verdict(msgspec.Struct, frozen=True):
    """What a strategy is worth (`own`, NDCG at 10) beside plain popularity (`usual`); None where
    too little happened to tell."""

    judged: Judged
    own: float | None
    usual: float | None
    questions: int

    @property
    def used(self) -> bool:
        return self.own is None or self.usual is None or self.own > self.usual

    @property
    def why(self) -> str:
        if self.own is None:
            return f"too little happened to judge it: {self.questions} of {FEWEST} questions"
        if self.used:
            return f"does better than popularity: {self.own:.4f} against {self.usual:.4f}"
        return f"no better than popularity: {self.own:.4f} against {self.usual:.4f}"


class Training:
    """One training of one shop."""

    def __init__(
        self, past: Past, wares: Wares, now: datetime, seconds: float = SECONDS,
        heard: Heard = nobody,
    ) -> None:  # fmt: skip
        self._past, self.wares, self._now, self._heard = past, wares, now, heard
        self._seconds = seconds / (len(SOURCES) + 1)
        self._held = hold_back(past.interactions, SHARE)
        self._asked: dict[tuple[Subject, int], list[Posed]] = {}
        self.before = Models(items=past.items)
        """What the kept sources are worth: counted without the days held back."""
        self.models: Trained = {}
        self.sources: list[SourceReport] = []

    def run(self) -> Report:
        """Train; what won is in `models`."""
        began = monotonic()
        self._heard("together")
        self.models.update(mailed(self._past))
        history = self._past.interactions
        if len(history):
            self._popular(history)
        for source in SOURCES:
            if len(history) or not source.events:
                self._heard(source.name)
                self._source(source, history)
        return Report(
            made_at=self._now,
            position=self._past.position,
            people=history.people,
            products=history.items,
            interactions=len(history),
            orders=int(history.basket.max(initial=-1)) + 1,
            held_back_from=self._held.moment if len(history) else None,
            seconds=round(monotonic() - began, 2),
            sources=self.sources,
        )

    def questions(self, about: Subject, most: int = MOST) -> list[Posed]:
        """Questions about the days held back."""
        found = self._asked.get((about, most))
        if found is None:
            held = self._held
            found = self._asked[about, most] = asked(
                about, held.before, held.after, most, self._past.homes
            )
        return found

    def first_questions(self, about: Subject, enough: int, most: int) -> list[Posed]:
        """Questions about the first of the days held back: a week of them, or twice as long until
        there are `enough`. The sources were counted just before, as those of a shop always are."""
        before, after, homes = self._held.before, self._held.after, self._past.homes
        span, last = WEEK, int(after.at.max()) if len(after) else 0
        while True:
            soon = after.where(after.at <= self._held.moment + span)
            found = asked(about, before, soon, most, homes)
            if len(found) >= enough or self._held.moment + span >= last:
                return found
            span *= 2

    def _popular(self, history: Interactions) -> None:
        began = monotonic()
        self._heard("popular")
        chosen = popularity.chosen(self._held.before, self._seconds)
        before = fit_popular(self._held.before, chosen.params, self._held.moment, self._past.homes)
        self.before = self._with("popular", before)
        questions = self.questions(Subject.PERSON)
        whole = fit_popular(history, chosen.params, last_second(history), self._past.homes)
        own = bar(self.before, self.wares.goods, questions).ndcg if questions else None
        self.models["popular"] = whole, _about(chosen, own, None, began)
        why = "what everybody likes: the others must do better"
        self._report("popular", True, why, chosen, (own, None), len(questions), began)

    def _source(self, source: Source, history: Interactions) -> None:
        began = monotonic()
        before = self._held.before
        chosen = source.search(before, self._seconds, self.wares)
        models = self._with(source.name, source.fit(before, chosen.params, self.wares))
        verdicts = [self._verdict(models, one) for one in source.answers]
        silent = [one.judged.strategy.value for one in verdicts if not one.used]
        if len(silent) < len(verdicts):
            silenced = models.silent | set(silent)
            self.before = msgspec.structs.replace(models, silent=silenced)
            whole = source.fit(history, chosen.params, self.wares)
            first = verdicts[0]
            about = _about(chosen, first.own, first.usual, began)
            self.models[source.name] = whole, msgspec.structs.replace(about, silent=silent)
        for one in verdicts:
            scores = one.own, one.usual
            name = one.judged.name
            self._report(name, one.used, one.why, chosen, scores, one.questions, began)

    def _verdict(self, models: Models, what: Judged) -> Verdict:
        questions = self.questions(what.about)
        if len(questions) < FEWEST:
            return Verdict(what, None, None, len(questions))
        own = judged(models, self.wares.goods, [what.strategy], questions).ndcg
        usual = bar(self.before, self.wares.goods, questions).ndcg
        return Verdict(what, own, usual, len(questions))

    def _with(self, name: str, index: msgspec.Struct) -> Models:
        return msgspec.structs.replace(self.before, **{name: index})

    def _report(
        self, name: str, used: bool, why: str, chosen: Chosen[Any],
        scores: tuple[float | None, float | None], questions: int, began: float,
    ) -> None:  # fmt: skip
        found = SourceReport(
            name=name,
            used=used,
            why=why,
            params=msgspec.to_builtins(chosen.params),
            tried=_attempts(chosen),
            exhausted=chosen.exhausted,
            score=scores[0],
            bar=scores[1],
            questions=questions,
            seconds=round(monotonic() - began, 3),
        )
        log.info("source judged", extra={"source": name, "used": used, "why": why})
        self.sources.append(found)


def _about(chosen: Chosen[Any], own: float | None, usual: float | None, began: float) -> About:
    return About(
        params=msgspec.to_builtins(chosen.params),
        tried=_attempts(chosen),
        score=own,
        bar=usual,
        seconds=round(monotonic() - began, 3),
    )


def _attempts(chosen: Chosen[Any]) -> list[Attempt]:
    return [Attempt(msgspec.to_builtins(one.params), one.score) for one in chosen.tried]


def again(past: Past, wares: Wares, last: Report | None) -> Trained:
    """Every source that won the last training, counted with what was chosen then; before the first
    training all of them, as they come."""
    history = past.interactions
    trained = mailed(past)
    known = {one.name: one for one in last.sources} if last is not None else {}
    if len(history):
        params, about = _known(known.get("popular"), PopularParams())
        trained["popular"] = fit_popular(history, params, last_second(history), past.homes), about
    for source in SOURCES:
        said = known.get(source.name)
        silent = [
            one.strategy.value
            for one in source.answers
            if one.name in known and not known[one.name].used
        ]
        if len(silent) < len(source.answers) and (len(history) or not source.events):
            params, about = _known(said, source.usual)
            about = msgspec.structs.replace(about, silent=silent)
            trained[source.name] = source.fit(history, params, wares), about
    return trained


def _known(said: SourceReport | None, usual: msgspec.Struct) -> tuple[Any, About]:
    if said is None:
        return usual, About(params=msgspec.to_builtins(usual))
    try:
        params = msgspec.convert(said.params, type(usual))
    except msgspec.ValidationError:  # chosen by another version
        return usual, About(params=msgspec.to_builtins(usual))
    about = About(params=said.params, tried=said.tried, score=said.score, bar=said.bar)
    return params, about


def mailed(past: Past) -> Trained:
    """What mails show beside a cart: the lift one can be sure of, whatever a page does better
    with."""
    bought = past.interactions.where(past.interactions.kind == Kind.BUY)
    if not len(bought):
        return {}
    params = Params()
    return {TOGETHER: (together.fit(bought, params), About(params=msgspec.to_builtins(params)))}
