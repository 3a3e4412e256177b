"""Who is let in: sessions of the CRM's sign-in, and nothing that only looks like one."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from hypothesis import assume, given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from werkzeug.test import TestResponse

from accounting_link.chassis import callers, web
from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.web import WebSettings
from accounting_link.testing.clock import FakeClock
from auth_link.api import internal
from auth_link.sessions import Keys, RefusedSessionError, Sessions, SignInUnavailableError

ISSUER, AUDIENCE, ORIGIN = "crm-development-sign-in", "accounting-link", "https://crm.example"
CALLER_KEY = "k" * 40
KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def jwk(key: ec.EllipticCurvePrivateKey, kid: str, **more: Any) -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "ES256", **more}


def claims(**more: Any) -> dict[str, Any]:
    given = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": SYSTEM_CLOCK.now() + timedelta(hours=1),
        "sub": "ada",
        "account_id": "legrand",
        "name": "Ada",
        "roles": ["admin"],
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


def session(key: Any = KEY, kid: str | None = "one", algorithm: str = "ES256", **more: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**more), key, algorithm=algorithm, headers=headers)


class SignIn:
    """Publishes keys, counts how often it is asked, can be down."""

    def __init__(self, *keys: Mapping[str, Any]) -> None:
        self.keys, self.asked, self.down = list(keys), 0, False

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        if self.down:
            raise requests.ConnectionError
        return {"keys": self.keys}


@pytest.fixture
def sign_in() -> SignIn:
    return SignIn(jwk(KEY, "one"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sessions(sign_in: SignIn, clock: FakeClock) -> Sessions:
    return Sessions(Keys(sign_in, clock), ISSUER, AUDIENCE)


def test_a_session_tells_who_it_belongs_to(sessions: Sessions) -> None:
    caller = sessions.caller(session(roles=["admin", "member"]))

    assert (caller.account_id, caller.user_id, caller.name) == ("legrand", "ada", "Ada")
    assert caller.roles == {ADMIN, MEMBER}


@pytest.mark.parametrize(
    ("roles", "given"),
    [
        (["admin", "owner"], {ADMIN}),
        (["owner"], set()),
        ([NO_MONEY], {NO_MONEY}),
        ([], set()),
        (None, set()),
        ("admin", set()),
        ([["admin"], 7, {"admin": 1}], set()),
        ({"admin": True}, set()),
        (["Admin", "admin "], set()),
    ],
)
def test_only_roles_that_are_ours_are_given(sessions: Sessions, roles: Any, given: set[str]) -> None:
    assert sessions.caller(session(roles=roles)).roles == given


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "another"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": [AUDIENCE, "another"]},
        {"exp": None},
        {"exp": SYSTEM_CLOCK.now() - timedelta(seconds=30)},
        {"nbf": SYSTEM_CLOCK.now() + timedelta(days=1)},
        {"sub": None},
        {"sub": ""},
        {"account_id": None},
        {"account_id": ""},
        {"account_id": {"$ne": ""}},
        {"account_id": 7},
        {"key": OTHER_KEY},
        {"kid": None},
        {"kid": "two"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_session_with_one_thing_wrong_is_refused(sessions: Sessions, wrong: dict[str, Any]) -> None:
    with pytest.raises(RefusedSessionError):
        sessions.caller(session(**wrong))


def encoded(part: Mapping[str, Any] | bytes) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed_by_hmac(secret: bytes, alg: str = "HS256") -> str:
    """By hand: the library refuses to make such a thing."""
    payload = {**claims(), "exp": int((SYSTEM_CLOCK.now() + timedelta(hours=1)).timestamp())}
    text = f"{encoded({'alg': alg, 'kid': 'one'})}.{encoded(payload)}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), hashlib.sha256))}"


PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
FORGERIES = {
    "none": f"{encoded({'alg': 'none', 'kid': 'one'})}.{session().split('.')[1]}.",
    "None": f"{encoded({'alg': 'None', 'kid': 'one'})}.{session().split('.')[1]}.",
    "no signature": session().rpartition(".")[0] + ".",
    "HMAC with the public key": signed_by_hmac(PUBLIC),
    "HMAC with the JWK": signed_by_hmac(json.dumps(jwk(KEY, "one")).encode()),
    "HMAC called ES256": signed_by_hmac(PUBLIC, "ES256"),
    "claims changed": ".".join(
        (session().split(".")[0], encoded({**claims(exp=4e9), "account_id": "zenith"}), session().split(".")[2])
    ),
    "a key of its own": jwt.encode(
        claims(), OTHER_KEY, "ES256", headers={"kid": "one", "jwk": jwk(OTHER_KEY, "one"), "jku": "https://evil"}
    ),
    "no token": "session",
    "empty": "",
    "not base64": "a.b.c",
    "not text": "\udcff.\udcff.\udcff",
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_session_is_refused(sessions: Sessions, forged: str) -> None:
    with pytest.raises(RefusedSessionError):
        sessions.caller(forged)


@given(st.text() | st.binary().map(encoded).flatmap(lambda part: st.just(f"{part}.{part}.{part}")))
def test_whatever_is_sent_is_refused_and_breaks_nothing(sent: str) -> None:
    sessions = Sessions(Keys(SignIn(jwk(KEY, "one")), FakeClock()), ISSUER, AUDIENCE)

    with pytest.raises(RefusedSessionError):
        sessions.caller(sent)


@given(st.integers(min_value=0), st.sampled_from("ABCxyz019-_"))
def test_no_character_of_what_is_signed_can_be_changed(place: int, other: str) -> None:
    signed, _, signature = session().rpartition(".")
    place %= len(signed)
    changed = f"{signed[:place]}{other}{signed[place + 1 :]}"
    assume(changed != signed)
    sessions = Sessions(Keys(SignIn(jwk(KEY, "one")), FakeClock()), ISSUER, AUDIENCE)

    with pytest.raises(RefusedSessionError):
        sessions.caller(f"{changed}.{signature}")


def test_a_key_of_another_algorithm_in_the_jwks_lets_nobody_in(clock: FakeClock) -> None:
    private = rsa.generate_private_key(65537, 2048)
    published = {**RSAAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "one", "alg": "RS256"}
    secret = {"kty": "oct", "k": encoded(b"x" * 32), "kid": "two", "alg": "HS256"}
    sessions = Sessions(Keys(SignIn(published, secret, {}), clock), ISSUER, AUDIENCE)

    for token in (session(private, algorithm="RS256"), session("x" * 32, "two", "HS256")):
        with pytest.raises(RefusedSessionError):
            sessions.caller(token)


def test_keys_are_fetched_once_for_many_sessions(sessions: Sessions, sign_in: SignIn) -> None:
    for _ in range(20):
        sessions.caller(session())

    assert sign_in.asked == 1


def test_a_new_key_is_known_at_its_first_session(sessions: Sessions, sign_in: SignIn, clock: FakeClock) -> None:
    sessions.caller(session())
    clock.advance(timedelta(seconds=6))
    sign_in.keys.append(jwk(OTHER_KEY, "two"))

    assert sessions.caller(session(OTHER_KEY, "two"))
    assert sign_in.asked == 2


def test_made_up_key_ids_do_not_make_us_ask_more_than_once_in_five_seconds(
    sessions: Sessions, sign_in: SignIn, clock: FakeClock
) -> None:
    for number in range(100):
        with pytest.raises(RefusedSessionError):
            sessions.caller(session(kid=f"made-up-{number}"))
        clock.advance(timedelta(milliseconds=100))

    assert sign_in.asked == 2


class SlowSignIn(SignIn):
    """Answers when it may."""

    def __init__(self, *keys: Mapping[str, Any]) -> None:
        super().__init__(*keys)
        self.was_asked, self.may_answer = threading.Event(), threading.Event()

    def __call__(self) -> dict[str, Any]:
        self.was_asked.set()
        assert self.may_answer.wait(60)
        return super().__call__()


def test_of_made_up_ids_one_waits_for_a_slow_sign_in_another_a_second_and_a_known_key_not_at_all(
    clock: FakeClock,
) -> None:
    sign_in = SlowSignIn(jwk(KEY, "one"))
    sessions = Sessions(Keys(sign_in, clock), ISSUER, AUDIENCE)
    sign_in.may_answer.set()
    sessions.caller(session())
    sign_in.may_answer.clear()
    sign_in.was_asked.clear()
    clock.advance(timedelta(minutes=6))  # known, and due to be asked for

    with ThreadPoolExecutor(2) as pool:
        made_up = [pool.submit(sessions.caller, session(kid="made-up")) for _ in range(2)]
        assert sign_in.was_asked.wait(60)

        assert sessions.caller(session())

        told, asks = wait(made_up, timeout=60, return_when=FIRST_COMPLETED)
        assert [type(each.exception()) for each in told] == [SignInUnavailableError]
        assert len(asks) == 1  # the control: this one does wait
        sign_in.may_answer.set()
        assert [type(each.exception(60)) for each in asks] == [RefusedSessionError]
    assert sign_in.asked == 2


def test_a_key_taken_back_counts_no_longer_after_five_minutes(
    sessions: Sessions, sign_in: SignIn, clock: FakeClock
) -> None:
    sessions.caller(session())
    sign_in.keys.clear()
    clock.advance(timedelta(minutes=5))

    with pytest.raises(RefusedSessionError):
        sessions.caller(session())


def test_while_the_sign_in_is_down_known_keys_count_for_an_hour(
    sessions: Sessions, sign_in: SignIn, clock: FakeClock
) -> None:
    sessions.caller(session())
    sign_in.down = True
    clock.advance(timedelta(minutes=59))
    assert sessions.caller(session())
    clock.advance(timedelta(minutes=1))

    with pytest.raises(SignInUnavailableError):
        sessions.caller(session())


# -- what the gateway is answered


@pytest.fixture
def gateway(sessions: Sessions) -> FlaskClient:
    app = web.create("auth-link", WebSettings(caller_key=CALLER_KEY, log_level="INFO"), [], ready={})
    # No test here asks for a token of Xero's.
    app.register_blueprint(internal.blueprint(sessions, None, None, ORIGIN, "s" * 40, SYSTEM_CLOCK))  # type: ignore[arg-type]
    return app.test_client(use_cookies=False)


def verify(gateway: FlaskClient, method: str = "GET", **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return gateway.get("/internal/verify", headers={"X-Forwarded-Method": method, **named})


@pytest.mark.parametrize("header", [{"Cookie": f"session={session()}"}, {"Authorization": f"Bearer {session()}"}])
def test_the_gateway_is_told_who_it_is_under_our_signature(gateway: FlaskClient, header: dict[str, str]) -> None:
    response = verify(gateway, **header)

    told = callers.check(response.headers["X-Caller"], CALLER_KEY)

    assert response.status_code == 204
    assert (told.account_id, told.user_id, told.name, told.roles) == ("legrand", "ada", "Ada", frozenset({ADMIN}))


@pytest.mark.parametrize(
    "header",
    [{}, {"Cookie": "session=forged"}, {"Authorization": "Bearer forged"}, {"Authorization": f"Basic {session()}"}],
)
def test_nobody_gets_a_problem_and_no_caller(gateway: FlaskClient, header: dict[str, str]) -> None:
    response = verify(gateway, **header)

    assert response.status_code == 401
    assert response.content_type == "application/problem+json"
    assert "X-Caller" not in response.headers


def test_a_bad_bearer_is_not_made_good_by_a_cookie(gateway: FlaskClient) -> None:
    assert verify(gateway, Authorization="Bearer forged", Cookie=f"session={session()}").status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "", "get", "MADE-UP"])
@pytest.mark.parametrize(
    "origin", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": f"{ORIGIN}.evil.example"}]
)
def test_another_sites_page_cannot_act_with_a_persons_cookie(
    gateway: FlaskClient, method: str, origin: dict[str, str]
) -> None:
    assert verify(gateway, method, Cookie=f"session={session()}", **origin).status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_our_own_page_can(gateway: FlaskClient, method: str) -> None:
    """Control of the test above."""
    assert verify(gateway, method, Cookie=f"session={session()}", Origin=ORIGIN).status_code == 204


def test_a_bearer_needs_no_origin(gateway: FlaskClient) -> None:
    assert verify(gateway, "POST", Authorization=f"Bearer {session()}").status_code == 204


def test_reading_with_a_cookie_needs_no_origin(gateway: FlaskClient) -> None:
    assert verify(gateway, "GET", Cookie=f"session={session()}").status_code == 204


def test_nobody_is_let_in_when_the_sign_in_never_answered(gateway: FlaskClient, sign_in: SignIn) -> None:
    sign_in.down = True

    assert verify(gateway, Cookie=f"session={session()}").status_code == 503


def test_inside_routes_are_in_no_document(gateway: FlaskClient) -> None:
    assert not gateway.application.extensions["openapi"].to_dict()["paths"]


def test_an_unknown_address_is_a_problem_too(gateway: FlaskClient) -> None:
    response = gateway.get("/nothing")

    assert (response.status_code, response.content_type) == (404, "application/problem+json")
