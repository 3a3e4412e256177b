"""The twins pass the suite that the MongoDB stores pass."""

import pytest

from tests.suites.adapter_stores import CheckpointSuite, LedgerSuite
from xero_adapter.memory import MemoryCheckpoints, MemoryLedgers


class TestMemoryCheckpoints(CheckpointSuite):
    @pytest.fixture
    def checkpoints(self) -> MemoryCheckpoints:
        return MemoryCheckpoints()


class TestMemoryLedgers(LedgerSuite):
    @pytest.fixture
    def ledgers(self) -> MemoryLedgers:
        return MemoryLedgers()
