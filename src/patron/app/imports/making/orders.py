"""Lines of orders become orders: one `Order Completed` for each, and what came back.

A line with a negative quantity is a return: `Order Refunded` with the products that came back.
Postage, discounts and fees that stand among the lines under a code of their own are taken for what
they are; those codes are counted and told.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from patron.app.imports.making.calls import Shape, email_of, external_ids, message_id, phone_of
from patron.app.imports.reading.faults import Faults
from patron.app.imports.reading.tables import Row
from patron.app.imports.reading.values import identifier

MOST_LINES = 2_000
_encode = msgspec.json.encode
_SHIPPING = re.compile(
    r"post(?:age)?|dot|c2|carriage|shipping|freight|delivery|versand(?:kosten)?|porto",
    re.IGNORECASE,
)
_DISCOUNT = re.compile(r"d|discount|rabatt|remise|coupon|voucher", re.IGNORECASE)
_NO_PRODUCT = re.compile(
    r"[a-z]|bank ?charges?|(?:amazon|bank|card|handling|payment|paypal|service)?[ _-]?fees?"
    r"|adjust(?:ment)?\d*|manual|test\d*|samples?|cruk|tip|rounding|deposit|storno"
    r"|gift(?:_\d+.*)?|gift ?card.*",
    re.IGNORECASE,
)
_DONE_TEXTS = ("checkout_id", "cart_id", "coupon", "affiliation")
_AMOUNTS = ("revenue", "subtotal", "total", "discount", "shipping", "tax")
_FIGURES = ("quantity", "price", "line_total", "line_discount")
_LINE_TEXTS = ("variant", "brand", "category", "image_url", "url")
_NEVER = frozenset(
    {
        "failed", "pending", "draft", "checkout-draft", "trash", "awaiting_payment",
        "pending_payment", "expired",
    }
)  # fmt: skip
_CANCELLED = frozenset({"cancelled", "canceled", "voided", "storniert"})
Product = dict[str, Any]


class _Order(msgspec.Struct):
    """An order while its lines are read. Money in the unit the file has."""

    key: str
    number: int
    sold: list[Product] = []
    back: list[Product] = []
    sold_at: str | None = None
    back_at: str | None = None
    shipping: float = 0
    discount: float = 0
    given_back: float = 0  # without a product


class Orders:
    """Makes the events of whole orders. `make` takes all lines of one or several orders in turn."""

    def __init__(self, shape: Shape, faults: Faults) -> None:
        self._shape = shape
        self._faults = faults
        self._options = shape.options
        take = shape.take
        self.key = take(shape.options.group_by)
        self._head = {
            name: take(name)
            for name in (
                "order_id", "user_id", "email", "phone", "anonymous_id", "currency", "status",
                "cancelled_at", "refunded", *_DONE_TEXTS, *_AMOUNTS,
            )
            if shape.has(name)
        }  # fmt: skip
        self._time = take("time")
        self._figures = [(name, take(name)) for name in _FIGURES if shape.has(name)]
        self._product, self._sku, self._name = take("product_id"), take("sku"), take("product_name")
        self._texts = [(name, take(name)) for name in _LINE_TEXTS if shape.has(name)]
        self._has_lines = any(map(shape.has, ("product_id", "sku", "product_name")))
        self._codes = {
            **dict.fromkeys(map(str.lower, shape.options.shipping_codes), "shipping"),
            **dict.fromkeys(map(str.lower, shape.options.discount_codes), "discount"),
            **dict.fromkeys(map(str.lower, shape.options.ignored_codes), "other"),
            **dict.fromkeys(map(str.lower, shape.options.product_codes), "product"),
        }
        self._classes: dict[str, str | None] = {}

    def make(self, rows: Sequence[Row]) -> list[bytes]:
        """The events of one order, given by all its lines in the order of the file."""
        number, cells = rows[0]
        if len(rows) > MOST_LINES:
            self._faults.add(
                number, self._shape.column("order_id"), self.key(cells),
                f"the order has {len(rows)} lines, {MOST_LINES} are the most",
                "check that the column is the order's number",
            )  # fmt: skip
            return []
        head = {name: self._first(read, rows) for name, read in self._head.items()}
        named = head.get("order_id")
        key = identifier(self.key(cells) if named is None else named)
        order = _Order(f"{self._options.order_prefix}{key}", number)
        for row, line in rows:
            self._read_line(order, row, line)
        if order.sold_at is None and order.back_at is None:
            return []
        return self._events(order, head, rows)

    def _first(self, read: Callable[[Sequence[Any]], Any], rows: Sequence[Row]) -> Any:
        """An order's field: exports repeat it on every line, or give it on the first alone."""
        for _, cells in rows:
            if (value := read(cells)) is not None:
                return value
        return None

    # --- lines ----------------------------------------------------------------------------------

    def _read_line(self, order: _Order, row: int, cells: Sequence[Any]) -> None:
        given = self._time(cells)
        at = self._shape.time("time", given, row, self._faults)
        if at is None:
            if given is None and order.sold_at is None and order.back_at is None:
                column = self._shape.column("time")
                self._faults.add(row, column, None, "is blank", "say when the order was placed")
            elif given is None:
                at = order.sold_at or order.back_at
        if at is None:
            return
        if not self._has_lines:
            order.sold_at = order.sold_at or at
            return
        sums = self._sums(row, cells)
        if sums is None:
            return
        quantity, price = sums
        code = self._product(cells)
        if code is None:
            code = self._sku(cells)
        name = self._name(cells)
        if code is None and name is None:
            self._faults.skip("lines that name no product")
            order.sold_at = order.sold_at or at
            return
        text = identifier(code if code is not None else name)
        odd = self._class_of(text) if code is not None else None
        if odd is not None:
            self._put_odd(order, text, odd, quantity * price, at)
        elif quantity < 0:
            self._put_return(order, row, self._product_of(cells, text, name, -quantity, price), at)
        elif quantity > 0:
            order.sold.append(self._product_of(cells, text, name, quantity, price))
            order.sold_at = order.sold_at or at
        else:
            self._faults.skip("lines with the quantity 0")

    def _sums(self, row: int, cells: Sequence[Any]) -> tuple[float, float] | None:
        """Quantity and net price of one piece; None when one of them is a fault."""
        found: dict[str, float | None] = {}
        for field, read in self._figures:
            value = read(cells)
            found[field] = self._shape.amount(field, value, row, self._faults)
            if value is not None and found[field] is None:
                return None
        given = found.get("quantity")
        quantity = 1 if given is None else given
        price = found.get("price")
        if price is None:
            total = found.get("line_total")
            price = total / quantity if total is not None and quantity else 0
        if (off := found.get("line_discount")) and quantity:
            price -= abs(off) / abs(quantity)
        return quantity, price if price.__class__ is int else round(price, 6)

    def _class_of(self, code: str) -> str | None:
        """Whether a product's code stands for postage, a discount or something else unsold."""
        try:
            return self._classes[code]
        except KeyError:
            pass
        found = self._codes.get(code.lower())
        if found == "product":
            found = None
        elif found is None:
            for kind, pattern in (
                ("shipping", _SHIPPING), ("discount", _DISCOUNT), ("other", _NO_PRODUCT)
            ):  # fmt: skip
                if pattern.fullmatch(code):
                    found = kind
                    break
        self._classes[code] = found
        return found

    def _put_odd(self, order: _Order, code: str, kind: str, amount: float, at: str) -> None:
        words = {"shipping": "taken as shipping", "discount": "taken as discount"}
        self._faults.skip(f"code {code.upper()}: {words.get(kind, 'left out, no product')}")
        if kind == "shipping" and amount > 0:
            order.shipping += amount
        elif kind == "discount":
            order.discount += abs(amount)
            if amount < 0:
                order.back_at = order.back_at or at
        elif kind == "shipping":
            order.given_back -= amount
            order.back_at = order.back_at or at

    def _put_return(self, order: _Order, row: int, product: Product, at: str) -> None:
        if self._options.returns == "skip":
            self._faults.skip("returned lines")
        elif not product["price"]:
            # Stock written off: nobody bought it and nobody brought it back.
            self._faults.skip("lines with a negative quantity and no price (stock corrections)")
        else:
            order.back.append(product)
            order.back_at = order.back_at or at

    def _product_of(
        self, cells: Sequence[Any], code: str, name: Any, quantity: float, price: float
    ) -> Product:
        product: Product = {"product_id": code, "quantity": quantity, "price": price}
        sku = self._sku(cells)
        if sku is not None:
            product["sku"] = identifier(sku)
        if name is not None:
            product["name"] = str(name)
        for key, read in self._texts:
            if (value := read(cells)) is not None:
                product[key] = identifier(value)
        return product

    # --- events ---------------------------------------------------------------------------------

    def _events(self, order: _Order, head: dict[str, Any], rows: Sequence[Row]) -> list[bytes]:
        amounts = {
            name: self._shape.amount(name, head.get(name), order.number, self._faults)
            for name in (*_AMOUNTS, "refunded")
        }
        status = str(head.get("status") or "").lower().replace(" ", "_").removeprefix("wc-")
        if status in _NEVER:
            self._faults.skip(f"orders with the status {status}")
            return []
        sold_for = sum(line["price"] * line["quantity"] for line in order.sold)
        completed = order.sold_at is not None
        unknown = not any(
            head.get(name) is not None for name in ("user_id", "email", "phone", "anonymous_id")
        )
        if completed and unknown and not sold_for and not amounts["total"]:
            self._faults.skip("orders of nobody, worth nothing (stock corrections)")
            completed = False
        who = self._who(order, head)
        if who is None:
            return []
        events = []
        shared = self._shared(order, head)
        if completed:
            events.append(self._completed(order, who, {**shared, **amounts}, sold_for, rows))
        events += self._taken_back(order, who, shared, amounts["refunded"], completed)
        cancelled = self._shape.time(
            "cancelled_at", head.get("cancelled_at"), order.number, self._faults
        )
        if cancelled is None and status in _CANCELLED:
            cancelled = order.sold_at
        if completed and cancelled is not None:
            named = f"cancelled-{order.key}"
            events.append(_call("Order Cancelled", named, cancelled, who, shared))
        if completed and status == "refunded" and not amounts["refunded"] and order.sold_at:
            named = f"refunded-{order.key}"
            events.append(_call("Order Refunded", named, order.sold_at, who, shared))
        return events

    def _who(self, order: _Order, head: dict[str, Any]) -> dict[str, Any] | None:
        """Whose order it is; None when that is unknown and such orders are left out."""
        shape, faults = self._shape, self._faults
        user = shape.user(head.get("user_id"))
        email = email_of(head.get("email"), order.number, shape, faults)
        phone = phone_of(head.get("phone"), order.number, shape, faults)
        anonymous = head.get("anonymous_id")
        who: dict[str, Any] = {"userId": user} if user is not None else {}
        if external := external_ids(email, phone):
            who["context"] = {"externalIds": external}
        if anonymous is not None:
            who["anonymousId"] = identifier(anonymous)
        if who:
            return who
        if self._options.guests == "skip":
            faults.skip("orders that name no customer (left out)")
            return None
        faults.skip("orders that name no customer (kept, each as somebody of its own)")
        return {"anonymousId": f"guest-of-{order.key}"}

    def _shared(self, order: _Order, head: dict[str, Any]) -> dict[str, Any]:
        currency = head.get("currency") or self._options.currency or self._shape.shop.currency
        shared: dict[str, Any] = {"order_id": order.key, "currency": str(currency).upper()}
        for name in _DONE_TEXTS:
            if head.get(name) is not None:
                shared[name] = identifier(head[name])
        return shared

    def _completed(
        self,
        order: _Order,
        who: dict[str, Any],
        known: dict[str, Any],
        sold_for: float,
        rows: Sequence[Row],
    ) -> bytes:
        assert order.sold_at is not None
        properties = {k: v for k, v in known.items() if v is not None and k != "refunded"}
        if order.shipping and "shipping" not in properties:
            properties["shipping"] = _round(order.shipping)
        if order.discount and "discount" not in properties:
            properties["discount"] = _round(order.discount)
        if not {"revenue", "subtotal", "total"} & properties.keys():
            properties["revenue"] = _round(sold_for - order.discount)
            properties["total"] = _round(sold_for - order.discount + order.shipping)
        properties["products"] = order.sold
        for name, value in self._shape.free(rows[0][1], "properties"):
            properties.setdefault(name, value)
        return _call("Order Completed", f"order-{order.key}", order.sold_at, who, properties)

    def _taken_back(
        self,
        order: _Order,
        who: dict[str, Any],
        shared: dict[str, Any],
        refunded: float | None,
        completed: bool,
    ) -> list[bytes]:
        events = []
        loose = order.given_back + (0 if order.sold else order.discount)
        if order.back_at is not None and (order.back or loose):
            value = sum(line["price"] * line["quantity"] for line in order.back) + loose
            properties = {**shared, "total": _round(value), "products": order.back}
            named = f"return-{order.key}-{message_id(order.back)[4:20]}"
            events.append(_call("Order Refunded", named, order.back_at, who, properties))
        if refunded and completed and order.sold_at is not None:
            properties = {**shared, "total": abs(refunded)}
            named = f"refunded-{order.key}"
            events.append(_call("Order Refunded", named, order.sold_at, who, properties))
        return events


def _call(
    event: str, named: str, at: str, who: dict[str, Any], properties: dict[str, Any]
) -> bytes:
    return _encode(
        {
            "type": "track",
            "event": event,
            "messageId": named if len(named) <= 255 else message_id(named),
            "timestamp": at,
            **who,
            "properties": properties,
        }
    )


def _round(amount: float) -> float | int:
    """Sums of prices without the noise of binary fractions."""
    rounded = round(amount, 4)
    return int(rounded) if rounded == int(rounded) else rounded
