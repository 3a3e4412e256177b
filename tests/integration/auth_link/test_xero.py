"""What auth-link makes of answers that the simulated Xero does not give."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from werkzeug import Request, Response
from werkzeug.serving import make_server

from auth_link.settings import Web, permit_plain_http
from auth_link.xero import Grant, GrantRefusedError, XeroIdentity, XeroUnavailableError
from tests.integration.auth_link.world import environment

GRANT = Grant(
    access_token="opaque", refresh_token="r", lives=timedelta(minutes=30), scopes=frozenset(), auth_event_id="ours"
)


@contextmanager
def answering(body: Any, status: int = 200, **headers: str) -> Iterator[XeroIdentity]:
    """A Xero that says the same to everything."""
    text = body if isinstance(body, str) else json.dumps(body)

    @Request.application
    def app(_: Request) -> Response:
        return Response(text, status, headers, content_type="application/json")

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    settings = Web.from_env(environment(f"http://127.0.0.1:{server.server_port}", "mongodb://127.0.0.1/"))
    try:
        yield XeroIdentity(settings.xero)
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "tenantId": name, "tenantType": "ORGANISATION", "tenantName": name, **more}


def test_only_organisations_of_this_consent_are_taken_whatever_xero_lists() -> None:
    rows = [
        row("ours", authEventId="ours"),
        row("another consent's", authEventId="theirs"),
        row("as in the spec's example"),
        row("an accountant's practice", authEventId="ours", tenantType="PRACTICE"),
    ]
    with answering(rows) as xero:
        assert [each.name for each in xero.organisations(GRANT)] == ["ours", "as in the spec's example"]


def test_a_token_that_names_no_consent_brings_all_organisations() -> None:
    with answering([row("one", authEventId="a"), row("two", authEventId="b")]) as xero:
        assert len(xero.organisations(replace(GRANT, auth_event_id=""))) == 2


@pytest.mark.parametrize("status", [400, 401])
def test_only_invalid_grant_means_that_a_grant_is_dead(status: int) -> None:
    with answering({"error": "invalid_grant"}, status) as xero, pytest.raises(GrantRefusedError):
        xero.refresh("r")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": "invalid_grant"}, 500),
        ({"error": "invalid_grant"}, 503),
        ({"error": "invalid_grant"}, 429),
        ({"error": "invalid_client"}, 400),
        ({"error": "invalid_client"}, 401),
        ({"error": "made up"}, 400),
        ("<html>Sorry</html>", 200),
        ("<html>Sorry</html>", 502),
        ("", 200),
        ("null", 200),
        ("[]", 200),
        ({"access_token": "a", "refresh_token": "r"}, 200),
        ({"access_token": "a", "refresh_token": "r", "expires_in": "soon"}, 200),
        ({}, 200),
    ],
)
def test_anything_else_is_no_answer_and_costs_no_connection(body: Any, status: int) -> None:
    with answering(body, status) as xero:
        with pytest.raises(XeroUnavailableError):
            xero.refresh("r")
        with pytest.raises(XeroUnavailableError):
            xero.exchange("c", "v" * 43)


@pytest.mark.parametrize("body", ["{}", "null", "[1]", '[{"id": "x"}]', "<html>"])
def test_a_list_of_connections_that_is_none_is_no_answer(body: str) -> None:
    with answering(body) as xero, pytest.raises(XeroUnavailableError):
        xero.organisations(GRANT)


def test_secrets_do_not_follow_a_redirect() -> None:
    with answering({}) as elsewhere, answering("", 307, Location="http://127.0.0.1:1/") as xero:
        del elsewhere
        for call in (lambda: xero.refresh("r"), lambda: xero.organisations(GRANT)):
            with pytest.raises(XeroUnavailableError):
                call()


def test_no_error_quotes_what_was_sent() -> None:
    quoting = {"error": "made up", "error_description": "r-secret"}
    with answering(quoting, 400) as xero, pytest.raises(XeroUnavailableError) as error:
        xero.refresh("r-secret")

    assert "r-secret" not in str(error.value)
    assert error.value.__suppress_context__


def test_without_a_stand_in_plain_http_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({"access_token": "a", "refresh_token": "r", "expires_in": 1800}) as xero:
        assert xero.refresh("r")  # control: allowed, it works
        environ = {"OAUTHLIB_INSECURE_TRANSPORT": "1"}
        secure = {**environment("https://127.0.0.1:1", "mongodb://127.0.0.1/")}
        permit_plain_http(Web.from_env(secure).xero, environ)
        monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT")

        assert not environ
        with pytest.raises(XeroUnavailableError):
            xero.refresh("r")
