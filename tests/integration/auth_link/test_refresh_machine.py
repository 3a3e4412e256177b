"""Refreshing under every order of asking, dying, freezing and lost answers that Hypothesis thinks of."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_link.tokens import LEASE, NoTokenYetError
from auth_link.xero import Grant, XeroIdentity
from tests.integration.auth_link.world import ADA, World

pytestmark = pytest.mark.mongo

_OUR_WATCH = timedelta(minutes=10)  # the worker looks at least this often: it was down in between


class Dead(BaseException):
    """The process is gone: nothing after this line of it runs."""


class Mortal(XeroIdentity):
    """Something happens to its process around Xero's answer."""

    def __init__(self, world: World, before: Callable[[], object], after: Callable[[], object]) -> None:
        super().__init__(world.settings.xero)
        self._before, self._after = before, after

    def refresh(self, refresh_token: str) -> Grant:
        self._before()
        grant = super().refresh(refresh_token)
        self._after()
        return grant


def nothing() -> None:
    pass


def die() -> None:
    raise Dead


def ask(world: World, connection: str, before: Callable[[], object], after: Callable[[], object]) -> None:
    try:
        tokens = world.tokens(Mortal(world, before, after))
        tokens.give(connection, refused=world.db.token_sets.find_one({})["fingerprint"])  # type: ignore[index]
    except (Dead, NoTokenYetError):
        pass


def frozen(world: World, connection: str) -> None:
    """For longer than its lease, in which another does the same work."""
    world.advance(LEASE)
    ask(world, connection, nothing, nothing)


def take(world: World, connection: str, step: str) -> None:
    if step == "asks":
        ask(world, connection, nothing, nothing)
    elif step == "dies before":
        ask(world, connection, die, nothing)
    elif step == "dies after":
        ask(world, connection, nothing, die)
    elif step == "freezes before":
        ask(world, connection, lambda: frozen(world, connection), nothing)
    elif step == "freezes after":
        ask(world, connection, nothing, lambda: frozen(world, connection))
    elif step == "answer lost":
        world.fault("reset", count=1)
        ask(world, connection, nothing, nothing)
    else:
        for _ in range(4):
            world.advance(_OUR_WATCH)
            world.parts.tokens.attend(lambda: True)


STEPS = ("asks", "dies before", "dies after", "freezes before", "freezes after", "answer lost", "time passes")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=8))
def test_no_order_of_deaths_freezes_and_lost_answers_loses_a_connection(world: World, steps: list[str]) -> None:
    connection = world.connect(ADA, [world.kiwi])
    for step in steps:
        take(world, connection, step)
    world.simulator.faults.remove(None)
    world.advance(LEASE)

    given = world.parts.tokens.give(connection)

    headers = {"Authorization": f"Bearer {given.access_token}"}
    assert world.simulator.call(given.tenant_id, "/Organisation", headers=headers).status == 200


def test_with_nobody_watching_for_longer_than_xeros_grace_the_same_death_loses_it(world: World) -> None:
    """Control of the test above."""
    connection = world.connect(ADA, [world.kiwi])
    take(world, connection, "dies after")
    world.advance(timedelta(minutes=30))

    assert world.token(connection, (world.db.token_sets.find_one() or {})["fingerprint"]).status_code == 409
