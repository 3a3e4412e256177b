"""How long the runner waits before it starts a dead process again, and whose processes it may end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.process import MARK, BackOff, kill_marked, marked
from deploy.local.show import is_meant

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")


def test_each_death_in_a_row_doubles_the_wait_up_to_ten_seconds() -> None:
    back_off = BackOff()

    assert [back_off.after(ran=1) for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_a_process_that_was_well_for_a_while_is_started_again_at_once() -> None:
    back_off = BackOff()
    for _ in range(4):
        back_off.after(ran=1)

    assert back_off.after(ran=31) == 0.5
    assert back_off.after(ran=1) == 1


def test_only_processes_with_our_mark_are_ended(tmp_path: Path) -> None:
    mark = str(tmp_path)  # of this test alone, whatever else runs on this machine
    ours = subprocess.Popen(SLEEPER, env={**os.environ, MARK: mark})
    neighbour = subprocess.Popen(SLEEPER, env={**os.environ, MARK: f"{mark}/more"})

    assert marked(mark) == [ours.pid]
    assert kill_marked(mark) == 1

    assert ours.wait(60) == -9
    assert neighbour.poll() is None
    neighbour.kill()
    neighbour.wait(60)


@pytest.mark.parametrize("name", ["crm-writer", "crm-writer-bulk", "crm-writer-bulk#2"])
def test_a_services_name_means_all_its_processes(name: str) -> None:
    assert is_meant(name, "crm-writer")


@pytest.mark.parametrize("name", ["crm-frontend", "crm-writers", "my-crm-writer"])
def test_a_services_name_means_no_other_service(name: str) -> None:
    assert not is_meant(name, "crm-writer")
