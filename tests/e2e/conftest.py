"""The whole product, and in it a world of two accounts: once, for as long as these tests run."""

from collections.abc import Iterator

import pytest
import requests

from deploy.local.run import Platform
from tests.conftest import BROKER
from tests.e2e.people import World, an_account
from tests.e2e.test_flow import until


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Everything: parts, services, simulator, gateway."""
    with Platform(tmp_path_factory.mktemp("platform"), BROKER) as made:
        yield made


@pytest.fixture(scope="package")
def world(platform: Platform) -> World:
    xero = f"http://{platform.address('xero-simulator')}/simulator"

    def organisation(name: str, seed: int, size: int) -> str:
        small = {"name": name, "seed": seed, "contacts": size, "invoices": size}
        return str(requests.post(f"{xero}/organisations", json=small, timeout=60).json()["tenant"])

    first, second, third = (
        organisation("Rata Timber Ltd", 4, 60),
        organisation("Rimu Timber Ltd", 5, 60),
        organisation("Rimu Toys Ltd", 6, 5),
    )
    ours = an_account(platform, "rata:admin", first, third)
    world = World(platform, ours, an_account(platform, "rimu:admin", second, third))
    world.ours.doomed = world.ours.crm.connect(second)
    until(lambda: world.ours.crm.knows(f"/settings/{world.ours.doomed}"))
    return world
