"""A world for each test, on a database of its own."""

import os
from collections.abc import Iterator

import pytest

from tests.integration.auth_link.world import World, a_world


@pytest.fixture
def world(mongo_uri: str) -> Iterator[World]:
    with a_world(mongo_uri, os.environ) as made:
        yield made
