"""A small world for auth-link: the simulated Xero over HTTP, a database of its own, and people of two accounts."""

import threading
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import requests
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from accounting_link.chassis import callers, mongo, outbox
from accounting_link.chassis.callers import ADMIN, MEMBER, Caller
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.mongo import Db
from accounting_link.testing.clock import FakeClock
from auth_link.parts import SOURCE, Parts, assemble
from auth_link.settings import Web, permit_plain_http
from auth_link.tokens import Pause, Tokens
from auth_link.vault import Vault
from auth_link.web import build_app
from auth_link.xero import Identity, XeroIdentity
from xero_simulator.settings import Settings as SimulatorSettings
from xero_simulator.simulator import Simulator
from xero_simulator.web import app_of

KEY, SERVICE_KEY = "k" * 40, "s" * 40
PUBLIC_URL = "http://crm.example"
ADA = Caller(account_id="legrand", user_id="ada", name="Ada", roles=frozenset({ADMIN}))
BEN = Caller(account_id="legrand", user_id="ben", name="Ben", roles=frozenset({MEMBER}))
ZOE = Caller(account_id="zenith", user_id="zoe", name="Zoe", roles=frozenset({ADMIN}))
KIM = "5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1001"  # with a login at the simulated Xero
HEMI = "5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1002"


@dataclass
class World:
    simulator: Simulator
    xero_url: str
    settings: Web
    db: Db
    clock: FakeClock
    parts: Parts
    client: FlaskClient
    kiwi: str  # tenant ids
    bakery: str

    # -- our side; answers are werkzeug's TestResponse, as Any, for `json` of that may be None

    def tokens(
        self,
        identity: Identity | None = None,
        *,
        kind: type[Tokens] = Tokens,
        db: Db | None = None,
        pause: Pause | None = None,
        vault_keys: tuple[str, ...] = (),
    ) -> Tokens:
        """Another replica of the service, as far as the database can tell."""
        publisher = Publisher(outbox.StoredOnly(), source=SOURCE, clock=self.clock)
        made = identity or XeroIdentity(self.settings.xero)
        vault = Vault(vault_keys or self.settings.vault_keys)
        return kind(db if db is not None else self.db, vault, made, publisher, self.clock, pause or self.clock.advance)

    def get(self, caller: Caller, path: str, **more: Any) -> Any:
        return self.client.get(f"/api/v1{path}", headers=signed(caller) | more)

    def post(self, caller: Caller, path: str) -> Any:
        return self.client.post(f"/api/v1{path}", headers=signed(caller))

    def disconnect(self, caller: Caller, connection_id: str) -> Any:
        return self.client.delete(f"/api/v1/connections/{connection_id}", headers=signed(caller))

    def token(self, connection_id: str, refused: str | None = None, key: str = SERVICE_KEY) -> Any:
        body = {"refused_fingerprint": refused} if refused else {}
        return self.client.post(
            f"/internal/connections/{connection_id}/token", json=body, headers={"Authorization": f"Bearer {key}"}
        )

    # -- a person at Xero

    def begin(self, caller: Caller) -> str:
        response = self.post(caller, "/connections/authorize")
        assert response.status_code == 200, response.text
        return str(response.json["authorize_url"])

    def consent(self, authorize_url: str, tenants: list[str], person: str = KIM, decision: str = "allow") -> str:
        """The path and query that Xero sends the browser back to, below /api/v1."""
        asked: dict[str, Any] = {name: values[0] for name, values in parse_qs(urlsplit(authorize_url).query).items()}
        form = {**asked, "person": person, "organisation": tenants, "decision": decision}
        answer = requests.post(authorize_url.partition("?")[0], data=form, allow_redirects=False, timeout=60)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["Location"])
        return f"{back.path.removeprefix('/api/v1')}?{back.query}"

    def connect(self, caller: Caller, tenants: list[str], person: str = KIM) -> str:
        """All of it; the id of the first connection."""
        response = self.get(caller, self.consent(self.begin(caller), tenants, person))
        page, query = landed(response)
        assert page == "/accounting-link/connected", response.headers["Location"]
        return query["connection"]

    # -- Xero's side

    def refreshes(self) -> int:
        """Calls of the token endpoint so far, consents' too."""
        return len([call for call in self.simulator.calls.told("identity")["calls"] if "token" in call["path"]])

    def fault(self, kind: str, path: str = "/connect/token", **more: Any) -> None:
        self.simulator.add_fault({"kind": kind, "path": path, **more})

    def advance(self, span: timedelta) -> None:
        self.clock.advance(span)


def landed(response: TestResponse) -> tuple[str, dict[str, str]]:
    """The page of ours that a callback led to, and what it was told."""
    assert response.status_code == 303, response.text
    to = urlsplit(response.headers["Location"])
    assert f"{to.scheme}://{to.netloc}" == PUBLIC_URL
    return to.path, {name: values[0] for name, values in parse_qs(to.query).items()}


def signed(caller: Caller) -> dict[str, str]:
    return {callers.HEADER: callers.sign(caller, KEY, SYSTEM_CLOCK)}


def environment(xero_url: str, mongo_uri: str) -> dict[str, str]:
    return {
        "MONGO_URI": mongo_uri,
        "CALLER_KEY": KEY,
        "XERO_CLIENT_ID": "our-app",
        "XERO_CLIENT_SECRET": "our-secret",
        "XERO_AUTHORIZE_URL": f"{xero_url}/identity/connect/authorize",
        "XERO_TOKEN_URL": f"{xero_url}/connect/token",
        "XERO_REVOKE_URL": f"{xero_url}/connect/revocation",
        "XERO_CONNECTIONS_URL": f"{xero_url}/connections",
        "PUBLIC_URL": PUBLIC_URL,
        "VAULT_KEYS": Fernet.generate_key().decode(),
        "AUTH_LINK_SERVICE_KEY": SERVICE_KEY,
        "SIGN_IN_JWKS_URL": "http://127.0.0.1:1/jwks.json",
    }


@contextmanager
def serving(simulator: Simulator) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app_of(simulator), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def a_world(mongo_uri: str, environ: MutableMapping[str, str]) -> Iterator[World]:
    # Starts at the real time, for mongod removes expired states by its own clock.
    clock = FakeClock(SYSTEM_CLOCK.now().replace(microsecond=0))
    app = SimulatorSettings(client_id="our-app", client_secret="our-secret")
    simulator = Simulator(clock, settings=app)
    kiwi, bakery = (
        simulator.add_organisation(name=name, seed=seed, contacts=1, invoices=1)
        for seed, name in enumerate(("Kiwi Outfitters Ltd", "Harbour Bakery Ltd"))
    )
    with ExitStack() as exits:
        xero_url = exits.enter_context(serving(simulator))
        db = exits.enter_context(mongo.database(mongo_uri, f"auth_link_{uuid4().hex}"))
        exits.callback(db.client.drop_database, db.name)
        settings = Web.from_env(environment(xero_url, mongo_uri))
        permit_plain_http(settings.xero, environ)
        parts = assemble(
            db, XeroIdentity(settings.xero), settings.vault_keys, settings.xero.scopes, clock, clock.advance
        )
        client = build_app(settings, db, clock=clock).test_client()
        yield World(simulator, xero_url, settings, db, clock, parts, client, kiwi, bakery)


def with_scopes(settings: Web, *scopes: str) -> Web:
    return replace(settings, xero=replace(settings.xero, scopes=scopes))


def a_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
