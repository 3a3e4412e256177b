"""A browser of sorts: the pages, the stub behind them, and somebody signed in."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask.testing import FlaskClient

from accounting_link.testing.clock import FakeClock
from crm_frontend import sign_in
from crm_frontend.gateway import pool
from crm_frontend.people import PEOPLE
from crm_frontend.settings import Settings
from crm_frontend.web import build_app
from tests.unit.crm_frontend.stub_gateway import Wire, World


def a_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def an_environment(**changes: str) -> dict[str, str]:
    return {"GATEWAY_URL": "http://gateway.test", "SIGN_IN_KEY": a_pem(), "LOG_LEVEL": "WARNING", **changes}


NOW = datetime(2026, 3, 2, 9, 0, 5, tzinfo=UTC)
Open = Callable[..., FlaskClient]


@cache
def pages(environment: frozenset[tuple[str, str]]) -> tuple[Flask, Settings, requests.Session]:
    """Built once for each environment, for building takes longer than most tests."""
    settings, session = Settings.from_env(an_environment(**dict(environment))), pool()
    return build_app(settings, session, FakeClock(NOW)), settings, session


@pytest.fixture
def open_as() -> Open:
    """``open_as(world, "legrand:admin")``: a browser of theirs; None is nobody. The world opened last answers."""

    def opened(world: World, person: str | None = "legrand:admin", **environment: str) -> FlaskClient:
        app, settings, session = pages(frozenset(environment.items()))
        session.mount("http://gateway.test", Wire(world))
        client = app.test_client()
        client.environ_base["HTTP_ACCEPT"] = "text/html"
        if person:
            made = sign_in.session_for(PEOPLE[person], settings.signing_key, FakeClock(NOW))
            client.set_cookie(sign_in.COOKIE, made)
        return client

    return opened


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, _: object) -> None:
        self._silent = tag in ("title", "script", "style")

    def handle_endtag(self, _: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def text_of(html: str) -> str:
    """What a person reads, with single spaces."""
    parser = _Text()
    parser.feed(html)
    return " ".join(" ".join(parser.parts).split())
