"""xero-adapter alone: pages of the simulator's core (no HTTP) to the real broker.

Its checkpoints and permits are the twins in memory, and its clock jumps to whatever it would wait for: how fast
Xero lets itself be asked, and two small writes a page, are not what is measured.
"""

from collections.abc import Sequence

from accounting_link.chassis import kafka
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.messages import Publisher, Sent, Transport
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.topics import RECORDS
from accounting_link.testing.real_parts import RealParts
from tests.bench.figures import Figure, Report
from tests.bench.stages import Stages
from tests.unit.xero_adapter.world import TwinXero, World

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
    rates = [records / seconds for _, records, seconds in done]
    return Report(
        figures=[
            Figure(name="adapter alone: twin to broker", unit="records/s", target=TARGET, values=rates),
            Figure(name="  its pages", unit="pages/s", values=[pages / seconds for pages, _, seconds in done]),
        ],
        notes=[f"The adapter read {done[0][0]} pages a round, one thread; the simulator's own time is taken off."],
    )


def _round(transport: Transport, contacts: int, invoices: int) -> tuple[int, int, float]:
    """One whole sync: pages, records, seconds of the adapter's own."""
    world = World(contacts=contacts, invoices=invoices, page_size=1000)
    world.request()
    counting = _Counting(transport)
    world.publisher = Publisher(counting, source="/bench", clock=SYSTEM_CLOCK)
    world.consumer.close()
    world.worker, world.pool = world.replica()
    stages = Stages()
    with stages.stage("adapter"), stages.wrapped(TwinXero, "get", "xero"):
        world.run()
    return len(world.calls()), counting.records, stages.spent["adapter"][0]
