"""What comes between while the demo loads: others who take its ports, a word that ends it."""

import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from patron.app.demo.runner import Demo, run
from patron.app.demo.stage.place import HOST, Standing
from patron.app.demo.stage.telling import Teller
from patron.kit.problems import Problem
from patron.kit.stopping import endings


def test_a_port_that_is_taken_while_it_loads_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATRON_DATA_DIR", str(tmp_path / "demo"))
    monkeypatch.setenv("PATRON_CONFIG", "")  # the demo sets it
    demo = Demo(Teller(Console(quiet=True)))
    with socket.socket() as other:

        def load(_: Demo, __: Any, standing: Standing) -> None:
            other.bind((HOST, standing.ports.mail))
            other.listen()

        monkeypatch.setattr(Demo, "_fill", load)
        with pytest.raises(Problem) as told:
            demo.play(reset=False)
        taken = other.getsockname()[1]
    demo.close()
    assert told.value.document.status == 409
    assert f"port {taken} of {HOST}" in told.value.document.detail
    assert "patron demo --reset" in str(told.value.document.remedy)


@pytest.mark.parametrize("word", endings())
def test_ctrl_c_and_a_closed_terminal_stop_everything(
    word: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = []

    def play(_: Demo, **__: Any) -> dict[str, Any]:
        os.kill(os.getpid(), word)
        threading.Event().wait(60)
        return {}

    monkeypatch.setenv("PATRON_DATA_DIR", str(tmp_path / "demo"))
    monkeypatch.setattr(Demo, "play", play)
    monkeypatch.setattr(Demo, "close", lambda _: stopped.append(word))
    with pytest.raises(KeyboardInterrupt):
        run(Teller(Console(quiet=True)), reset=False, until_done=True)
    assert stopped == [word]
