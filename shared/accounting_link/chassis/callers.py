"""Who is asking. auth-link checks the person's session at the gateway and signs what it found; services
believe nothing but that signature, so a request that went around the gateway is refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from accounting_link.chassis.clock import Clock
from accounting_link.contracts.people import Detail, PersonActed
from accounting_link.contracts.words import Act

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
    address: str = ""  # the network address asked from; of the request, not of the signature

    def may(self, among: Iterable[str]) -> bool:
        return bool(self.roles.intersection(among))

    def acted(self, act: Act, about: str, at: datetime, **details: str) -> PersonActed:
        """What this person did, for the audit log. ``about``: the id of what it was done to."""
        return PersonActed(
            act=act,
            about=about,
            by=self.user_id,
            by_name=self.name,
            address=self.address,
            at=at,
            details=tuple(Detail(name=name, value=value) for name, value in details.items()),
        )


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
