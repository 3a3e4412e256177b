"""xero-adapter's stores on the real MongoDB."""

import pytest

from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.mongo import Db
from tests.suites.adapter_stores import CheckpointSuite, LedgerSuite
from xero_adapter import store
from xero_adapter.planning.permits import Ledger
from xero_adapter.store import MongoCheckpoints, MongoShared


class TestMongoCheckpoints(CheckpointSuite):
    @pytest.fixture
    def checkpoints(self, db: Db) -> MongoCheckpoints:
        store.prepare(db)
        return MongoCheckpoints(db, SYSTEM_CLOCK)


class TestMongoShared(LedgerSuite):
    @pytest.fixture
    def ledgers(self, db: Db) -> MongoShared[Ledger]:
        return MongoShared(db.permits, Ledger)
