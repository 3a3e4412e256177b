"""OAuth as Xero does it: consent, PKCE, rotation with grace, connections, scopes, revocation."""

from typing import Any

import jwt
import pytest

from tests.unit.xero_simulator.conftest import REDIRECT, Browser
from xero_simulator.identity import PEOPLE


def test_allowing_access_connects_the_chosen_organisations_and_opens_them(browser: Browser) -> None:
    tokens = browser.connect(tenants=browser.tenants[:1])
    rows = browser.get("/connections", tokens["access_token"]).json
    assert [row["tenantId"] for row in rows] == browser.tenants[:1]
    assert browser.get("/api.xro/2.0/Organisation", tokens["access_token"]).status_code == 200
    other = browser.get("/api.xro/2.0/Organisation", tokens["access_token"], browser.tenants[1])
    assert (other.status_code, other.json["Detail"]) == (403, "AuthenticationUnsuccessful")


def test_connections_are_told_apart_by_the_consent_that_made_them(browser: Browser) -> None:
    browser.connect(tenants=browser.tenants[:1])
    access = browser.connect(tenants=browser.tenants[1:])["access_token"]
    rows = browser.get("/connections", access).json
    assert len(rows) == 2
    event = jwt.decode(access, options={"verify_signature": False})["authentication_event_id"]
    assert [r["tenantId"] for r in browser.get("/connections", access, authEventId=event).json] == browser.tenants[1:]


def test_the_authorize_page_offers_people_and_organisations_and_cancel_goes_back_with_the_state(
    browser: Browser,
) -> None:
    told = browser.allow(decision="cancel")
    assert (told["error"], told["state"]) == ("access_denied", "a-state")
    page = browser.http.get("/identity/connect/authorize", query_string=browser.consent).text
    assert all(text in page for text in ("Organisation 1", "Organisation 2", "Kim Chen", "Cancel"))
    assert "simulator" in page


@pytest.mark.parametrize("changes", [{"client_id": "stranger"}, {"redirect_uri": "javascript:alert(1)"}])
def test_an_unknown_app_or_address_is_never_redirected_to(browser: Browser, changes: dict[str, str]) -> None:
    browser.allow()
    answer = browser.http.get("/identity/connect/authorize", query_string={**browser.consent, **changes})
    assert answer.status_code == 400


def test_an_unknown_scope_is_refused(browser: Browser) -> None:
    assert browser.allow(scope="openid accounting.everything")["error"] == "invalid_scope"


def test_a_code_works_once_and_only_with_its_verifier(browser: Browser) -> None:
    code = browser.allow()["code"]
    assert browser.redeem(code, "not-the-verifier").json["error"] == "invalid_grant"
    assert browser.redeem(code).status_code == 200
    assert browser.redeem(code).json["error"] == "invalid_grant"


def test_a_code_dies_after_five_minutes(browser: Browser) -> None:
    code = browser.allow()["code"]
    browser.clock.advance(minutes=5)
    assert browser.redeem(code).status_code == 400


def test_a_wrong_client_secret_is_refused_and_the_right_one_may_stand_in_the_body(browser: Browser) -> None:
    code = browser.allow()["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_secret": "no"}
    form |= {"client_id": "accounting-link-development", "code_verifier": "a" * 43}
    assert browser.http.post("/connect/token", data=form).json["error"] == "invalid_client"
    form |= {"client_secret": "development-secret"}
    assert browser.http.post("/connect/token", data=form).json["error"] == "invalid_grant"  # now for the verifier


def test_a_used_refresh_token_is_taken_again_for_thirty_minutes_and_then_never(browser: Browser) -> None:
    first = browser.connect()["refresh_token"]
    second = browser.refresh(first).json["refresh_token"]
    assert second != first
    browser.clock.advance(minutes=29)
    assert browser.refresh(first).status_code == 200
    browser.clock.advance(minutes=1)
    assert (browser.refresh(first).status_code, browser.refresh(first).json) == (400, {"error": "invalid_grant"})
    assert browser.refresh(second).status_code == 200


def test_an_unused_refresh_token_dies_after_sixty_days(browser: Browser) -> None:
    token = browser.connect()["refresh_token"]
    browser.clock.advance(days=59)
    assert browser.refresh(token).status_code == 200
    fresh = browser.connect()["refresh_token"]
    browser.clock.advance(days=60)
    assert browser.refresh(fresh).json == {"error": "invalid_grant"}


def test_an_access_token_lives_thirty_minutes(browser: Browser) -> None:
    access = browser.connect()["access_token"]
    browser.clock.advance(minutes=29, seconds=59)
    assert browser.get("/api.xro/2.0/Organisation", access).status_code == 200
    browser.clock.advance(seconds=1)
    answer = browser.get("/api.xro/2.0/Organisation", access)
    assert answer.status_code == 401
    assert answer.json["Detail"].startswith("TokenExpired: token expired at 03/02/2026 10:00:15")


def test_tokens_are_signed_with_the_published_key(browser: Browser) -> None:
    tokens = browser.connect()
    found = browser.http.get("/.well-known/openid-configuration").json
    keys = jwt.PyJWKSet.from_dict(browser.http.get(found["jwks_uri"]).json)
    client = "accounting-link-development"
    options: Any = {"verify_exp": False, "verify_iat": False}
    told = jwt.decode(
        tokens["id_token"], keys["xero-simulator-1"].key, ["ES256"], options, audience=client, issuer=found["issuer"]
    )
    assert told["email"] == next(iter(PEOPLE.values())).email
    forged = tokens["id_token"][:-8] + "AAAAAAAA"
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(forged, keys["xero-simulator-1"].key, ["ES256"], options, audience=client)


@pytest.mark.parametrize(
    ("scope", "may"),
    [("accounting.invoices.read", True), ("accounting.transactions", True), ("accounting.contacts.read", False)],
)
def test_invoices_need_a_scope_for_them_old_or_new(browser: Browser, scope: str, may: bool) -> None:
    access = browser.connect(scope=f"offline_access {scope}")["access_token"]
    answer = browser.get("/api.xro/2.0/Invoices", access)
    assert answer.status_code == (200 if may else 401)
    assert may or answer.json["Detail"] == "AuthorizationUnsuccessful"


def test_deleting_one_connection_leaves_the_other(browser: Browser) -> None:
    access = browser.connect()["access_token"]
    rows = browser.get("/connections", access).json
    headers = {"Authorization": f"Bearer {access}"}
    assert browser.http.delete(f"/connections/{rows[0]['id']}", headers=headers).status_code == 204
    assert browser.http.delete(f"/connections/{rows[0]['id']}", headers=headers).status_code == 404
    assert browser.get("/api.xro/2.0/Organisation", access, rows[0]["tenantId"]).status_code == 403
    assert browser.get("/api.xro/2.0/Organisation", access, rows[1]["tenantId"]).status_code == 200


def test_revoking_takes_down_all_of_that_persons_connections_and_nobody_elses(browser: Browser) -> None:
    kim, hemi = browser.connect(), browser.connect(person=1)
    client = ("accounting-link-development", "development-secret")
    browser.http.post("/connect/revocation", data={"token": kim["refresh_token"]}, auth=client)
    assert browser.refresh(kim["refresh_token"]).json == {"error": "invalid_grant"}
    assert browser.get("/connections", kim["access_token"]).status_code == 401
    assert len(browser.get("/connections", hemi["access_token"]).json) == 2


def test_no_call_is_answered_without_a_token(browser: Browser) -> None:
    answer = browser.http.get("/api.xro/2.0/Invoices", headers={"xero-tenant-id": browser.tenants[0]})
    assert (answer.status_code, answer.json["Title"], answer.json["Status"]) == (401, "Unauthorized", 401)
