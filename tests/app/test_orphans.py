"""A process whose master is killed ends too, even when that happens before it looks for the first
time."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

MASTER = """
import multiprocessing, os, signal, sys, threading, time
from patron.app.occupancy import end_with_master

def worker(early: bool) -> None:
    print("the worker lives", flush=True)
    master = os.getppid()
    if early:
        end_with_master()
        os.kill(master, signal.SIGKILL)
    else:
        os.kill(master, signal.SIGKILL)
        while os.getppid() == master:
            time.sleep(0.01)
        end_with_master()
    threading.Event().wait()

if __name__ == "__main__":
    early = sys.argv[1] == "True"
    multiprocessing.get_context("fork").Process(target=worker, args=(early,)).start()
    threading.Event().wait()
"""


def orphaned(early: bool) -> str:
    """What a worker said until its end."""
    command = [sys.executable, "-c", MASTER, str(early)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as master:
        try:
            # The worker writes to the same pipe: it is read until both have ended.
            said, _ = master.communicate(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(master.pid, signal.SIGKILL)
    assert master.returncode == -signal.SIGKILL
    return said


def test_a_worker_ends_when_its_master_is_killed() -> None:
    assert orphaned(early=True) == "the worker lives\n"


def test_a_worker_whose_master_was_killed_before_it_looked_ends_too() -> None:
    assert orphaned(early=False) == "the worker lives\n"
