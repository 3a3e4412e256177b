"""Who is asking. auth-link checks the person's session at the gateway and signs what it found; services
believe nothing but that signature, so a request that went around the gateway is refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import jwt

from accounting_link.chassis.clock import Clock

HEADER = "X-Caller"
_ISSUER, _AUDIENCE, _ALGORITHM = "auth-link", "accounting-link-services", "HS256"
_LIVES = timedelta(minutes=1)

ADMIN = "admin"  # connect, settings, disconnect
MEMBER = "member"  # sync, view, create in Xero
NO_MONEY = "no-money"  # companies and contacts only


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    account_id: str
    user_id: str
    name: str
    roles: frozenset[str]

    def may(self, among: Iterable[str]) -> bool:
        return bool(self.roles.intersection(among))


class RefusedError(Exception):
    """The header is missing, forged, expired or was signed for somebody else."""


def sign(caller: Caller, key: str, clock: Clock) -> str:
    now = clock.now()
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "iat": now,
        "exp": now + _LIVES,
        "sub": caller.user_id,
        "account_id": caller.account_id,
        "name": caller.name,
        "roles": sorted(caller.roles),
    }
    return jwt.encode(claims, key, algorithm=_ALGORITHM)


def check(header: str | None, key: str) -> Caller:
    """Raises RefusedError."""
    if not header:
        raise RefusedError("no caller")
    try:
        claims = jwt.decode(
            header,
            key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            options={"require": ["exp", "iat", "sub", "account_id"]},
        )
    except jwt.InvalidTokenError as error:
        raise RefusedError(str(error)) from error
    return Caller(
        account_id=claims["account_id"],
        user_id=claims["sub"],
        name=claims.get("name", ""),
        roles=frozenset(claims.get("roles", ())),
    )
