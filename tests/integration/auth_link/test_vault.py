"""Tokens at rest: never in clear, and never readable, nor overwritten, by a process with the wrong keys."""

import base64
import logging
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from cryptography.fernet import Fernet

from auth_link.parts import assemble
from auth_link.vault import Vault, VaultKeyError, check
from auth_link.web import build_app
from auth_link.xero import XeroIdentity
from tests.integration.auth_link.world import ADA, World

pytestmark = pytest.mark.mongo


def spellings(secret: str) -> set[bytes]:
    """As it is, in base64 at each of the three offsets, and as in an address."""
    found = {secret.encode(), quote(secret, safe="").encode()}
    for offset in range(3):
        coded = base64.b64encode(b" " * offset + secret.encode())
        # The characters at both ends depend on what stands beside it.
        found.add(coded[4:-4])
        found.add(coded[4:-4].translate(bytes.maketrans(b"+/", b"-_")))
    return found


def text_of(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"\n".join(text_of(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return b"\n".join(map(text_of, value))
    return value if isinstance(value, bytes) else str(value).encode()


def in_clear(world: World, secrets: list[str]) -> set[str]:
    """Those of the secrets that stand somewhere in the database."""
    names = world.db.list_collection_names()
    dump = b"\n".join(text_of(row) for name in names for row in world.db[name].find())
    return {secret for secret in secrets if any(spelling in dump for spelling in spellings(secret))}


def after_a_busy_life(world: World) -> list[str]:
    """Connects, refreshes, loses, connects again and begins once more; all secrets that were issued."""
    connection = world.connect(ADA, [world.kiwi, world.bakery])
    world.token(connection, world.token(connection).json["fingerprint"])
    world.fault("token_death", count=1)
    world.token(connection, world.token(connection).json["fingerprint"])
    world.connect(ADA, [world.kiwi])
    asked = parse_qs(urlsplit(world.begin(ADA)).query)
    return [*world.simulator.identity.issued, asked["state"][0], *world.settings.vault_keys, "our-secret"]


def test_no_secret_ever_issued_is_anywhere_in_the_database(world: World) -> None:
    secrets = after_a_busy_life(world)

    assert len(secrets) > 10
    assert not in_clear(world, secrets)


@pytest.mark.parametrize(
    "spell", [str, lambda s: base64.b64encode(b"to" + s.encode()), quote], ids=["clear", "base64", "url"]
)
def test_the_same_search_finds_a_planted_token(world: World, spell: Any) -> None:
    """Control of the test above."""
    secrets = after_a_busy_life(world)
    world.db.connections.update_one({}, {"$set": {"deep": [{"down": {"here": spell(secrets[-3])}}]}})

    assert in_clear(world, secrets) == {secrets[-3]}


def test_no_secret_ever_issued_is_in_the_log_not_even_for_debugging(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        secrets = after_a_busy_life(world)
        world.get(ADA, f"/oauth/xero/callback?code={secrets[0]}&state={secrets[-3]}")
    out, err = capfd.readouterr()
    said = f"{caplog.text}{out}{err}".encode()

    assert b"/api/v1/oauth/xero/callback" in said
    assert b"connection" in said
    assert not [secret for secret in secrets if any(spelling in said for spelling in spellings(secret))]


def test_the_librarys_own_debug_log_would_tell_tokens(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Control of the test above, and why xero.py silences it."""
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "requests_oauthlib"):
        world.connect(ADA, [world.kiwi])

    assert [secret for secret in world.simulator.identity.issued if secret in caplog.text]


def test_a_service_with_other_keys_does_not_start_and_says_what_to_do(world: World) -> None:
    other = [Fernet.generate_key().decode()]

    with pytest.raises(VaultKeyError, match=r"VAULT_KEYS.*put back the key"):
        assemble(world.db, XeroIdentity(world.settings.xero), other, (), world.clock)


def test_a_new_key_in_front_of_the_old_reads_what_is_there_and_seals_what_comes(world: World) -> None:
    connection = world.connect(ADA, [world.kiwi])
    new = Fernet.generate_key().decode()
    both = (new, *world.settings.vault_keys)
    rotated = assemble(world.db, XeroIdentity(world.settings.xero), both, (), world.clock).tokens

    refused = rotated.give(connection).fingerprint
    given = rotated.give(connection, refused)

    kept = world.db.token_sets.find_one() or {}
    assert Vault([new]).open(kept["access"]) == given.access_token


def test_the_first_start_sets_the_keys_and_later_ones_change_nothing(world: World) -> None:
    before = world.db.vault_check.find_one()
    check(world.db, Vault(world.settings.vault_keys))
    build_app(world.settings, world.db, clock=world.clock)

    assert world.db.vault_check.find_one() == before
