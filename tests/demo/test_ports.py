"""The demo's ports, while it loads: minutes in which others may come."""

import socket
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from patron.app.demo.runner import Demo
from patron.app.demo.stage.place import HOST, Standing
from patron.app.demo.stage.telling import Teller
from patron.kit.problems import Problem


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
