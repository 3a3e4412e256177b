"""One Platform for all of these tests: starting it takes longer than most of them."""

from collections.abc import Iterator

import pytest

from tests.conftest import BROKER
from tests.faults.world import World


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("faults"), BROKER)
    yield made
    made.stop()
