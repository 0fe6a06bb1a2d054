"""Parting a cart at an order, and joining carts that turn out to be one: pure."""

from datetime import datetime

from patron.carts.replay import absorb, first, last, replay, tidy
from patron.carts.types import Act, Closed, Draft, History, Op
from patron.kit.ids import id_at

_KINDS = ("cart", "checkout", "browser", "user")


def rank(key: str) -> int:
    """How strongly a key says which cart it is: 0 is a cart token."""
    kind = key.partition(":")[0]
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS)


def holds(cart: Draft, at: datetime) -> bool:
    """Whether the cart owns the time `at`."""
    after = cart.past.after
    return (after is None or at > after) and (cart.closed_at is None or at <= cart.closed_at)


def end(cart: Draft, moment: datetime, order_id: str | None) -> list[Draft]:
    """End `cart` at an order. What came later becomes a cart of its own, which is returned; or
    several, when nothing after the order says that they are one.

    A cart that lies wholly after the order only learns where its time begins.
    """
    if not holds(cart, moment) or cart.closed_at == moment:
        return []
    cart.dirty = True
    if first(cart) > moment:
        cart.past.after, cart.past.after_order = moment, order_id
        return []
    rests = _part(cart, moment, order_id) if last(cart) > moment else []
    cart.closed_at, cart.closed_reason, cart.order_id = moment, Closed.ORDER, order_id
    return rests


def join(into: Draft, other: Draft) -> None:
    """Make `into` both carts, with the time of both; `other` ends as merged.

    Where one of them began or ended within the time of both, the caller ends `into` again.
    """
    absorb(into, other)
    mine, theirs = into.past, other.past
    if mine.after is not None and (theirs.after is None or theirs.after < mine.after):
        mine.after, mine.after_order = theirs.after, theirs.after_order
    if into.closed_at is not None and (other.closed_at is None or other.closed_at > into.closed_at):
        into.closed_at, into.closed_reason = other.closed_at, other.closed_reason
        into.order_id = other.order_id
    into.opened_at = min(into.opened_at, other.opened_at)
    if other.changed_at > into.changed_at:
        into.changed_at, into.origin_id = other.changed_at, other.origin_id
    settle(into)
    into.url = into.url or other.url
    into.key = min((into.key, other.key), key=rank)
    into.dirty = True
    other.closed_at = other.closed_at or other.changed_at
    other.closed_reason = Closed.MERGED
    other.past = History(after=other.past.after)
    other.items, other.keys, other.dirty = {}, {}, True


def settle(cart: Draft) -> None:
    """Set when it opened and changed, and its key, from the deeds it holds now."""
    done = [op.at for op in cart.past.ops if op.act is not Act.LINK]
    if cart.past.base_at is None:
        times = done or [op.at for op in cart.past.ops]
        cart.opened_at = times[0] if times else cart.opened_at
        cart.changed_at = times[-1] if times else cart.opened_at
    else:
        cart.changed_at = done[-1] if done else cart.past.base_at
    if cart.key not in cart.keys and cart.keys:
        cart.key = min(cart.keys, key=lambda key: (rank(key), key))


def _part(cart: Draft, moment: datetime, order_id: str | None) -> list[Draft]:
    """Give what is after `moment` to new carts, which inherit the end of the old one.

    A base that reaches beyond the moment is parted by when its lines were added. Deeds that only
    link, and name no token, are no cart.
    """
    past = cart.past
    later = [op for op in past.ops if op.at > moment]
    base = [item for item in past.base if item.added_at is not None and item.added_at > moment]
    past.ops = [op for op in past.ops if op.at <= moment]
    rests = []
    for ops in [later] if base else _groups(later, past.names):
        if base or any(_matters(op, past.names) for op in ops):
            after = History(
                names=list(past.names),
                lines=list(past.lines),
                ops=ops,
                after=moment,
                after_order=order_id,
            )
            if base:
                after.base, after.base_at = base, past.base_at
                after.base_keys = list(past.base_keys)
            rests.append(_new(cart, after))
    past.base = [item for item in past.base if item not in base]
    past.base_at = None if past.base_at is None else min(past.base_at, moment)
    tidy(cart)
    replay(cart)
    settle(cart)
    return rests


def _new(cart: Draft, past: History) -> Draft:
    opened = min([op.at for op in past.ops] + [i.added_at for i in past.base if i.added_at])
    rest = Draft(
        id=id_at(opened),
        key=cart.key,
        origin_id=cart.origin_id,
        opened_at=opened,
        changed_at=opened,
        closed_at=cart.closed_at,
        closed_reason=cart.closed_reason,
        order_id=cart.order_id,
        url=cart.url,
        past=past,
        currency=cart.currency,
        filed=set(),
        dirty=True,
    )
    tidy(rest)
    replay(rest)
    settle(rest)
    return rest


def _groups(ops: list[Op], names: list[str]) -> list[list[Op]]:
    """`ops` by the carts they are of: those that share a token, or whose it is."""
    groups: list[tuple[set[int], list[Op]]] = []
    for op in ops:
        strong = [n for n in op.keys if rank(names[n]) < 3]
        mine = set(strong or [n for n in op.keys if rank(names[n]) == 3] or op.keys)
        near = [group for group in groups if not mine.isdisjoint(group[0])]
        together = (mine.union(*(g[0] for g in near)), [o for g in near for o in g[1]] + [op])
        groups = [group for group in groups if group not in near] + [together]
    return [sorted(group, key=lambda op: (op.at, op.id)) for _, group in groups]


def _matters(op: Op, names: list[str]) -> bool:
    return op.act is not Act.LINK or any(rank(names[n]) < 2 for n in op.keys)
