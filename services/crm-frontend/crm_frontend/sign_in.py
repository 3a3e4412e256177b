"""The development sign-in: a session is a JWT signed here, checked at the gateway by auth-link.

In production the CRM's own sign-in stands in this place: it publishes its keys the same way, and auth-link
is told where (SIGN_IN_JWKS_URL). Nothing else changes.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

from accounting_link.chassis.clock import Clock
from crm_frontend import people
from crm_frontend.people import Person

COOKIE = "session"
ISSUER, AUDIENCE, ALGORITHM = "crm-development-sign-in", "accounting-link", "ES256"
LIVES = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """``kid`` is the key's RFC 7638 thumbprint, so a new key never passes for an old one."""

    private: EllipticCurvePrivateKey
    jwk: dict[str, str]

    @classmethod
    def from_pem(cls, pem: str) -> "SigningKey":
        """Raises ValueError when this is no EC P-256 private key."""
        try:
            private = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError) as error:
            raise ValueError("SIGN_IN_KEY is no PEM of a private key") from error
        if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
            raise ValueError("SIGN_IN_KEY is no EC P-256 key")
        return cls(private, _jwk(private))

    @property
    def kid(self) -> str:
        return self.jwk["kid"]


def _jwk(private: EllipticCurvePrivateKey) -> dict[str, str]:
    found: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(private.public_key()))
    public = {name: str(found[name]) for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(public, sort_keys=True, separators=(",", ":"))
    thumbprint = urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).decode().rstrip("=")
    return {**public, "kid": thumbprint, "use": "sig", "alg": ALGORITHM}


def session_for(person: Person, key: SigningKey, clock: Clock) -> str:
    now = clock.now()
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + LIVES,
        "sub": person.user_id,
        "account_id": person.account_id,
        "name": person.name,
        "roles": person.roles,
    }
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})


def who(session: str | None, key: SigningKey, clock: Clock) -> Person | None:
    """Whom to greet. What they may do is decided by the APIs, never here. None when the session is
    missing, expired or not ours."""
    # Its end is compared here, with the clock that time comes in through.
    try:
        claims = jwt.decode(
            session or "",
            key.private.public_key(),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError:
        return None
    return people.of_user(claims["sub"]) if claims["exp"] > clock.now().timestamp() else None
