"""``python -m deploy.local demo`` as one types it: up, the page, the refusal of a second one, and Ctrl-C."""

import os
import signal
import subprocess
import sys
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
