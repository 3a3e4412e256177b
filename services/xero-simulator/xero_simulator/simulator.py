"""Xero without HTTP: the twin that tests call, and the whole of what the HTTP layer stands on.

Every change of state is an entry: written to the journal, then applied; a restart applies the journal's again.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any, Protocol

from xero_simulator import accounting, changes, seed, writing
from xero_simulator.accounting import Answer, Reading, bad_request, problem
from xero_simulator.calls import Call, CallLog
from xero_simulator.faults import Faults, Rule, damaged, unheard
from xero_simulator.identity import Identity, OAuthError
from xero_simulator.journal import Journal
from xero_simulator.kinds import KINDS
from xero_simulator.limits import Allowance, Limits
from xero_simulator.organisation import Organisation
from xero_simulator.query import heard
from xero_simulator.settings import Behaviour, Settings
from xero_simulator.webhooks import Delivery, Subscription, Webhooks
from xero_simulator.wire import Doc, encode, from_ms, to_ms, updated
from xero_simulator.writing import Writing

_BOUNDLESS = Allowance(minute=10**6, day=10**6, concurrent=10**6, app_minute=10**6)


class Clock(Protocol):
    """Where time comes from; ``now`` is aware and in UTC."""

    def now(self) -> datetime: ...


class Simulator:
    """All organisations of one Xero, its identity service, limits and faults. Every public method is thread-safe.

    It starts empty: ``add_organisation`` or ``seed_demo`` fill it. ``check_tokens=False`` lets every caller in, for
    tests that are not about tokens. ``pause`` is called with seconds of latency that a rule asks for, outside the lock;
    without it a twin takes no time, whatever the rules say.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        limits: bool = True,
        check_tokens: bool = True,
        settings: Settings | None = None,
        journal: Journal | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.behaviour = Behaviour(limits=limits)
        self.lock = threading.RLock()
        self.organisations: dict[str, Organisation] = {}
        self.calls = CallLog()
        self._clock, self._check_tokens, self._journal, self._pause = clock, check_tokens, journal, pause
        self._ahead = timedelta()
        self._random = Random(self.settings.seed)  # noqa: S311 - repeatable on purpose, guards nothing
        self.faults = Faults(self._random)
        self.webhooks = Webhooks(self._random)
        self._limits = Limits()
        self._answered: dict[tuple[str, str], Doc] = {}
        self._last: dict[tuple[str, str], Answer] = {}
        self.identity = Identity(self.settings.client_id, self.settings.client_secret, self.now, self._record)
        for entry in journal.replay() if journal else ():
            self._apply(entry)
        self.webhooks.forget()

    # -- time, settings, organisations

    def now(self) -> datetime:
        return self._clock.now() + self._ahead

    def advance_clock(self, seconds: float) -> datetime:
        """Move the simulator's time; it stays moved after a restart."""
        with self.lock:
            self._record({"t": "clock", "ahead_ms": int((self._ahead.total_seconds() + seconds) * 1000)})
            return self.now()

    def behave(self, settings: Mapping[str, Any]) -> Behaviour:
        """Switch what Behaviour names. Raises ValueError and changes nothing for what it does not."""
        with self.lock:
            self.behaviour.changed(settings)
            self._record({"t": "settings", "settings": dict(settings)})
            return self.behaviour

    def add_organisation(self, *, name: str, seed: int, contacts: int, invoices: int, currency: str = "NZD") -> str:
        """Seed an organisation and return its tenant id, which depends on name and seed only."""
        tenant = _tenant_id(name, seed)
        sizes = {"seed": seed, "contacts": contacts, "invoices": invoices, "currency": currency}
        with self.lock:
            if tenant in self.organisations:
                raise ValueError(f"{name!r} with seed {seed} is here already")
            plan = {"tenant": tenant, "name": name, "until_ms": to_ms(self.now()), **sizes}
            self._record({"t": "organisation", "plan": plan})
        return tenant

    def seed_demo(self) -> None:
        """The organisations of the demo, unless the journal brought some."""
        if self.organisations:
            return
        number = self.settings.seed
        contacts, invoices = self.settings.contacts, self.settings.invoices
        self.add_organisation(name="Kiwi Outfitters Ltd", seed=number, contacts=contacts, invoices=invoices)
        self.add_organisation(name="Harbour Bakery Ltd", seed=number + 1, contacts=25, invoices=60)
        self.add_organisation(name="Ozzy Imports Pty Ltd", seed=number + 2, contacts=40, invoices=120, currency="AUD")

    # -- changes

    def change(self, tenant: str, wanted: Iterable[Mapping[str, Any]]) -> list[Doc]:
        """Make changes one after another; each told as kind, id and updated_at.

        Raises RefusedError at the first that Xero would not make (those before it stand), KeyError without such a
        tenant. A record's UpdatedDateUTC never goes back, unless a change names its own with ``updated_at``.
        """
        with self.lock:
            return [self._change(self.organisations[tenant], each) for each in wanted]

    def _change(self, org: Organisation, wanted: Mapping[str, Any]) -> Doc:
        made = changes.change(org, wanted, to_ms(self.now()), self._random)
        given = wanted.get("updated_at")
        times = [self._moment(org, kind, doc[KINDS[kind].id]) for kind, doc in made]
        ms = to_ms(datetime.fromisoformat(given)) if given else max(times)
        self._put(org, [(kind, {**doc, **updated(kind, ms)}) for kind, doc in made])
        ids = [{"kind": kind, "id": doc[KINDS[kind].id]} for kind, doc in made]
        return {**ids[0], "updated_at": _iso(ms), "also": ids[1:]}

    def _put(self, org: Organisation, docs: list[tuple[str, Doc]], **more: Any) -> None:
        self._record({"t": "put", "tenant": org.tenant, "docs": docs, **more})

    def _moment(self, org: Organisation, kind: str, key: str, ms: int | None = None) -> int:
        """``ms`` or now, but after the record's last change."""
        held = org.shelves[kind].find(key)
        wanted = to_ms(self.now()) if ms is None else ms
        return wanted if held is None else max(wanted, org.shelves[kind].updated[held] + 1)

    def touch(self, tenant: str, kind: str, ids: list[str], within_ms: int = 0) -> list[str]:
        """Give records a new UpdatedDateUTC: now, or spread evenly over the ``within_ms`` just past."""
        with self.lock:
            org, end = self.organisations[tenant], to_ms(self.now())
            spread = (end - within_ms + (i + 1) * within_ms // len(ids) for i in range(len(ids)))
            times = [self._moment(org, kind, key, ms) for key, ms in zip(ids, spread, strict=True)]
            self._record({"t": "touch", "tenant": tenant, "kind": kind, "ids": ids, "times": times})
            return ids

    def touch_some(self, tenant: str, kind: str, count: int, within_ms: int = 0) -> list[str]:
        """Touch that many records (invoices: sales only), taken by dice; returns their ids."""
        with self.lock:
            shelf = self.organisations[tenant].shelves[kind]
            held = shelf.by_update("ACCREC" if kind == "invoice" else "", None)
            ids = [shelf.id(number) for number in self._random.sample(held, min(count, len(held)))]
            return self.touch(tenant, kind, ids, within_ms)

    # -- webhooks

    def subscribe(self, asked: Mapping[str, Any] | None) -> None:
        """Send events there from now on, once it has shown that it can tell signatures; None ends it.

        Raises ValueError or TypeError for what is no subscription.
        """
        with self.lock:
            if asked is not None:
                Subscription.of(asked)
            self._record({"t": "webhooks", "asked": asked, "status": "validating"})
            if asked is not None:
                self.webhooks.intend(to_ms(self.now()))

    def webhooks_due(self) -> list[Delivery]:
        with self.lock:
            return self.webhooks.due(to_ms(self.now()))

    def webhook_ended(self, delivery: Delivery, outcome: str) -> None:
        """How a delivery went: the status it got, as text, or what went wrong."""
        with self.lock:
            before = self.webhooks.status
            self.webhooks.ended(delivery, outcome, to_ms(self.now()))
            if self.webhooks.status != before:
                self._journalled({"t": "webhook_status", "status": self.webhooks.status})

    def _happened(self, tenant: str, changed: Iterable[tuple[str, str, bool]]) -> None:
        """Xero tells an app of the organisations that are connected to it."""
        if not self._check_tokens or self.identity.has_tenant(tenant):
            self.webhooks.happened(tenant, changed, to_ms(self.now()))

    def add_fault(self, asked: Mapping[str, Any]) -> Rule:
        """A rule as ``faults.Rule`` says. One about a record that names none gets the first sale or contact by id."""
        with self.lock:
            rule = self.faults.add(asked)
            if rule.kind in ("poison", "large") and not rule.more["record"]:
                org = self.organisations[rule.tenant] if rule.tenant else next(iter(self.organisations.values()))
                shelf = org.shelves[rule.more["record_kind"]]
                part = "ACCREC" if rule.more["record_kind"] == "invoice" else ""
                rule.more["record"] = min(shelf.id(number) for number in shelf.by_update(part, None))
            return rule

    # -- entries

    def _record(self, entry: Doc) -> None:
        self._journalled(entry)
        self._apply(entry)

    def _journalled(self, entry: Doc) -> None:
        if self._journal:
            self._journal.append(entry)

    def _apply(self, entry: Doc) -> None:
        getattr(self, f"_on_{entry['t']}")(entry)

    def _on_identity(self, entry: Doc) -> None:
        self.identity.apply(entry)

    def _on_clock(self, entry: Doc) -> None:
        self._ahead = timedelta(milliseconds=entry["ahead_ms"])

    def _on_settings(self, entry: Doc) -> None:
        self.behaviour = self.behaviour.changed(entry["settings"])

    def _on_organisation(self, entry: Doc) -> None:
        plan = seed.Plan(**entry["plan"])
        org = Organisation(plan.tenant, seed.profile(plan))
        org.fill(*seed.records(plan))
        self.organisations[plan.tenant] = org

    def _on_put(self, entry: Doc) -> None:
        org, changed = self.organisations[entry["tenant"]], []
        for kind, doc in entry["docs"]:
            key = doc[KINDS[kind].id]
            changed.append((kind, key, org.shelves[kind].find(key) is None))
            org.put(kind, doc)
        self._happened(org.tenant, changed)
        if "answered" in entry:
            self._answered[org.tenant, entry["answered"]["key"]] = entry["answered"]

    def _on_touch(self, entry: Doc) -> None:
        org = self.organisations[entry["tenant"]]
        for key, ms in zip(entry["ids"], entry["times"], strict=True):
            org.touch(entry["kind"], key, ms)
        self._happened(org.tenant, ((entry["kind"], key, False) for key in entry["ids"]))

    def _on_webhooks(self, entry: Doc) -> None:
        self.webhooks.subscribe(entry["asked"] and Subscription.of(entry["asked"]), entry["status"])

    def _on_webhook_status(self, entry: Doc) -> None:
        self.webhooks.status = entry["status"]

    # -- calls of the accounting API

    def call(
        self,
        tenant: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        body: bytes = b"",
    ) -> Answer:
        """One call of the accounting API, just as over HTTP. ``path`` is below ``/api.xro/2.0``, e.g. ``/Invoices``.

        ``tenant`` is what xero-tenant-id says. An Answer that is ``broken`` never arrived whole.
        """
        named = {name.lower(): value for name, value in (headers or {}).items()}
        asked = Asked(tenant, path, heard(query or {}), named, method, body)
        return self._observed(asked, self._answer)

    def call_identity(
        self, path: str, produce: Callable[[Identity], object], method: str = "GET", good: int = 200
    ) -> Answer:
        """One call of the identity service: what ``produce`` makes as JSON, or Xero's body for its refusal.

        Faults hit these calls too, by path, as those of the tenant "identity"; token_death is then an invalid_grant.
        """

        def answer(asked: Asked, hit: Hit) -> tuple[Answer, float]:
            paused = self._wait(hit)
            if faulty := self._faulty(hit):
                return faulty, paused
            try:
                if "token_death" in hit:
                    raise OAuthError("invalid_grant")
                with self.lock:
                    self.identity.unclaimed = {rule.more["name"] for rule in hit.get("unclaimed", [])}
                    made = produce(self.identity)
            except OAuthError as error:
                return _refused(error), paused
            return Answer(good, accounting.JSON, b"" if made is None else encode(made)), paused

        return self._observed(Asked("identity", path, {}, {}, method), answer)

    def _observed(self, asked: "Asked", make: "Callable[[Asked, Hit], tuple[Answer, float]]") -> Answer:
        """Make an answer with the rules that hit the call, then damage, date and log it."""
        wall, cpu = time.perf_counter(), time.thread_time()
        with self.lock:
            hit = self.faults.take(asked.tenant, asked.path)
        ignored = hit.get("ignore", [])
        heard = replace(asked, query=unheard(asked.query, ignored), headers=unheard(asked.headers, ignored))
        answer, paused = make(heard, hit)
        with self.lock:
            for rule in hit.get("edit", []) if asked.tenant in self.organisations else ():
                self.touch_some(asked.tenant, rule.more["record_kind"], rule.more["records"])
            now = self.now()
            dated = {"Date": format_datetime(now, usegmt=True), **answer.headers}
            whole = replace(answer, headers=dated)
            answer = damaged(whole, hit, self._last.get((asked.tenant, asked.path)))
            if any(rule.kind == "repeat" for rule in self.faults.rules):
                self._last[asked.tenant, asked.path] = whole
            call = Call(
                at=now.isoformat(timespec="milliseconds"),
                tenant=asked.tenant,
                method=asked.method,
                path=asked.path,
                query=asked.query,
                if_modified_since=asked.headers.get("if-modified-since"),
                status=answer.status,
                bytes=len(answer.body),
                seconds=time.perf_counter() - wall - paused,
                cpu_seconds=time.thread_time() - cpu,
            )
            self.calls.add(call)
        return answer

    def _answer(self, asked: "Asked", hit: "Hit") -> tuple[Answer, float]:
        """The answer, and how many seconds of it were a pause."""
        with self.lock:
            stranger = self._refuse_caller(asked, hit)
            if stranger:
                return stranger, 0.0
            allowed = self.behaviour if self.behaviour.limits else _BOUNDLESS
            over = self._limits.begin(asked.tenant, self.now(), allowed)
            left = self._limits.headers(asked.tenant, self.now(), allowed)
        if over:
            more = {"Retry-After": str(over.retry_after), "X-Rate-Limit-Problem": over.problem}
            return Answer(429, {**left, **more}), 0.0
        try:
            paused = self._wait(hit)
            answer = self._faulty(hit) or self._served(asked, hit)
        finally:
            with self.lock:
                self._limits.end(asked.tenant)
        return replace(answer, headers={**answer.headers, **left}), paused

    def _refuse_caller(self, asked: "Asked", hit: "Hit") -> Answer | None:
        """Xero's bodies for a token or an organisation that will not do (Xero-OpenAPI issue 585, pyxero PR 337)."""
        if "token_death" in hit:
            return problem(401, "Unauthorized", "TokenExpired: token expired")
        if not self._check_tokens:
            return None if asked.tenant in self.organisations else _not_connected()
        try:
            grant = self.identity.grant_of(bearer_of(asked.headers.get("authorization", "")))
        except OAuthError as error:
            return _refused(error)
        if not self.identity.is_connected(grant["user"], asked.tenant):
            return _not_connected()
        if not accounting.may(asked.method, asked.path, grant["scopes"]):
            return problem(401, "Unauthorized", "AuthorizationUnsuccessful")
        return None

    def _wait(self, hit: "Hit") -> float:
        seconds = self.behaviour.latency_ms / 1000
        seconds += sum(rule.more["seconds"] for kind in ("latency", "hang") for rule in hit.get(kind, []))
        if not (seconds and self._pause):
            return 0.0
        began = time.perf_counter()
        self._pause(seconds)
        return time.perf_counter() - began

    def _faulty(self, hit: "Hit") -> Answer | None:
        if "hang" in hit:
            return Answer(504, broken="hang")
        if "throttle" in hit:
            more = hit["throttle"][0].more
            retry = {"Retry-After": str(more["retry_after"]), "X-Rate-Limit-Problem": more["problem"]}
            return Answer(429, retry)
        if "status" in hit:
            return problem(hit["status"][0].more["status"], "Error", "An error occurred in Xero.")
        return None

    def _served(self, asked: "Asked", hit: "Hit") -> Answer:
        resource, key = accounting.resource_of(asked.path)
        if asked.method == "GET":
            spoil = {r.more["record"]: r.spoil for kind in ("poison", "large") for r in hit.get(kind, [])}
            with self.lock:
                reading = Reading(asked.query, asked.headers, self.now(), self.behaviour, spoil)
                return accounting.read(self.organisations[asked.tenant], asked.path, reading)
        if resource != "Contacts" or asked.method not in ("PUT", "POST") or (key and asked.method == "PUT"):
            return Answer(405, {"Allow": "GET"})
        with self.lock:
            return self._written(self.organisations[asked.tenant], key, asked)

    def _written(self, org: Organisation, key: str, asked: "Asked") -> Answer:
        """Contacts created or changed, once for each Idempotency-Key."""
        token, now = asked.headers.get("idempotency-key", ""), to_ms(self.now())
        digest = hashlib.sha256(repr((asked.method, asked.path, sorted(asked.query.items()), asked.body)).encode())
        if len(token) > 128:
            return bad_request(10, "ValidationException", "The Idempotency-Key must not be longer than 128 characters")
        held = self._answered.get((org.tenant, token)) if token else None
        if held and now < held["at"] + self.behaviour.idempotency_seconds * 1000:
            if held["digest"] != digest.hexdigest():
                said = f"Idempotency Key: {token} is used with a different request."
                return bad_request(10, "ValidationException", said)
            return Answer(held["status"], accounting.JSON, held["body"].encode())
        wanted = Writing(
            org=org,
            method=asked.method,
            key=key,
            body=asked.body,
            query=asked.query,
            now=self.now(),
            moment=lambda contact: self._moment(org, "contact", contact),
            new_id=lambda: seed.new_id(self._random),
        )
        docs, answer = writing.write(wanted)
        remembered = {"key": token, "digest": digest.hexdigest(), "at": now}
        remembered |= {"status": answer.status, "body": answer.body.decode()}
        keep = token and answer.status in (200, 400)
        if docs or keep:
            self._put(org, [("contact", doc) for doc in docs], **({"answered": remembered} if keep else {}))
        return answer

    def connections(self, user: str, event: str | None) -> list[Doc]:
        """What ``GET /connections`` answers a person's token."""
        rows = self.identity.connections(user, event)
        return [_connection(row, self.organisations[row["tenant"]].profile["Name"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as it came; ``headers`` in lower case."""

    tenant: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    method: str
    body: bytes = b""


Hit = dict[str, list[Rule]]  # by kind of fault


def bearer_of(authorization: str) -> str:
    kind, _, token = authorization.partition(" ")
    return token if kind.lower() == "bearer" else ""


def _refused(error: OAuthError) -> Answer:
    if error.status == 401:
        return problem(401, "Unauthorized", error.code)
    more = {"error_description": error.description} if error.description else {}
    return Answer(error.status, accounting.JSON, encode({"error": error.code, **more}))


def _tenant_id(name: str, number: int) -> str:
    return seed.new_id(Random(f"{name}/{number}"))  # noqa: S311 - repeatable on purpose, guards nothing


def _not_connected() -> Answer:
    return problem(403, "Forbidden", "AuthenticationUnsuccessful")


def _iso(ms: int) -> str:
    return from_ms(ms).isoformat(timespec="milliseconds")


def _connection(row: Doc, name: str) -> Doc:
    """The identity spec's Connection; its times carry seven decimals and no zone."""
    times = {f"{n}DateUtc": from_ms(row[n]).strftime("%Y-%m-%dT%H:%M:%S.%f0") for n in ("created", "updated")}
    return {
        "id": row["id"],
        "authEventId": row["event"],
        "tenantId": row["tenant"],
        "tenantType": "ORGANISATION",
        "tenantName": name,
        **times,
    }
