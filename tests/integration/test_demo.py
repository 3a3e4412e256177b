"""``python -m deploy.local demo`` as one types it: up, the page, the refusal of a second one, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
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


def test_the_demo_shows_its_page_brings_back_what_is_killed_and_stops_without_a_trace(
    demo: subprocess.Popen[str], env: dict[str, str]
) -> None:
    folder = StateFolder(env["STATE"])

    page = requests.get(page_of(demo), timeout=60)

    assert "Accounting Link" in page.text
    assert {row["state"] for row in folder.read_status()["units"]} == {"ready"}
    second = subprocess.run((*COMMAND, "demo"), env=env, capture_output=True, text=True)
    assert second.returncode == 1
    assert "another run lives in" in second.stderr
    assert demo.poll() is None
    killing_what_does_not_run_says_what_does(env)
    killing_a_service_ends_every_process_of_it_and_each_comes_back(env)

    demo.send_signal(signal.SIGINT)

    assert demo.wait(120) == 0
    assert marked(folder.mark) == []


def killing_a_service_ends_every_process_of_it_and_each_comes_back(env: dict[str, str]) -> None:
    before = processes(env)
    writers = {"crm-writer", "crm-writer-bulk", "crm-writer-interactive"}

    killed = subprocess.run((*COMMAND, "kill"), env={**env, "SERVICE": "crm-writer"}, capture_output=True, text=True)

    assert (killed.returncode, killed.stderr) == (0, "")
    said = {f"killed {name} (process {before[name]}); the runner starts it again" for name in writers}
    assert set(killed.stdout.splitlines()) == said
    until(lambda: all(processes(env).get(name) not in (None, before[name]) for name in writers))
    after = processes(env)
    assert {name for name in after if after[name] != before[name]} == writers  # the control: nobody else was touched


def killing_what_does_not_run_says_what_does(env: dict[str, str]) -> None:
    before = processes(env)

    nothing = subprocess.run((*COMMAND, "kill"), env={**env, "SERVICE": "reader"}, capture_output=True, text=True)

    assert nothing.returncode == 1
    assert "Nothing called reader runs" in nothing.stderr
    assert "crm-writer-bulk" in nothing.stderr
    assert processes(env) == before


def processes(env: dict[str, str]) -> dict[str, int | None]:
    """Of everything that is ready; of the topics, which were made once, there is none."""
    rows = StateFolder(env["STATE"]).read_status()["units"]
    return {row["name"]: row["pid"] for row in rows if row["state"] == "ready"}


def until(true: Callable[[], bool]) -> None:
    pause = threading.Event()
    assert any(true() or pause.wait(0.1) for _ in range(600)), "it did not come true in a minute"


def once(env: dict[str, str], **more: str) -> "subprocess.CompletedProcess[str]":
    told = {**env, "ONCE": "1", **more}
    return subprocess.run((*COMMAND, "demo"), env=told, capture_output=True, text=True, timeout=300)


@pytest.mark.soak
def test_fresh_starts_from_nothing(env: dict[str, str]) -> None:
    first, again, fresh = once(env), once(env), once(env, FRESH="1")

    for run in (first, fresh):
        assert run.returncode == 0, run.stdout + run.stderr
        assert "(OAuth, as" in run.stdout
        assert "Syncing everything" in run.stdout
    # The control: without it the second goes on from what the first has left.
    assert "already" in again.stdout, again.stdout + again.stderr
    assert "Syncing what has changed since" in again.stdout


def without_mongod(tmp_path: Path) -> dict[str, str]:
    """The wheel that brings it is shadowed by an empty one."""
    (tmp_path / "fiftyone").mkdir()
    (tmp_path / "fiftyone" / "__init__.py").touch()
    return {"PYTHONPATH": str(tmp_path), "PATH": ""}


def without_a_broker(tmp_path: Path) -> dict[str, str]:
    return {"BROKER": "embedded", "CALF_TANSU_BIN": str(tmp_path / "nowhere")}


def without_java(_: Path) -> dict[str, str]:
    return {"BROKER": "kafka", "PATH": ""}


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (without_mongod, "MongoDB: no wheel for this machine; install mongod (6 or newer) and put it on PATH"),
        (without_a_broker, "or use Apache Kafka: make demo BROKER=kafka"),
        (without_java, "Apache Kafka: needs Java 17 on PATH (Debian: apt-get install openjdk-17-jdk-headless)"),
    ],
)
def test_a_part_that_cannot_be_had_is_named_with_what_to_do_and_nothing_is_left_running(
    without: Callable[[Path], dict[str, str]], said: str, env: dict[str, str], tmp_path: Path
) -> None:
    """Its control is the demo that has all parts: it shows its page."""
    refused = once({**env, **without(tmp_path)})

    assert refused.returncode == 1
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert marked(StateFolder(env["STATE"]).mark) == []


def test_without_a_gateway_the_command_says_what_to_do(env: dict[str, str], tmp_path: Path) -> None:
    """Of an environment with all that this one has but the programs beside its Python."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "lib").symlink_to(Path(sys.prefix, "lib"))
    (tmp_path / "pyvenv.cfg").write_text(Path(sys.prefix, "pyvenv.cfg").read_text())
    command = (str(tmp_path / "bin" / "python"), "-m", "deploy.local", "demo")
    told = {**env, "BROKER": "embedded", "PATH": ""}
    refused = subprocess.run(command, env=told, capture_output=True, text=True, timeout=300)

    assert refused.returncode == 1
    assert "Caddy: no wheel for this machine; install caddy (2.11.7 or newer) and put it on PATH" in refused.stderr
    assert marked(StateFolder(env["STATE"]).mark) == []


def test_ctrl_c_while_everything_starts_leaves_nothing(demo: subprocess.Popen[str], env: dict[str, str]) -> None:
    assert demo.stdout
    assert demo.stdout.readline().startswith("Starting ")

    demo.send_signal(signal.SIGINT)

    assert demo.wait(120) == 0
    assert marked(StateFolder(env["STATE"]).mark) == []


# So slow that a sync outlasts any start of a demo, and quick again once it may end.
SLOW, QUICK = {"page_cap": 5, "latency_ms": 2000}, {"page_cap": 1000, "latency_ms": 0}


def xero_is(folder: StateFolder, settings: dict[str, int]) -> None:
    """As soon as there is one: whoever reads from it starts later, and takes longer to."""
    pause = threading.Event()
    for _ in range(600):
        rows = folder.read_status()["units"]
        [xero] = [row for row in rows if row["name"] == "xero-simulator" and row["state"] == "ready"] or [None]
        if xero:
            url = f"http://{xero['address']}/simulator/settings"
            requests.post(url, json=settings, timeout=60).raise_for_status()
            return
        pause.wait(0.1)
    pytest.fail("the simulator did not start")


def test_ctrl_c_in_mid_sync_and_a_second_demo_completes_that_sync_with_equal_numbers(
    demo: subprocess.Popen[str], env: dict[str, str]
) -> None:
    folder = StateFolder(env["STATE"])
    xero_is(folder, SLOW)
    assert demo.stdout
    # A line a change: some of the contacts are written, and more is to come.
    said = next(line for line in demo.stdout if line.strip().startswith("running") and "contacts 0/" not in line)
    assert "invoices 300/300" not in said

    demo.send_signal(signal.SIGINT)
    assert demo.wait(120) == 0
    with subprocess.Popen(
        (*COMMAND, "demo"), env={**env, "ONCE": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as again:
        xero_is(folder, SLOW)
        assert again.stdout
        told = ""
        for line in again.stdout:
            told += line
            if "The full sync of the run before goes on" in line:
                xero_is(folder, QUICK)

    assert again.returncode == 0, told
    assert "The full sync of the run before goes on" in told
    assert "outcomes of sales" in told  # one a record, also of what was written before
    assert "All numbers agree." in told
