"""A connection that is made again, by another login or after it had ended: Xero refuses (403) what the consent before
allowed, and nobody may take that for the connection's end."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from accounting_link.chassis.messages import Outgoing
from accounting_link.contracts.exports import ContactExported
from accounting_link.contracts.organisations import OrganisationRead
from accounting_link.contracts.requests import OrganisationRequested
from accounting_link.contracts.sync_life import SyncParked
from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import ParkReason
from accounting_link.testing.builders import SCOPE
from tests.unit.xero_adapter.world import EXPORT, TwinXero, World
from xero_adapter.xero.client import Answer
from xero_adapter.xero.tokens import Token, Tokens


class OneConsentXero(TwinXero):
    """Accepts the tokens of one authorisation only."""

    accepts = 1
    refused = 0
    turns_at = 0  # after so many calls the connection is made again

    def _called(self, token: Token, *args: Any, **kwargs: Any) -> Answer:
        self.turns_at -= 1
        if self.turns_at == 0:
            self.turn()
        if token.access_token != f"under {self.accepts}":
            self.refused += 1
            return Answer(status=403, headers={}, body=b"", egress=0)
        return super()._called(token, *args, **kwargs)

    def turn(self) -> None:
        self.accepts += 1

    @classmethod
    def of(cls, world: World) -> "OneConsentXero":
        assert isinstance(world.twin, cls)
        return world.twin


class Forgetful(Tokens):
    """Gives what it knows, whatever is asked for."""

    def get(self, connection_id: str, authorisation: int, refused: Token | None = None) -> Token:
        return super().get(connection_id, 0, refused)


def a_world(tokens: type[Tokens] = Tokens, lane: Lane = Lane.BULK) -> World:
    return World(contacts=30, invoices=60, xero=OneConsentXero, tokens=tokens, lane=lane)


def made_again(world: World) -> None:
    world.auth_link.authorisation += 1
    OneConsentXero.of(world).turn()


def syncs(world: World, authorisation: int = 1) -> None:
    world.request(replace(SCOPE, sync_id=f"sync-{authorisation}", authorisation=authorisation))
    world.run()


def parked(world: World) -> list[tuple[ParkReason, int]]:
    return [(one.reason, one.authorisation) for one in world.life(SyncParked)]


def synced_twice(world: World) -> None:
    syncs(world)
    made_again(world)
    syncs(world, 2)


def test_what_is_asked_for_after_a_consent_is_done_by_what_that_allowed() -> None:
    world = a_world()
    synced_twice(world)
    assert (parked(world), OneConsentXero.of(world).refused, world.auth_link.lost) == ([], 0, [])
    assert world.ids() == world.held()


def test_control_the_token_of_before_would_be_refused() -> None:
    world = a_world(Forgetful)
    synced_twice(world)
    assert OneConsentXero.of(world).refused > 0


def in_mid_sync(world: World, tells_again: bool = True) -> None:
    """While the sync reads, and knows nothing of it."""
    twin = OneConsentXero.of(world)

    def turn() -> None:
        twin.accepts += 1
        world.auth_link.authorisation += tells_again

    twin.turn, twin.turns_at = turn, 5  # type: ignore[method-assign]
    syncs(world)
    assert twin.refused > 0


def test_a_sync_that_runs_goes_on_by_the_new_one() -> None:
    world = a_world()
    in_mid_sync(world)
    assert (parked(world), world.auth_link.lost) == ([], [])
    assert world.ids() == world.held()


def test_control_where_it_was_not_made_again_it_is_lost_under_the_number_that_it_has() -> None:
    world = a_world()
    in_mid_sync(world, tells_again=False)
    assert (parked(world), world.auth_link.lost[:1]) == ([(ParkReason.CONNECTION_LOST, 1)], [(SCOPE.connection_id, 1)])


@pytest.mark.parametrize("tokens", [Tokens, Forgetful])
def test_ended_inside_xero_after_it_was_made_again_it_is_lost_under_the_later_number(tokens: type[Tokens]) -> None:
    """Else auth-link would hold it for connected, and the sync would wait for what nobody is told to do."""
    world = a_world(tokens)
    syncs(world)
    made_again(world)
    OneConsentXero.of(world).turn()
    syncs(world, 2)
    assert parked(world) == [(ParkReason.CONNECTION_LOST, 2)]
    assert set(world.auth_link.lost) == {(SCOPE.connection_id, 2)}


def looks(world: World, authorisation: int) -> None:
    event = OrganisationRequested(tenant_id=world.tenant, authorisation=authorisation, requested_at=world.clock.now())
    world.publisher.confirmed([Outgoing(event=event, scope=replace(EXPORT, authorisation=authorisation))])


def exports(world: World, authorisation: int) -> None:
    event = replace(world.an_export(f"Tea {authorisation} Ltd"), authorisation=authorisation)
    world.publisher.confirmed([Outgoing(event=event, scope=replace(EXPORT, authorisation=authorisation))])


@pytest.mark.parametrize("ask", [looks, exports])
@pytest.mark.parametrize("tokens", [Tokens, Forgetful])
def test_so_are_the_counts_and_create_in_xero(ask: Callable[[World, int], None], tokens: type[Tokens]) -> None:
    world = a_world(tokens, Lane.INTERACTIVE)
    ask(world, 1)
    world.run()
    made_again(world)
    ask(world, 2)
    world.run()
    done = [one.event for one in world.published() if isinstance(one.event, OrganisationRead | ContactExported)]
    assert len(done) == 2
    assert (OneConsentXero.of(world).refused > 0) == (tokens is Forgetful)
