"""The language once more, so plainly that it is seen to be right: loops over everything she did.

Nothing here knows the program's own reading, indexes or dates; what both must agree upon is the
documentation. A rule is asked as JSON.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from typing import Any

from known import NOW, Known
from plainly import compare, number_of, passes, plain, span, values
from plainly_known import affinity, experiment, held_out, location, predicted

FEWEST = 25
WINDOW = ("within", "since", "after", "before")


def holds(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    if "and" in rule:
        return False not in [holds(one, her, now) for one in rule["and"]]
    if "or" in rule:
        return True in [holds(one, her, now) for one in rule["or"]]
    if "not" in rule:
        return not holds(rule["not"], her, now)
    form = next(form for form in ASKED if form in rule)
    return bool(ASKED[form](rule, her, now))


def trait(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    return passes(rule, values(rule["trait"], her.traits), now, her.zone)


def event(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    found = deeds(rule, her, now)
    if rule.get("did") is False:
        return found == []
    if "count" in rule:
        return compare(len(found), rule["count"])
    for which, index in (("first", 0), ("last", -1)):
        if which in rule:
            if not found:
                return False
            ts, told = found[index]
            test = rule[which]
            looked = values(test["property"], told) if "property" in test else [ts]
            return passes(test, looked, now, her.zone)
    for measure in ("sum", "avg", "min", "max", "distinct"):
        if measure in rule:
            every = [
                value for _, told in found for value in values(rule[measure]["property"], told)
            ]
            number = measured(measure, every)
            return number is not None and compare(number, rule[measure])
    return found != []


def measured(measure: str, every: list[Any]) -> Any:
    if measure == "distinct":
        return len({kind(value) for value in every if not isinstance(value, dict | list)})
    numbers = [Decimal(str(n)) for value in every if (n := number_of(value)) is not None]
    if measure == "sum":
        return float(sum(numbers, Decimal()))
    if not numbers:
        return None
    if measure == "avg":
        return round(float(sum(numbers) / len(numbers)), 6)
    return float(min(numbers) if measure == "min" else max(numbers))


def kind(value: Any) -> tuple[str, Any]:
    if isinstance(value, bool):
        return "bool", value
    number = number_of(value)
    return ("text", plain(value)) if number is None else ("number", number)


def message(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    name = {"received": "Email Sent", "opened": "Email Opened", "clicked": "Email Link Clicked"}
    flag = {"opened": "machine_open", "clicked": "machine_click"}.get(rule["message"], "rehearsal")
    asked = {key: value for key, value in rule.items() if key not in ("message", "journey")}
    where = [{"property": key, "op": "not_equals", "value": True} for key in ("rehearsal", flag)]
    if "journey" in rule:
        where.append({"property": "journey", "op": "equals", "value": rule["journey"]})
    return event({**asked, "event": name[rule["message"]], "where": where}, her, now)


def sequence(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    steps = rule["sequence"]
    limits = {key: value for key, value in rule.items() if key in WINDOW}

    def times(step: dict[str, Any]) -> list[datetime]:
        return [ts for ts, _ in deeds({**limits, "event": step["event"],
                                       "where": step.get("where", [])}, her, now)]  # fmt: skip

    def goes_on(chain: list[datetime]) -> bool:
        """Try every way there is."""
        if len(chain) == len(steps):
            return "span" not in rule or chain[-1] - chain[0] <= span(rule["span"])
        step = steps[len(chain)]
        for ts in times(step):
            if chain:
                if ts <= chain[-1]:
                    continue
                if "within" in step and ts - chain[-1] > span(step["within"]):
                    continue
                if "without" in step and any(
                    chain[-1] < barred < ts for barred in times(step["without"])
                ):
                    continue
            if goes_on([*chain, ts]):
                return True
        return False

    return bool(goes_on([]) == rule.get("did", True))


def orders(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    found = [one for one in her.orders if in_window(rule, one.ts, her, now)]
    dollars = [Fraction(one.net, 100) for one in found if one.currency == her.currency]
    known = [one.reduced for one in found if one.reduced is not None]
    figures = {
        "number": len(found),
        "value": sum(dollars),
        "average": sum(dollars) / len(dollars) if dollars else None,
        "days_since_first": (now - found[0].ts).total_seconds() // 86400 if found else None,
        "days_since_last": (now - found[-1].ts).total_seconds() // 86400 if found else None,
        "reduced_percent": Fraction(100 * known.count(True), len(known)) if known else None,
    }
    figure = figures[rule["orders"]]
    exact = {**rule, "value": fraction(rule["value"])}
    return figure is not None and compare(Fraction(figure), exact)


def rfm(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    table = her.population
    if table is None or table.cuts["recency"].compared < FEWEST or her.orders == []:
        return False
    counted = [one for one in her.orders if one.ts >= table.since]
    if counted == []:
        return rule["rfm"] == "group" and "inactive" in rule["is"]
    mine = {
        "recency": round(max(one.ts for one in counted).timestamp() * 1_000_000),
        "frequency": len(counted),
        "money": sum(one.net for one in counted if one.currency == "USD"),
    }
    scores = {}
    for name, found in mine.items():
        quintiles = [table.cuts[name].points[percent - 1] for percent in (20, 40, 60, 80)]
        scores[name] = 1 + [found > cut for cut in quintiles].count(True)
    if rule["rfm"] != "group":
        return compare(scores[rule["rfm"]], rule)
    both = scores["frequency"] + scores["money"]
    rows = {
        (4, 5): ["recent", "loyal", "champions"],
        (3,): ["needs_attention", "loyal", "loyal"],
        (1, 2): ["inactive", "at_risk", "at_risk"],
    }
    row = next(row for recencies, row in rows.items() if scores["recency"] in recencies)
    group = row[0] if both < 6 else row[1] if both < 8 else row[2]
    return group == rule["is"] or (isinstance(rule["is"], list) and group in rule["is"])


def percentile(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    table, figure = her.population, rule["percentile"]
    own = [one.net for one in her.orders if one.currency == "USD"]
    if table is None or table.cuts[figure].compared < FEWEST:
        return False
    if not (her.orders if figure == "number" else own):
        return False
    mine = len(her.orders) if figure == "number" else Fraction(sum(own))
    if figure == "average":
        mine = Fraction(sum(own), len(own)).__floor__()
    return compare([mine > cut for cut in table.cuts[figure].points].count(True), rule)


def fraction(value: Any) -> Any:
    if isinstance(value, list):
        return [fraction(one) for one in value]
    return Fraction(Decimal(str(value)))


def consent(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    return her.reach(rule["consent"], rule.get("purpose", "marketing")).consent == str(rule["is"])


def reachable(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    purpose = rule.get("purpose", "marketing")
    reach = her.reach(rule["reachable"], purpose)
    may = reach.address is not None
    if purpose == "marketing":
        may = may and reach.consent == "granted" and reach.suppressed is None
    else:
        may = may and reach.suppressed in (None, "unsubscribe")
    return may is rule.get("is", True)


def suppressed(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    reason = her.reach(rule["suppressed"], "marketing").suppressed
    blocked = reason is not None if "reason" not in rule else reason == rule["reason"]
    return blocked is rule.get("is", True)


def touch(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    kind = "channel" if "channel" in rule else "device"
    wanted = [rule[kind]] if isinstance(rule[kind], str) else rule[kind]
    every = her.touches(kind)
    if rule["touch"] == "first" and every:
        first = min(one.first for one in every)
        return min(one.value for one in every if one.first == first) in wanted
    if rule["touch"] == "last" and every:
        last = max(one.last for one in every)
        return max(one.value for one in every if one.last == last) in wanted
    return any(one.value in wanted and in_window(rule, one.last, her, now) for one in every)


def computed(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    made = rule["as"]
    found = deeds(made, her, now)
    told = [v for _, one in found for v in values(made.get("property", ""), one)]
    some = [v for v in told if not isinstance(v, dict | list)]
    kinds = [kind(v) for v in some]
    value: Any = None
    if made["compute"] == "count":
        value = len(found)
    elif made["compute"] in ("sum", "avg", "min", "max"):
        value = measured(made["compute"], told)
    elif "property" not in made:
        ends = {"first": found[:1], "last": found[-1:]}[made["compute"]]
        value = ends[0][0].isoformat() if ends else None
    elif made["compute"] == "unique":
        value = [v for n, v in enumerate(some) if kinds[n] not in kinds[:n]]
    elif some:
        best = max(range(len(some)), key=lambda n: (kinds.count(kinds[n]), n))
        value = {"first": some[0], "last": some[-1], "most_frequent": some[best]}[made["compute"]]
    every = value if isinstance(value, list) else [] if value is None else [value]
    return passes(rule, every, now, her.zone)


def sample(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    seed = blake2b(b"sample:" + rule["key"].encode(), digest_size=32).digest()
    drawn = int.from_bytes(blake2b(her.person.bytes, digest_size=8, key=seed).digest(), "big")
    return Fraction(drawn, 2**64) * 100 < Fraction(rule["sample"])


def tagged(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    return (rule["tag"].lower() in {tag.lower() for tag in her.tags}) is rule.get("is", True)


def in_segment(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    return (rule["segment"] in her.segments) is rule.get("is", True)


def on_list(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    return (rule["list"] in her.lists) is rule.get("is", True)


def cart(rule: dict[str, Any], her: Known, now: datetime) -> bool:
    return her.cart_open(rule["cart"]) is (rule["is"] == "open")


ASKED = {
    "trait": trait, "event": event, "message": message, "sequence": sequence, "orders": orders,
    "consent": consent, "reachable": reachable, "suppressed": suppressed, "channel": touch,
    "device": touch, "list": on_list, "segment": in_segment, "tag": tagged, "rfm": rfm,
    "percentile": percentile, "sample": sample, "cart": cart, "location": location,
    "predicted": predicted, "computed": computed, "affinity": affinity,
    "experiment": experiment, "held_out": held_out,
}  # fmt: skip


def deeds(rule: dict[str, Any], her: Known, now: datetime) -> list[tuple[datetime, dict[str, Any]]]:
    names = [rule["event"]] if isinstance(rule["event"], str) else rule["event"]
    found = []
    for minutes, name, told in her.log:
        ts = NOW - timedelta(minutes=minutes)
        fits = name in names and in_window(rule, ts, her, now)
        if fits and all(
            passes(test, values(test["property"], told), now, her.zone)
            for test in rule.get("where", [])
        ):
            found.append((ts, told))
    return sorted(found, key=lambda one: one[0])


def in_window(rule: dict[str, Any], ts: datetime, her: Known, now: datetime) -> bool:
    def moment(text: str) -> datetime:
        return her.moments[text] if text in her.moments else datetime.fromisoformat(text)

    if "within" in rule and ts + span(rule["within"]) < now:
        return False
    if "since" in rule and ts < moment(rule["since"]):
        return False
    if "after" in rule and ts <= moment(rule["after"]):
        return False
    if isinstance(rule.get("before"), dict):
        return ts + span(rule["before"]) < now
    return "before" not in rule or ts < moment(rule["before"])
