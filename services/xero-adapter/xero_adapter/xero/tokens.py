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

    def _ask(self, connection_id: str, refused: Token | None) -> Token:
        try:
            answer = requests.post(
                f"{self._url}/internal/connections/{connection_id}/token",
                json={"refused_fingerprint": refused.fingerprint} if refused else {},
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=_TIMEOUT_SECONDS,
            )
        except requests.RequestException as error:
            raise Unavailable(f"auth-link does not answer ({type(error).__name__})") from error
        try:
            if answer.status_code in (404, 409, 410):
                gone = msgspec.json.decode(answer.content, type=_Gone)
                raise ConnectionGone("Xero no longer accepts this connection", gone.authorisation)
            if answer.status_code == 200:
                return msgspec.json.decode(answer.content, type=Token)
        except msgspec.MsgspecError as error:
            raise Unavailable("auth-link's answer cannot be read") from error
        raise Unavailable(f"auth-link answers {answer.status_code}")
