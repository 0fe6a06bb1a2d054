"""The demo shop's last days, walked live on a virtual clock.

`Shoppers` hands out what happens as the clock moves: generated visits, carts and orders (labelled
`context.generated`), and the real orders of these days. The shop under test decides who gets a
cart mail; `mailed` tells the shoppers so, and some of them come back because of it. The same seed
and the same mails give the same bytes.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from patron.app.demo.history import History, Timed
from patron.app.demo.people import Person, person
from patron.app.demo.shoppers.plan import NEW_CONSENTING, Episode, Fate, Planner, Purpose, cart_id
from patron.app.demo.shoppers.session import Item, Sessions, value_of
from patron.app.demo.shoppers.truth import CartTruth, DemoTruth

DAYS: Final = 90
# Of those who would have ordered anyway, this share comes through the mail if one was sent.
_ANYWAY_CLICKS: Final = 0.4
# The longest a linked visit lasts before its order; it must be written out by then.
_LEAD: Final = 30 * 60


@dataclass(frozen=True, slots=True)
class Click:
    """She clicks the link in the cart mail; the runner lets it go through the product's door."""

    cart_id: str
    user_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Walked:
    """What happened up to a moment: events as JSON, and clicks, both in time order."""

    events: list[bytes]
    clicks: list[Click]


class Shoppers:
    """The last `days` before `end` (aware). Import `history.events(before=shoppers.start)` first:
    what the history holds after that comes from here."""

    def __init__(
        self, history: History, end: datetime, seed: int, shop_url: str, days: int = DAYS
    ) -> None:
        self.start = end - timedelta(days=days)
        self.end = end
        self.truth = DemoTruth(seed)
        self._history = history
        self._seed = seed
        self._low, self._high = int(self.start.timestamp()), int(end.timestamp())
        plan = Planner(history, self._low, self._high, seed).draw()
        self._linked = plan.linked
        # Linked visits begin before their order: they are ordered by when they must be written.
        self._episodes = sorted(plan.episodes, key=_opens)
        self._next_episode = 0
        self._sessions = Sessions(history, seed, shop_url)
        self._new: dict[str, int] = {}
        self._left: dict[str, tuple[Episode, list[Item]]] = {}
        self._pending: list[tuple[int, int, bytes | Click]] = []
        self._put = 0
        self._passed = self._low
        first, last = np.searchsorted(history.baskets.at, [self._low, self._high])
        self._next_order, self._last_order = int(first), int(last)
        for at, event in history.side_events(self._low, self._high):
            self._schedule(at, event)

    def next_time(self) -> datetime | None:
        """When the next thing happens, or None when the days are over."""
        second = self._next_second()
        return None if second is None else datetime.fromtimestamp(second, UTC)

    def until(self, moment: datetime) -> Walked:
        """Everything that happens up to and including `moment`, in time order."""
        limit = min(int(moment.timestamp()), self._high)
        events: list[bytes] = []
        clicks: list[Click] = []
        self._passed = max(self._passed, limit)
        self._open_episodes(limit)
        while (second := self._next_second()) is not None and second <= limit:
            if self._order_is_next(second):
                position = self._next_order
                self._next_order += 1
                events.append(self._history.order(position, self._linked.get(position)))
                continue
            if not self._pending:
                break
            what = heapq.heappop(self._pending)[2]
            if isinstance(what, Click):
                clicks.append(what)
            else:
                events.append(what)
        return Walked(events, clicks)

    def mailed(self, cart_id: str, user_id: str, at: datetime) -> None:
        """The product recorded a cart mail to her. Only carts left by known people react, and
        only to the first mail; a cart already ordered has nothing to come back for."""
        cart = self.truth.carts.get(cart_id)
        if cart is None or cart.user_id != user_id or cart.mailed_at is not None:
            return
        cart.mailed_at = second = int(at.timestamp())
        episode = self._left[cart_id][0]
        if cart.fate is Fate.IF_MAILED:
            self._come_back(cart_id, second + episode.delay, mailed=True, orders=True)
        elif cart.fate is Fate.CLICKS_ONLY:
            self._come_back(cart_id, second + episode.delay, mailed=True, orders=False)
        elif cart.fate is Fate.ANYWAY:
            order = cart.ordered_at or 0
            chance = self._sessions.chance(episode, "mail").random()
            click = max((second + order) // 2, self._passed + 1)
            if order - second > 3600 and chance < _ANYWAY_CLICKS:
                self._schedule(click, self._click(cart_id, click))

    def _next_second(self) -> int | None:
        seconds = []
        if self._pending:
            seconds.append(self._pending[0][0])
        if self._next_episode < len(self._episodes):
            seconds.append(_opens(self._episodes[self._next_episode]))
        if self._next_order < self._last_order:
            seconds.append(int(self._history.baskets.at[self._next_order]))
        second = min(seconds, default=self._high + 1)
        return second if second <= self._high else None

    def _order_is_next(self, second: int) -> bool:
        """An order of the history comes after the events of its own visit at the same second."""
        return (
            self._next_order < self._last_order
            and int(self._history.baskets.at[self._next_order]) == second
            and not (self._pending and self._pending[0][0] == second)
        )

    def _open_episodes(self, limit: int) -> None:
        while (
            self._next_episode < len(self._episodes)
            and _opens(self._episodes[self._next_episode]) <= limit
        ):
            self._open(self._episodes[self._next_episode])
            self._next_episode += 1

    def _open(self, episode: Episode) -> None:
        episode = self._as_known(episode)
        if episode.purpose is Purpose.BROWSE:
            self._schedule_all(self._sessions.browse(episode))
            return
        items = self._sessions.items(episode)
        events = self._sessions.cart(episode, items, self._stranger(episode))
        self._schedule_all(events)
        if episode.person.startswith("new-"):
            self._new.setdefault(episode.person, events[-1][0])
        if episode.purpose is Purpose.ABANDON and episode.person:
            self._leave(episode, items, events[-1][0])

    def _leave(self, episode: Episode, items: list[Item], at: int) -> None:
        cart = cart_id(episode.number)
        self._left[cart] = (episode, items)
        truth = CartTruth(episode.person, at, value_of(items), episode.fate)
        self.truth.left(cart, truth)
        if episode.fate is Fate.ANYWAY:
            self._come_back(cart, at + episode.delay, mailed=False, orders=True)

    def _come_back(self, cart: str, at: int, *, mailed: bool, orders: bool) -> None:
        episode, items = self._left[cart]
        # A mail may be reported late; she cannot come back in a time that has been handed out.
        at = max(at, self._passed + 1) if mailed else at
        if mailed:
            self._schedule(at, self._click(cart, at))
        events = self._sessions.return_visit(episode, items, at + 5, mailed, orders)
        self._schedule_all(events)
        if orders:
            self.truth.carts[cart].ordered_at = events[-1][0]

    def _click(self, cart: str, at: int) -> Click:
        return Click(cart, self.truth.carts[cart].user_id, datetime.fromtimestamp(at, UTC))

    def _as_known(self, episode: Episode) -> Episode:
        """A new customer is known on every visit after the one on which she signed up."""
        since = self._new.get(episode.person)
        known = episode.known or (since is not None and since < episode.at)
        if known == episode.known:
            return episode
        return Episode(
            episode.number, episode.at, episode.purpose, episode.person, episode.device,
            known, episode.basket, episode.fate, episode.delay,
        )  # fmt: skip

    def _stranger(self, episode: Episode) -> Person | None:
        """The person to sign up on this visit, if it is a new customer's first cart."""
        if episode.known or not episode.person:
            return None
        return person(episode.person, self._seed, NEW_CONSENTING)

    def _schedule(self, at: int, what: bytes | Click) -> None:
        self._put += 1
        heapq.heappush(self._pending, (at, self._put, what))

    def _schedule_all(self, events: Iterable[Timed]) -> None:
        for at, event in events:
            self._schedule(at, event)


def _opens(episode: Episode) -> int:
    return episode.at - _LEAD if episode.purpose is Purpose.LINKED else episode.at


def open_shoppers(
    history: History, seed: int, shop_url: str = "https://shop.example", days: int = DAYS
) -> Shoppers:
    """Shoppers whose days end with the history's last order, so that orders never fall silent."""
    return Shoppers(history, last_moment(history), seed, shop_url, days)


def last_moment(history: History) -> datetime:
    """When the shoppers' days end."""
    return history.end + timedelta(seconds=1)
