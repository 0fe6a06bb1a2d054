"""Random people for rules to be asked about."""

from datetime import timedelta

from hypothesis import strategies as st

from known import NOW, Known
from patron.profiles.types import Reach
from patron.segments.forms.event import MESSAGES
from patron.segments.forms.reach import CHANNELS, CONSENTS, REASONS
from patron.segments.forms.touch import VALUES as TOUCHES
from patron.segments.last.types import LastShown, Place, Shown
from patron.segments.population.types import RANKED, SCORES, Cuts, Population
from patron.segments.predictions.types import Foretold, Kind
from patron.segments.rules.dates import micros
from patron.segments.types import Order, Touch
from rules import (
    Draw,
    countries,
    event_names,
    hours,
    json_values,
    moments,
    past,
    points,
    small,
    texts,
    told,
)

ago = hours.map(lambda hour: hour * 60.0)
acts = st.tuples(ago, event_names, told)
reports = st.tuples(ago, st.sampled_from([name for name, _ in MESSAGES.values()]), told)
logs = st.lists(acts, max_size=6) | st.lists(acts, min_size=4, max_size=9)
_orders = st.builds(
    Order,
    ts=ago.map(lambda minutes: NOW - timedelta(minutes=minutes)),
    net=st.sampled_from([0, 50, 100, 250, 600]),
    currency=st.sampled_from(["USD", "USD", "EUR"]),
    reduced=st.sampled_from([None, True, False]),
)
_reaches = st.builds(
    Reach,
    address=st.sampled_from([None, "a@x.example"]),
    address_key=st.none(),
    verified=st.booleans(),
    consent=st.sampled_from(CONSENTS),
    suppressed=st.none() | st.sampled_from(REASONS),
)


@st.composite
def touches(draw: Draw) -> dict[str, list[Touch]]:
    found: dict[str, list[Touch]] = {}
    for kind, values in TOUCHES.items():
        for value in sorted(draw(st.sets(st.sampled_from(values[:3]), max_size=3))):
            first, last = sorted([draw(moments), draw(moments)])
            found.setdefault(kind, []).append(Touch(value, first, last))
    return found


@st.composite
def populations(draw: Draw) -> Population | None:
    """Tables whose cut points lie where the few orders there are do, some of too few people."""
    if draw(st.integers(0, 5)) == 0:
        return None
    cuts = {}
    for measure in (*SCORES, *RANKED):
        near = {
            "recency": past.map(lambda at: int(at.timestamp()) * 1_000_000),
            "frequency": st.integers(0, 4),
            "number": st.integers(0, 4),
        }.get(measure, st.sampled_from([0, 50, 100, 150, 250, 300, 600, 900]))
        few = sorted(draw(st.lists(near, min_size=4, max_size=4)))
        points = [few[min(k // 20, 3)] for k in range(99)]
        cuts[measure] = Cuts(draw(st.sampled_from([24, 25, 90])), tuple(points))
    since = NOW - timedelta(hours=draw(st.sampled_from([48, 720])))
    return Population(1, NOW, since, "USD", cuts)


places = st.builds(
    Place,
    country=st.none() | st.sampled_from(["DE", "FR", "GB", "RE"]),
    region=st.none() | texts.map(str.strip),
    city=st.none() | texts.map(str.strip),
    postal_code=st.none() | texts.map(str.strip),
).flatmap(
    lambda place: (
        st.just(place)
        | points.map(
            lambda at: Place(
                place.country,
                place.region,
                place.city,
                place.postal_code,
                at["latitude"],
                at["longitude"],
            )
        )
    )
)
addresses = st.dictionaries(
    st.sampled_from(["country", "region", "city", "postal_code"]), countries | texts, max_size=3
) | st.builds(lambda one, at: {**one, **at}, st.fixed_dictionaries({"city": texts}), points)
places_among = st.sampled_from([None, 0, 20, 99])
seen = st.builds(
    lambda hour, what: LastShown(NOW - timedelta(hours=hour), what),
    hours,
    st.sampled_from(
        [
            Shown("e1", "a", "Banner", "Blue"),
            Shown("e1", "b", "Banner", "Red"),
            Shown("Banner", "b"),
            Shown("journey:cart", "holdout"),
            Shown("journey:cart", "treatment"),
        ]
    ),
)
placed = (st.lists(_orders, max_size=2) | st.lists(_orders, min_size=2, max_size=5)).map(
    lambda some: sorted(some, key=lambda one: one.ts)
)
people = st.builds(
    Known,
    traits=st.dictionaries(
        st.sampled_from(["revenue", "products", "born", "products.sku"]), json_values, max_size=3
    ).flatmap(
        lambda some: (
            st.just(some)
            | addresses.map(lambda address: {**some, "address": address})
            | addresses.map(lambda address: {**address, **some})
        )
    ),
    log=st.builds(list.__add__, logs, st.lists(reports, max_size=4)),
    open_carts=st.sets(st.sampled_from(["this", "c1"])).map(frozenset),
    orders=placed,
    ways=st.fixed_dictionaries(
        {(way, purpose): _reaches for way in CHANNELS[:2] for purpose in ("marketing", "orders")}
    ),
    touched=touches(),
    person=st.uuids(),
    lists=st.frozensets(st.sampled_from(["fair", "vip"])),
    tags=st.frozensets(st.sampled_from(["vip", "Press", "wholesale"])),
    population=populations(),
    placed=st.lists(places, max_size=2),
    goods=st.lists(
        st.tuples(
            ago,
            st.sampled_from(["Product Viewed", "Product Added", "Order Completed"]),
            st.fixed_dictionaries(
                {},
                optional={
                    "category": st.sampled_from(["Shoes", "Shoes > Boots", "Tea"]),
                    "brand": st.sampled_from(["Acme", "Bolt"]),
                    "price": st.sampled_from([15, 30]),
                },
            ).map(lambda told: {"product_id": "p", **told}),
        ),
        max_size=4,
    ),
    predicted=st.dictionaries(
        st.sampled_from(["p", "q", "alive"]),
        st.builds(Foretold, st.just(Kind.NUMBER), small.map(float), places_among),
        max_size=2,
    ).flatmap(
        lambda some: (
            st.just(some)
            | moments.map(lambda at: {**some, "d": Foretold(Kind.DATE, float(micros(at)), 50)})
        )
    ),
    shown=st.lists(st.lists(seen, max_size=2, unique_by=lambda one: one.at), max_size=2),
)
