"""xero-adapter's processes as they run, beside the simulator over HTTP, the real broker and mongod.

Only auth-link and sync-orchestrator are stood in for: tokens are handed out here, one consent for all organisations,
at an address for each replica, so that it is known who reads what; and requests are put on the partition told.
"""

import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from flask import Flask
from pymongo import MongoClient
from werkzeug.serving import make_server

from accounting_link.chassis import kafka
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.messages import Outgoing, Place, Publisher
from accounting_link.contracts.event import Scope
from accounting_link.contracts.topics import REQUESTS
from accounting_link.contracts.words import Stream
from accounting_link.testing.builders import a_request
from deploy.local.run import Platform

Doc = dict[str, Any]

ADAPTER, XERO = "xero-adapter-bulk", "xero-simulator"
KIM = "5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1001"
_SCOPES = "accounting.contacts accounting.settings accounting.transactions offline_access"
_BACK = "http://127.0.0.1:9/callback"
_TINY = {"SIMULATOR_CONTACTS": "1", "SIMULATOR_INVOICES": "1", "SIMULATOR_DATA": ""}


class TokenDesk:
    """auth-link's stand-in: one token for all. A connection is named after its organisation."""

    def __init__(self) -> None:
        self.answer: Doc = {}
        self.asked: defaultdict[str, set[str]] = defaultdict(set)  # replicas by organisation
        app = Flask(__name__)
        app.add_url_rule("/<replica>/internal/connections/<tenant>/token", view_func=self._token, methods=["POST"])
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _token(self, replica: str, tenant: str) -> Doc:
        self.asked[tenant].add(replica)
        return {**self.answer, "tenant_id": tenant}

    def url(self, replica: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{replica}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Replicas:
    """``platform`` runs; ``told`` is what every replica is told beside the usual."""

    def __init__(self, platform: Platform, desk: TokenDesk, told: Mapping[str, str]) -> None:
        self.platform, self._desk, self._told = platform, desk, told
        self._seeds = 0
        self._xero = f"http://{platform.address(XERO)}"

    def scale(self, count: int) -> None:
        """Returns when each holds partitions."""
        for number in range(1, count + 1):
            name = ADAPTER if number == 1 else f"{ADAPTER}#{number}"
            self.platform.override(name, AUTH_LINK_URL=self._desk.url(f"replica-{number}"), **self._told)
        self.platform.scale(ADAPTER, count)

    def behave(self, **settings: int | bool) -> None:
        requests.post(f"{self._xero}/simulator/settings", json=settings, timeout=30).raise_for_status()

    def organisations(self, count: int, **sizes: int) -> list[str]:
        """New ones, which the token of all replicas is good for from now on."""
        made = [self._organisation(sizes) for _ in range(count)]
        self._let_in(made)
        return made

    def _organisation(self, sizes: Mapping[str, int]) -> str:
        self._seeds += 1
        asked = {"name": f"Organisation {self._seeds}", "seed": self._seeds, **sizes}
        answer = requests.post(f"{self._xero}/simulator/organisations", json=asked, timeout=60)
        return str(answer.json()["tenant"])

    def _let_in(self, tenants: Iterable[str]) -> None:
        told = self.platform.environment(XERO)
        client = told["SIMULATOR_CLIENT_ID"], told["SIMULATOR_CLIENT_SECRET"]
        asked = {"client_id": client[0], "redirect_uri": _BACK, "response_type": "code", "scope": _SCOPES}
        form: Doc = {**asked, "person": KIM, "organisation": list(tenants), "decision": "allow"}
        sent = requests.post(f"{self._xero}/identity/connect/authorize", data=form, allow_redirects=False, timeout=30)
        code = parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0]
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": _BACK}
        given = requests.post(f"{self._xero}/connect/token", data=grant, auth=client, timeout=30).json()
        self._desk.answer = {
            "access_token": given["access_token"],
            "expires_at": (SYSTEM_CLOCK.now() + timedelta(seconds=given["expires_in"])).isoformat(),
            "authorisation": 1,
            "fingerprint": code,
        }

    def ask(self, tenants: Iterable[str], partition: Callable[[int], int]) -> list[str]:
        """A first sync of each; its checkpoints' ids. ``partition``: which, of the tenant of this number."""
        scopes = [Scope(account_id="bench", connection_id=one, sync_id=f"sync {one}") for one in tenants]
        requested = [
            Outgoing(
                event=a_request(scope.connection_id, requested_at=SYSTEM_CLOCK.now()),
                scope=scope,
                place=Place(REQUESTS.name(), partition(number)),
            )
            for number, scope in enumerate(scopes)
        ]
        with kafka.transport(self.platform.address("broker")) as transport:
            Publisher(transport, source="/bench", clock=SYSTEM_CLOCK).confirmed(requested)
        return [f"{scope.sync_id}/{scope.attempt}/{stream}" for scope in scopes for stream in Stream]

    def ended_at(self, checkpoints: list[str], within: float) -> dict[str, datetime]:
        """Waits for all to be ended; when each was. Raises TimeoutError."""
        deadline = time.monotonic() + within
        wanted = {"_id": {"$in": checkpoints}, "ended": True}
        with MongoClient[Doc](self.platform.mongo_uri, tz_aware=True) as client:
            held = client["xero_adapter"].checkpoints
            while held.count_documents(wanted) < len(checkpoints):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not all organisations were read within {within:.0f} s")
                time.sleep(0.2)
            return {one["_id"]: one["touched_at"] for one in held.find(wanted)}

    def calls(self, tenants: Iterable[str]) -> list[Doc]:
        """What the simulator answered these organisations: at, tenant, status."""
        ours = set(tenants)
        told = requests.get(f"{self._xero}/simulator/calls", timeout=60).json()["calls"]
        return [{**call, "at": datetime.fromisoformat(call["at"])} for call in told if call["tenant"] in ours]

    def reader(self, tenant: str) -> str:
        """The replica that reads it; raises when several have, for then partitions moved meanwhile."""
        (only,) = self._desk.asked[tenant]
        return only

    def pids(self) -> dict[str, int]:
        return {str(row["name"]): int(str(row["pid"])) for row in self.platform.rows() if row["pid"]}


@contextmanager
def replicas(broker: str, **told: str) -> Iterator[Replicas]:
    """One replica, which ``scale`` changes. ``told``: environment of every one of them."""
    desk = TokenDesk()
    # On a busy machine a replica may be silent for a while; its partitions must not move meanwhile.
    told = {"LOG_LEVEL": "WARNING", "KAFKA_SESSION_TIMEOUT": "15", **told}
    overrides = {XERO: _TINY, ADAPTER: {**told, "AUTH_LINK_URL": desk.url("replica-1")}}
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            Platform(folder, broker, services=(XERO, ADAPTER), overrides=overrides) as platform,
        ):
            yield Replicas(platform, desk, told)
    finally:
        desk.close()
