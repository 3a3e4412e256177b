"""Every topic: name, key, partitions, retention. The one place to read and to change them.

A partition count is never changed in place, for that would send a key elsewhere and lose the order of
its records: more partitions means a new topic name. ``python -m accounting_link.chassis.topics`` creates
what is missing and refuses to start on a count other than the one written here.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Lane(StrEnum):
    """Who waits: a person (or a webhook), or nobody. Each lane has its own topics and workers."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic, or one a lane when ``laned``."""

    base: str
    key: str  # what the key is made of, in words
    partitions: int
    retention: timedelta
    laned: bool = False

    def name(self, lane: Lane = Lane.BULK) -> str:
        return f"accounting-link.{self.base}.{lane}" if self.laned else f"accounting-link.{self.base}"

    def names(self) -> tuple[str, ...]:
        return tuple(self.name(lane) for lane in Lane) if self.laned else (self.name(),)


_WEEK, _MONTH = timedelta(days=7), timedelta(days=30)

REQUESTS = Topic(base="requests", key="Xero tenant id", partitions=8, retention=_WEEK, laned=True)
RECORDS = Topic(base="records", key="connection id / Xero id", partitions=8, retention=_WEEK, laned=True)
SYNC_LIFE = Topic(base="sync-life", key="sync id", partitions=4, retention=_WEEK)
CONNECTIONS = Topic(base="connections", key="connection id", partitions=2, retention=_MONTH)
PEOPLE = Topic(base="people", key="account id", partitions=2, retention=_MONTH)
DEAD_LETTERS = Topic(base="dead-letters", key="origin topic / partition", partitions=2, retention=_MONTH)
# Holds one record once the broker has been set up: a broker without it has forgotten everything.
GENERATION = Topic(base="generation", key="none", partitions=1, retention=timedelta(days=3650))

ALL_TOPICS = (REQUESTS, RECORDS, SYNC_LIFE, CONNECTIONS, PEOPLE, DEAD_LETTERS, GENERATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A consumer group and what it reads. Queue depth is measured for each of these."""

    name: str
    topics: tuple[str, ...]


XERO_ADAPTER = {lane: Group(name=f"xero-adapter.{lane}", topics=(REQUESTS.name(lane),)) for lane in Lane}
CRM_WRITER = {lane: Group(name=f"crm-writer.{lane}", topics=(RECORDS.name(lane),)) for lane in Lane}
SYNC_ORCHESTRATOR = Group(name="sync-orchestrator", topics=(*SYNC_LIFE.names(), *CONNECTIONS.names()))
LOG_SERVICE = Group(
    name="log-service",
    topics=(*REQUESTS.names(), *SYNC_LIFE.names(), *CONNECTIONS.names(), *PEOPLE.names(), *DEAD_LETTERS.names()),
)

ALL_GROUPS = (*XERO_ADAPTER.values(), *CRM_WRITER.values(), SYNC_ORCHESTRATOR, LOG_SERVICE)
