"""A small world for the simulator's tests: one organisation, and a clock that only tests move."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from xero_simulator.simulator import Simulator
from xero_simulator.web import app_of
from xero_simulator.wire import decode

ALL_SCOPES = "openid profile email offline_access accounting.contacts accounting.invoices.read accounting.settings.read"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-long"
REDIRECT = "http://127.0.0.1:9/callback"


class FakeClock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 9, 30, 15, 250_000, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, **span: float) -> None:
        self.time += timedelta(**span)


@dataclass
class World:
    """An organisation in a simulator that lets every caller in, and short ways to ask it."""

    clock: FakeClock
    simulator: Simulator
    tenant: str = ""

    def seed(self, contacts: int = 60, invoices: int = 400, number: int = 7) -> "World":
        name = f"Kiwi {number}"
        self.tenant = self.simulator.add_organisation(name=name, seed=number, contacts=contacts, invoices=invoices)
        return self

    def get(self, path: str, since: str | None = None, **query: Any) -> dict[str, Any]:
        """The answer's JSON; {} for a 304."""
        answer = self.answer(path, since, **query)
        assert answer.status in (200, 304), answer.body
        return dict(decode(answer.body)) if answer.body else {}

    def answer(self, path: str, since: str | None = None, **query: Any) -> Any:
        headers = {"If-Modified-Since": since} if since else {}
        return self.simulator.call(self.tenant, path, {name: str(value) for name, value in query.items()}, headers)

    def all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every record, in pages of 1,000."""
        found: list[dict[str, Any]] = []
        for page in range(1, 100):
            answer = self.get(path, page=page, pageSize=1000, **query)
            found += answer[path.strip("/")]
            if page >= answer["pagination"]["pageCount"]:
                break
        return found

    def an_invoice(self, *, status: str, part_paid: bool = False) -> dict[str, Any]:
        """The first sale of that status."""
        return next(
            row
            for row in self.all("/Invoices", where=f'Type=="ACCREC" AND Status=="{status}"')
            if bool(row["Payments"]) == part_paid and row["AmountDue"] > Decimal(1)
        )


@pytest.fixture
def world() -> World:
    clock = FakeClock()
    return World(clock, Simulator(clock, limits=False, check_tokens=False)).seed()


@dataclass
class Browser:
    """A person and an app at the HTTP layer, in memory."""

    clock: FakeClock
    simulator: Simulator
    http: Any  # Flask's test client, whose answers' JSON may be anything
    tenants: list[str]
    consent: dict[str, str] = field(default_factory=dict)

    def allow(self, tenants: list[str] | None = None, person: int = 0, **changes: str) -> dict[str, str]:
        """Press Allow access (or what ``changes`` says); the parameters that the app is sent."""
        digest = hashlib.sha256(VERIFIER.encode()).digest()
        self.consent = {
            "client_id": "accounting-link-development",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": ALL_SCOPES,
            "state": "a-state",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "decision": "allow",
            "person": f"5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a100{person + 1}",
            **changes,
        }
        form = {**self.consent, "organisation": self.tenants if tenants is None else tenants}
        sent = self.http.post("/identity/connect/authorize", data=form)
        assert sent.status_code == 302, sent.text
        return {name: values[0] for name, values in parse_qs(urlsplit(sent.headers["Location"]).query).items()}

    def token(self, **form: str) -> Any:
        """POST to the token endpoint with the app's credentials."""
        return self.http.post("/connect/token", data=form, auth=("accounting-link-development", "development-secret"))

    def redeem(self, code: str, verifier: str = VERIFIER) -> Any:
        return self.token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT, code_verifier=verifier)

    def connect(self, **changes: Any) -> dict[str, Any]:
        answer = self.redeem(self.allow(**changes)["code"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def refresh(self, token: str) -> Any:
        return self.token(grant_type="refresh_token", refresh_token=token)

    def get(self, path: str, access: str, tenant: str | None = None, **query: str) -> Any:
        headers = {"Authorization": f"Bearer {access}", "xero-tenant-id": tenant or self.tenants[0]}
        return self.http.get(path, headers=headers, query_string=query)


def a_browser(make: Callable[[FakeClock], Simulator]) -> Browser:
    clock = FakeClock()
    simulator = make(clock)
    for number in (1, 2):
        simulator.add_organisation(name=f"Organisation {number}", seed=number, contacts=10, invoices=20)
    return Browser(clock, simulator, app_of(simulator).test_client(), list(simulator.organisations))


@pytest.fixture
def browser() -> Browser:
    return a_browser(Simulator)
