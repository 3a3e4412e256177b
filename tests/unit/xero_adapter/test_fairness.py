"""Many organisations on one adapter, in virtual time: limits kept by planning, and nobody delays another."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounting_link.chassis.clock import Clock
from accounting_link.contracts.event import Scope
from accounting_link.contracts.topics import Lane
from tests.unit.xero_adapter.office import LONG, Office
from tests.unit.xero_adapter.virtual_time import VirtualTime
from xero_adapter.caller import Caller
from xero_adapter.planning.permits import MINUTE, Granted, Limits, Wait
from xero_adapter.planning.turns import Turns
from xero_adapter.pool import Pool
from xero_adapter.xero.client import Answer
from xero_adapter.xero.reading import Call
from xero_adapter.xero.refusals import Throttled
from xero_adapter.xero.tokens import Token


class NoLimits(Caller):
    """The control: every call gets leave."""

    def permit(self, token: Token, scope: Scope) -> Granted | Wait:
        return Granted(id="any", reading=1)


@pytest.mark.parametrize(
    ("invoices", "page"),
    [
        (500, 5),
        pytest.param(5000, 50, marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
)
def test_twenty_organisations_finish_as_soon_as_their_own_limits_allow_and_no_call_is_refused(
    invoices: int, page: int
) -> None:
    office = Office(page=page)
    tenants = [office.organisation(number, invoices=invoices) for number in range(1, 21)]
    took = office.run(*(office.ask(tenant) for tenant in tenants))

    best = {tenant: best_seconds(calls) for tenant, calls in office.calls().items()}
    assert min(best.values()) >= 180  # the minute's limit binds
    assert max(spent / best[tenant] for tenant, spent in zip(tenants, took.values(), strict=True)) <= 1.25
    assert office.statuses() == {200}


def best_seconds(calls: int) -> float:
    """A minute's calls take no time at all, and those after them wait for the minute to be over. Of Xero's sixty a
    minute bulk work has those that are not kept for people."""
    return (-(-calls // Limits().for_lane(Lane.BULK).a_minute) - 1) * MINUTE.total_seconds()


def test_without_permits_calls_are_refused() -> None:
    """The control of the test above. As many threads as calls that Xero lets an organisation make at once."""
    office = Office(caller=NoLimits, threads=4)
    office.ask(office.organisation(1, invoices=500))
    office.clock.run(lambda: office.clock.monotonic() > 30, LONG)

    assert 429 in office.statuses()


def test_two_accounts_of_one_organisation_keep_its_limits_together() -> None:
    office = Office()
    tenant = office.organisation(1, invoices=300)
    office.run(office.ask(tenant, "legrand"), office.ask(tenant, "kauri"))

    assert office.statuses() == {200}


SLOWNESS = [
    pytest.param({"kind": "latency", "seconds": 9.8}, id="ten seconds a call"),
    pytest.param({"kind": "throttle", "retry_after": 30}, id="429 only"),
]


@pytest.mark.parametrize("slow_ones", [1, 20])
@pytest.mark.parametrize("fault", SLOWNESS)
def test_organisations_that_answer_slowly_or_not_at_all_do_not_delay_the_others(
    fault: dict[str, Any], slow_ones: int
) -> None:
    assert delayed(fault, slow_ones) < 1.05


@pytest.mark.parametrize(("slow_ones", "threads"), [(1, 4), (20, 64)])
@pytest.mark.parametrize("fault", SLOWNESS)
def test_they_do_where_they_may_hold_every_thread_and_wait_in_it(
    fault: dict[str, Any], slow_ones: int, threads: int
) -> None:
    """The control of the test above. One alone never holds more threads than Xero lets it make calls at once."""
    assert delayed(fault, slow_ones, caller=WaitsInItsThread, pool=NoReserve, threads=threads) > 1.05


def delayed(fault: dict[str, Any], slow_ones: int, **office: Any) -> float:
    """How many times as long five organisations take beside such ones."""
    alone = Office(**office)
    before = alone.run(*(alone.ask(alone.organisation(number)) for number in range(1, 6)))

    beside = Office(**office)
    for number in range(100, 100 + slow_ones):
        tenant = beside.organisation(number)
        beside.simulator.add_fault({**fault, "tenant": tenant})
        beside.ask(tenant)
    after = beside.run(*(beside.ask(beside.organisation(number)) for number in range(1, 6)))
    return max(after.values()) / max(before.values())


class NoReserve(Pool):
    """Every thread serves whoever is next."""

    def __init__(self, clock: Clock, threads: int) -> None:
        super().__init__(clock, threads)
        self._turns = Turns(reserve=0)


class WaitsInItsThread(Caller):
    """Does as Xero asks at once, where it stands."""

    def call(self, token: Token, scope: Scope, permit: Granted, call: Call) -> Answer:
        try:
            return super().call(token, scope, permit, call)
        except Throttled as throttled:
            assert isinstance(self._clock, VirtualTime)
            self._clock.sleep(throttled.retry_after.total_seconds())
            raise


def test_the_apps_own_limit_is_shared_by_all_replicas() -> None:
    office = Office(limits=Limits(app_a_minute=200), threads=8)
    office.replica()
    office.run(*(office.ask(office.organisation(number, invoices=150)) for number in range(1, 13)))

    times = sorted(datetime.fromisoformat(call["at"]) for call in office.simulator.calls.told(None)["calls"])
    busiest = max(sum(at <= other < at + timedelta(seconds=60) for other in times) for at in times)
    assert busiest <= 200
    assert len(times) > 300
