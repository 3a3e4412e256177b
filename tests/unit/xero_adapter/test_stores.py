"""The twins pass the suite that the MongoDB stores pass."""

import pytest

from tests.suites.adapter_stores import CheckpointSuite, LedgerSuite
from xero_adapter.memory import MemoryCheckpoints, MemoryShared
from xero_adapter.planning.permits import Ledger


class TestMemoryCheckpoints(CheckpointSuite):
    @pytest.fixture
    def checkpoints(self) -> MemoryCheckpoints:
        return MemoryCheckpoints()


class TestMemoryShared(LedgerSuite):
    @pytest.fixture
    def ledgers(self) -> MemoryShared[Ledger]:
        return MemoryShared(Ledger)
