"""A CRM over HTTP on a real MongoDB, filled through the writer itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from accounting_link.chassis.callers import ADMIN, Caller, sign
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.outbox import StoredOnly
from accounting_link.chassis.web import WebSettings
from accounting_link.contracts.event import Scope
from accounting_link.contracts.records import VersionedRecord
from accounting_link.testing.builders import JULY, SCOPE
from accounting_link.testing.clock import FakeClock
from crm_writer import store
from crm_writer.own import Own
from crm_writer.putting_away import put_away
from crm_writer.store import MongoRecords
from crm_writer.web import build_app
from tests.suites.record_store import a_copy

KEY = "k" * 40


def records_of(db: Db) -> MongoRecords:
    return MongoRecords(db, Publisher(StoredOnly(), source="/test", clock=SYSTEM_CLOCK))


@dataclass
class Crm:
    """``today`` is 1 July 2026."""

    db: Db
    web: FlaskClient
    clock: FakeClock
    role: str = ADMIN
    account_id: str = SCOPE.account_id
    readings: list[int] = field(default_factory=list)

    def given(self, *events: VersionedRecord, scope: Scope = SCOPE) -> None:
        self.readings.append(1)
        put_away(records_of(self.db), [a_copy(event, len(self.readings), scope) for event in events], JULY)

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        return self.web.get(f"/api/v1{path}", headers={**self._signed(), **(headers or {})}, query_string=query or None)

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> TestResponse:
        return self.web.post(f"/api/v1{path}", headers={**self._signed(), **(headers or {})}, json=body)

    def _signed(self) -> dict[str, str]:
        caller = Caller(account_id=self.account_id, user_id="u", name="Kim", roles=frozenset({self.role}))
        # By the system's clock: the library that checks it has no other.
        return {"X-Caller": sign(caller, KEY, SYSTEM_CLOCK)}

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Of all pages."""
        found, cursor = [], None
        while True:
            answer = self.get(path, **query, **({"cursor": cursor} if cursor else {})).json
            assert answer is not None
            found += answer["items"]
            cursor = answer.get("next")
            if not cursor:
                return found

    def company(self, name: str) -> dict[str, Any]:
        found, *_ = self.items("/companies", begins=name)
        answer = self.get(f"/companies/{found['id']}").json
        assert answer is not None
        return dict(answer)


Build = Callable[[type[Own]], Crm]


@pytest.fixture
def build(db: Db, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    def building(own: type[Own]) -> Crm:
        store.prepare(db)
        clock = FakeClock()
        app = build_app(WebSettings(caller_key=KEY, log_level="INFO"), db, clock, own)
        return Crm(db, app.test_client(), clock)

    return building


@pytest.fixture
def crm(build: Build) -> Crm:
    return build(Own)
