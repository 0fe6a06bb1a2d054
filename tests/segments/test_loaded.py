"""What is loaded for many people at once answers as their histories written by hand do."""

from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import Phase, given, settings

import reference
from conftest import House
from known import Known
from patron.segments.facts import Subject, load_many
from patron.segments.rules.language import Scope, needs, parse
from rules import rules
from stage import Stage, play

NAMES = ("A", "B", "C", "Email Sent", "Email Opened")
FORMS = ("event", "sequence", "message", "and", "or", "not", "sample")
PROPERTIES: list[dict[str, Any]] = [
    {},
    {"revenue": 3},
    {"revenue": "2.5", "products": [{"sku": "A1"}, {"sku": "b2"}]},
    {"born": "1988-02-29", "machine_open": True},
    {"journey": "cart", "rehearsal": True, "revenue": [1, 2]},
]
JOURNEY = Scope(moments=frozenset({"start"}))


def some_rules(count: int) -> list[dict[str, Any]]:
    """Random rules about what people did."""
    said: list[dict[str, Any]] = []

    @settings(max_examples=count, database=None, derandomize=True, phases=[Phase.generate])
    @given(rules)
    def collect(rule: dict[str, Any]) -> None:
        if about_deeds(rule):
            said.append(rule)

    collect()
    return said


def about_deeds(rule: dict[str, Any]) -> bool:
    form = next((form for form in FORMS if form in rule), None)
    if form in ("and", "or"):
        return all(about_deeds(one) for one in rule[form])
    return about_deeds(rule["not"]) if form == "not" else form is not None


def test_loaded_people_are_the_people_of_the_log(house: House) -> None:
    random = Random(3)

    async def story(stage: Stage) -> None:
        logs: dict[str, list[tuple[float, str, dict[str, Any]]]] = {}
        events = []
        for who in ("b1", "b2", "u:anna", "u:bert"):
            for _ in range(12):
                minutes = random.randrange(0, 60_000) * 1.0
                name, told = random.choice(NAMES), random.choice(PROPERTIES)
                events.append(stage.event(name, who, timedelta(minutes=minutes), **told))
                logs.setdefault(who, []).append((minutes, name, told))
        random.shuffle(events)
        for begin in range(0, len(events), 7):
            await stage.walk(*events[begin : begin + 7])
        meeting = stage.event("Page Viewed", "u:anna", browser="b1")
        await stage.walk(meeting)
        first = {event.anonymous_id or f"u:{event.user_id}": event.origin_id for event in events}
        people: list[tuple[UUID, list[str]]] = [
            (first["b1"], ["b1", "u:anna"]),
            (first["u:anna"], ["b1", "u:anna"]),
            (first["b2"], ["b2"]),
            (first["u:bert"], ["u:bert"]),
        ]
        start = {"start": stage.now - timedelta(days=9)}
        asked = some_rules(600)
        assert len(asked) > 50
        both = set()
        for rule in asked:
            parsed = parse(rule, JOURNEY)
            subjects = [Subject(origin, start) for origin, _ in people]
            async with stage.unit() as tx:
                found = await load_many(tx, subjects, needs(parsed), stage.now, stage.shop)
            for facts, (_, names) in zip(found, people, strict=True):
                log = [deed for name in names for deed in logs[name]]
                # `Known` counts minutes back from five hours later.
                her = Known(
                    log=[(ago + 300, name, told) for ago, name, told in log],
                    moments=start,
                    zone=facts.zone,
                    person=facts.person,
                )
                held = reference.holds(rule, her, stage.now)
                assert parsed.holds(facts, stage.now) is held, rule
                both.add(held)
        assert both == {True, False}

    play(house, story)
