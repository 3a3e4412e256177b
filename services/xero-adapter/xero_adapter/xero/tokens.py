"""Access tokens, from auth-link, which alone refreshes them. Kept in memory only, and never logged."""

import threading
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import msgspec
import requests

from accounting_link.chassis.clock import Clock
from xero_adapter.xero.refusals import ConnectionGone, Unavailable

S = TypeVar("S", bound=msgspec.Struct)
_LEFT_AT_LEAST = timedelta(minutes=2)  # longer than any call
_TIMEOUT_SECONDS = (3, 30)  # a refresh at Xero may stand behind the answer


class Token(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    expires_at: datetime
    authorisation: int
    tenant_id: str
    fingerprint: str

    def __repr__(self) -> str:
        return f"Token(fingerprint={self.fingerprint!r})"


class _Gone(msgspec.Struct):
    authorisation: int = 0


class _Refused(msgspec.Struct):
    lost: bool


class AuthLink(Protocol):
    def token(self, connection_id: str, refused: str = "") -> Token:
        """Of the connection as it stands; a new one where that of the fingerprint ``refused`` was not accepted by Xero.
        Raises ConnectionGone, Unavailable."""

    def refused(self, connection_id: str, authorisation: int) -> bool:
        """Xero refused the connection itself (403) under this authorisation. False when it is not lost by that, for it
        was connected again or ended since. Raises Unavailable."""


class Tokens:
    """Each connection's, for as long as it serves."""

    def __init__(self, auth_link: AuthLink, clock: Clock) -> None:
        self._auth_link, self._clock = auth_link, clock
        self._known: dict[str, Token] = {}
        self._lock = threading.Lock()

    def get(self, connection_id: str, authorisation: int, refused: Token | None = None) -> Token:
        """Good for at least one call; a new one where ``refused`` was not accepted by Xero. ``authorisation``: that of
        whatever is asked for, which may know of a consent later than the token: somebody else's, with other rights.
        Raises ConnectionGone, Unavailable."""
        with self._lock:
            known = self._known.get(connection_id)
        if known and known != refused and known.authorisation >= authorisation and self._lasts(known):
            return known
        token = self._auth_link.token(connection_id, refused.fingerprint if refused else "")
        with self._lock:
            self._known[connection_id] = token
        return token

    def lose(self, connection_id: str, token: Token) -> bool:
        """Xero refused the connection itself (403) with this token. Is the connection lost by that? Not when it was
        connected again since: there is another token then. Raises Unavailable."""
        with self._lock:
            if self._known.get(connection_id) == token:
                del self._known[connection_id]
        return self._auth_link.refused(connection_id, token.authorisation)

    def _lasts(self, token: Token) -> bool:
        return token.expires_at - self._clock.now() > _LEFT_AT_LEAST


class HttpAuthLink:
    def __init__(self, url: str, service_key: str) -> None:
        self._url, self._key = url.rstrip("/"), service_key

    def token(self, connection_id: str, refused: str = "") -> Token:
        answer = self._post(f"{connection_id}/token", {"refused_fingerprint": refused} if refused else {})
        if answer.status_code in (404, 409, 410):
            raise ConnectionGone("Xero no longer accepts this connection", _read(answer, _Gone).authorisation)
        return _read(_good(answer), Token)

    def refused(self, connection_id: str, authorisation: int) -> bool:
        answer = self._post(f"{connection_id}/refused", {"authorisation": authorisation})
        return _read(_good(answer), _Refused).lost

    def _post(self, path: str, body: dict[str, str | int]) -> requests.Response:
        try:
            return requests.post(
                f"{self._url}/internal/connections/{path}",
                json=body,
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=_TIMEOUT_SECONDS,
            )
        except requests.RequestException as error:
            raise Unavailable(f"auth-link does not answer ({type(error).__name__})") from error


def _good(answer: requests.Response) -> requests.Response:
    if answer.status_code != 200:
        raise Unavailable(f"auth-link answers {answer.status_code}")
    return answer


def _read(answer: requests.Response, of: type[S]) -> S:
    """Raises Unavailable: what a proxy says in auth-link's place is no answer of its."""
    try:
        return msgspec.json.decode(answer.content, type=of)
    except msgspec.MsgspecError as error:
        raise Unavailable("auth-link's answer cannot be read") from error
