"""Changing the vault's key while everything runs."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from auth_link.rotate import rotate
from auth_link.vault import Vault, VaultKeyError, check
from tests.integration.auth_link.world import ADA, World

pytestmark = pytest.mark.mongo


def keys(world: World) -> tuple[str, str]:
    """New, old."""
    return Fernet.generate_key().decode(), world.settings.vault_keys[0]


def test_afterwards_the_old_key_is_not_needed_and_the_connection_works(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    world.begin(ADA)  # a state that waits for its answer
    new, old = keys(world)

    assert rotate(world.db, Vault([new, old])) == 3
    assert rotate(world.db, Vault([new, old])) == 0

    check(world.db, Vault([new]))
    tokens = world.tokens(vault_keys=(new,))
    assert tokens.give(connection).access_token
    world.advance(timedelta(minutes=40))
    assert tokens.give(connection).access_token


def test_control_without_it_the_new_key_alone_reads_nothing(world: World) -> None:
    world.connect(ADA, [world.kiwi])
    new, _ = keys(world)

    with pytest.raises(VaultKeyError):
        check(world.db, Vault([new]))


@pytest.mark.parametrize("step", ["behind", "first"])
def test_while_replicas_are_restarted_one_by_one_each_reads_what_the_other_writes(world: World, step: str) -> None:
    connection = world.connect(ADA, [world.kiwi])
    new, old = keys(world)
    before, after = ((old,), (old, new)) if step == "behind" else ((old, new), (new, old))
    for one, other in ((before, after), (after, before)):
        world.advance(timedelta(minutes=40))
        refreshed = world.tokens(vault_keys=one).give(connection)
        assert world.tokens(vault_keys=other).give(connection).access_token == refreshed.access_token


def test_control_put_first_at_once_it_is_not_known_to_those_that_were_not_restarted(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    new, old = keys(world)
    world.advance(timedelta(minutes=40))
    world.tokens(vault_keys=(new, old)).give(connection)
    with pytest.raises(VaultKeyError):
        world.tokens(vault_keys=(old,)).give(connection)


class Refreshing(Vault):
    """Another process stores a refreshed token between the reading and the writing here."""

    def __init__(self, given: list[str], world: World) -> None:
        super().__init__(given)
        self.world, self.done = world, False

    def open(self, sealed: bytes) -> str:
        found = super().open(sealed)
        if not self.done:
            self.done = True
            fresh: dict[str, Any] = {"refresh": self.seal("refreshed meanwhile"), "access": self.seal("so was this")}
            self.world.db.token_sets.update_one({}, {"$set": fresh})
        return found


def test_a_token_that_is_refreshed_at_that_moment_is_not_put_back(world: World) -> None:
    world.connect(ADA, [world.kiwi])
    new, old = keys(world)

    rotate(world.db, Refreshing([new, old], world))

    held = world.db.token_sets.find_one()
    assert held
    assert Vault([new]).open(held["refresh"]) == "refreshed meanwhile"


def test_what_none_of_the_keys_reads_is_said_and_stays_as_it_is(world: World) -> None:
    world.connect(ADA, [world.kiwi])
    before = list(world.db.token_sets.find())

    with pytest.raises(VaultKeyError):
        rotate(world.db, Vault([Fernet.generate_key().decode()]))

    assert list(world.db.token_sets.find()) == before
