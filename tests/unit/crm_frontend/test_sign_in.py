"""The development sign-in, the cookie, and which forms are believed."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from accounting_link.chassis.env import SettingsError
from accounting_link.testing.clock import FakeClock
from crm_frontend import sign_in
from crm_frontend.pages.common import local
from crm_frontend.people import PEOPLE
from crm_frontend.settings import Settings
from crm_frontend.sign_in import SigningKey
from tests.unit.crm_frontend.conftest import Open, a_pem, an_environment, text_of
from tests.unit.crm_frontend.stub_gateway import World, connected

ADMIN = PEOPLE["legrand:admin"]


def test_a_session_says_what_the_gateway_checks() -> None:
    key, clock = SigningKey.from_pem(a_pem()), FakeClock(datetime(2026, 3, 2, tzinfo=UTC))
    session = sign_in.session_for(ADMIN, key, clock)
    header = jwt.get_unverified_header(session)
    assert (header["alg"], header["kid"]) == ("ES256", key.kid)
    claims = jwt.decode(session, jwt.PyJWK(key.jwk), audience="accounting-link", options={"verify_exp": False})
    assert claims == {
        "iss": "crm-development-sign-in",
        "aud": "accounting-link",
        "sub": "legrand-admin",
        "account_id": "legrand",
        "name": "Ada Legrand",
        "roles": ["admin", "member"],
        "iat": int(clock.now().timestamp()),
        "exp": int((clock.now() + timedelta(hours=12)).timestamp()),
    }


def test_a_session_is_over_when_it_ends_and_no_sooner() -> None:
    key, clock = SigningKey.from_pem(a_pem()), FakeClock()
    session = sign_in.session_for(ADMIN, key, clock)
    clock.advance(timedelta(hours=12, seconds=-1))
    assert sign_in.who(session, key, clock) == ADMIN
    clock.advance(timedelta(seconds=1))
    assert sign_in.who(session, key, clock) is None


def test_a_session_of_another_key_is_nobodys() -> None:
    key, other, clock = SigningKey.from_pem(a_pem()), SigningKey.from_pem(a_pem()), FakeClock()
    session = sign_in.session_for(ADMIN, other, clock)
    assert sign_in.who(session, key, clock) is None
    assert sign_in.who(session, other, clock) == ADMIN


def test_the_published_keys_hold_nothing_private(open_as: Open) -> None:
    (key,) = open_as(World(), None).get("/.well-known/jwks.json").get_json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_the_key_id_is_the_rfc_7638_thumbprint() -> None:
    key = SigningKey.from_pem(a_pem())
    assert (key.kid == jwt.PyJWK(key.jwk).key and False) or len(key.kid) == 43


def test_the_cookie_is_kept_from_scripts_and_other_sites(open_as: Open) -> None:
    answer = open_as(World(), None).post("/sign-in", data={"person": "kauri:member", "next": "/xero/log"})
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert answer.location == "/xero/log"


@pytest.mark.parametrize("how", [{"headers": {"X-Forwarded-Proto": "https"}}, {}])
def test_over_https_the_cookie_is_secure(open_as: Open, how: dict[str, dict[str, str]]) -> None:
    environment = {} if how else {"PUBLIC_URL": "https://crm.example.com"}
    answer = open_as(World(), None, **environment).post("/sign-in", data={"person": "kauri:member"}, **how)
    assert "Secure" in answer.headers["Set-Cookie"].split("; ")


def test_signing_out_takes_the_session_away(open_as: Open) -> None:
    client = open_as(connected())
    assert "Signed in as" in client.get("/").text
    client.post("/sign-out")
    assert "Signed in as" not in client.get("/").text


def test_the_demo_signs_somebody_in_on_the_first_page_and_on_no_other(open_as: Open) -> None:
    client = open_as(connected(), None, AUTO_SIGN_IN="legrand:admin")
    assert client.get("/companies").status_code == 303
    assert "Signed in as Ada Legrand" in text_of(client.get("/").text)
    assert client.get("/companies").status_code == 200
    assert "Signed in as" not in open_as(connected(), None).get("/").text


def test_the_demo_does_not_undo_a_switch(open_as: Open) -> None:
    client = open_as(connected(), "kauri:member", AUTO_SIGN_IN="legrand:admin")
    assert "Signed in as Moana Member" in text_of(client.get("/").text)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),  # another port of this machine, such as the simulator's
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 303),  # no browser
    ],
)
def test_only_our_own_forms_are_believed(open_as: Open, headers: dict[str, str], status: int) -> None:
    answer = open_as(World(), None).post("/sign-in", data={"person": "legrand:admin"}, headers=headers)
    assert answer.status_code == status
    assert ("Set-Cookie" in answer.headers) == (status == 303)


def test_a_forged_form_reaches_no_api(open_as: Open) -> None:
    world = connected()
    answer = open_as(world).post("/xero/sync", data={"connection": "c-demo"}, headers={"Origin": "http://evil.test"})
    assert answer.status_code == 403
    assert world.asked == []


@pytest.mark.parametrize(
    "address", ["//evil.test", "https://evil.test/x", "/\\evil.test", "javascript:alert(1)", "evil"]
)
def test_signing_in_never_leads_away(address: str) -> None:
    assert local(address) == "/"
    assert local("/xero/log?cursor=a") == "/xero/log?cursor=a"


def test_the_apis_get_the_persons_own_session_and_the_pages_reference(open_as: Open) -> None:
    world = connected()
    client = open_as(world)
    session = client.get_cookie("session")
    client.get("/companies", headers={"X-Request-Id": "ref-7"})
    assert session
    assert {asked["headers"].get("Authorization") for asked in world.asked} == {f"Bearer {session.value}"}
    assert {asked["headers"].get("X-Request-Id") for asked in world.asked} == {"ref-7"}


def test_every_wrong_setting_is_told_at_once() -> None:
    p384 = ec.generate_private_key(ec.SECP384R1())
    pem = p384.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(SettingsError, match="AUTO_SIGN_IN='nobody'") as told:
        Settings.from_env(an_environment(SIGN_IN_KEY=pem, AUTO_SIGN_IN="nobody"))
    assert "SIGN_IN_KEY is no EC P-256 key" in str(told.value)


def test_a_key_on_one_line_is_read_too() -> None:
    pem = a_pem()
    settings = Settings.from_env(an_environment(SIGN_IN_KEY=pem.replace("\n", "\\n")))
    assert settings.signing_key.kid == SigningKey.from_pem(pem).kid


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "/\t/evil.example",
        "/\r\nSet-Cookie: session=theirs",
        "/\\evil.example",
        "https:evil.example",
        "http://[",
        "//[",
        "javascript:alert(1)",
        "\t//evil.example",
        "/\0/evil.example",
    ],
)
def test_signing_in_leads_to_no_other_address_and_sets_no_other_header(open_as: Open, address: str) -> None:
    answer = open_as(World(), None).post("/sign-in", data={"person": "kauri:member", "next": address})
    assert (answer.status_code, answer.location) == (303, "/")
    assert len(answer.headers.getlist("Set-Cookie")) == 1


def test_a_session_that_was_planted_before_signing_in_is_replaced(open_as: Open) -> None:
    client = open_as(World(), "kauri:member")
    planted = client.get_cookie("session")
    client.post("/sign-in", data={"person": "legrand:admin"})
    given = client.get_cookie("session")
    assert planted is not None
    assert given is not None
    assert planted.value != given.value
