"""The lines of a cart from what was done to it, in event time: pure, and the same in any order.

A cart keeps its deeds, not only its lines. A deed that arrives late is put where it belongs and
the lines are worked out again, so the order of arrival does not matter. The memory is bounded: of
more than `KEPT_LINES` lines in deeds the oldest deeds become the *base*, and what is older than the
base and still arrives is not counted any more.
"""

from bisect import insort
from datetime import datetime

import msgspec

from patron.carts.types import Act, CartItem, Draft, Op

KEPT_LINES = 80
MAX_KEYS = 200
MAX_LINES = 100
"""A longer cart is cut: bodies of this size are mistakes or attacks."""


def insert(cart: Draft, op: Op) -> bool:
    """Put `op` in its place and work out lines and keys; False when it is known or too old."""
    past = cart.past
    if past.base_at is not None and op.at <= past.base_at:
        return False
    ops = past.ops
    if not ops or op.at > ops[-1].at:
        ops.append(op)
        cart.currency = _do(cart.items, op, past.lines, cart.currency)
        for n in op.keys:
            cart.keys[past.names[n]] = op.at
    else:
        if any(known.id == op.id for known in ops):
            return False
        insort(ops, op, key=_when)
        replay(cart)
    if len(ops) % 8 == 0 and sum(len(o.items) + 1 for o in ops) > KEPT_LINES:
        _compact(cart)
    return True


def places(cart: Draft, keys: list[str]) -> list[int]:
    """Where `keys` stand among the cart's names; they are added at need, up to `MAX_KEYS`."""
    names = cart.past.names
    found = []
    for key in keys:
        if key in names:
            found.append(names.index(key))
        elif len(names) < MAX_KEYS:
            names.append(key)
            found.append(len(names) - 1)
    return found


def lines(cart: Draft, items: list[CartItem]) -> list[int]:
    """Where `items` stand among the cart's lines. Most are there: a cart is looked at more often
    than it changes, and a line kept once is half of what a cart weighs."""
    known = cart.past.lines
    found = []
    for item in items:
        if item in known:
            found.append(known.index(item))
        else:
            known.append(item)
            found.append(len(known) - 1)
    return found


def recall(cart: Draft, items: list[CartItem]) -> None:
    """Take `items` as its lines, which were worked out before, and find its keys."""
    cart.items = {_line(item): item for item in items}
    cart.keys = _seen(cart)


def _seen(cart: Draft) -> dict[str, datetime]:
    """When each key was seen last."""
    past = cart.past
    last: dict[int, datetime] = {}
    if past.base_at is not None:
        last.update((n, past.base_at) for n in past.base_keys)
    for op in past.ops:
        for n in op.keys:
            last[n] = op.at
    return {past.names[n]: at for n, at in last.items()}


def replay(cart: Draft) -> None:
    """Work out `items`, `currency` and `keys` from the base and the deeds."""
    past = cart.past
    cart.items = {_line(item): item for item in past.base}
    if past.ops and not past.base:
        cart.currency = past.ops[0].currency
    for op in past.ops:
        cart.currency = _do(cart.items, op, past.lines, cart.currency)
    cart.keys = _seen(cart)


def first(cart: Draft) -> datetime:
    """Event time of its first deed of any kind."""
    past = cart.past
    return past.ops[0].at if past.ops and past.base_at is None else cart.opened_at


def last(cart: Draft) -> datetime:
    """Event time of its last deed of any kind."""
    return cart.past.ops[-1].at if cart.past.ops else cart.changed_at


def absorb(cart: Draft, other: Draft) -> None:
    """All that was done to `other` was done to `cart`."""
    mine, theirs = cart.past, other.past
    names = dict(enumerate(places(cart, theirs.names)))
    things = lines(cart, theirs.lines)
    known = {op.id for op in mine.ops}
    for op in theirs.ops:
        if op.id not in known:
            keys = [names[n] for n in op.keys if n in names]
            items = [things[n] for n in op.items]
            mine.ops.append(Op(op.at, op.id, op.act, keys, items, op.currency))
    mine.ops.sort(key=_when)
    if theirs.base_at is not None:
        had = {_line(item) for item in mine.base}
        mine.base = mine.base + [item for item in theirs.base if _line(item) not in had]
        mine.base_at = max(filter(None, (mine.base_at, theirs.base_at)))
        mine.base_keys = sorted(
            {*mine.base_keys, *(names[n] for n in theirs.base_keys if n in names)}
        )
    replay(cart)


def value(cart: Draft) -> int:
    """What the lines cost together, in minor units; a line without a price counts nothing."""
    return sum(round(i.price * i.quantity) for i in cart.items.values() if i.price is not None)


def _when(op: Op) -> tuple[datetime, str]:
    return op.at, op.id


def _line(item: CartItem) -> str:
    return f"{item.product_id or ''}\0{item.variant_id or item.sku or ''}"


def _compact(cart: Draft) -> None:
    """Work the older half of the deeds into the base."""
    past = cart.past
    half = len(past.ops) // 2
    old, young = past.ops[:half], past.ops[half:]
    past.ops = old
    replay(cart)
    past.base, past.base_at = list(cart.items.values()), old[-1].at
    past.base_keys = sorted({*past.base_keys, *(n for op in old for n in op.keys)})
    past.ops = young
    tidy(cart)
    replay(cart)


def tidy(cart: Draft) -> None:
    """Forget the lines no deed names any more."""
    past = cart.past
    used = sorted({n for op in past.ops for n in op.items})
    new = {old: n for n, old in enumerate(used)}
    past.lines = [past.lines[n] for n in used]
    past.ops = [
        Op(op.at, op.id, op.act, op.keys, [new[n] for n in op.items], op.currency)
        for op in past.ops
    ]


def _do(items: dict[str, CartItem], op: Op, known: list[CartItem], currency: str) -> str:
    """Do `op` to `items`; the currency the cart has then."""
    act = op.act
    if act is Act.LINK:
        return currency
    told = [known[n] for n in op.items]
    if act is Act.SET or act is Act.CHECKOUT:
        _set(items, told, op.at)
        return op.currency
    if act is Act.ADD:
        if op.currency != currency:  # prices of two currencies cannot be summed
            for line, item in items.items():
                items[line] = msgspec.structs.replace(item, price=None)
        for item in told:
            line = _find(items, item)
            old = items.get(line)
            if old is not None:
                items[line] = _more(old, item)
            elif len(items) < MAX_LINES:
                items[line] = _since(item, op.at)
        return op.currency
    for item in told:
        line = _find(items, item)
        old = items.pop(line, None)
        # A removal that names no quantity (0) takes the whole line.
        if old is not None and item.quantity and old.quantity > item.quantity:
            items[line] = msgspec.structs.replace(old, quantity=old.quantity - item.quantity)
    return currency


def _set(items: dict[str, CartItem], told: list[CartItem], at: datetime) -> None:
    before = dict(items)
    items.clear()
    for item in told[:MAX_LINES]:
        line = _line(item)
        twice = items.get(line)
        if twice is not None:
            item = msgspec.structs.replace(item, quantity=twice.quantity + item.quantity)
        old = before.get(line)
        items[line] = _since(item, at if old is None else old.added_at)


def _find(items: dict[str, CartItem], item: CartItem) -> str:
    """The line `item` speaks of: the same variant, else the only line of that product or SKU."""
    line = _line(item)
    if line in items:
        return line
    if item.product_id is None:
        near = [k for k, i in items.items() if i.sku == item.sku]
    elif item.variant_id is None and item.sku is None:
        near = [k for k, i in items.items() if i.product_id == item.product_id]
    else:
        near = [f"{item.product_id}\0"] if f"{item.product_id}\0" in items else []
    return near[0] if len(near) == 1 else line


def _since(item: CartItem, at: datetime | None) -> CartItem:
    return item if item.added_at == at else msgspec.structs.replace(item, added_at=at)


def _more(old: CartItem, item: CartItem) -> CartItem:
    """`old` with `item`'s pieces added; what `item` says anew counts, what it leaves out stays."""
    return CartItem(
        product_id=old.product_id or item.product_id,
        variant_id=old.variant_id or item.variant_id,
        sku=old.sku or item.sku,
        title=item.title or old.title,
        price=old.price if item.price is None else item.price,
        quantity=old.quantity + item.quantity,
        image_url=item.image_url or old.image_url,
        url=item.url or old.url,
        added_at=old.added_at,
    )
