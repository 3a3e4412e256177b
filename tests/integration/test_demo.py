"""``python -m deploy.local demo`` as one types it: up, the page, the refusal of a second one, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from deploy.local.process import marked
from deploy.local.state import StateFolder

COMMAND = (sys.executable, "-m", "deploy.local")
SMALL = {"SIMULATOR_CONTACTS": "60", "SIMULATOR_INVOICES": "300"}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, **SMALL, "STATE": str(tmp_path / "state")}


@pytest.fixture
def demo(env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = (*COMMAND, "demo")
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        yield running
        running.kill()


def page_of(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout
    said = []
    for line in demo.stdout:
        said.append(line)
        if line.startswith("Ready: "):
            return line.removeprefix("Ready: ").strip()
    pytest.fail("".join(said))


def test_the_demo_shows_its_page_and_stops_without_a_trace(demo: subprocess.Popen[str], env: dict[str, str]) -> None:
    folder = StateFolder(env["STATE"])

    page = requests.get(page_of(demo), timeout=10)

    assert "Accounting Link" in page.text
    assert {row["state"] for row in folder.read_status()["units"]} == {"ready"}
    second = subprocess.run((*COMMAND, "demo"), env=env, capture_output=True, text=True)
    assert second.returncode == 1
    assert "another run lives in" in second.stderr
    assert demo.poll() is None

    demo.send_signal(signal.SIGINT)

    assert demo.wait(30) == 0
    assert marked(folder.mark) == []


def test_ctrl_c_while_everything_starts_leaves_nothing(demo: subprocess.Popen[str], env: dict[str, str]) -> None:
    assert demo.stdout
    assert demo.stdout.readline().startswith("Starting ")

    demo.send_signal(signal.SIGINT)

    assert demo.wait(30) == 0
    assert marked(StateFolder(env["STATE"]).mark) == []


SLOW = {"page_cap": 20, "latency_ms": 500}  # so that a sync lasts long enough to be cut off


def slow_xero(folder: StateFolder) -> None:
    """As soon as there is one: whoever reads from it starts later, and takes longer to."""
    pause = threading.Event()
    for _ in range(600):
        rows = folder.read_status()["units"]
        [xero] = [row for row in rows if row["name"] == "xero-simulator" and row["state"] == "ready"] or [None]
        if xero:
            requests.post(f"http://{xero['address']}/simulator/settings", json=SLOW, timeout=10).raise_for_status()
            return
        pause.wait(0.1)
    pytest.fail("the simulator did not start")


def test_ctrl_c_in_mid_sync_and_a_second_demo_completes_that_sync_with_equal_numbers(
    demo: subprocess.Popen[str], env: dict[str, str]
) -> None:
    slow_xero(StateFolder(env["STATE"]))
    assert demo.stdout
    # A line a change: some of the contacts are written, and more is to come.
    said = next(line for line in demo.stdout if line.strip().startswith("running") and "contacts 0/" not in line)
    assert "invoices 300/300" not in said

    demo.send_signal(signal.SIGINT)
    assert demo.wait(30) == 0
    with subprocess.Popen(
        (*COMMAND, "demo"), env={**env, "ONCE": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as again:
        slow_xero(StateFolder(env["STATE"]))  # or it would be over before anybody looks
        told, _ = again.communicate(timeout=120)

    assert again.returncode == 0, told
    assert "The full sync of the run before goes on" in told
    assert "outcomes of sales" in told  # one a record, also of what was written before
    assert "All numbers agree." in told
