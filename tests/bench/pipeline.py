"""Records/s from topic to MongoDB, as a ratio to the bare pipeline on the same messages in the same run.

Ours: crm-writer's worker (decode, decide, map, one transaction a batch, outcomes) and log-service's worker (sync
log, sales log), a process each; it has ended when the last outcome is in the log. The bare one reads the very same
messages under a group of its own. Rounds alternate, so that a slow minute of the machine slows both. Producing is
the same for both and timed apart; what it makes of the ratio is told beside it. On a busy machine the ratio by
processor time is the steadier one, but it takes no account of our two processes working side by side.
"""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pymongo import MongoClient

from accounting_link.chassis import kafka
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.contracts.cloudevents import Message
from accounting_link.testing.real_parts import RealParts
from tests.bench import bare, records
from tests.bench.children import Child, Ran, children
from tests.bench.figures import Figure, Report

Document = dict[str, Any]

TARGET = 0.5
OURS = ("crm-writer", "log-service")
_WARM_UP = 2000
_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Round:
    """``produced``: seconds it took to produce the messages, made beforehand. ``mongod``: its processor seconds
    meanwhile, for ours and for the bare pipeline."""

    count: int
    produced: float
    by: dict[str, Ran]
    mongod: tuple[float, float]

    @property
    def ours(self) -> float:
        """Seconds from the word go to the last outcome in the log."""
        return max(self.by[role].ended for role in OURS) - min(self.by[role].began for role in OURS)

    @property
    def bare(self) -> float:
        return self.by["bare"].seconds

    def processor(self) -> tuple[float, float]:
        """Processor seconds of ours and of the bare pipeline, with mongod's and without the broker's."""
        ours = sum(self.by[role].processor for role in OURS)
        return ours + self.mongod[0], self.by["bare"].processor + self.mongod[1]


def run(parts: RealParts, *, count: int = 20_000, rounds: int = 3) -> Report:
    """``parts`` with every topic made."""
    told = {"KAFKA_BROKERS": parts.kafka_brokers, "MONGO_URI": parts.mongo_uri, "STATUS_BIND": "127.0.0.1:0"}
    with (
        kafka.transport(parts.kafka_brokers) as transport,
        MongoClient[Document](parts.mongo_uri) as mongod,
        children((*OURS, "bare"), told) as made,
    ):
        _round(transport, mongod, made, min(count, _WARM_UP))
        done = [_round(transport, mongod, made, count) for _ in range(rounds)]
    return Report(figures=_figures(done), stages=_stages(done), notes=_notes(parts, done))


def _round(transport: kafka.KafkaTransport, mongod: MongoClient[Document], made: dict[str, Child], count: int) -> Round:
    messages = records.messages(count, records.a_scope(uuid4().hex))
    produced = _produce(transport, messages)
    ran: dict[str, Ran] = {}
    used = [_processor(mongod)]
    for together in (OURS, ("bare",)):
        for role in together:
            made[role].go(count)
        ran |= {role: made[role].wait() for role in together}
        used.append(_processor(mongod))
    return Round(count, produced, ran, (used[1] - used[0], used[2] - used[1]))


def _processor(mongod: MongoClient[Document]) -> float:
    """Seconds of processor that mongod has used; 0 where it cannot tell."""
    told = mongod.admin.command("serverStatus").get("extra_info", {})
    return float(told.get("user_time_us", 0) + told.get("system_time_us", 0)) / 1e6


def _produce(transport: kafka.KafkaTransport, messages: Sequence[Message]) -> float:
    began = SYSTEM_CLOCK.monotonic()
    for start in range(0, len(messages), _AT_ONCE):
        transport.deliver(messages[start : start + _AT_ONCE])
    return SYSTEM_CLOCK.monotonic() - began


def _figures(done: Sequence[Round]) -> list[Figure]:
    def rates(seconds: Sequence[float]) -> list[float]:
        return [each.count / spent for each, spent in zip(done, seconds, strict=True)]

    return [
        Figure(name="pipeline: topic to MongoDB and logs", unit="records/s", values=rates([r.ours for r in done])),
        Figure(name="  crm-writer's part, logs going on", unit="records/s",
               values=rates([r.by["crm-writer"].seconds for r in done])),
        Figure(name="bare pipeline, same messages", unit="records/s", values=rates([r.bare for r in done])),
        Figure(name="pipeline / bare, pair by pair", unit="ratio", target=TARGET,
               values=[r.bare / r.ours for r in done]),
        Figure(name="  producing counted in both", unit="ratio", target=TARGET,
               values=[(r.bare + r.produced) / (r.ours + r.produced) for r in done]),
        Figure(name="  producing counted in the bare one", unit="ratio", target=TARGET,
               values=[(r.bare + r.produced) / r.ours for r in done]),
        Figure(name="  by processor time, mongod's included", unit="ratio",
               values=[bare / ours for ours, bare in (r.processor() for r in done)]),
    ]  # fmt: skip


def _stages(done: Sequence[Round]) -> list[Document]:
    """A row a stage and process, dearest first; milliseconds for 1,000 records."""
    count = sum(each.count for each in done)
    rows = []
    for role in (*OURS, "bare"):
        spent: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for each in done:
            for stage, (seconds, processor) in each.by[role].spent.items():
                spent[stage][0] += seconds
                spent[stage][1] += processor
        total = sum(seconds for seconds, _ in spent.values())
        for stage, (seconds, processor) in sorted(spent.items(), key=lambda item: -item[1][0]):
            each_ms = {"ms": seconds / count * 1e6, "processor_ms": processor / count * 1e6}
            rows.append({"process": role, "stage": stage, **each_ms, "share": seconds / total})
    return [*rows, *_mongods(done, count)]


def _mongods(done: Sequence[Round], count: int) -> list[Document]:
    """How much processor it used is known, not when."""
    both = [sum(each.mongod[place] for each in done) for place in (0, 1)]
    return [
        {"process": "mongod", "stage": stage, "ms": None, "processor_ms": seconds / count * 1e6, "share": None}
        for stage, seconds in zip(("of ours", "of bare"), both, strict=True)
    ]


def _notes(parts: RealParts, done: Sequence[Round]) -> list[str]:
    peaks = ", ".join(f"{role} {done[-1].by[role].peak_mb:.0f} MB" for role in (*OURS, "bare"))
    return [
        _dominates(done),
        f"Peak memory: {peaks}. Mean document: {_document_bytes(parts, 'crm', 'transactions'):.0f} bytes in crm, "
        f"{_document_bytes(parts, bare.DATABASE, 'invoices'):.0f} in the bare pipeline.",
        f"Producing (timed apart): {statistics.median(r.count / r.produced for r in done):,.0f} records/s.",
    ]


def _dominates(done: Sequence[Round]) -> str:
    """By processor time: two workers and mongod share the machine, so whoever works makes the others wait."""
    ours = [row for row in _stages(done) if row["process"] != "bare" and row["stage"] != "of bare"]
    total = sum(row["processor_ms"] for row in ours)
    dearest = sorted(ours, key=lambda row: -row["processor_ms"])[:6]
    shares = ", ".join(f"{row['process']} {row['stage']} {row['processor_ms'] / total:.0%}" for row in dearest)
    return f"What dominates, of {total:.0f} ms of processor for 1,000 records: {shares}."


def _document_bytes(parts: RealParts, database: str, collection: str) -> float:
    with MongoClient[Document](parts.mongo_uri) as client:
        found = client[database][collection].aggregate(
            [{"$sample": {"size": 100}}, {"$group": {"_id": None, "bytes": {"$avg": {"$bsonSize": "$$ROOT"}}}}]
        )
        return float(next(iter(found), {"bytes": 0})["bytes"])
