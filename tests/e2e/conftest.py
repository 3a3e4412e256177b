"""A world of two accounts, once a run: making it takes two syncs."""

import pytest
import requests

from deploy.local.run import Platform
from tests.e2e.people import World, an_account


@pytest.fixture(scope="session")
def world(platform: Platform) -> World:
    xero = f"http://{platform.address('xero-simulator')}/simulator"

    def organisation(name: str, seed: int) -> str:
        small = {"name": name, "seed": seed, "contacts": 60, "invoices": 90}
        return str(requests.post(f"{xero}/organisations", json=small, timeout=10).json()["tenant"])

    first, second = organisation("Rata Timber Ltd", 4), organisation("Rimu Timber Ltd", 5)
    world = World(platform, an_account(platform, "rata:admin", first), an_account(platform, "rimu:admin", second))
    world.ours.doomed = world.ours.crm.connect(second)
    return world
