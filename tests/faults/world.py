"""Everything as it runs, and first imports to disturb: each by an account of its own, of an organisation of its own.

All organisations are made from one seed, so that an import that was disturbed can be held against one that was not,
record by record. They are read in small pages of a slow Xero, so that an import lasts long enough to be hit.
"""

import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient

from deploy.local import services
from deploy.local.crm import Crm
from deploy.local.run import Platform
from tests.sessions import entered

Doc = dict[str, Any]

CONTACTS, SALES, PAGE = 160, 800, 60
FINAL = ("completed", "completed_with_problems", "failed", "cancelled")
WORKERS = (
    "auth-link-worker",
    "sync-orchestrator-worker",
    "xero-adapter-bulk",
    "xero-adapter-interactive",
    "crm-writer-bulk",
    "crm-writer-interactive",
    "log-service-worker",
)
# A dead worker's partitions go to the next after so long: short, for tests wait for it.
_SESSION = {"KAFKA_SESSION_TIMEOUT": "2"}
_SMALL = {"SIMULATOR_CONTACTS": "20", "SIMULATOR_INVOICES": "40"}
_NAMES = tuple(name for name in services.NAMES if name != "lag-exporter")


def until(true: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Waits for what real state shows; says what did not come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(0.02)


@dataclass(kw_only=True)
class Import:
    """A full sync that was asked for. ``share`` of it is done when so much of the records stand in the CRM."""

    world: "World"
    account_id: str
    tenant_id: str
    connection_id: str
    crm: Crm
    sync_id: str = ""
    hit_at: list[datetime] = field(default_factory=list)

    @property
    def of_account(self) -> Doc:
        return {"account_id": self.account_id}

    @property
    def of_connection(self) -> Doc:
        return {**self.of_account, "connection_id": self.connection_id}

    @property
    def of_sync(self) -> Doc:
        return {**self.of_account, "sync_id": self.sync_id}

    def begin(self) -> "Import":
        self.sync_id = self.crm.post("/syncs", {"connection_id": self.connection_id, "kind": "full"})["id"]
        return self

    def sync(self) -> Doc:
        return self.world.mongo.sync_orchestrator.syncs.find_one({"_id": self.sync_id, **self.of_account}) or {}

    def log(self) -> Doc:
        return self.world.mongo.logs.syncs.find_one(self.of_sync) or {}

    def applied(self) -> int:
        return self.world.mongo.crm.xero_records.count_documents(self.of_connection)

    def reaches(self, share: float) -> "Import":
        wanted = share * (CONTACTS + SALES)
        until(lambda: self.applied() >= wanted, f"{share:.0%} of the records are applied")
        return self

    def is_hit(self) -> None:
        """What is done now falls inside the sync: it runs, and ``ends`` will see that it ended later."""
        assert self.sync()["state"] == "running", "the sync is over before anything was done to it"
        self.hit_at.append(datetime.now(UTC))

    def ends(self, seconds: float = 180) -> "Import":
        """In whatever state, and the log has heard of it."""
        until(lambda: self.sync().get("state") in FINAL, f"the sync {self.sync_id} ends", seconds)
        until(lambda: self.log().get("final"), "the log hears that the sync has ended")
        assert all(at < self.sync()["ended_at"] for at in self.hit_at), "the sync ended before it was hit"
        return self


class World:
    """A Platform, and hands to break it with."""

    def __init__(self, folder: Path, broker: str) -> None:
        self.folder, self.broker = folder, broker
        self.start()

    def start(self) -> None:
        """The same state folder each time: what the last run left is there."""
        overrides = dict.fromkeys(WORKERS, _SESSION) | {services.SIMULATOR: _SMALL}
        self.platform = Platform(self.folder / "state", self.broker, services=_NAMES, overrides=overrides)
        self.platform.start()
        self.mongo: MongoClient[Doc] = MongoClient(self.platform.mongo_uri, tz_aware=True)
        self.simulator("settings", {"page_cap": PAGE, "latency_ms": 80})

    def stop(self) -> None:
        self.mongo.close()
        self.platform.stop()

    # Importing

    def imports(self) -> Import:
        """A first import that has just been asked for."""
        return self.connected().begin()

    def connected(self) -> Import:
        """One that can begin: somebody new has connected a new organisation, and sync-orchestrator knows."""
        name, account_id = f"Organisation {uuid.uuid4().hex[:8]}", f"account-{uuid.uuid4().hex[:8]}"
        wanted = {"name": name, "seed": 5, "contacts": CONTACTS, "invoices": SALES}
        tenant_id = self.simulator("organisations", wanted)["tenant"]
        crm = entered(self.platform, f"{account_id}:admin")
        connection_id = crm.connect(tenant_id)
        until(lambda: crm.knows(f"/settings/{connection_id}"), "sync-orchestrator knows the connection")
        return Import(world=self, account_id=account_id, tenant_id=tenant_id, connection_id=connection_id, crm=crm)

    @cached_property
    def undisturbed(self) -> Import:
        """What every other import is held against."""
        return self.imports().ends()

    def simulator(self, path: str, asked: Doc | None = None, method: str = "", **query: str) -> Doc:
        """Its control API: POST when there is something to say."""
        url = f"http://{self.platform.address(services.SIMULATOR)}/simulator/{path}"
        answer = requests.request(method or ("POST" if asked else "GET"), url, params=query, json=asked, timeout=60)
        answer.raise_for_status()
        told: Doc = answer.json() if answer.content else {}
        return told

    # Breaking

    def kill(self, name: str, run: Import) -> None:
        """In mid-sync, with kill -9, its whole group. It is back when this returns."""
        run.is_hit()
        self.platform.kill(name)
        self.platform.wait_restarted(name, timeout=180)

    def restart(self, name: str, **environment: str) -> None:
        """With SIGTERM, and told something else from then on."""
        self.platform.scale(name, 0)
        self.platform.override(name, **environment)
        self.platform.scale(name, 1)

    def arm(self, name: str, point: str, after: int = 1) -> Path:
        """The process dies the ``after``-th time that it reaches the point, once. The file that shows it did."""
        marker = self.folder / f"reached-{uuid.uuid4().hex}"
        self.restart(name, FAULT_POINT=f"{point}:{after}", FAULT_MARKER=str(marker))
        return marker

    @contextmanager
    def dead(self, name: str, marker: Path) -> Iterator[None]:
        """From when the armed process has killed itself; it is started again at the end."""
        until(marker.exists, f"{name} reaches its fault point")
        self.platform.scale(name, 0)
        try:
            yield
        finally:
            self.platform.scale(name, 1)

    def hit_from(
        self, name: str, point: str, run: Import, share: float, once: Callable[[], object] = lambda: True
    ) -> Path:
        """Begins the import, of whose invoices so much is read when the process dies at the point: the next time that
        it reaches it ``once`` something is so, which it does, for Xero keeps the other invoices back until then."""
        marker = self.arm(name, point)
        marker.touch()  # as long as it is there the process lives on
        with self.held_at(run, share):
            until(once, f"{name} can be hit")
            run.is_hit()
            marker.unlink()
        return marker

    @contextmanager
    def imported(self, share: float) -> Iterator[Import]:
        """An import of which so much is done, and which cannot end before all that is done to it here."""
        run = self.connected()
        with self.held_at(run, share):
            yield run.reaches(share)

    @contextmanager
    def held_at(self, run: Import, share: float) -> Iterator[None]:
        """The import begins, and goes no further than so much of its invoices. Not for long: of a Xero that refuses
        for a minute or two the adapter gives up the stream."""
        pages = self.undisturbed.log()["streams"]["invoices"]["pages"]
        with self.kept_back(run, "^/Invoices$", after=int(share * pages)):
            yield

    @contextmanager
    def kept_back(self, run: Import, path: str, after: int) -> Iterator[None]:
        """The import begins, and runs to where Xero answers no more of these calls; it does again at the end."""
        busy = {"kind": "status", "status": 503, "path": path, "tenant": run.tenant_id, "after": after}
        rule = self.simulator("faults", busy)["id"]
        run.begin()
        until(lambda: self._hits(rule), f"a call to {path} is refused")
        try:
            yield
        finally:
            self.simulator(f"faults/{rule}", method="DELETE")

    def _hits(self, rule: int) -> int:
        return next(int(each["hits"]) for each in self.simulator("faults")["items"] if each["id"] == rule)

    @contextmanager
    def doubled(self, *names: str) -> Iterator[None]:
        """Two of each."""
        for name in names:
            self.platform.scale(name, 2)
        try:
            yield
        finally:
            for name in names:
                self.platform.scale(name, 1)

    @contextmanager
    def frozen(self, name: str, run: Import) -> Iterator[None]:
        """It neither works nor dies: SIGSTOP, and SIGCONT at the end."""
        run.is_hit()
        self.platform.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self.platform.signal(name, signal.SIGCONT)

    @contextmanager
    def left_to_the_second(self, *names: str) -> Iterator[None]:
        """The first of each is frozen meanwhile."""
        for name in names:
            self.platform.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                self.platform.signal(name, signal.SIGCONT)

    @contextmanager
    def stopped(self, name: str, run: Import) -> Iterator[None]:
        """Asked to stop in mid-sync, which it does within ten seconds; another is in its place at the end."""
        run.is_hit()
        began = time.monotonic()
        self.platform.scale(name, 0)
        assert time.monotonic() - began < 10, f"{name} had to be killed"
        try:
            yield
        finally:
            self.platform.scale(name, 1)

    def metric(self, name: str, metric: str) -> float:
        """What a worker's own page tells, of all labels together."""
        page = requests.get(f"http://{self.platform.address(name)}/metrics", timeout=30).text
        told = [line for line in page.splitlines() if line.startswith((f"{metric} ", f"{metric}{{"))]
        return sum(float(line.split()[-1]) for line in told)

    @contextmanager
    def replaced(self, name: str, module: str, **environment: str) -> Iterator[None]:
        """Another program in a worker's place."""
        real = self.platform._workers[name]
        self.platform.remove(name)
        self.platform.override(name, **environment)
        self.platform.add(replace(real, command=(*real.command[:-1], module)))
        self.platform.wait_ready(name)
        try:
            yield
        finally:
            self.platform.remove(name)
            self.platform.add(real)
            self.platform.wait_ready(name)
