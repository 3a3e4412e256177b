"""The record store's twin."""

import pytest

from crm_writer.memory import MemoryRecords
from tests.suites.record_store import RecordStoreSuite


class TestMemoryRecords(RecordStoreSuite):
    @pytest.fixture
    def records(self) -> MemoryRecords:
        return MemoryRecords()
