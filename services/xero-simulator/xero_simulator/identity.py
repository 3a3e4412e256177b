"""Xero's identity service: consent, codes with PKCE, tokens that rotate, connections. Facts: Xero's OAuth 2.0 FAQ.

Every change of state is an entry handed to ``record``, which journals it and gives it back to ``apply``; so a replay
of the entries makes the same state. Not thread-safe: the simulator's lock is held around every method.
"""

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from xero_simulator.wire import Doc, from_ms, to_ms

CODE_LIFE = timedelta(minutes=5)
ACCESS_LIFE = timedelta(minutes=30)
REFRESH_LIFE = timedelta(days=60)
GRACE = timedelta(minutes=30)

_SUBJECTS = {
    *("contacts", "settings", "transactions", "invoices", "payments", "banktransactions"),
    *("manualjournals", "attachments"),
}
# developer.xero.com, scopes: what each report needs since the broad accounting.reports.read is old
_REPORTS = {
    *("aged", "balancesheet", "banksummary", "budgetsummary", "executivesummary"),
    *("profitandloss", "taxreports", "tenninetynine", "trialbalance"),
}
SCOPES = {
    *("openid", "profile", "email", "offline_access", "paymentservices"),
    *("accounting.reports.read", "accounting.journals.read", "accounting.budgets.read"),
    *(f"accounting.reports.{report}.read" for report in _REPORTS),
    *(f"accounting.{subject}" for subject in _SUBJECTS),
    *(f"accounting.{subject}.read" for subject in _SUBJECTS),
}


class OAuthError(Exception):
    """A refusal in OAuth's words, e.g. ``invalid_grant``; ``status`` is the HTTP status of the token endpoint."""

    def __init__(self, code: str, description: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description, self.status = code, description, status


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a Xero login."""

    id: str
    name: str
    email: str


PEOPLE = {
    person.id: person
    for person in (
        Person("5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1001", "Kim Chen", "kim@kiwi-outfitters.example"),
        Person("5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1002", "Hemi Walker", "hemi@harbour-bakery.example"),
        Person("5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1003", "Olivia Patel", "olivia@ozzy-imports.example"),
    )
}


@dataclass(frozen=True, slots=True)
class Consent:
    """What an app asks a person for, checked."""

    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    challenge: str | None
    nonce: str | None


class Identity:
    """One app, its people and what they granted."""

    def __init__(
        self, client_id: str, client_secret: str, now: Callable[[], datetime], record: Callable[[Doc], None]
    ) -> None:
        self._client_id, self._client_secret = client_id, client_secret
        self._now, self._record = now, record
        self._codes: dict[str, Doc] = {}
        self._refresh: dict[str, Doc] = {}
        self._access: dict[str, Doc] = {}
        self._connections: dict[str, Doc] = {}
        self._key: ec.EllipticCurvePrivateKey | None = None
        self.issued: list[str] = []
        self.unclaimed: set[str] = set()  # what no token of this call is to say, as a rule asks

    # -- consent

    def consent(self, asked: Mapping[str, str]) -> Consent:
        """Check an authorize request. Without a known app or an address to go back to nothing may be redirected."""
        if asked.get("client_id") != self._client_id:
            raise OAuthError("unauthorized_client", "Unknown client or client not enabled")
        if not asked.get("redirect_uri", "").startswith(("http://", "https://")):
            raise OAuthError("invalid_request", "Invalid redirect_uri")
        scopes = tuple(asked.get("scope", "").split())
        if not scopes or not SCOPES.issuperset(scopes):
            raise OAuthError("invalid_scope", f"Invalid scope: {' '.join(sorted({*scopes} - SCOPES))}")
        if asked.get("response_type") != "code":
            raise OAuthError("unsupported_response_type")
        if asked.get("code_challenge") and asked.get("code_challenge_method") != "S256":
            raise OAuthError("invalid_request", "Transform algorithm not supported")
        optional = (asked.get(name) or None for name in ("state", "code_challenge", "nonce"))
        return Consent(asked["redirect_uri"], scopes, *optional)

    def allow(self, consent: Consent, person: str, tenants: list[str]) -> str:
        """The person allows access to these organisations: a code, good once and for five minutes."""
        if person not in PEOPLE:
            raise OAuthError("access_denied", "Nobody is signed in")
        event, now = str(uuid.uuid4()), self._ms()
        for tenant in tenants:
            self._connect(person, tenant, event, now)
        code = secrets.token_urlsafe(32)
        grant = {"user": person, "scopes": list(consent.scopes), "event": event, "nonce": consent.nonce}
        bound = {"challenge": consent.challenge, "redirect_uri": consent.redirect_uri, "expires": now + _ms(CODE_LIFE)}
        self._tell("code", code=code, grant=grant, **bound)
        return code

    def _connect(self, person: str, tenant: str, event: str, now: int) -> None:
        """A tenant connected again keeps its id and its first date (spec, Connection)."""
        held = [row for row in self._connections.values() if (row["user"], row["tenant"]) == (person, tenant)]
        row = held[0] if held else {"id": str(uuid.uuid4()), "user": person, "tenant": tenant, "created": now}
        self._tell("connection", row={**row, "event": event, "updated": now})

    # -- tokens

    def token(self, form: Mapping[str, str], client: tuple[str, str] | None, issuer: str) -> Doc:
        """The token endpoint. ``client`` is id and secret of a Basic header; else they are looked for in the form."""
        self._check_client(form, client)
        if form.get("grant_type") == "authorization_code":
            return self._issue(self._redeem(form), issuer)
        if form.get("grant_type") == "refresh_token":
            return self._issue(self._rotate(form.get("refresh_token", "")), issuer)
        raise OAuthError("unsupported_grant_type")

    def _check_client(self, form: Mapping[str, str], client: tuple[str, str] | None) -> None:
        name, secret = client or (form.get("client_id", ""), form.get("client_secret", ""))
        given, right = f"{name}\n{secret}".encode(), f"{self._client_id}\n{self._client_secret}".encode()
        if not hmac.compare_digest(given, right):
            raise OAuthError("invalid_client", status=400)

    def _redeem(self, form: Mapping[str, str]) -> Doc:
        code = self._codes.get(form.get("code", ""))
        if code is None or code["expires"] <= self._ms() or code["redirect_uri"] != form.get("redirect_uri"):
            raise OAuthError("invalid_grant")
        if code["challenge"] and not _proves(form.get("code_verifier", ""), code["challenge"]):
            raise OAuthError("invalid_grant", "code_verifier does not fit")
        self._tell("code_used", code=form["code"])
        grant: Doc = code["grant"]
        return grant

    def _rotate(self, token: str) -> Doc:
        """A token used already may be tried again for 30 minutes, as its answer may have been lost."""
        held, now = self._refresh.get(token), self._ms()
        if held is None or now >= held["issued"] + _ms(REFRESH_LIFE):
            raise OAuthError("invalid_grant")
        if held["used"] is None:
            self._tell("refresh_used", token=token, at=now)
        elif now >= held["used"] + _ms(GRACE):
            raise OAuthError("invalid_grant")
        grant: Doc = held["grant"]
        return grant

    def _issue(self, grant: Doc, issuer: str) -> Doc:
        now, scopes = self._now(), grant["scopes"]
        expires = to_ms(now + ACCESS_LIFE)
        answer: Doc = {"access_token": self._sign(self._access_claims(grant, now), issuer)}
        answer |= {"expires_in": int(ACCESS_LIFE.total_seconds()), "token_type": "Bearer", "scope": " ".join(scopes)}
        if "openid" in scopes:
            answer["id_token"] = self._sign(self._id_claims(grant, now), issuer)
        if "offline_access" in scopes:
            answer["refresh_token"] = secrets.token_urlsafe(32)
        secret = {name: answer[name] for name in ("access_token", "id_token", "refresh_token") if name in answer}
        self._tell("tokens", grant=grant, issued=to_ms(now), expires=expires, **secret)
        return answer

    def _access_claims(self, grant: Doc, now: datetime) -> Doc:
        return {
            "nbf": int(now.timestamp()),
            "exp": int((now + ACCESS_LIFE).timestamp()),
            "client_id": self._client_id,
            "sub": uuid.uuid5(uuid.NAMESPACE_OID, grant["user"]).hex,
            "auth_time": int(now.timestamp()),
            "xero_userid": grant["user"],
            "jti": secrets.token_hex(16),
            "authentication_event_id": grant["event"],
            "scope": grant["scopes"],
            "aud": "https://identity.xero.com/resources",
        }

    def _id_claims(self, grant: Doc, now: datetime) -> Doc:
        person = PEOPLE[grant["user"]]
        given, _, family = person.name.partition(" ")
        claims = {
            "iat": int(now.timestamp()),
            "exp": int((now + CODE_LIFE).timestamp()),
            "aud": self._client_id,
            "sub": uuid.uuid5(uuid.NAMESPACE_OID, person.id).hex,
            "xero_userid": person.id,
            "email": person.email,
            "preferred_username": person.email,
            "name": person.name,
            "given_name": given,
            "family_name": family,
        }
        return {**claims, "nonce": grant["nonce"]} if grant.get("nonce") else claims

    def _sign(self, claims: Doc, issuer: str) -> str:
        if self._key is None:
            pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
            self._tell("key", pem=pem.decode())
        assert self._key is not None
        said = {name: value for name, value in claims.items() if name not in self.unclaimed}
        return jwt.encode({**said, "iss": issuer}, self._key, "ES256", headers={"kid": "xero-simulator-1"})

    def jwks(self) -> Doc:
        """The public key that tokens are signed with; no key before the first token."""
        if self._key is None:
            return {"keys": []}
        key = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": "xero-simulator-1", "use": "sig", "alg": "ES256"}]}

    def discovery(self, issuer: str) -> Doc:
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/identity/connect/authorize",
            "token_endpoint": f"{issuer}/connect/token",
            "revocation_endpoint": f"{issuer}/connect/revocation",
            "jwks_uri": f"{issuer}/.well-known/openid-configuration/jwks",
            "scopes_supported": sorted(SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "subject_types_supported": ["public"],
        }

    # -- what a token may

    def grant_of(self, bearer: str) -> Doc:
        """Whose token it is and its scopes. Raises OAuthError with Xero's Detail when it is unknown or expired."""
        held = self._access.get(bearer)
        if held is None:
            raise OAuthError("AuthenticationUnsuccessful", status=401)
        if held["expires"] <= self._ms():
            when = from_ms(held["expires"]).strftime("%m/%d/%Y %H:%M:%S")
            raise OAuthError(f"TokenExpired: token expired at {when}", status=401)
        grant: Doc = held["grant"]
        return grant

    def is_connected(self, user: str, tenant: str) -> bool:
        return any((row["user"], row["tenant"]) == (user, tenant) for row in self._connections.values())

    def has_tenant(self, tenant: str) -> bool:
        return any(row["tenant"] == tenant for row in self._connections.values())

    def connections(self, user: str, event: str | None) -> list[Doc]:
        """Rows of this person, oldest first: id, user, tenant, event, created and updated in milliseconds."""
        mine = [row for row in self._connections.values() if row["user"] == user and event in (None, row["event"])]
        return sorted(mine, key=lambda row: int(row["created"]))

    def disconnect(self, user: str, connection_id: str) -> bool:
        """True when that was a connection of this person's, which is now gone."""
        row = self._connections.get(connection_id)
        if row is None or row["user"] != user:
            return False
        self._tell("disconnected", ids=[connection_id])
        return True

    def forget_tenant(self, tenant: str) -> int:
        """Somebody disconnected the app inside Xero: all connections to the organisation go."""
        ids = [row["id"] for row in self._connections.values() if row["tenant"] == tenant]
        self._tell("disconnected", ids=ids)
        return len(ids)

    def revoke(self, form: Mapping[str, str], client: tuple[str, str] | None) -> None:
        """Ends a refresh token, and with it every connection and token of that person (calcinai/oauth2-xero)."""
        self._check_client(form, client)
        held = self._refresh.get(form.get("token", ""))
        if held:
            self._tell("revoked", user=held["grant"]["user"])

    # -- state

    def _ms(self) -> int:
        return to_ms(self._now())

    def _tell(self, what: str, **entry: Any) -> None:
        self._record({"t": "identity", "what": what, **entry})

    def apply(self, entry: Doc) -> None:
        """Make one recorded change, now or at replay."""
        getattr(self, f"_on_{entry['what']}")(entry)

    def _on_key(self, entry: Doc) -> None:
        key = load_pem_private_key(entry["pem"].encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    def _on_code(self, entry: Doc) -> None:
        self._codes[entry["code"]] = entry
        self.issued.append(entry["code"])

    def _on_code_used(self, entry: Doc) -> None:
        self._codes.pop(entry["code"], None)

    def _on_connection(self, entry: Doc) -> None:
        self._connections[entry["row"]["id"]] = entry["row"]

    def _on_disconnected(self, entry: Doc) -> None:
        for key in entry["ids"]:
            self._connections.pop(key, None)

    def _on_tokens(self, entry: Doc) -> None:
        self._access[entry["access_token"]] = {"grant": entry["grant"], "expires": entry["expires"]}
        if "refresh_token" in entry:
            held = {"grant": entry["grant"], "issued": entry["issued"], "used": None}
            self._refresh[entry["refresh_token"]] = held
        names = ("access_token", "refresh_token", "id_token")
        self.issued += [entry[name] for name in names if name in entry]

    def _on_refresh_used(self, entry: Doc) -> None:
        self._refresh[entry["token"]]["used"] = entry["at"]

    def _on_revoked(self, entry: Doc) -> None:
        user = entry["user"]
        self._refresh = {key: held for key, held in self._refresh.items() if held["grant"]["user"] != user}
        self._access = {key: held for key, held in self._access.items() if held["grant"]["user"] != user}
        self._connections = {key: row for key, row in self._connections.items() if row["user"] != user}


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _proves(verifier: str, challenge: str) -> bool:
    """PKCE S256 (RFC 7636, 4.6)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())
