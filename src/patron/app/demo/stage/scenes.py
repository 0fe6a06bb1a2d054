"""What the demo plays before your eyes: a shopper, a crash, and the number that matters."""

import os
import random
import re
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from patron.analytics.types import JourneyResult
from patron.app.demo.catalogue import Product
from patron.app.demo.people import HER_NAMES, Person, person
from patron.app.demo.stage.calls import PATIENCE, Api, StageError, follow, until
from patron.app.demo.stage.loading import MATURE, Data
from patron.app.demo.stage.mailbox import Mail, Mailbox
from patron.app.demo.stage.place import LEASE, Standing
from patron.app.demo.stage.shopper import Shopper
from patron.app.demo.stage.telling import Teller
from patron.app.demo.zone import ZONE
from patron.kit.signing import Signer
from patron.messages.links import CLICK, Ticket, read
from patron.recommend.shelf import Shelf
from patron.recommend.together.offer import MIN_LIFT, Together
from patron.recommend.types import Pick

JOURNEY = "abandoned_cart"
WAIT = 3
"""Seconds the live journey waits; an hour in the 90 days, and in a real shop."""
QUIET = 1.5
TOP = 20
ASKED = 12
PICKS = 4
SOLD = 200
STAPLES = 30
BEST = 8
HABIT = 90.0
"""Above this lift a pair is mostly one household's weekly list."""
_LINK = re.compile(r"/l/([\w.~-]+)")
_TYPED = "%Y-%m-%dT%H:%M:%S"


@dataclass
class Stage:
    """What a scene needs."""

    api: Api
    standing: Standing
    data: Data
    mailbox: Mailbox
    signer: Signer
    teller: Teller
    patron: Callable[[str], str]  # a `patron` command as it is typed
    keep: Callable[[Standing], None]  # for the next start

    @property
    def mailbox_url(self) -> str:
        return f"{self.standing.ports.shop_url}/mailbox"

    def next_person(self) -> Person:
        """Somebody who was not there before, and who ticks the box. Kept at once: who is cut off in
        the middle of her scene has her cart, and perhaps her mail, and must not come again."""
        self.standing.people += 1
        self.keep(self.standing)
        return person(
            f"live-{self.standing.people}", self.standing.seed, 1.0, first_names=HER_NAMES
        )

    def profile_curl(self, who: Person) -> str:
        url = f"{self.api.url}/api/profiles/user_id:{who.user_id}"
        return f"curl -H 'Authorization: Bearer {self.standing.server_key}' {url}"


@dataclass(frozen=True)
class Choice:
    """What she puts into her cart, and what goes with it."""

    cart: list[Product]
    picks: list[Pick]


def hurry(stage: Stage) -> None:
    """Let the journey wait seconds, and hold nobody out: this shopper shall be answered."""
    journey = stage.api.get(f"/api/journeys/{JOURNEY}")
    definition = journey["definition"]
    definition["steps"][0]["wait"] = {"seconds": WAIT}
    definition["holdout"] = 0
    definition["max_age_minutes"] = 60
    body = {"name": journey["name"], "definition": definition}
    stage.api.put(f"/api/journeys/{JOURNEY}", body)


def a_shopper(stage: Stage, shelf: Shelf) -> dict[str, Any]:
    """She looks, adds, leaves; the mail comes; she orders; no second mail, and why not."""
    teller, who = stage.teller, stage.next_person()
    model = shelf.together()
    if model is None:
        raise StageError("nothing was counted as bought together; see the demo's log")
    choice = choose(stage.data, model, stage.standing.people // 2)
    teller.title(f"{who.first_name} comes to the shop, through segment-analytics-python")
    shopper = Shopper(who, stage.standing, stage.api.url)
    try:
        told = _left(stage, shopper, choice)
        told |= _answered(stage, shopper, choice, model)
        told |= _ordered(stage, shopper, choice)
    finally:
        shopper.leaves()
    teller.look(stage.profile_curl(who), "her profile")
    teller.look(stage.patron(f"profile show user_id:{who.user_id}"), "its timeline")
    return told


def _left(stage: Stage, shopper: Shopper, choice: Choice) -> dict[str, Any]:
    for product in choice.cart:
        shopper.looks(product)
    shopper.signs_up()
    for product in choice.cart:
        shopper.adds(product)
    who = shopper.who
    stage.teller.done(
        f"{who.first_name} {who.last_name} looks, signs up, puts"
        f" {' and '.join(f'“{product.title}”' for product in choice.cart)} into her cart – and"
        " leaves"
    )
    return {"user_id": who.user_id, "email": who.email, "cart": _titles(choice.cart)}


def _answered(stage: Stage, shopper: Shopper, choice: Choice, model: Together) -> dict[str, Any]:
    teller, email = stage.teller, shopper.who.email
    with teller.timed("mail"):
        mail = until(lambda: stage.mailbox.to(email), f"a mail to {email}")[0]
    missing = [title for title in _titles(choice.cart) if title not in mail.text]
    if missing:
        raise StageError(f"the mail does not name {missing[0]!r}")
    seconds = teller.seconds["mail"]
    teller.done(f"{seconds:.0f} s later: “{mail.subject}” (the journey waits {WAIT} s here)")
    teller.look(f"{stage.mailbox_url}/{mail.number}", "the mail")
    tickets = _tickets(stage, mail)
    address, page = follow(f"{stage.api.url}/l/{tickets['cart'][0]}")
    if not address.startswith(f"{stage.standing.ports.shop_url}/cart") or missing:
        raise StageError(f"the link that restores the cart leads to {address}")
    for title in _titles(choice.cart):
        if title.partition(",")[0] not in page:
            raise StageError(f"the restored cart does not show {title!r}")
    teller.done("its link brings her cart back on the shop's own page, with all that was in it")
    picked = _picked(stage, tickets, model, choice)
    teller.done(
        "four products often bought together with it, by lift: "
        + " · ".join(f"{p['title']} ({p['lift']:.1f}×)" for p in picked)
    )
    return {"mail": mail.number, "seconds_to_mail": seconds, "restored": address, "picks": picked}


def _ordered(stage: Stage, shopper: Shopper, choice: Choice) -> dict[str, Any]:
    """She comes back, adds what was recommended – which starts the journey again – and orders."""
    teller, who, api = stage.teller, shopper.who, stage.api
    extra = stage.data.shown[choice.picks[0].product_id]
    profile = api.get(f"/api/profiles/user_id:{who.user_id}")["id"]

    def runs(state: str) -> list[Any]:
        found = api.get(f"/api/journeys/{JOURNEY}/runs", profile=profile, state=state)["items"]
        return list(found)

    before = {run["id"] for run in runs("done")}
    shopper.adds(extra)
    until(lambda: runs("waiting"), "a second run of the journey")
    shopper.orders([*choice.cart, extra])
    teller.done(f"she adds “{extra.title}” – so a second mail gets ready – and orders")
    ended = until(lambda: runs("exited"), "the end of the second run")[0]
    threading.Event().wait(WAIT + QUIET)
    mails = stage.mailbox.to(who.email)
    if len(mails) != 1:
        raise StageError(f"{who.email} has {len(mails)} mails, not one")
    story = api.get(f"/api/runs/{ended['id']}")
    teller.done(f"no second mail came. Why not? [bold]{story['answer']}[/bold]")
    for line in story["story"]:
        at = datetime.fromisoformat(line["at"]).astimezone(ZONE)
        teller.say(f"      [dim]{at:%H:%M:%S}[/dim] {line['words']}")
    return {
        "mails": len(mails),
        "why_not": story["answer"],
        "first_run": sorted(before)[0] if before else None,
        "exit_reason": ended["exit_reason"],
        "profile_id": profile,
    }


def a_crash(stage: Stage, worker_pid: Callable[[], int | None]) -> dict[str, Any]:
    """The worker dies while the mail server has the mail and has not said so."""
    teller, who = stage.teller, stage.next_person()
    teller.title("The worker is killed while a mail is under way")
    candidates = [p for p in stage.data.shown.values() if p.stock and p.sold > SOLD]
    product = random.Random(who.user_id).choice(candidates)  # noqa: S311 – a demo
    shopper = Shopper(who, stage.standing, stage.api.url)
    try:
        stage.mailbox.hold()
        shopper.looks(product)
        shopper.signs_up()
        shopper.adds(product)
        teller.done(f"{who.first_name} {who.last_name} leaves “{product.title}” in her cart")
        if not stage.mailbox.holding.wait(PATIENCE):
            raise StageError(f"no mail reached the mail server within {PATIENCE:.0f} seconds")
        pid = worker_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    finally:
        stage.mailbox.release()
        shopper.leaves()
    teller.done(f"the mail server has the mail but holds its answer back; kill -9 {pid}")
    again = until(lambda: (now := worker_pid()) != pid and now, "a new worker")
    teller.done(f"the house starts another worker ({again}); was the mail sent or not?")
    profile = stage.api.get(f"/api/profiles/user_id:{who.user_id}")["id"]

    def doubtful() -> list[Any]:
        found = stage.api.get("/api/messages", state="ambiguous", limit=200)["items"]
        return [message for message in found if message["profile_id"] == profile]

    rows = until(doubtful, "the message's state “ambiguous”", LEASE + PATIENCE)
    threading.Event().wait(QUIET)
    mails = stage.mailbox.to(who.email)
    if len(mails) != 1 or len(rows) != 1:
        raise StageError(f"{len(mails)} mails and {len(rows)} ambiguous rows, not one of each")
    teller.done(
        f"{LEASE:.0f} s later (minutes in a real shop): [bold]one mail[/bold] in the mailbox,"
        " [bold]one row marked ambiguous[/bold], nothing sent twice. A human decides"
    )
    message = rows[0]["id"]
    address, _ = follow(f"{stage.api.url}/l/{_tickets(stage, mails[0])['cart'][0]}")
    teller.look(address, "her cart")
    teller.look(f"{stage.mailbox_url}/{mails[0].number}", "the mail")
    teller.look(stage.patron(f"message why {message}"), "the row")
    teller.look(stage.patron(f"message resolve {message} sent"), "decide")
    return {
        "email": who.email,
        "mails": len(mails),
        "ambiguous": len(rows),
        "message_id": message,
        "killed": pid,
        "restarted": again,
        "words": rows[0]["words"],
    }


def the_number(stage: Stage) -> tuple[JourneyResult, dict[str, Any]]:
    """What the journey earned on the 90 days, and what was planted."""
    standing = stage.standing
    assert standing.since is not None and standing.until is not None
    found = stage.api.get(
        f"/api/journeys/{JOURNEY}/results",
        since=standing.since.isoformat(),
        until=(until := standing.until - MATURE).isoformat(),
    )
    result = msgspec.convert(found, JourneyResult)
    truth = standing.truth["planted"]
    extra = result.proof.extra
    if extra is None:
        raise StageError("the 90 days prove nothing: " + result.proof.words)
    return result, {
        "again": f"journey results {JOURNEY} --since {standing.since:{_TYPED}}"
        f" --until {until:{_TYPED}}",
        "currency": result.currency,
        "entered": result.entered,
        "sent": result.sent,
        "held_out": result.held_out,
        "clicked": result.clicked,
        "extra": extra.value,
        "low": extra.low,
        "high": extra.high,
        "planted": truth["expected_extra"],
        "inside": extra.low <= truth["expected_extra"] <= extra.high,
        "verdict": result.proof.verdict,
        "words": result.proof.words,
    }


def choose(data: Data, model: Together, turn: int) -> Choice:
    """Two things for her cart whose four companions make sense to a person who looks at them: often
    enough bought together, not one household's habit, of several kinds, no top seller. Every `turn`
    is another cart."""
    shown, chance = data.shown, random.Random(turn)  # noqa: S311 – a demo
    sold = sorted(data.sold, key=lambda p: -p.sold)
    top = {product.product_id for product in sold[:TOP]}
    staples = [p for p in sold[TOP : TOP + STAPLES] if p.product_id in shown and p.stock]
    found: list[tuple[int, str, Choice]] = []
    for product in shown.values():
        if not product.stock or product.sold < SOLD or product in staples:
            continue
        own = offered(shown, model, [product.product_id])
        if not _sensible(shown, own, top):
            continue
        for staple in chance.sample(staples, len(staples)):
            picks = offered(shown, model, [product.product_id, staple.product_id])
            # A staple that brought companions of its own would make an odd mail.
            if picks == own:
                support = min(pick.support for pick in picks)
                found.append((support, product.product_id, Choice([product, staple], picks)))
                break
    if not found:
        raise StageError("no product of the demo shop has four companions of its own")
    best = sorted(found, key=lambda one: (-one[0], one[1]))[:BEST]
    return best[turn % len(best)][2]


def _sensible(shown: dict[str, Product], picks: list[Pick], top: set[str]) -> bool:
    kinds = {shown[pick.product_id].noun for pick in picks}
    return (
        len(picks) == PICKS
        and len(kinds) >= PICKS - 1
        and max(pick.lift for pick in picks) <= HABIT
        and not top & {pick.product_id for pick in picks}
    )


def offered(shown: dict[str, Product], model: Together, cart: Sequence[str]) -> list[Pick]:
    """What a mail about this cart shows: products with a page, in stock."""
    picks = model.picks(list(cart), ASKED)
    return [p for p in picks if p.product_id in shown and shown[p.product_id].stock][:PICKS]


def _tickets(stage: Stage, mail: Mail) -> dict[str, tuple[str, Ticket]]:
    """The tracked links of a mail by their names, each with its token."""
    found: dict[str, tuple[str, Ticket]] = {}
    for token in _LINK.findall(mail.html):
        ticket = read(stage.signer, CLICK, token)
        if ticket.link is not None:
            found.setdefault(ticket.link, (token, ticket))
    if "cart" not in found:
        raise StageError("the mail has no link that restores the cart")
    return found


def _picked(
    stage: Stage, tickets: dict[str, tuple[str, Ticket]], model: Together, choice: Choice
) -> list[dict[str, Any]]:
    """The bought-together products of the mail; StageError when they are not what they must be."""
    lifts = {pick.product_id: pick for pick in choice.picks}
    picked = []
    for name, (_, ticket) in sorted(tickets.items()):
        if name.startswith("together-"):
            product = stage.data.shown[(ticket.url or "").rsplit("/", 1)[1]]
            pick = lifts.get(product.product_id)
            if pick is None or pick.lift < MIN_LIFT:
                raise StageError(f"“{product.title}” is in the mail and was not expected there")
            picked.append({"id": product.product_id, "title": product.title, "lift": pick.lift})
    if len(picked) != PICKS:
        raise StageError(f"the mail shows {len(picked)} products bought together, not {PICKS}")
    return picked


def _titles(products: Sequence[Product]) -> list[str]:
    return [product.title for product in products]
