"""What a batch does to runs, and that it makes no difference how events were cut into batches."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from patron.carts.types import CartChange, ChangeKind
from patron.events.types import Event, EventType
from patron.journeys.definition import parse
from patron.journeys.gather import Batch, Live, Plan, gather, listens
from patron.journeys.types import Alive, Run, RunState

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PEOPLE = [UUID(int=number + 1) for number in range(3)]
CARTS = [UUID(int=number + 100) for number in range(3)]


def live(number: int, **definition: Any) -> Live:
    steps = [{"wait": {"hours": 1}}, {"send": {"template": "x"}}]
    return Live(UUID(int=number), f"j{number}", 1, parse({"steps": steps} | definition))


JOURNEYS = [
    live(
        1,
        trigger={"cart": "changed"},
        exit_on=[{"cart": "closed"}, {"cart": "emptied"}, {"event": "Order Completed"}],
    ),
    live(2, trigger={"event": "Product Viewed"}, exit_on=[{"event": "Product Added"}]),
    live(3, trigger={"event": "Order Completed"}, reentry={"minutes": 30}),
]


class Book:
    """The runs as a store would keep them."""

    def __init__(self) -> None:
        self.runs: dict[UUID, Run] = {}
        self.silenced: set[tuple[str, UUID]] = set()

    def take(self, changes: Sequence[CartChange], events: Sequence[Event]) -> Plan:
        roots = {one: one for one in PEOPLE}
        alive = [
            Alive(
                run.id,
                run.journey_id,
                run.key,
                run.origin_id,
                run.state,
                run.started_at,
                run.waits_from,
                run.wait_seconds,
            )
            for run in self.runs.values()
        ]
        starts: dict[tuple[UUID, UUID], datetime] = {}
        for run in self.runs.values():
            at = starts.get((run.journey_id, run.origin_id), run.started_at)
            starts[run.journey_id, run.origin_id] = max(at, run.started_at)
        plan = gather(Batch(JOURNEYS, events, changes, {}, roots, starts, NOON), alive)
        for run in plan.born:
            self.runs[run.id] = run
        for run_id, at in plan.moved.items():
            run = self.runs[run_id]
            due = at + timedelta(seconds=run.wait_seconds)
            self.runs[run_id] = _changed(run, waits_from=at, due_at=due)
        for ending in plan.ended:
            run = self.runs[ending.run_id]
            assert run.state is RunState.WAITING
            self.runs[run.id] = _changed(
                run,
                state=RunState.EXITED,
                exit_reason=ending.reason,
                due_at=None,
                ended_at=NOON,
                story=[*run.story, ending.line],
            )
        return plan

    def told(self) -> list[tuple[Any, ...]]:
        """Everything but ids, which are made anew each time."""
        return sorted(
            (
                run.journey_id.int,
                run.key,
                run.started_at,
                run.state,
                run.exit_reason or "",
                str(run.due_at),
                [line.words for line in run.story],
            )
            for run in self.runs.values()
        )


def _changed(run: Run, **fields: Any) -> Run:
    return Run(**{name: getattr(run, name) for name in run.__struct_fields__} | fields)


minutes = st.integers(0, 90)
changes = st.builds(
    lambda cart, kind, ago, order: (cart, kind, ago, order),
    st.sampled_from(range(3)),
    st.sampled_from(list(ChangeKind)),
    minutes,
    st.booleans(),
)
deeds = st.tuples(
    st.sampled_from(range(3)),
    st.sampled_from(["Product Viewed", "Product Added", "Order Completed", "Page Viewed"]),
    minutes,
    st.booleans(),
)
histories = st.lists(st.one_of(changes, deeds), max_size=30)


def stories(history: list[Any]) -> list[CartChange | Event]:
    found: list[CartChange | Event] = []
    for position, (who, what, ago, flag) in enumerate(history, 1):
        at = NOON - timedelta(minutes=ago)
        if isinstance(what, ChangeKind):
            found.append(
                CartChange(
                    cart_id=CARTS[who],
                    key=f"cart:{who}",
                    origin_id=PEOPLE[who],
                    kind=what,
                    at=at,
                    position=position,
                    order_id="o" if flag else None,
                )
            )
        else:
            event = Event(
                type=EventType.TRACK, name=what, ts=at, received_at=NOON, message_id=str(position)
            )
            event.position, event.origin_id, event.backfill = position, PEOPLE[who], flag
            found.append(event)
    return found


def walked(history: list[CartChange | Event], cuts: set[int]) -> Book:
    book, batch = Book(), list[CartChange | Event]()
    for index, one in enumerate([*history, None]):
        if one is None or index in cuts:
            book.take(
                [each for each in batch if isinstance(each, CartChange)],
                [each for each in batch if isinstance(each, Event)],
            )
            batch = []
        if one is not None:
            batch.append(one)
    return book


@given(histories, st.sets(st.integers(0, 30)))
def test_it_makes_no_difference_how_events_are_cut(history: list[Any], cuts: set[int]) -> None:
    told = stories(history)
    whole, cut = walked(told, set()), walked(told, cuts)
    assert whole.told() == cut.told()


@given(histories)
def test_a_cart_or_a_person_has_one_active_run(history: list[Any]) -> None:
    book = walked(stories(history), set(range(0, 30, 3)))
    active = [(r.journey_id, r.key) for r in book.runs.values() if r.state is RunState.WAITING]
    assert len(active) == len(set(active))
    for run in book.runs.values():
        assert NOON - run.started_at <= timedelta(hours=1)
        assert (run.due_at is None) == (run.state is not RunState.WAITING)


def test_runs_of_people_who_became_one_collapse_to_the_oldest() -> None:
    def run(number: int, journey: int, minutes_ago: int) -> Alive:
        at = NOON - timedelta(minutes=minutes_ago)
        key = str(PEOPLE[number % 3]) if journey != 1 else str(CARTS[number % 3])
        return Alive(
            UUID(int=900 + number),
            UUID(int=journey),
            key,
            PEOPLE[0],
            RunState.WAITING,
            at,
            at,
            3600,
        )

    alive = [
        run(*one) for one in ((0, 2, 10), (1, 2, 20), (2, 2, 5), (3, 1, 9), (4, 1, 8), (5, 3, 1))
    ]
    plan = gather(Batch(JOURNEYS, [], [], {}, {}, {}, NOON), alive)
    # The two carts stay two: each may be answered.
    assert {ending.run_id.int - 900 for ending in plan.ended} == {0, 2}
    assert {ending.reason for ending in plan.ended} == {"duplicate"}
    assert set(plan.silenced) == {"duplicate"}


def test_only_what_some_journey_listens_to_is_looked_at() -> None:
    assert listens(JOURNEYS) == {"Order Completed", "Product Viewed", "Product Added"}
    assert listens([]) == frozenset()
