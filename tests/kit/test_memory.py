"""What is freed goes back to the system."""

import subprocess
import sys

import pytest

KEEPS = """
import sys
from patron.kit.memory import give_back_early
able = give_back_early() if sys.argv[1] == "early" else True
del bytearray(32_000_000)[:]  # a sign to glibc that such blocks are wanted again
blocks = [bytearray(b"x") * 8_000_000 for _ in range(30)]
last = blocks.pop()
blocks.clear()
with open("/proc/self/status") as file:
    kept = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
print(able, kept // 1024)
"""


def kept(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", KEEPS, how], capture_output=True, text=True, timeout=60, check=True
    )
    able, megabytes = done.stdout.split()
    if able != "True":
        pytest.skip("this C library has rules of its own")
    return int(megabytes)


def test_what_a_count_needed_for_a_moment_is_not_kept() -> None:
    early, otherwise = kept("early"), kept("otherwise")
    assert early < 80
    assert otherwise > early + 100
