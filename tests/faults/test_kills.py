"""Any process dies in mid-sync by kill -9: nothing is lost, nothing is doubled, and it says so to the cent."""

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local import services
from tests.faults.check import wrong_with
from tests.faults.world import WORKERS, World

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]

# Half way, in every run of the tests; all else in `make soak`.
ALWAYS = {*WORKERS, "xero-simulator", "auth-link", "gateway"}


def every_process_at_any_time() -> Iterator[Any]:
    for name in services.NAMES:
        for share in (0.1, 0.5, 0.9):
            always = share == 0.5 and name in ALWAYS
            if name != "lag-exporter":  # it only looks on, and does not run here
                yield pytest.param(name, share, id=f"{name}-{share:.0%}", marks=() if always else pytest.mark.soak)


@pytest.mark.parametrize(("name", "share"), list(every_process_at_any_time()))
def test_a_process_killed_in_mid_sync_changes_nothing(world: World, name: str, share: float) -> None:
    run = world.imports().reaches(share)

    world.kill(name, run)

    assert wrong_with(run.ends()) == []
