"""What is kept about her, as a page she can read: all of it is shown, and nothing of it runs."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from patron.app.care.readable import SECTIONS, readable
from patron.shops.found import found_shop

NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
SHOP = found_shop(
    "Hollin <Farm>",
    currency="USD",
    time_zone="America/New_York",
    public_url="https://hollin.example",
    owner_email="owner@hollin.example",
    now=NOW,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


def test_she_reads_what_is_kept_in_the_shops_time() -> None:
    everything: dict[str, Any] = {
        "profile": {"id": "0189", "traits": {"first_name": "Ada", "vip": True}},
        "events": [
            {"name": "Order Completed", "ts": "2026-03-02T16:30:00Z", "properties": {"total": 40}},
            {"name": "Product Viewed", "ts": "2026-03-01T09:00:00Z", "properties": {}},
        ],
        "lists": [],
        "something_new": ["kept"],
    }
    page = readable(everything, SHOP, NOW)
    assert "Everything Hollin &lt;Farm&gt; keeps about you" in page
    assert "As of 2 Mar 2026, 12:00. Times are those of America/New_York." in page
    assert "<td>Order Completed</td><td>2 Mar 2026, 11:30</td>" in page
    assert "<th>First name</th><td>Ada</td>" in page and "<th>Vip</th><td>yes</td>" in page
    assert '<h2>Lists you are on</h2><p class="none">Nothing.</p>' in page
    assert "<h2>Something new</h2>" in page and "<li>kept</li>" in page
    titles = [SECTIONS["profile"], SECTIONS["lists"], SECTIONS["events"], "Something new"]
    assert sorted(titles, key=page.index) == titles


@given(st.dictionaries(st.sampled_from([*SECTIONS, "more", "<b>"]), json_values))
def test_nothing_of_hers_is_markup(everything: dict[str, Any]) -> None:
    page = readable(everything, SHOP, NOW)
    hostile = '<img src=x onerror="alert(1)">'
    marked = readable({**everything, "lists": [{hostile: hostile}, {"a": [hostile]}]}, SHOP, NOW)
    assert "<img" not in page and "<img" not in marked and "<script" not in marked
    assert marked.count("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;") == 3
    assert page.count("<table") == page.count("</table>")
