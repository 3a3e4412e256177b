"""Who a session belongs to: a JWT of the CRM's sign-in, checked by the sign-in's public keys."""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import jwt
import requests

from accounting_link.chassis import callers, logs
from accounting_link.chassis.callers import Caller
from accounting_link.chassis.clock import Clock

log = logs.logger()

# The only algorithm there is: the token's own `alg` is compared with it and never chosen by, so neither `none` nor a
# public key used as an HMAC secret gets in.
_ALGORITHM = "ES256"
_SKEW = timedelta(seconds=10)  # between the sign-in's clock and ours
_ROLES = frozenset((callers.ADMIN, callers.MEMBER, callers.NO_MONEY))

_FRESH = timedelta(minutes=5)
_BETWEEN_FETCHES = timedelta(seconds=5)
_USABLE = timedelta(hours=1)
_PATIENCE = timedelta(seconds=1)


class RefusedSessionError(Exception):
    """Missing, forged, expired, or made by or for somebody else. The message holds nothing of the token."""


class SignInUnavailableError(Exception):
    """The sign-in does not answer, and without it nobody of this key can be let in."""


class Keys:
    """The sign-in's public keys (JWKS), by key id.

    Fetched anew after five minutes and on a key id not seen before (rotation), at most once in five seconds whoever
    asks for whatever, so that made-up key ids cannot be turned against the sign-in. While it does not answer, keys
    fetched within the hour still count. Of what one person has it fetch nobody waits whose key is known, and others
    for a second: a sign-in that hangs holds one of our threads, not all.
    """

    def __init__(self, fetch: Callable[[], Mapping[str, Any]], clock: Clock) -> None:
        self._fetch, self._clock = fetch, clock
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched: float | None = None
        self._tried: float | None = None

    def find(self, kid: str) -> jwt.PyJWK | None:
        """None when the sign-in has no such key. Raises SignInUnavailableError."""
        is_known = kid in self._keys
        if not is_known or self._older(self._fetched, _FRESH):
            if self._lock.acquire(timeout=0 if is_known else _PATIENCE.total_seconds()):
                try:
                    self._refetch()
                finally:
                    self._lock.release()
            elif not is_known:
                raise SignInUnavailableError
        if self._older(self._fetched, _USABLE):
            raise SignInUnavailableError
        return self._keys.get(kid)

    def _refetch(self) -> None:
        if not self._older(self._tried, _BETWEEN_FETCHES):
            return
        self._tried = self._clock.monotonic()
        try:
            self._keys = _usable(self._fetch())
            self._fetched = self._tried
        except (requests.RequestException, ValueError) as error:
            log.warning("the sign-in's keys could not be fetched", error=type(error).__name__)

    def _older(self, when: float | None, than: timedelta) -> bool:
        return when is None or self._clock.monotonic() - when >= than.total_seconds()


def fetch_from(url: str) -> Callable[[], Mapping[str, Any]]:
    def fetch() -> Mapping[str, Any]:
        response = requests.get(url, timeout=(2, 3), allow_redirects=False)
        response.raise_for_status()
        found = response.json()
        if response.status_code != 200 or not isinstance(found, dict):
            raise ValueError("no JWKS")
        return found

    return fetch


def _usable(jwks: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """Signing keys of our algorithm that have a key id; others are somebody else's business."""
    found = {}
    for key in jwks.get("keys", ()):
        right = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": _ALGORITHM}
        if key.get("kid") and all(key.get(name, right[name]) == right[name] for name in right):
            try:
                found[str(key["kid"])] = jwt.PyJWK(key, algorithm=_ALGORITHM)
            except jwt.PyJWTError:
                log.warning("the sign-in publishes a key that is none", kid=str(key["kid"]))
    return found


class Sessions:
    """Checks sessions of one sign-in."""

    def __init__(self, keys: Keys, issuer: str, audience: str) -> None:
        self._keys, self._issuer, self._audience = keys, issuer, audience

    def caller(self, token: str) -> Caller:
        """Raises RefusedSessionError, SignInUnavailableError. Roles that are not ours are dropped."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != _ALGORITHM:
                raise RefusedSessionError("not signed by ES256")
            claims = jwt.decode(
                token,
                self._key(header),
                algorithms=[_ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=_SKEW,
                options={"require": ["exp", "iss", "aud", "sub", "account_id"], "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError) as error:  # ValueError: what is no token at all
            raise RefusedSessionError(type(error).__name__) from None
        return _caller(claims)

    def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        kid = header.get("kid")
        key = self._keys.find(kid) if isinstance(kid, str) and kid else None
        if key is None:
            raise RefusedSessionError("unknown key")
        return key


def _caller(claims: Mapping[str, Any]) -> Caller:
    account, user, roles = claims["account_id"], claims["sub"], claims.get("roles")
    if not all(isinstance(each, str) and each for each in (account, user)):
        raise RefusedSessionError("no account or no user")
    given = {role for role in roles if isinstance(role, str)} if isinstance(roles, list) else set()
    name = claims.get("name")
    return Caller(
        account_id=account, user_id=user, name=name if isinstance(name, str) else "", roles=_ROLES.intersection(given)
    )
