"""Removing what a connection imported, on the twin in memory."""

import copy

import pytest

from crm_writer.memory import MemoryOpenRemovals, MemoryRecords
from tests.suites.removals import Crm, RemovalSuite


@pytest.fixture
def crm() -> Crm:
    records = MemoryRecords()
    return Crm(records, MemoryOpenRemovals(records), lambda collection: copy.deepcopy(records.tables[collection]))


class TestMemoryRemovals(RemovalSuite):
    pass
