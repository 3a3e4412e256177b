"""Access tokens, from auth-link, which alone refreshes them. Kept in memory only, and never logged."""

import threading
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import requests

from accounting_link.chassis.clock import Clock
from xero_adapter.xero.refusals import ConnectionGone, Unavailable

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


class Tokens(Protocol):
    def get(self, connection_id: str, refused: Token | None = None) -> Token:
        """A token good for at least one call; a new one where ``refused`` was not accepted by Xero.
        Raises ConnectionGone, Unavailable."""

    def lose(self, connection_id: str, token: Token) -> None:
        """Xero refused the connection itself (403) with this token: auth-link is to know. Raises Unavailable."""


class AuthLink:
    def __init__(self, url: str, service_key: str, clock: Clock) -> None:
        self._url, self._key, self._clock = url.rstrip("/"), service_key, clock
        self._known: dict[str, Token] = {}
        self._lock = threading.Lock()

    def get(self, connection_id: str, refused: Token | None = None) -> Token:
        with self._lock:
            known = self._known.get(connection_id)
        if known and known != refused and known.expires_at - self._clock.now() > _LEFT_AT_LEAST:
            return known
        token = self._ask(connection_id, refused)
        with self._lock:
            self._known[connection_id] = token
        return token

    def lose(self, connection_id: str, token: Token) -> None:
        with self._lock:
            self._known.pop(connection_id, None)  # connected again, there is another
        answer = self._post(f"{connection_id}/refused", {"authorisation": token.authorisation})
        if answer.status_code != 200:
            raise Unavailable(f"auth-link answers {answer.status_code}")

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

    def _ask(self, connection_id: str, refused: Token | None) -> Token:
        answer = self._post(f"{connection_id}/token", {"refused_fingerprint": refused.fingerprint} if refused else {})
        try:
            if answer.status_code in (404, 409, 410):
                gone = msgspec.json.decode(answer.content, type=_Gone)
                raise ConnectionGone("Xero no longer accepts this connection", gone.authorisation)
            if answer.status_code == 200:
                return msgspec.json.decode(answer.content, type=Token)
        except msgspec.MsgspecError as error:
            raise Unavailable("auth-link's answer cannot be read") from error
        raise Unavailable(f"auth-link answers {answer.status_code}")
