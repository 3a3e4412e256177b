"""What the worker is told, and what the fault point does."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from accounting_link.chassis.env import SettingsError
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.mongo import decimal128
from accounting_link.contracts.topics import Lane
from crm_writer.settings import PageSettings, Settings

WORKER = {"KAFKA_BROKERS": "b:1", "MONGO_URI": "mongodb://m", "STATUS_BIND": "127.0.0.1:1", "LANE": "interactive"}


def test_the_worker_reads_all_it_needs() -> None:
    assert Settings.from_env(WORKER).lane is Lane.INTERACTIVE


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"LANE": "slow", "CRM_WRITER_BATCH_RECORDS": "0"})
    for name in ("KAFKA_BROKERS", "MONGO_URI", "STATUS_BIND", "LANE", "CRM_WRITER_BATCH_RECORDS"):
        assert name in str(caught.value)


def test_a_short_caller_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="CALLER_KEY"):
        PageSettings.from_env({"MONGO_URI": "mongodb://m", "CALLER_KEY": "short"})


DYING = """
import os
from accounting_link.chassis.faults import FaultPoint
fault = FaultPoint.from_env(os.environ)
for _ in range(5):
    fault.reach("another:point")
    fault.reach("here:now")
    print("alive", flush=True)
"""


def dying(marker: Path, point: str) -> "subprocess.CompletedProcess[str]":
    env = {"FAULT_POINT": point, "FAULT_MARKER": str(marker)}
    return subprocess.run([sys.executable, "-c", DYING], env=env, capture_output=True, text=True, check=False)


def test_a_process_dies_at_its_fault_point_once(tmp_path: Path) -> None:
    first, second = (dying(tmp_path / "died", "here:now:3") for _ in range(2))
    assert (first.returncode, first.stdout.count("alive")) == (-9, 2)
    assert (second.returncode, second.stdout.count("alive")) == (0, 5)


def test_without_one_nothing_happens(tmp_path: Path) -> None:
    assert dying(tmp_path / "died", "").returncode == 0
    FaultPoint().reach("here:now")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4) | st.decimals(-(10**12), 10**12) | st.integers())
def test_the_quick_way_to_a_decimal_gives_what_the_long_way_gives(value: Decimal | int) -> None:
    amount = Decimal(value)
    if len(amount.as_tuple().digits) > 34:
        return
    assert decimal128(amount).bid == Decimal128(amount).bid
