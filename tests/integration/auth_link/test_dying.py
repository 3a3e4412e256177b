"""``kill -9`` at every step of a refresh and of a connect, in processes of their own: nothing is lost or half made."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounting_link.chassis.clock import SYSTEM_CLOCK
from tests.integration.auth_link.world import ADA, World, environment

pytestmark = pytest.mark.mongo
ROOT = Path(__file__).parents[3]
LEASE = timedelta(seconds=31)  # of a refresh, and of the storing of a consent
KILLED = -9


def dies(world: World, step: int, *told: str) -> int:
    """The exit of a replica that is to be killed before this step."""
    env = {**os.environ, **environment(world.xero_url, world.settings.mongo_uri), "DATABASE": world.db.name}
    env["VAULT_KEYS"] = ",".join(world.settings.vault_keys)
    command = [sys.executable, "-m", "tests.integration.auth_link.dies_anywhere", str(step), *told]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode in (0, KILLED), done.stderr.decode()
    return done.returncode


def works_at_xero(world: World, connection_id: str) -> bool:
    given = world.parts.tokens.give(connection_id)
    return bool(world.parts.tokens._identity.connected(given.access_token))


def steps(world: World, *told: str) -> Iterator[int]:
    """Each step at which one could be killed; ends with the one that lived."""
    for step in count(1):
        if dies(world, step, *told) != KILLED:
            return
        yield step


def test_killed_at_every_step_of_a_refresh_the_connection_works_for_the_next_who_asks(world: World) -> None:
    kiwi = world.connect(ADA, [world.kiwi])
    calls, died = [], 0

    def old() -> None:
        """By the clock of a real process, which the world's follows."""
        world.db.token_sets.update_one({}, {"$set": {"expires_at": SYSTEM_CLOCK.now()}})
        if world.clock.now() < SYSTEM_CLOCK.now():
            world.advance(SYSTEM_CLOCK.now() - world.clock.now())

    old()
    for step in steps(world, "refresh", kiwi):
        died = step
        calls.append(world.refreshes())
        world.advance(LEASE)
        assert works_at_xero(world, kiwi), f"killed before step {step}"
        assert world.db.connections.find_one({"_id": kiwi})["state"] == "connected"  # type: ignore[index]
        world.db.token_sets.update_one({}, {"$set": {"refreshing": None}})
        old()

    assert died >= 4
    assert len(set(calls)) > 1  # some were killed before Xero was asked, some after


@pytest.mark.timeout(900)
@pytest.mark.soak  # minutes; the step that matters most is in test_connecting.py and test_disconnecting.py
def test_killed_at_every_step_of_a_connect_it_is_connected_or_nothing_is_half_made(world: World) -> None:
    seen, died = set(), 0
    for step in count(1):
        somebody = replace(ADA, account_id=f"account-{step}")
        asked = urlsplit(world.consent(world.begin(somebody), [world.kiwi]))
        told: dict[str, Any] = {name: values[0] for name, values in parse_qs(asked.query).items()}
        if dies(world, step, "connect", somebody.account_id, told["code"], told["state"]) != KILLED:
            break
        died = step
        ours = {"account_id": somebody.account_id}
        made = [world.db[name].count_documents(ours) for name in ("connections", "token_sets")]
        seen.add(tuple(made))
        assert made in ([0, 0], [1, 1]), f"killed before step {step}"
        world.advance(LEASE)
        if made == [0, 0]:
            assert world.connect(somebody, [world.kiwi])
        found = world.db.connections.find_one(ours)
        assert found is not None
        assert works_at_xero(world, found["_id"])

    assert died >= 6
    assert seen == {(0, 0), (1, 1)}
