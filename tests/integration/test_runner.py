"""The supervisor with real processes: small stand-ins that can be killed, frozen and broken."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.process import Unit, marked
from deploy.local.run import StartFailedError, Supervisor
from deploy.local.state import AlreadyRunningError, StateFolder

# Forks a child, notes both in a file, and waits. Told to, it ignores SIGTERM.
STAND_IN = """
import os, signal, sys, time
if "STUBBORN" in os.environ:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    time.sleep(300)
with open(sys.argv[1], "a") as starts:
    starts.write(f"{os.getpid()} {os.environ.get('FAULT', '')}\\n")
time.sleep(300)
"""


def stand_in(folder: Path, name: str, **more: object) -> Unit:
    starts = folder / f"{name}.starts"
    command = (sys.executable, "-c", STAND_IN, str(starts))
    ready = lambda: starts.exists() and starts.stat().st_size > 0  # noqa: E731
    return Unit(**{"name": name, "kind": "worker", "command": command, "ready": ready, **more})  # type: ignore[arg-type]


def starts(folder: Path, name: str) -> list[str]:
    return (folder / f"{name}.starts").read_text().splitlines()


def eventually(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")


@pytest.fixture
def runner(folder: StateFolder, tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(folder, lambda: [stand_in(tmp_path, "one"), stand_in(tmp_path, "two")]) as runner:
        yield runner


def row(runner: Supervisor, name: str) -> dict[str, object]:
    return next(row for row in runner.rows() if row["name"] == name)


def test_a_killed_service_comes_back_and_the_others_stay(runner: Supervisor, tmp_path: Path) -> None:
    other = row(runner, "two")["pid"]

    runner.kill("one")
    runner.wait_restarted("one")

    eventually(lambda: len(starts(tmp_path, "one")) == 2)
    assert row(runner, "one")["restarts"] == 1
    assert row(runner, "two")["pid"] == other


def test_a_kill_takes_what_the_process_forked_too(runner: Supervisor, folder: StateFolder) -> None:
    before = set(marked(folder.mark))
    assert len(before) == 4

    runner.kill("one")
    runner.wait_restarted("one")
    runner.kill("two")
    runner.wait_restarted("two")

    eventually(lambda: not before & set(marked(folder.mark)))


def test_stopping_leaves_nothing_running_not_even_what_ignores_the_asking(folder: StateFolder, tmp_path: Path) -> None:
    stubborn = stand_in(tmp_path, "stubborn", environment={"STUBBORN": "1"}, grace=0.3)

    with Supervisor(folder, lambda: [stubborn, stand_in(tmp_path, "polite", grace=0.3)]):
        assert len(marked(folder.mark)) == 4

    assert marked(folder.mark) == []
    assert [row["state"] for row in folder.read_status()["units"]] == ["stopped", "stopped"]


def test_an_override_is_told_at_the_next_start(runner: Supervisor, tmp_path: Path) -> None:
    runner.override("one", FAULT="before-commit")
    runner.kill("one")
    runner.wait_restarted("one")

    eventually(lambda: starts(tmp_path, "one")[-1].endswith(" before-commit"))


def test_the_state_file_follows_a_death_and_a_return(runner: Supervisor, folder: StateFolder) -> None:
    runner.kill("one")
    runner.wait_restarted("one")

    def told() -> dict[str, object]:
        return dict(json.loads((folder.path / "state.json").read_text())["units"][0])

    eventually(lambda: told()["state"] == "ready" and told()["restarts"] == 1)
    assert told()["pid"] == row(runner, "one")["pid"]


def test_what_cannot_start_is_named_with_the_end_of_its_log(folder: StateFolder, tmp_path: Path) -> None:
    broken = stand_in(tmp_path, "broken", command=(sys.executable, "-c", "raise SystemExit('MONGO_URI is missing')"))

    with pytest.raises(StartFailedError, match=r"broken is failed(.|\n)*MONGO_URI is missing"):
        Supervisor(folder, lambda: [stand_in(tmp_path, "one"), broken]).start()

    assert marked(folder.mark) == []
    assert not folder.is_held()


def test_a_unit_waits_for_those_it_needs(folder: StateFolder, tmp_path: Path) -> None:
    topics = tmp_path / "topics"
    prepare = Unit(
        name="topics",
        kind="once",
        command=(sys.executable, "-c", f"import time; time.sleep(0.5); open({str(topics)!r}, 'w')"),
        ready=lambda: True,
    )
    program = f"open({str(topics)!r}).close(); {STAND_IN}"  # fails when it comes too early
    command = (sys.executable, "-c", program, str(tmp_path / "needy.starts"))
    needy = stand_in(tmp_path, "needy", needs=("topics",), command=command)

    with Supervisor(folder, lambda: [needy, prepare]) as runner:
        assert row(runner, "needy")["restarts"] == 0


def test_when_a_forgetful_broker_dies_whoever_needs_it_starts_over(folder: StateFolder, tmp_path: Path) -> None:
    units = [
        stand_in(tmp_path, "broker", forgets=True, kind="broker"),
        Unit(name="topics", kind="once", ready=lambda: True, needs=("broker",),
             command=(sys.executable, "-c", f"open({str(tmp_path / 'topics.starts')!r}, 'a').write('again\\n')")),
        stand_in(tmp_path, "service", needs=("broker", "topics")),
        stand_in(tmp_path, "page"),
    ]  # fmt: skip
    with Supervisor(folder, lambda: units) as runner:
        service, page = row(runner, "service")["pid"], row(runner, "page")["pid"]

        runner.kill("broker")
        runner.wait_restarted("broker")
        runner.wait_ready()

        assert len(starts(tmp_path, "topics")) == 2
        assert row(runner, "service")["pid"] != service
        assert row(runner, "page")["pid"] == page


def test_a_second_runner_in_the_same_folder_is_refused_and_the_first_lives_on(
    runner: Supervisor, folder: StateFolder, tmp_path: Path
) -> None:
    with pytest.raises(AlreadyRunningError):
        Supervisor(StateFolder(folder.path), lambda: [stand_in(tmp_path, "one")]).start()

    assert len(starts(tmp_path, "one")) == 1
    assert row(runner, "one")["state"] == "ready"


RUNNER = """
import sys, threading
from pathlib import Path
from deploy.local.run import Supervisor
from deploy.local.state import StateFolder
from tests.integration.test_runner import stand_in
folder = Path(sys.argv[1])
with Supervisor(StateFolder(folder / "state"), lambda: [stand_in(folder, "one"), stand_in(folder, "two")]):
    print("up", flush=True)
    threading.Event().wait()
"""


def test_a_runner_killed_with_9_leaves_nothing_that_breaks_the_next(folder: StateFolder, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path)], stdout=subprocess.PIPE) as first:
        assert first.stdout
        assert first.stdout.readline() == b"up\n"
        left = set(marked(folder.mark))
        assert len(left) == 4
        first.send_signal(signal.SIGKILL)

    if sys.platform == "linux":  # the kernel ends the group's leaders; what they forked is the next run's to end
        eventually(lambda: len(set(marked(folder.mark)) & left) <= 2)
    with Supervisor(folder, lambda: [stand_in(tmp_path, "one")]):
        assert not left & set(marked(folder.mark))
