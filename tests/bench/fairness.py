"""Twenty organisations of 5,000 invoices on one adapter in real time, over HTTP, by pages of 1,000, limits on.

Twice: by Xero's own limits, which fifteen calls an organisation do not reach, so that what is shown is that nothing is
refused; and with so few calls a minute that they bind, where each organisation has to be as quick as its limits allow.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.contracts.topics import REQUESTS, Lane
from tests.bench.figures import Figure, Report
from tests.bench.replicas import Doc, Replicas, replicas
from xero_adapter.planning.permits import MINUTE, Limits

ORGANISATIONS, INVOICES = 20, 5000
LATER = 1.25
A_MINUTE = 10  # of which bulk work has five: fifteen calls take two minutes
_LATENCY_MS = 200


@dataclass(frozen=True, kw_only=True)
class Round:
    """``later``: of the organisation that fared worst, its seconds for one that its limits allow; 0 without limits."""

    seconds: float
    later: float
    calls: int
    refused: int


def run(broker: str, *, organisations: int = ORGANISATIONS, invoices: int = INVOICES) -> Report:
    with replicas(broker) as made:
        free = _round(made, organisations, invoices, Limits().a_minute)
        unplanned = _refused_beyond_the_plan(made, invoices)
    with replicas(broker, XERO_CALLS_A_MINUTE=str(A_MINUTE)) as made:
        bound = _round(made, organisations, invoices, A_MINUTE)
    return Report(
        figures=[
            Figure(name=f"{organisations} organisations at once, over HTTP", unit="s", values=[free.seconds]),
            Figure(
                name=f"  the last one, {A_MINUTE} calls a minute, of the best", unit="times", target=LATER, lower=True,
                values=[bound.later],
            ),
            Figure(
                name="  answers 429", unit="calls", target=0, lower=True, values=[free.refused + bound.refused],
            ),
            Figure(name="  of one that plans for more (control)", unit="calls", values=[unplanned]),
        ],
        notes=[
            f"{organisations} organisations of {invoices:,} invoices, pages of 1,000: {free.calls} calls in "
            f"{free.seconds:.0f} s by Xero's limits, {bound.calls} in {bound.seconds:.0f} s with {A_MINUTE} a minute.",
        ],
    )  # fmt: skip


def best_seconds(calls: int, limits: Limits) -> float:
    """A minute's calls take no time at all, and those after them wait for the minute to be over."""
    return (-(-calls // limits.for_lane(Lane.BULK).a_minute) - 1) * MINUTE.total_seconds()


def _refused_beyond_the_plan(made: Replicas, invoices: int) -> int:
    """The control: an adapter that plans by Xero's limits on a Xero that allows less. Its sync is left unfinished."""
    made.behave(minute=A_MINUTE)
    tenants = made.organisations(1, contacts=100, invoices=invoices)
    made.ask(tenants, lambda _: 0)
    until = SYSTEM_CLOCK.monotonic() + 60
    while not (refused := _refused(made.calls(tenants))) and SYSTEM_CLOCK.monotonic() < until:
        time.sleep(0.2)
    return refused


def _refused(calls: Sequence[Doc]) -> int:
    return sum(call["status"] == 429 for call in calls)


def _round(made: Replicas, organisations: int, invoices: int, a_minute: int) -> Round:
    made.behave(latency_ms=_LATENCY_MS, minute=a_minute)
    tenants = made.organisations(organisations, contacts=100, invoices=invoices)
    began = SYSTEM_CLOCK.now()
    ended = made.ended_at(made.ask(tenants, lambda number: number % REQUESTS.partitions), within=600)
    calls = made.calls(tenants)
    took = {
        tenant: (max(at for name, at in ended.items() if tenant in name) - began).total_seconds() for tenant in tenants
    }
    limits, count = Limits(a_minute=a_minute), Counter(call["tenant"] for call in calls)
    best = {tenant: best_seconds(count[tenant], limits) for tenant in tenants}
    return Round(
        seconds=max(took.values()),
        later=max(took[tenant] / best[tenant] if best[tenant] else 0 for tenant in tenants),
        calls=len(calls),
        refused=_refused(calls),
    )
