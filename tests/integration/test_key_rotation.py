"""The sign-in's key is changed while everything runs: the real Caddy asks auth-link, which asks the sign-in over HTTP.

auth-link's clock stands still until it is moved, so that minutes take none.
"""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from werkzeug.serving import make_server

from accounting_link.chassis import callers
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.describe.code import NoDatabase
from accounting_link.testing.clock import FakeClock
from auth_link import sessions
from auth_link.settings import Web
from auth_link.web import build_app
from crm_frontend.people import PEOPLE
from crm_frontend.sign_in import SigningKey, session_for
from tests.integration.auth_link.world import KEY, environment
from tests.integration.test_gateway import Gateway, Stub
from tests.ports import free_port

WITHIN = timedelta(minutes=5)  # a key taken back counts no longer
COOL_DOWN = timedelta(seconds=5)  # between two questions to the sign-in, whoever asks for whatever
ADA = PEOPLE["legrand:admin"]


def a_key() -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    return SigningKey.from_pem(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


class SignIn(ThreadingHTTPServer):
    """Publishes keys and counts how often it is asked for them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SignInHandler)
        self.published: list[SigningKey] = []
        self.asked = 0
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


class SignInHandler(BaseHTTPRequestHandler):
    server: SignIn

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"keys": [key.jwk for key in self.server.published]}).encode())

    def log_message(self, *_: object) -> None:
        """Silence: pytest shows what matters."""


class World:
    """A gateway before an auth-link that has just been started. ``old`` signs, and is published."""

    def __init__(self, door: "Door") -> None:
        self.clock, self.old, self.new = FakeClock(), a_key(), a_key()
        self.sign_in, self.gateway = door.sign_in, door.gateway
        self.sign_in.published, self.sign_in.asked = [self.old], 0
        door.app = build_app(door.settings, NoDatabase(), clock=self.clock)  # type: ignore[arg-type]

    def lets_in(self, key: SigningKey) -> bool:
        """Whether a session that this key signed reaches a service."""
        return self._asked(session_for(ADA, key, SYSTEM_CLOCK))

    def lets_in_made_up(self, kid: str) -> bool:
        """Whether one does that looks right and names a key that nobody published."""
        claims = jwt.decode(session_for(ADA, self.new, SYSTEM_CLOCK), options={"verify_signature": False})
        return self._asked(jwt.encode(claims, self.new.private, "ES256", headers={"kid": kid}))

    def _asked(self, session: str) -> bool:
        answer = self.gateway.get("/api/v1/companies", Authorization=f"Bearer {session}", Cookie="")
        assert answer.status_code in (200, 401)
        return answer.status_code == 200


class Door:
    """What all worlds share: the gateway, the sign-in, and an address that ``app`` answers at."""

    app: Flask

    def __init__(self, sign_in: SignIn, gateway: Gateway) -> None:
        self.sign_in, self.gateway = sign_in, gateway
        jwks = f"http://127.0.0.1:{sign_in.server_port}/jwks.json"
        self.settings = Web.from_env({**environment("https://xero.example", "unused"), "SIGN_IN_JWKS_URL": jwks})
        self.server = make_server("127.0.0.1", free_port(), lambda *asked: self.app(*asked), threaded=True)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with Stub() as service, SignIn() as sign_in:
        gateway = Gateway(service, tmp_path_factory.mktemp("gateway"))
        door = Door(sign_in, gateway)
        gateway.runner.override("gateway", AUTH_LINK=f"127.0.0.1:{door.server.server_port}")
        threading.Thread(target=door.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with gateway.runner:
            yield door
        for server in (door.server, sign_in, service):
            server.shutdown()
        door.server.server_close()


@pytest.fixture
def world(door: Door) -> World:
    return World(door)


def test_a_session_of_a_new_key_is_let_in_at_once_and_one_of_the_old_while_it_is_published(world: World) -> None:
    assert world.lets_in(world.old)
    world.clock.advance(COOL_DOWN)

    world.sign_in.published.append(world.new)

    assert world.lets_in(world.new)
    assert world.lets_in(world.old)
    world.clock.advance(timedelta(hours=12))
    assert world.lets_in(world.old)
    assert world.lets_in(world.new)


def test_control_a_session_of_a_key_that_is_not_published_is_never_let_in(world: World) -> None:
    for _ in range(4):
        assert not world.lets_in(world.new)
        world.clock.advance(timedelta(minutes=3))
    assert world.lets_in(world.old)


def test_a_key_taken_back_counts_no_longer_within_five_minutes(world: World) -> None:
    world.sign_in.published.append(world.new)
    assert world.lets_in(world.old)

    world.sign_in.published.remove(world.old)

    world.clock.advance(WITHIN - timedelta(seconds=1))
    assert world.lets_in(world.old)  # the control of what follows: it is not the signature that is refused
    world.clock.advance(timedelta(seconds=1))
    assert not world.lets_in(world.old)
    assert world.lets_in(world.new)


def test_a_key_taken_back_counts_no_longer_from_the_first_session_of_the_new_one(world: World) -> None:
    assert world.lets_in(world.old)
    world.clock.advance(COOL_DOWN)

    world.sign_in.published = [world.new]

    assert world.lets_in(world.new)
    assert not world.lets_in(world.old)


def test_who_makes_up_key_ids_has_the_sign_in_asked_no_more_than_once_in_five_seconds(world: World) -> None:
    for number in range(60):
        assert not world.lets_in_made_up(f"made-up-{number}")
        world.clock.advance(timedelta(milliseconds=500))

    assert world.sign_in.asked == 30 // COOL_DOWN.seconds
    world.sign_in.published.append(world.new)  # nor do they keep a new key from being found
    world.clock.advance(COOL_DOWN)
    assert world.lets_in(world.new)


def test_control_without_the_pause_each_made_up_id_asks_the_sign_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_BETWEEN_FETCHES", timedelta(0))
    for number in range(60):
        assert not world.lets_in_made_up(f"made-up-{number}")
        world.clock.advance(timedelta(milliseconds=500))

    assert world.sign_in.asked == 60


def test_a_service_is_told_who_it_is_whichever_key_signed(world: World) -> None:
    world.sign_in.published.append(world.new)
    session = session_for(ADA, world.new, SYSTEM_CLOCK)
    world.clock.advance(SYSTEM_CLOCK.now() - world.clock.now())  # a caller's signature lives a minute of real time

    answer = world.gateway.get("/api/v1/companies", Authorization=f"Bearer {session}", Cookie="")

    told = callers.check(answer.json()["headers"]["X-Caller"], KEY)
    assert (told.account_id, told.user_id) == (ADA.account_id, ADA.user_id)
