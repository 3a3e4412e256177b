"""Xero's identity service: the consent's address, codes for tokens, new tokens for old, what a consent granted.

Facts: Xero's OAuth 2.0 FAQ and identity spec 16.1.0. Nothing here retries: a code is good once, and when a refresh
may be repeated is decided where it is recorded (tokens.py).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import quote

import jwt
import requests
from oauthlib.oauth2 import InvalidGrantError, OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from accounting_link.chassis import logs
from auth_link.settings import XeroApp

log = logs.logger()

# At DEBUG requests-oauthlib writes codes, verifiers and tokens into its log.
for _library in ("requests_oauthlib", "oauthlib"):
    logging.getLogger(_library).setLevel(logging.WARNING)

_TIMEOUT = (3.05, 10.0)  # seconds to connect, seconds without a byte; both together are well inside a refresh's lease
_ORGANISATION = "ORGANISATION"


class XeroUnavailableError(Exception):
    """Xero did not answer, or not with anything understandable: what was asked may have been done or not."""


class TokenRefusedError(Exception):
    """401: Xero does not take this access token (any more)."""


class GrantRefusedError(Exception):
    """Xero says invalid_grant: this code or refresh token is dead for ever (xero-node issues 370, 382, 572)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What Xero gives for a code or a refresh token. ``refresh_token`` is empty without the scope offline_access."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    lives: timedelta
    scopes: frozenset[str]  # empty: as asked (RFC 6749, 5.1)
    xero_user_id: str = ""
    auth_event_id: str = ""  # of the consent; empty when the token does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """One organisation that a consent granted."""

    connection_id: str  # Xero's own id of the connection
    tenant_id: str
    name: str


class Identity(Protocol):
    """Every method but the first raises XeroUnavailableError; GrantRefusedError where a grant is shown."""

    def authorize_url(self, state: str, challenge: str) -> str: ...

    def exchange(self, code: str, verifier: str) -> Grant: ...

    def refresh(self, refresh_token: str) -> Grant: ...

    def organisations(self, grant: Grant) -> list[Organisation]:
        """Of this consent only where the token names it, else all that the person ever granted to this app. Raises
        GrantRefusedError when the token was revoked a moment ago."""

    def connected(self, access_token: str) -> list[Organisation]:
        """All that this token's person granted to this app and did not take back. Raises TokenRefusedError."""

    def delete_connection(self, access_token: str, connection_id: str) -> None:
        """By Xero's own id of it. One that is not there counts as deleted. Raises TokenRefusedError."""

    def revoke(self, refresh_token: str) -> None:
        """Takes back every organisation that this token's person granted to this app (calcinai/oauth2-xero)."""


class XeroIdentity:
    """Xero over HTTP."""

    def __init__(self, app: XeroApp) -> None:
        self._app = app
        self._auth = HTTPBasicAuth(app.client_id, app.client_secret)

    def authorize_url(self, state: str, challenge: str) -> str:
        with self._session(scope=list(self._app.scopes)) as session:
            url, _ = session.authorization_url(
                self._app.authorize_url, state=state, code_challenge=challenge, code_challenge_method="S256"
            )
        return str(url)

    def exchange(self, code: str, verifier: str) -> Grant:
        with _answering(), self._session() as session:
            session.register_compliance_hook("access_token_response", _understandable)
            return _grant(
                session.fetch_token(
                    self._app.token_url, code=code, code_verifier=verifier, auth=self._auth, timeout=_TIMEOUT
                )
            )

    def refresh(self, refresh_token: str) -> Grant:
        with _answering(), self._session() as session:
            session.register_compliance_hook("refresh_token_response", _understandable)
            return _grant(
                session.refresh_token(
                    self._app.token_url, refresh_token=refresh_token, auth=self._auth, timeout=_TIMEOUT
                )
            )

    def organisations(self, grant: Grant) -> list[Organisation]:
        try:
            return self._listed(grant.access_token, grant.auth_event_id)
        except TokenRefusedError:
            raise GrantRefusedError("revoked meanwhile") from None

    def connected(self, access_token: str) -> list[Organisation]:
        return self._listed(access_token, "")

    def delete_connection(self, access_token: str, connection_id: str) -> None:
        with _answering():
            url = f"{self._app.connections_url}/{quote(connection_id, safe='')}"
            response = _call("DELETE", url, access_token)
            # 404: nothing to delete. 403: the person has no part in it any more, so neither have we.
            if response.status_code not in (403, 404):
                response.raise_for_status()

    def revoke(self, refresh_token: str) -> None:
        with _answering():
            response = requests.post(
                self._app.revoke_url,
                data={"token": refresh_token, "token_type_hint": "refresh_token"},
                auth=self._auth,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
            response.raise_for_status()

    def _listed(self, access_token: str, auth_event_id: str) -> list[Organisation]:
        with _answering():
            response = _call(
                "GET",
                self._app.connections_url,
                access_token,
                params={"authEventId": auth_event_id} if auth_event_id else {},
            )
            response.raise_for_status()
            rows = response.json()
            if not isinstance(rows, list):
                raise ValueError("no list")
            return [_organisation(row) for row in rows if _belongs(row, auth_event_id)]

    def _session(self, scope: list[str] | None = None) -> OAuth2Session:
        # Without `scope` the library does not compare what was granted; consent.py does, and says what is missing.
        session = OAuth2Session(self._app.client_id, redirect_uri=self._app.redirect_uri, scope=scope)
        session.max_redirects = 0  # a secret goes where settings say and nowhere else
        return session


def _call(method: str, url: str, access_token: str, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    response = requests.request(method, url, headers=headers, timeout=_TIMEOUT, allow_redirects=False, **more)
    if response.status_code == 401:
        raise TokenRefusedError("401")
    return response


@contextmanager
def _answering() -> Iterator[None]:
    """Turns what a call can raise into our two errors, without their causes: those may quote what was sent."""
    try:
        yield
    except InvalidGrantError:
        raise GrantRefusedError("invalid_grant") from None
    except OAuth2Error as error:
        log.warning("Xero refused", error=type(error).__name__)
        raise XeroUnavailableError(f"Xero refused: {type(error).__name__}") from None
    except (requests.RequestException, KeyError, TypeError, ValueError) as error:
        raise XeroUnavailableError(f"no usable answer from Xero: {type(error).__name__}") from None


def _understandable(response: requests.Response) -> requests.Response:
    """Whatever a failing server says in its body, it says nothing about the grant."""
    if response.status_code >= 500 or response.status_code in (408, 429):
        response.raise_for_status()
    if not isinstance(response.json(), dict):
        raise ValueError("no JSON object")
    return response


def _grant(answer: dict[str, Any]) -> Grant:
    access_token = str(answer["access_token"])
    claims = _claims(access_token)
    scope = answer.get("scope") or ()
    return Grant(
        access_token=access_token,
        refresh_token=str(answer.get("refresh_token") or ""),
        lives=timedelta(seconds=int(answer["expires_in"])),
        scopes=frozenset(scope.split() if isinstance(scope, str) else scope),
        xero_user_id=str(claims.get("xero_userid", "")),
        auth_event_id=str(claims.get("authentication_event_id", "")),
    )


def _claims(access_token: str) -> dict[str, Any]:
    """Unverified on purpose: it came from Xero itself, over TLS, and nobody is let in by it."""
    try:
        claims: dict[str, Any] = jwt.decode(access_token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return claims


def _belongs(row: dict[str, Any], auth_event_id: str) -> bool:
    # The spec's own example of a row has no authEventId: one without it was chosen by the query.
    return row["tenantType"] == _ORGANISATION and (
        not auth_event_id or row.get("authEventId", auth_event_id) == auth_event_id
    )


def _organisation(row: dict[str, Any]) -> Organisation:
    return Organisation(
        connection_id=str(row["id"]), tenant_id=str(row["tenantId"]), name=str(row.get("tenantName") or "")
    )
