"""Two accounts that both have something of everything, who may ask for it, and every kind of person who may not."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accounting_link.chassis import callers, mongo
from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY, Caller
from accounting_link.chassis.clock import SYSTEM_CLOCK
from crm_frontend.sign_in import SigningKey
from deploy.local.crm import Crm
from deploy.local.run import Platform
from tests.e2e.test_flow import FINAL, log_has_ended, until
from tests.sessions import bearer, entered, session_of

Node = dict[str, Any]
DOCUMENT: Node = json.loads((Path(__file__).parents[2] / "docs/reference/openapi.json").read_text())
METHODS = ("get", "put", "post", "patch", "delete")
DATABASES = ("auth_link", "sync_orchestrator", "crm", "logs", "xero_adapter")
# Of the app or of a person at Xero, not of an account; their documents hold nothing of anybody's.
OF_NO_ACCOUNT = {"permits", "app_permits", "leases", "vault_check", "rates"}
# Notes of a worker to itself, gone when it has done what they say, some within seconds; no route reads them.
NOTES = {
    *(f"{name}.outbox" for name in ("auth_link", "sync_orchestrator", "xero_adapter", "crm")),
    *("auth_link.owed", "sync_orchestrator.missing", "sync_orchestrator.asked", "xero_adapter.organisations"),
}


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    node: Node = field(compare=False)

    @property
    def roles(self) -> set[str]:
        return set(self.node["x-roles"])

    @property
    def good(self) -> set[int]:
        """What the document says the rightful person gets."""
        return {int(status) for status in self.node["responses"] if status.isdigit() and status < "400"}

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


def operations() -> list[Operation]:
    """All of the merged document; deletes last."""
    found = [
        Operation(method, path, node[method])
        for path, node in DOCUMENT["paths"].items()
        for method in METHODS
        if method in node
    ]
    return sorted(found, key=lambda operation: operation.method == "delete")


@dataclass
class Account:
    """One account with a connection, a sync, records, logs and a dead letter; ``ids`` by the names of parameters."""

    crm: Crm
    ids: dict[str, str]
    gone: str  # a connection that was disconnected, and what it imported removed
    doomed: str = ""  # a connection to disconnect

    def told(self) -> set[str]:
        """What nobody else's answer may hold."""
        return {value for name, value in self.ids.items() if name != "transaction_id"}


def an_account(platform: Platform, person: str, tenant: str, another: str) -> Account:
    crm = entered(platform, person)
    connection = crm.connect(tenant)
    until(lambda: crm.knows(f"/settings/{connection}"))
    sync = crm.post("/syncs", {"connection_id": connection, "kind": "full"})["id"]
    until(lambda: crm.get(f"/syncs/{sync}")["state"] in FINAL)
    until(lambda: log_has_ended(crm, sync))
    gone, removal = a_removal(crm, another)
    until_xero_is_told(platform, gone)  # nobody can connect meanwhile
    crm.post("/connections/authorize", {})  # a consent that was asked for and not given
    contact = crm.post("/contacts", {"last_name": "Kauri", "company_name": f"Kauri of {connection}"})["id"]
    until(lambda: crm.knows(f"/organisations/{connection}"))
    ids = {
        "connection_id": connection,
        "removal_id": removal,
        "sync_id": sync,
        "company_id": crm.get("/companies")["items"][0]["id"],
        "contact_id": contact,
        "export_id": crm.post("/exports", {"connection_id": connection, "contact_id": contact})["id"],
        "transaction_id": crm.get("/transactions", connection_id=connection)["items"][0]["id"],
        "letter_id": a_dead_letter(platform, person.partition(":")[0], connection),
    }
    return Account(crm, ids, gone)


def until_xero_is_told(platform: Platform, connection_id: str) -> None:
    """That it was disconnected."""
    with mongo.database(platform.mongo_uri, "auth_link") as db:
        until(lambda: db.owed.count_documents({"connection_id": connection_id}) == 0)


def a_removal(crm: Crm, tenant: str) -> tuple[str, str]:
    """A connection that was made, disconnected and had removed what it imported; and the removal."""
    gone = crm.connect(tenant)
    until(lambda: crm.knows(f"/settings/{gone}"))
    crm.disconnect(gone)
    until(lambda: crm.accepts("/removals", {"connection_id": gone}))
    removal = crm.post("/removals", {"connection_id": gone})["id"]
    until(lambda: crm.get(f"/removals/{removal}")["state"] == "completed")
    return gone, removal


def a_dead_letter(platform: Platform, account_id: str, connection_id: str) -> str:
    """As log-service keeps one: a sync without odd records has none."""
    letter = {"_id": str(uuid.uuid4()), "account_id": account_id, "connection_id": connection_id, "sync_id": ""}
    said = dict.fromkeys(("consumer", "reason", "about", "type", "topic", "value", "reference"), "for the test")
    numbers = {"partition": 0, "offset": 0, "size": 1, "at": SYSTEM_CLOCK.now()}
    with mongo.database(platform.mongo_uri, "logs") as db:
        db.dead_letters.insert_one({**letter, **said, **numbers})
    return letter["_id"]


@dataclass
class World:
    platform: Platform
    ours: Account
    theirs: Account

    @property
    def key(self) -> SigningKey:
        return SigningKey.from_pem(self.platform.folder.secrets()["SIGN_IN_KEY"])

    def session(self, person: str) -> str:
        return session_of(self.platform, person)

    def call(self, operation: Operation, headers: Mapping[str, str] | None = None, at: str = "") -> requests.Response:
        """With the ids of our account's records, whoever asks. ``at``: another address than the gateway's."""
        path = filled(operation, self.ours)
        query = {
            parameter["name"]: self.ours.ids[parameter["name"]]
            for parameter in operation.node.get("parameters", ())
            if parameter.get("in") == "query" and parameter["name"] in self.ours.ids
        }
        ids = {**self.ours.ids, "connection_id": about(operation, self.ours)}
        body = example(operation.node["requestBody"], ids) if "requestBody" in operation.node else None
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                operation.method,
                (at or self.platform.public_url) + path,
                params=query,
                json=body,
                headers=dict(headers or {}),
                allow_redirects=False,
                stream=True,
                timeout=30,
            )
            # Of a stream of events the first is enough: a sync that runs on has no end yet.
            answer._content = next(answer.iter_content(1 << 20), b"")
            answer.close()
        return answer


def is_about_ours(operation: Operation, account: Account) -> bool:
    """Whether it names a record that exists, in its path or its body."""
    body = example(operation.node["requestBody"], account.ids) if "requestBody" in operation.node else {}
    return "{" in operation.path or any(value in account.ids.values() for value in body.values())


def filled(operation: Operation, account: Account) -> str:
    """Raises KeyError for a parameter that the world knows no record for: give it one in ``an_account``."""
    return operation.path.format_map({**account.ids, "connection_id": about(operation, account)})


def about(operation: Operation, account: Account) -> str:
    """Which connection to ask about: one that can bear it."""
    if operation.method == "delete":
        return account.doomed
    return account.gone if str(operation) == "POST /api/v1/removals" else account.ids["connection_id"]


def example(node: Any, ids: Mapping[str, str]) -> Any:
    """The least that the document calls valid, about records that exist."""
    if "$ref" in node:
        found: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return example(found, ids)
    if "content" in node:
        return example(next(iter(node["content"].values()))["schema"], ids)
    if node.get("enum"):
        return node["enum"][0]
    if node.get("type") == "object":
        return {name: ids.get(name) or example(node["properties"][name], ids) for name in node.get("required", ())}
    return {"string": "x", "integer": 1, "number": 1, "boolean": True, "array": []}[node["type"]]


def impostors(world: World) -> Iterator[tuple[str, dict[str, str]]]:
    """Everybody who is nobody, each with all that they can make up."""
    good, key, now = world.session("rata:admin"), world.key, SYSTEM_CLOCK.now()
    claims = jwt.decode(good, options={"verify_signature": False})
    stranger, kid = ec.generate_private_key(ec.SECP256R1()), {"kid": key.kid}
    public = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header, _, signature = good.split(".")
    more = json.dumps({**claims, "account_id": "rata", "sub": "somebody"}).encode()
    changed = base64.urlsafe_b64encode(more).decode().rstrip("=")

    def signed(**changes: Any) -> str:
        return jwt.encode({**claims, **changes}, key.private, "ES256", headers=kid)

    yield "nobody", {}
    yield "forged", bearer("a.b.c")
    yield "changed after signing", bearer(f"{header}.{changed}.{signature}")
    yield "expired", bearer(signed(exp=now - timedelta(minutes=5)))
    yield "of another issuer", bearer(signed(iss="somebody"))
    yield "for another audience", bearer(signed(aud="another-application"))
    yield "re-signed", bearer(jwt.encode(claims, stranger, "ES256", headers=kid))
    yield "of a key that is not published", bearer(jwt.encode(claims, stranger, "ES256", headers={"kid": "unheard-of"}))
    yield "without an algorithm", bearer(jwt.encode(claims, "", "none", headers=kid))
    yield "the public key as a secret", bearer(hs256(claims, public, kid))
    yield "the cookie, forged", {"Cookie": "session=a.b.c", "Origin": world.platform.public_url}
    yield from named_otherwise(world)


def hs256(claims: Node, secret: bytes, header: Node) -> str:
    """By hand, for PyJWT refuses to sign with a public key."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    head, body = part(json.dumps({"alg": "HS256", "typ": "JWT", **header}).encode()), part(json.dumps(claims).encode())
    return f"{head}.{body}.{part(hmac.new(secret, f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


def named_otherwise(world: World) -> Iterator[tuple[str, dict[str, str]]]:
    """With an identity header that even carries the right signature, as if the gateway had set it."""
    who = Caller(account_id="rata", user_id="rata-admin", name="", roles=frozenset({ADMIN, MEMBER}))
    right = callers.sign(who, world.platform.folder.secrets()["CALLER_KEY"], SYSTEM_CLOCK)
    for name in ("X-Caller", "X_Caller", "x-caller", "X-CALLER"):
        yield f"with {name}", {name: right}
    yield "with X-Caller twice", {"X-Caller": f"{right}, {right}", "X_Caller": right}
    yield (
        "with older names",
        {"X-Account-Id": "rata", "X-User-Id": "rata-admin", "X-Role": ADMIN, "X_Role": ADMIN},
    )


ROLES = {ADMIN: "rata:admin", MEMBER: "rata:member", NO_MONEY: "rata:no-money"}
