"""Carts, their deeds and the orders that close them – pure, and the same in any order of arrival.

Every cart owns a stretch of time: after one order, up to and with the next. A deed belongs to the
cart of its keys whose stretch holds the deed's event time; an order cuts the stretch it falls in,
whenever it arrives. So an order that comes late, or before its cart, leaves the same carts behind.

Which cart: one that shares a cart or checkout token with the deed; a deed without tokens goes to
the cart its browser (or, without a browser, its user) used last. Two carts of different cart
tokens stay apart; anything else that one deed names together is one cart. Which cart an order
closes: each that shares a token, browser, user, address, order id or person with it.

Limits, where the order of arrival still tells: a browser that uses two cart tokens between two
orders and sends deeds without a token besides; deeds older than the eighty last lines of a
cart; two deeds with exactly the same event time (the message id decides).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from patron.carts.cut import end, holds, join, rank
from patron.carts.replay import insert, lines, places
from patron.carts.types import Act, CartChange, CartItem, ChangeKind, Deed, Draft, History, Mark, Op
from patron.kit.ids import id_at


class Desk:
    """The carts and orders at hand. `apply` deeds in walk order; then save what is `dirty`.

    `roots` maps every origin at hand to its root, `addresses` a root to the address keys of the
    person. All carts and marks that share a key with a deed must be on the desk before it comes.
    """

    def __init__(
        self,
        carts: Iterable[Draft] = (),
        marks: Iterable[Mark] = (),
        roots: Mapping[UUID, UUID] | None = None,
        addresses: Mapping[UUID, list[str]] | None = None,
    ) -> None:
        self.carts: dict[UUID, Draft] = {}
        self.merged: list[Draft] = []
        self.new_marks: list[Mark] = []
        self._roots = roots or {}
        self._addresses = {f"root:{root}": keys for root, keys in (addresses or {}).items()}
        self._holders: dict[str, list[str]] = {}
        for root, keys in self._addresses.items():
            for key in keys:
                self._holders.setdefault(key, []).append(root)
        self._by_key: dict[str, list[Draft]] = {}
        self._marks: dict[str, list[Mark]] = {}
        self._canonical: dict[str, str] = {}
        for cart in carts:
            self._take_in(cart)
        for mark in marks:
            self._note(mark)

    def apply(self, deed: Deed) -> list[CartChange]:
        """What `deed` changes, in the order in which it happens."""
        if deed.act is Act.ORDER:
            return self._order(deed)
        changes: list[CartChange] = []
        cart = self._place(deed, changes)
        if cart is None:
            return changes
        new, was_open, before = not cart.past.ops, cart.closed_at is None, cart.items
        if deed.act is not Act.LINK:
            before = dict(before)
        if not self._insert(cart, deed):
            return changes
        if new and not cart.stored:
            self._bound(cart, deed)
            if self._is_ordered(deed):
                self._enforce(cart, deed)
            was_open = cart.closed_at is None
        if was_open and deed.act is not Act.LINK:
            kind = _kind(before, cart.items, deed.act)
            if kind is not None:
                changes.append(_change(cart, kind, deed, deed.at))
        changes += self._bound(cart, deed)
        # What older keys say about a cart was done when they came: only those of the deed are new.
        return changes + self._enforce(cart, deed) if self._is_ordered(deed) else changes

    def reconsider(self, roots: Iterable[UUID], deed: Deed) -> list[CartChange]:
        """Close what orders of the same people close, after people turned out to be one.

        `deed` lends its position to what is told.
        """
        changes: list[CartChange] = []
        for root in roots:
            for cart in list(self._by_key.get(f"root:{root}", ())):
                changes += self._enforce(cart, deed)
        return changes

    # Orders

    def _order(self, deed: Deed) -> list[CartChange]:
        mark = Mark(deed.at, deed.order_id, frozenset(keys_of(deed)), deed.origin_id)
        self._note(mark)
        self.new_marks.append(mark)
        owners = {root for key in mark.keys for root in self._holders.get(key, ())}
        found = {
            cart.id: cart
            for key in (*map(self._canon, mark.keys), *owners)
            for cart in self._by_key.get(key, ())
        }
        changes: list[CartChange] = []
        for cart in sorted(found.values(), key=lambda c: (c.opened_at, c.id)):
            changes += self._cut(cart, mark.at, mark.order_id, deed)[0]
        return changes

    def _note(self, mark: Mark) -> None:
        for key in mark.keys:
            self._marks.setdefault(self._canon(key), []).append(mark)

    def _orders_of(self, cart: Draft) -> list[Mark]:
        """The orders that find `cart`, oldest first."""
        found: dict[tuple[datetime, str], Mark] = {}
        for key in cart.keys:
            canon = self._canon(key)
            for reach in (canon, *self._addresses.get(canon, ())):
                for mark in self._marks.get(reach, ()):
                    found[mark.at, mark.order_id or ""] = mark
        return [found[when] for when in sorted(found)]

    def _is_ordered(self, deed: Deed) -> bool:
        """Whether an order at hand has a key of the deed, or an address of its person."""
        marks, canon = self._marks, self._canon
        if not marks:
            return False
        keys = keys_of(deed)
        root = canon(keys[-1])
        return any(key in marks for key in keys) or any(
            key in marks for key in (root, *self._addresses.get(root, ()))
        )

    def _enforce(self, cart: Draft, deed: Deed) -> list[CartChange]:
        """Let all orders at hand close what they find of `cart`."""
        if not self._marks:
            return []
        changes: list[CartChange] = []
        pieces = [cart]
        for mark in self._orders_of(cart):
            for piece in list(pieces):
                told, rests = self._cut(piece, mark.at, mark.order_id, deed)
                changes += told
                pieces += rests
        return changes

    def _cut(
        self, cart: Draft, moment: datetime, order_id: str | None, deed: Deed
    ) -> tuple[list[CartChange], list[Draft]]:
        was_open, had, before = cart.closed_at is None, bool(cart.items), cart.keys
        rests = end(cart, moment, order_id)
        if cart.keys is not before:
            self._unfile(cart, before)
            self._file(cart)
        for rest in rests:
            self._take_in(rest)
        changes: list[CartChange] = []
        if was_open and cart.closed_at is not None:
            if had or cart.items:
                changes.append(_change(cart, ChangeKind.CLOSED, deed, moment))
            changes += [
                _change(rest, ChangeKind.OPENED, deed, rest.opened_at)
                for rest in rests
                if rest.items
            ]
        for rest in rests:
            changes += self._alone(rest, deed)
        return changes, [rest for rest in rests if rest.id in self.carts]

    def _alone(self, cart: Draft, deed: Deed) -> list[CartChange]:
        """Join `cart` with an open cart of the very same key: a key is open only once."""
        changes: list[CartChange] = []
        same = [
            other
            for other in self._by_key.get(cart.key, ())
            if other.key == cart.key and other.closed_at is None
        ]
        if len(same) > 1 and cart in same:
            self._join(same, deed, changes)
        return changes

    # Finding the cart of a deed

    def _place(self, deed: Deed, changes: list[CartChange]) -> Draft | None:
        """The cart `deed` belongs to, made when there is none; joined when it names several."""
        named = [
            cart
            for cart in dict.fromkeys(
                cart for token in deed.tokens for cart in self._by_key.get(token, ())
            )
            if holds(cart, deed.at)
        ]
        holder = self._holder(deed)
        if holder is not None and holder not in named and _may_join(holder, named, deed):
            named.append(holder)
        if len(named) > 1:
            return self._join(named, deed, changes)
        if named:
            return named[0]
        if deed.act is Act.LINK and (not deed.tokens or len(deed.tokens) + bool(deed.weak) < 2):
            return None  # it links nothing
        cart = Draft(
            id=id_at(deed.at),
            key=min(keys_of(deed), key=rank),
            origin_id=deed.origin_id,
            opened_at=deed.at,
            changed_at=deed.at,
            past=History(),
            keys={},
            items={},
            filed=set(),
            currency=deed.currency,
        )
        self.carts[cart.id] = cart
        return cart

    def _holder(self, deed: Deed) -> Draft | None:
        """The cart that the browser used last (the latest by event time)."""
        weak = deed.weak
        if weak is None:
            return None
        carts = [c for c in self._by_key.get(weak, ()) if holds(c, deed.at)]
        if len(carts) > 1:
            return max(carts, key=lambda c: (c.keys[weak], c.id))
        return carts[0] if carts else None

    def _bound(self, cart: Draft, deed: Deed) -> list[CartChange]:
        """End a cart where the next cart of the deed's keys begins.

        The order between them may be known by keys that only the other cart has.
        """
        starts = [
            (other.past.after, other.past.after_order)
            for key in (*deed.tokens, deed.weak)
            if key is not None
            for other in self._by_key.get(key, ())
            if other is not cart and other.past.after is not None and other.past.after >= deed.at
        ]
        if not starts or not holds(cart, deed.at):
            return []
        moment, order_id = min(starts, key=lambda start: start[0])
        return self._cut(cart, moment, order_id, deed)[0]

    def _join(self, carts: list[Draft], deed: Deed, changes: list[CartChange]) -> Draft:
        """All of `carts` as one, ended again wherever one of them began or ended."""
        into = min(carts, key=lambda c: (not c.items, not c.stored, c.opened_at, c.id))
        before = dict(into.items)
        bounds = {c.past.after: c.past.after_order for c in carts if c.past.after is not None}
        bounds |= {c.closed_at: c.order_id for c in carts if c.closed_at is not None}
        for other in carts:
            if other is into:
                continue
            self._take_out(other)
            if other.closed_at is None and other.items:
                changes.append(_change(other, ChangeKind.CLOSED, deed, deed.at))
            join(into, other)
        self._file(into)
        if into.closed_at is None and (kind := _kind(before, into.items, Act.LINK)):
            changes.append(_change(into, kind, deed, deed.at))
        pieces = [into]
        for moment in sorted(bounds):
            for piece in list(pieces):
                told, rests = self._cut(piece, moment, bounds[moment], deed)
                changes += told
                pieces += rests
        return next((piece for piece in pieces if holds(piece, deed.at)), into)

    def _insert(self, cart: Draft, deed: Deed) -> bool:
        keys = keys_of(deed)
        if deed.act is Act.LINK and not deed.tokens and cart.keys.keys() >= set(keys):
            return False  # it says nothing that is not known
        op = Op(
            deed.at, deed.id, deed.act, places(cart, keys), lines(cart, deed.items), deed.currency
        )
        new = [key for key in keys if key not in cart.keys]
        latest = deed.at >= cart.changed_at
        linked_only = all(known.act is Act.LINK for known in cart.past.ops)
        if not insert(cart, op):
            return False
        cart.dirty = True
        if deed.act is not Act.LINK:
            if linked_only and cart.past.base_at is None:
                cart.opened_at = cart.changed_at = deed.at
            cart.opened_at = min(cart.opened_at, deed.at)
            cart.changed_at = max(cart.changed_at, deed.at)
        if latest:
            cart.origin_id, cart.url = deed.origin_id, deed.url or cart.url
        if rank(keys[0]) < rank(cart.key):
            cart.key = keys[0]
        if new:
            self._file(cart, new)
        return True

    # Where things lie

    def _take_in(self, cart: Draft) -> None:
        self.carts[cart.id] = cart
        self._file(cart)

    def _take_out(self, cart: Draft) -> None:
        self._unfile(cart, cart.keys)
        del self.carts[cart.id]
        if cart.stored:
            self.merged.append(cart)

    def _file(self, cart: Draft, keys: Iterable[str] | None = None) -> None:
        for key in cart.keys if keys is None else keys:
            held = self._by_key.setdefault(self._canon(key), [])
            if cart not in held:
                held.append(cart)

    def _unfile(self, cart: Draft, keys: Iterable[str]) -> None:
        for key in keys:
            held = self._by_key.get(self._canon(key), [])
            if cart in held:
                held.remove(cart)

    def _canon(self, key: str) -> str:
        """An origin's key as its root's: whatever was one person's is found together."""
        canon = self._canonical.get(key)
        if canon is None:
            canon = key
            if key.startswith("origin:"):
                origin = UUID(key[7:])
                canon = f"root:{self._roots.get(origin, origin)}"
            self._canonical[key] = canon
        return canon


def keys_of(deed: Deed) -> list[str]:
    """All keys of a deed, the strongest first."""
    weak = [deed.weak] if deed.weak else []
    return [*deed.tokens, *weak, *deed.others, f"origin:{deed.origin_id}"]


def _may_join(holder: Draft, named: list[Draft], deed: Deed) -> bool:
    """False for two carts of different cart tokens: those are two carts."""
    theirs = _cart_tokens(holder.keys)
    if not theirs:
        return True
    ours = _cart_tokens(deed.tokens).union(*(_cart_tokens(cart.keys) for cart in named))
    return not ours or not ours.isdisjoint(theirs)


def _cart_tokens(keys: Iterable[str]) -> set[str]:
    return {key for key in keys if key.startswith("cart:")}


def _kind(before: dict[str, CartItem], now: dict[str, CartItem], act: Act) -> ChangeKind | None:
    if not now:
        return ChangeKind.EMPTIED if before else None
    if not before:
        return ChangeKind.OPENED
    return ChangeKind.CHANGED if now != before or act is Act.CHECKOUT else None


def _change(cart: Draft, kind: ChangeKind, deed: Deed, at: datetime) -> CartChange:
    return CartChange(
        cart_id=cart.id,
        key=cart.key,
        origin_id=cart.origin_id,
        kind=kind,
        at=at,
        position=deed.position,
        order_id=cart.order_id,
        backfill=deed.backfill,
    )
