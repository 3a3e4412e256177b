"""Any process dies in mid-sync by kill -9: nothing is lost, nothing is doubled, and it says so to the cent."""

import pytest

from deploy.local import services
from tests.faults.check import wrong_with
from tests.faults.world import WORKERS, World

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


@pytest.mark.parametrize("name", [*WORKERS, "xero-simulator", "auth-link", "gateway"])
def test_a_process_killed_half_way_changes_nothing(world: World, name: str) -> None:
    run = world.imports().reaches(0.5)

    world.kill(name, run)

    assert wrong_with(run.ends()) == []


# The table of what may die when, at length.


@pytest.mark.soak
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", [name for name in services.NAMES if name != "lag-exporter"])
def test_a_process_killed_at_any_time_changes_nothing(world: World, name: str, share: float) -> None:
    run = world.imports().reaches(share)

    world.kill(name, run)

    assert wrong_with(run.ends()) == []
