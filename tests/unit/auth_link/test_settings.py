"""What auth-link can be told, and what it refuses to be told."""

import pytest
from cryptography.fernet import Fernet

from accounting_link.chassis.env import SettingsError
from auth_link.settings import LEAST_SCOPES, Web, Worker, origin_of, permit_plain_http

TOLD = {
    "MONGO_URI": "mongodb://127.0.0.1/",
    "KAFKA_BROKERS": "127.0.0.1:9092",
    "STATUS_BIND": "127.0.0.1:8001",
    "CALLER_KEY": "k" * 32,
    "XERO_CLIENT_ID": "our-app",
    "XERO_CLIENT_SECRET": "our-secret",
    "PUBLIC_URL": "https://crm.example/",
    "VAULT_KEYS": f"{Fernet.generate_key().decode()}, {Fernet.generate_key().decode()}",
    "AUTH_LINK_SERVICE_KEY": "s" * 32,
    "SIGN_IN_JWKS_URL": "https://crm.example/.well-known/jwks.json",
}


def test_what_is_told_is_enough_for_both_processes() -> None:
    web, worker = Web.from_env(TOLD), Worker.from_env(TOLD)

    assert web.xero == worker.xero
    assert web.xero.redirect_uri == "https://crm.example/api/v1/oauth/xero/callback"
    assert " ".join(web.xero.scopes) == LEAST_SCOPES
    assert (web.sign_in.issuer, origin_of(web.public_url)) == ("crm-development-sign-in", "https://crm.example")
    assert len(web.vault_keys) == 2


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        Web.from_env({})

    needed = TOLD.keys() - {"KAFKA_BROKERS", "STATUS_BIND"}
    said = str(error.value)
    assert {name: said.count(f" {name} is not set") for name in needed} == dict.fromkeys(needed, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VAULT_KEYS", "a password"),
        ("VAULT_KEYS", TOLD["VAULT_KEYS"] + ",short"),
        ("VAULT_KEYS", ","),
        ("AUTH_LINK_SERVICE_KEY", "short"),
        ("CALLER_KEY", "short"),
        ("PUBLIC_URL", "crm.example"),
        ("PUBLIC_URL", "javascript:alert(1)"),
        ("XERO_TOKEN_URL", "http://identity.xero.com/connect/token"),
        ("XERO_TOKEN_URL", "http://localhost.evil.example/connect/token"),
        ("XERO_CONNECTIONS_URL", "http://10.0.0.1/connections"),
        ("XERO_AUTHORIZE_URL", "ftp://127.0.0.1/"),
    ],
    ids=lambda told: told if told in TOLD else "",
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Web.from_env({**TOLD, name: value})


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "xero-simulator:8000"])
def test_a_stand_in_on_this_machine_or_named_may_be_without_tls(host: str) -> None:
    told = {**TOLD, "XERO_TOKEN_URL": f"http://{host}/connect/token", "XERO_PLAIN_HTTP_HOSTS": "other, xero-simulator"}

    assert Web.from_env(told).xero.plain_http


def test_oauthlib_takes_plain_http_only_with_a_stand_in() -> None:
    environ = {"OAUTHLIB_INSECURE_TRANSPORT": "1"}
    permit_plain_http(Web.from_env(TOLD).xero, environ)
    assert environ == {}

    permit_plain_http(Web.from_env({**TOLD, "XERO_TOKEN_URL": "http://127.0.0.1/t"}).xero, environ)
    assert environ == {"OAUTHLIB_INSECURE_TRANSPORT": "1"}


def test_no_secret_is_in_what_settings_look_like() -> None:
    secrets = [TOLD[name] for name in ("CALLER_KEY", "XERO_CLIENT_SECRET", "AUTH_LINK_SERVICE_KEY", "MONGO_URI")]
    secrets += TOLD["VAULT_KEYS"].split(", ")

    looks = repr(Web.from_env(TOLD)) + repr(Worker.from_env(TOLD))

    assert "our-app" in looks  # control
    assert not [secret for secret in secrets if secret in looks]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://CRM.example", "https://crm.example"),
        ("https://crm.example:443/path", "https://crm.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin
