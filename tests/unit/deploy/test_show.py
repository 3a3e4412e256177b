"""``make logs`` and ``make status``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import show
from deploy.local.state import StateFolder


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path)
    units = []
    for name, kind in (("crm-writer", "web"), ("gateway", "gateway"), ("mongod", "mongodb")):
        unit = {"name": name, "kind": kind, "state": "ready", "address": "127.0.0.1:1", "pid": 7, "restarts": 0}
        units.append({**unit, "log": str(folder.log(name))})
    folder.write_status({"runner": 1, "units": units})
    folder.folder("logs")
    folder.log("crm-writer").write_text(
        '{"event": "second", "level": "info", "time": "2026-01-01T00:00:02Z", "reference": "r-1"}\n'
        "Traceback: z\n  a line of it\n"
        '{"event": "fourth", "level": "info", "time": "2026-01-01T00:00:04Z", "reference": "r-2"}\n'
    )
    folder.log("gateway").write_text('{"level": "info", "ts": 1767225603.5, "msg": "third", "reference": "r-1"}\n')
    folder.log("mongod").write_text('{"t": "r-1"}\n')
    return folder


def test_logs_of_all_services_are_one_stream_by_time(folder: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    show.logs(folder, "")

    said = capsys.readouterr().out.splitlines()
    assert [line.split()[3] if "info" in line else line.split(maxsplit=2)[2] for line in said] == [
        "second",
        "Traceback: z",
        "a line of it",
        "third",
        "fourth",
    ]


def test_a_reference_finds_its_lines_in_every_service(folder: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    show.logs(folder, "r-1")

    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in said] == ["crm-writer", "gateway"]


def test_a_reference_that_no_log_names_is_said_to_be_unknown(folder: StateFolder) -> None:
    with pytest.raises(SystemExit, match="No line of any log names r-9"):
        show.logs(folder, "r-9")


@pytest.mark.parametrize("action", ["status", "logs"])
def test_a_reader_that_has_seen_enough_ends_it_without_a_word(folder: StateFolder, action: str) -> None:
    """As `make status | head -1` does, and sooner: the reader is gone before the first line."""
    units = folder.read_status()["units"]
    folder.write_status({"runner": 1, "units": units * 2000})  # more than a pipe holds
    command = [sys.executable, "-m", "deploy.local", action]
    with subprocess.Popen(
        command, env={**os.environ, "STATE": str(folder.path)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


def test_status_is_readable_for_programs(folder: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.hold()

    show.status(folder, as_json=True)

    told = json.loads(capsys.readouterr().out)["units"][0]
    assert (told["name"], told["state"], told["pid"]) == ("crm-writer", "ready", 7)


def test_status_says_when_nothing_runs(folder: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    show.status(folder, as_json=False)

    said = capsys.readouterr().out
    assert "Nothing runs" in said
    assert "ready" not in said


def test_no_process_without_our_mark_is_killed(folder: StateFolder) -> None:
    """Process 7 of the state file is somebody else's by now."""
    with pytest.raises(SystemExit, match="Nothing called crm-writer runs"):
        show.kill(folder, "crm-writer")
