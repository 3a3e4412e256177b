"""What only the inside may ask: the gateway who a session belongs to, xero-adapter for access tokens.

Outside /api/v1 and in no OpenAPI document; the gateway routes nothing under /internal.
"""

import hmac
from typing import Any
from urllib.parse import urlsplit

import marshmallow as ma
from flask import Blueprint, Response, current_app, jsonify, request

from accounting_link.chassis import callers
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.problems import ProblemError, not_found
from accounting_link.chassis.web import reference
from auth_link import metrics
from auth_link.api import pages
from auth_link.api.schemas import RefusedSchema, TokenAskSchema, TokenSchema
from auth_link.checking import Checks
from auth_link.consent import SIGNED_OUT
from auth_link.sessions import RefusedSessionError, Sessions, SignInUnavailableError
from auth_link.settings import CALLBACK, origin_of
from auth_link.tokens import Given, NotConnectedError, NoTokenYetError, Tokens, UnknownConnectionError

COOKIE = "session"
_SAFE = ("GET", "HEAD", "OPTIONS")


def blueprint(
    sessions: Sessions, tokens: Tokens, checks: Checks, public_url: str, service_key: str, clock: Clock
) -> Blueprint:
    origin = origin_of(public_url)
    blp = Blueprint("internal", __name__, url_prefix="/internal")

    @blp.get("/verify")
    def verify() -> Response:
        try:
            caller = _caller(sessions, origin)
        except ProblemError as error:
            metrics.SESSION_CHECKS.labels(error.slug).inc()
            if error.status == 401 and _comes_back_from_xero():
                return pages.led_to(public_url + pages.NOT_CONNECTED, reason=SIGNED_OUT)
            raise
        metrics.SESSION_CHECKS.labels("signed-in").inc()
        signed = callers.sign(caller, current_app.config["CALLER_KEY"], clock)
        return _unstored(Response(status=204, headers={callers.HEADER: signed}))

    @blp.post("/connections/<connection_id>/token")
    def token(connection_id: str) -> Response:
        _check_service(service_key)
        given = _give(tokens, connection_id, _refused_fingerprint())
        metrics.TOKENS_GIVEN.labels("given").inc()
        return _unstored(jsonify(TokenSchema().dump(given)))

    @blp.post("/connections/<connection_id>/refused")
    def refused(connection_id: str) -> Response:
        _check_service(service_key)
        asked = _loaded(RefusedSchema())
        lost = checks.refused(connection_id, asked["authorisation"], reference())
        return _unstored(jsonify({"lost": lost}))

    return blp


def _caller(sessions: Sessions, origin: str) -> callers.Caller:
    bearer = _bearer()
    session = bearer or request.cookies.get(COOKIE, "")
    if not session:
        raise _not_signed_in()
    # A browser sends a cookie whichever page asked, and says which in Origin; a bearer header only our own page sets.
    # A method that was not told counts as one that changes something.
    method = request.headers.get("X-Forwarded-Method", "")
    if not bearer and method not in _SAFE and request.headers.get("Origin") != origin:
        raise ProblemError(403, "other-origin", "Another site's page asked for this.", f"Do it at {origin}.")
    try:
        return sessions.caller(session)
    except RefusedSessionError:
        raise _not_signed_in() from None
    except SignInUnavailableError:
        raise ProblemError(
            503, "sign-in-unavailable", "Your sign-in cannot be checked now.", "Try again in a moment."
        ) from None


def _comes_back_from_xero() -> bool:
    """The gateway hands on what it answers here: a person whose session has ended meanwhile reads a page."""
    asked_for = urlsplit(request.headers.get("X-Forwarded-Uri", "")).path
    return asked_for == CALLBACK and pages.is_looked_at(request)


def _not_signed_in() -> ProblemError:
    return ProblemError(401, "not-signed-in", "You are not signed in.", "Sign in, then try again.")


def _bearer() -> str:
    kind, _, credentials = request.headers.get("Authorization", "").partition(" ")
    return credentials.strip() if kind.lower() == "bearer" else ""


def _check_service(key: str) -> None:
    if not hmac.compare_digest(_bearer().encode(), key.encode()):
        raise ProblemError(401, "not-a-service", "This is for services only.", "Check AUTH_LINK_SERVICE_KEY.")


def _refused_fingerprint() -> str:
    return str(_loaded(TokenAskSchema())["refused_fingerprint"] or "")


def _loaded(schema: ma.Schema) -> dict[str, Any]:
    body = request.get_json(silent=True) if request.get_data() else {}
    try:
        # Whatever is no JSON object is refused by the schema in the same words.
        asked: dict[str, Any] = schema.load(body if isinstance(body, dict) else [])
    except ma.ValidationError as error:
        # Only fields of ours are named: what else was sent may be anything, a token too.
        known = {name: said for name, said in _by_field(error).items() if name in schema.fields}
        raise ProblemError(
            422, "invalid", "Some of this is not valid.", "Mend the fields named.", fields=known
        ) from None
    return asked


def _by_field(error: ma.ValidationError) -> dict[str, Any]:
    return error.messages if isinstance(error.messages, dict) else {}


def _give(tokens: Tokens, connection_id: str, refused: str) -> Given:
    try:
        return tokens.give(connection_id, refused, reference())
    except UnknownConnectionError:
        metrics.TOKENS_GIVEN.labels("unknown").inc()
        raise not_found("connection") from None
    except NotConnectedError as error:
        metrics.TOKENS_GIVEN.labels(error.state).inc()
        raise ProblemError(
            409,
            "connection-lost",
            "Xero no longer accepts this connection.",
            "An administrator of the account must connect again.",
            state=error.state,
            authorisation=error.authorisation,
        ) from None
    except NoTokenYetError:
        metrics.TOKENS_GIVEN.labels("not_yet").inc()
        raise ProblemError(503, "no-token-yet", "Xero gives no token now.", "Try again in a few seconds.") from None


def _unstored(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
