"""Large organisations: memory an invoice, and pages that cost the same however much is held."""

import subprocess
import sys
from typing import Any

import pytest

from tests.unit.xero_simulator.conftest import FakeClock, World
from xero_simulator.simulator import Simulator

# Run in a process of its own, so that nothing but the organisation is weighed: kB an invoice, then milliseconds of
# CPU for the best of three keyset pages of 1,000, at the beginning and in the middle of an organisation's life.
_WEIGH = """
import sys, time
from pathlib import Path
from tests.unit.xero_simulator.conftest import FakeClock
from xero_simulator.simulator import Simulator

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4

simulator, before, size = Simulator(FakeClock(), limits=False, check_tokens=False), resident(), int(sys.argv[1])
tenant = simulator.add_organisation(name="Large", seed=7, contacts=size // 50, invoices=size)
print((resident() - before) / size)
asked = {"page": "1", "pageSize": "1000", "order": "UpdatedDateUTC", "where": 'Type=="ACCREC"'}
for since in ("2020-01-01T00:00:00", "2023-06-01T00:00:00"):
    times = []
    for _ in range(3):
        began = time.thread_time()
        answer = simulator.call(tenant, "/Invoices", asked, {"If-Modified-Since": since})
        times.append((time.thread_time() - began) * 1000)
    assert answer.body.count(b'"Type":"ACCREC"') == 1000
    print(min(times))
"""


def weighed(invoices: int) -> list[float]:
    """kB an invoice, and milliseconds of two pages."""
    command = [sys.executable, "-c", _WEIGH, str(invoices)]
    return [float(n) for n in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


def test_fifty_thousand_invoices_take_little_memory_and_their_pages_little_time() -> None:
    kilobytes, first, middle = weighed(50_000)
    assert kilobytes < 1.6
    assert max(first, middle) < 120  # of CPU, on a machine that does other things as well; alone it is about 12


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_half_a_million_invoices_fit_in_modest_memory() -> None:
    kilobytes, first, middle = weighed(500_000)
    assert kilobytes < 1.5
    assert max(first, middle) < 60


def read(world: World, **query: Any) -> int:
    """How many calls of functions a page of ten takes: its work, whatever else the machine does."""
    counted = [0]

    def count(*_: object) -> None:
        counted[0] += 1

    world.get("/Invoices", "2020-01-01T00:00:00", page=1, pageSize=10, order="UpdatedDateUTC", **query)
    sys.setprofile(count)
    try:
        world.get("/Invoices", "2020-01-01T00:00:00", page=1, pageSize=10, order="UpdatedDateUTC", **query)
    finally:
        sys.setprofile(None)
    return counted[0]


def test_a_keyset_page_does_not_go_through_all_records_but_an_odd_filter_does() -> None:
    clock = FakeClock()
    small, large = (
        World(clock, Simulator(clock, limits=False, check_tokens=False)).seed(20, size) for size in (200, 10_000)
    )
    assert read(large, where='Type=="ACCREC"') < 5 * read(small, where='Type=="ACCREC"')
    assert read(large, where="Total>=0") > 5 * read(small, where="Total>=0")  # the control
