"""xero-adapter alone: pages of the simulator's core (no HTTP) to the real broker.

Its checkpoints and permits are the twins in memory, and its clock jumps to whatever it would wait for: how fast
Xero lets itself be asked, and two small writes a page, are not what is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from accounting_link.chassis import kafka
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.messages import Publisher, Sent, Transport
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.topics import RECORDS
from accounting_link.testing.real_parts import RealParts
from tests.bench.figures import Figure, Report
from tests.bench.stages import Stages
from tests.unit.xero_adapter.world import TwinXero, World

# By processor time, of which what is judged by a stand-in should not wait for the stand-in.
AS_FAST = 1.0
# A first sync of the demo's 9,200 records in the 5 s that are aimed at.
TARGET = 9200 / 5


class _Counting:
    """A transport that counts the records it takes."""

    def __init__(self, transport: Transport) -> None:
        self._transport, self.records = transport, 0

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        self.records += sum(message.topic == RECORDS.name() for message in messages)
        return self._transport.deliver(messages)


def run(parts: RealParts, *, contacts: int = 1200, invoices: int = 8000, rounds: int = 3) -> Report:
    """``parts`` with every topic made."""
    with kafka.transport(parts.kafka_brokers) as transport:
        done = [_round(transport, contacts, invoices) for _ in range(rounds)]
    rates = [one.records / one.seconds for one in done]
    return Report(
        figures=[
            Figure(name="adapter alone: twin to broker", unit="records/s", target=TARGET, values=rates),
            Figure(name="  its pages", unit="pages/s", values=[one.pages / one.seconds for one in done]),
            Figure(
                name="  the simulator's core beside it, by processor time", unit="times as fast", target=AS_FAST,
                values=[one.processor / one.simulator for one in done],
            ),
        ],
        notes=[
            f"The adapter read {done[0].pages} pages a round, one thread; the simulator's own time is taken off: "
            f"{min(one.simulator for one in done) * 1000:.0f} ms of processor for {done[0].records:,} records, the "
            f"adapter's {min(one.processor for one in done) * 1000:.0f} ms."
        ],
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Round:
    """One whole sync: seconds of the adapter's own, of it processor, and the processor time of the simulator."""

    pages: int
    records: int
    seconds: float
    processor: float
    simulator: float


def _round(transport: Transport, contacts: int, invoices: int) -> Round:
    world = World(contacts=contacts, invoices=invoices, page_size=1000)
    world.request()
    counting = _Counting(transport)
    world.publisher = Publisher(counting, source="/bench", clock=SYSTEM_CLOCK)
    world.consumer.close()
    world.worker, world.pool = world.replica()
    stages = Stages()
    with stages.stage("adapter"), stages.wrapped(TwinXero, "get", "xero"):
        world.run()
    (seconds, processor), (_, simulator) = stages.spent["adapter"], stages.spent["xero"]
    pages = len(world.calls())
    return Round(pages=pages, records=counting.records, seconds=seconds, processor=processor, simulator=simulator)
