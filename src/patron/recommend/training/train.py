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
SECONDS = 60.0
"""For the search of parameters of all sources together."""

Trained = dict[str, tuple[msgspec.Struct, About]]
Heard = Callable[[str], None]


def nobody(what: str) -> None:
    """Hears what is being counted, and keeps it to himself."""


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
            found = self._asked[about, most] = asked(about, held.before, held.after, most)
        return found

    def _popular(self, history: Interactions) -> None:
        began = monotonic()
        self._heard("popular")
        chosen = popularity.chosen(self._held.before, self._seconds)
        before = fit_popular(self._held.before, chosen.params, self._held.moment)
        self.before = self._with("popular", before)
        questions = self.questions(Subject.PERSON)
        self._keep(
            "popular",
            fit_popular(history, chosen.params, last_second(history), self._past.homes),
            chosen,
            bar(self.before, self.wares.goods, questions).ndcg if questions else None,
            None,
            len(questions),
            began,
        )

    def _source(self, source: Source, history: Interactions) -> None:
        began = monotonic()
        held = self._held
        chosen = source.search(held.before, self._seconds, self.wares)
        index = source.fit(held.before, chosen.params, self.wares)
        questions = self.questions(source.about)
        own = usual = None
        if len(questions) >= FEWEST:
            models = self._with(source.name, index)
            own = judged(models, self.wares.goods, [source.strategy], questions).ndcg
            usual = bar(self.before, self.wares.goods, questions).ndcg
        if own is not None and usual is not None and own <= usual:
            self._refuse(source, chosen, own, usual, len(questions), began)
            return
        self.before = self._with(source.name, index)
        whole = source.fit(history, chosen.params, self.wares)
        self._keep(source.name, whole, chosen, own, usual, len(questions), began)

    def _with(self, name: str, index: msgspec.Struct) -> Models:
        return msgspec.structs.replace(self.before, **{name: index})

    def _keep(
        self, name: str, index: msgspec.Struct, chosen: Chosen[Any], own: float | None,
        usual: float | None, questions: int, began: float,
    ) -> None:  # fmt: skip
        why = f"is used: too little happened to judge it ({questions} of {FEWEST} questions)"
        if name == "popular":
            why = "what everybody likes: the others must do better"
        elif own is not None:
            why = f"does better than popularity: {own:.4f} against {usual:.4f}"
        about = About(
            params=msgspec.to_builtins(chosen.params),
            tried=_attempts(chosen),
            score=own,
            bar=usual,
            seconds=round(monotonic() - began, 3),
        )
        self.models[name] = index, about
        self._report(name, True, why, chosen, (own, usual), questions, began)

    def _refuse(
        self, source: Source, chosen: Chosen[Any], own: float, usual: float, questions: int,
        began: float,
    ) -> None:  # fmt: skip
        why = f"is not used: no better than popularity, {own:.4f} against {usual:.4f}"
        self._report(source.name, False, why, chosen, (own, usual), questions, began)

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
        if (said is None or said.used) and (len(history) or not source.events):
            params, about = _known(said, source.usual)
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
