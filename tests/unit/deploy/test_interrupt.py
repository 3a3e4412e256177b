"""Ctrl-C at any moment, also while a line is being written."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
# A line longer than any pipe: whoever has read its beginning knows that it is still being written.
WRITES = """
import signal, sys
from deploy.local import __main__ as runner

def by_print(*_):
    print("Stopping everything", flush=True)
    raise KeyboardInterrupt

signal.signal(signal.SIGINT, runner._interrupt if sys.argv[1] == "ours" else by_print)
try:
    print("x" * 10_000_000, flush=True)
except KeyboardInterrupt:
    sys.exit(0)
"""


def interrupted(how: str) -> tuple[int, str]:
    """The exit code of a process that is interrupted while it writes, and all that it said."""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = (sys.executable, "-c", WRITES, how)
    with subprocess.Popen(
        command, cwd=ROOT, env=buffered, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.read(1) == b"x"
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    return process.returncode, (said + errors).decode()


def test_it_says_so_and_ends_well() -> None:
    code, said = interrupted("ours")

    assert code == 0
    assert "Stopping everything" in said


def test_control_print_in_its_place_ends_with_an_error() -> None:
    code, said = interrupted("print")

    assert code == 1
    assert "reentrant call" in said
