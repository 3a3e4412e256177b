"""Create in Xero, on the twin in memory."""

import copy

import pytest

from crm_writer.memory import MemoryOpenRemovals, MemoryRecords
from tests.suites.exports import ExportSuite
from tests.suites.removals import Crm


@pytest.fixture
def crm() -> Crm:
    records = MemoryRecords()
    return Crm(records, MemoryOpenRemovals(records), lambda collection: copy.deepcopy(records.tables[collection]))


class TestMemoryExports(ExportSuite):
    pass
