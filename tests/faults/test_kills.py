"""Any process dies in mid-sync by kill -9: nothing is lost, nothing is doubled, and it says so to the cent."""

import pytest

from tests.faults.check import wrong_with
from tests.faults.world import WORKERS, World

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


@pytest.mark.parametrize("name", [*WORKERS, "xero-simulator", "auth-link", "gateway"])
def test_a_process_killed_half_way_changes_nothing(world: World, name: str) -> None:
    run = world.imports().reaches(0.5)

    world.kill(name, run)

    assert wrong_with(run.ends()) == []
