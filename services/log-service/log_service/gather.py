"""From events to the documents they make, joined by id. Pure: what is stored is in store.py."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from accounting_link.chassis.messages import Received
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.connections import CallsCounted
from accounting_link.contracts.dead_letters import DeadLettered
from accounting_link.contracts.outcomes import RecordsApplied
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.removals import ImportsRemoved, RemovalProgressed
from log_service import flow, kept
from log_service.documents import Join
from log_service.sales_log import sales
from log_service.sync_log import life, outcomes

Documents = dict[str, Document]


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a run of events tells, by collection and id."""

    syncs: Documents = field(default_factory=dict)
    outcomes: Documents = field(default_factory=dict)
    sales: Documents = field(default_factory=dict)
    letters: Documents = field(default_factory=dict)
    connections: Documents = field(default_factory=dict)
    health: Documents = field(default_factory=dict)
    audit: Documents = field(default_factory=dict)
    forgotten: Documents = field(default_factory=dict)


def gather(received: Iterable[Received]) -> Gathered:
    """What is not in ``flow.CONSUMES`` tells the log nothing and is passed over."""
    found = Gathered()
    for one in received:
        _add(found, one)
    return found


def _add(found: Gathered, received: Received) -> None:
    event = received.event
    if isinstance(event, flow.OF_SYNCS):
        _put(found.syncs, [life.facts(received)], life.join)
    if isinstance(event, RecordsApplied):
        _put(found.outcomes, outcomes.rows(received, event), outcomes.join)
        _put(found.sales, sales.rows(received, event), sales.join)
    elif isinstance(event, DeadLettered):
        _put(found.letters, [kept.letter(received, event)], kept.join)
    elif isinstance(event, PersonActed):
        _put(found.audit, [kept.act(received, event)], kept.join)
    elif isinstance(event, RemovalProgressed | ImportsRemoved):
        _put(found.forgotten, [kept.forgotten(received, event)], kept.latest)
        if isinstance(event, ImportsRemoved):
            _put(found.audit, [kept.removed(received, event)], kept.join)
    elif isinstance(event, CallsCounted):
        _put(found.health, [kept.calls_counted(received, event)], kept.newest)
    elif isinstance(event, kept.BecameOf):
        _put(found.connections, [kept.connection_event(received, event)], kept.join)


def _put(into: Documents, documents: Iterable[Document], join: Join) -> None:
    for document in documents:
        key = document["_id"]
        into[key] = join(into[key], document) if key in into else document


def runs(received: Iterable[Received], at_most: int) -> Iterator[list[Received]]:
    """Cut into runs of at most so many outcomes, or of one event that has more, in the order given: a
    transaction has to fit MongoDB's patience."""
    run: list[Received] = []
    size = 0
    for one in received:
        more = len(one.event.outcomes) if isinstance(one.event, RecordsApplied) else 1
        if run and size + more > at_most:
            yield run
            run, size = [], 0
        run.append(one)
        size += more
    if run:
        yield run
