"""A world of two accounts, once a run: making it takes two syncs."""

import pytest
import requests

from deploy.local.run import Platform
from tests.e2e.people import World, an_account


@pytest.fixture(scope="session")
def world(platform: Platform) -> World:
    xero = f"http://{platform.address('xero-simulator')}/simulator"
    first = requests.get(f"{xero}/organisations", timeout=10).json()["items"][0]["tenant"]
    small = {"name": "Kauri Timber Ltd", "seed": 5, "contacts": 30, "invoices": 40}
    second = requests.post(f"{xero}/organisations", json=small, timeout=10).json()["tenant"]
    tiny = {"name": "Rimu Toys Ltd", "seed": 6, "contacts": 5, "invoices": 5}
    third = requests.post(f"{xero}/organisations", json=tiny, timeout=10).json()["tenant"]
    ours = an_account(platform, "legrand:admin", first, third)
    world = World(platform, ours, an_account(platform, "kauri:admin", second, third))
    world.ours.doomed = world.ours.crm.connect(second)
    return world
