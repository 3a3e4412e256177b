"""One method a request: start reading, stop reading, create. Taking a request on never blocks the poll loop."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial

from accounting_link.chassis import logs
from accounting_link.chassis.messages import Delivery, Place, Received, Unread
from accounting_link.contracts.cloudevents import UnreadableError
from accounting_link.contracts.event import Scope
from accounting_link.contracts.requests import (
    ContactExportRequested,
    ContactsRequested,
    OrganisationRequested,
    SyncRequested,
    SyncStopRequested,
)
from accounting_link.contracts.sync_life import SyncStarted
from accounting_link.contracts.words import Stream
from xero_adapter import metrics
from xero_adapter.exports import ExportTask
from xero_adapter.jobs import Job, StreamTask, Tools, end_stream
from xero_adapter.organisation import CountsTask, OrganisationTask
from xero_adapter.planning import cursor as cursors
from xero_adapter.pool import Pool
from xero_adapter.store import Hold

log = logs.logger()

_MOST_IN_HAND = 1000

Finished = Callable[[], None]


class Requests:
    """The requests that this replica has in hand."""

    def __init__(self, tools: Tools, pool: Pool) -> None:
        self._tools, self._pool = tools, pool
        self._jobs: list[Job] = []
        self._lock = threading.Lock()  # jobs are done in their own threads

    def begin(self, delivery: Delivery, finished: Finished) -> None:
        try:
            received = delivery.read()
        except UnreadableError as error:
            unread = Unread(delivery=delivery, error=error)
            self._pool.add(lambda: self._set_aside(unread, finished))
            return
        if isinstance(received.event, SyncRequested | ContactsRequested):
            job = self._job(received, received.event, finished)
            with self._lock:
                self._supersede(job)
                self._jobs.append(job)
            self._pool.add(partial(self._open, job))
        elif isinstance(received.event, SyncStopRequested):
            self._pool.add(partial(self._stop, received, received.event, finished))
        elif isinstance(received.event, OrganisationRequested):
            tenant_id = received.event.tenant_id
            self._pool.add(CountsTask(self._tools, received.scope, tenant_id, finished), whose=tenant_id)
        elif isinstance(received.event, ContactExportRequested):
            export = ExportTask(self._tools, received.scope, received.event, finished)
            self._pool.add(export, whose=received.event.tenant_id)
        else:
            log.warning("a request of a kind that is not served here", type=received.event.TYPE)
            finished()

    def lost(self, places: frozenset[Place]) -> None:
        with self._lock:
            for job in self._jobs:
                job.lost = job.lost or job.place in places
            self._jobs = [job for job in self._jobs if not job.lost]

    def turn(self) -> None:
        self._pool.check()
        metrics.HELD.set(len(self._jobs))
        metrics.WAITING.set(self._pool.waiting())

    def room(self) -> int:
        return max(0, _MOST_IN_HAND - len(self._jobs))

    def _job(self, received: Received, request: SyncRequested | ContactsRequested, finished: Finished) -> Job:
        job = Job(
            place=received.place,
            scope=received.scope,
            request=request,
            tools=self._tools,
            finished=lambda: self._done(job, finished),
        )
        return job

    def _supersede(self, job: Job) -> None:
        """What was asked of the same sync before needs no reading any more. (All of one organisation's requests lie
        on one partition, so they are in this replica's hands.)"""
        for other in self._jobs:
            if other.scope.sync_id == job.scope.sync_id and _asked(other) < _asked(job):
                other.superseded = True

    def _done(self, job: Job, finished: Finished) -> None:
        with self._lock:
            self._jobs = [other for other in self._jobs if other is not job]
        finished()

    def _open(self, job: Job) -> datetime | None:
        with logs.bound(job.scope):
            hold = self._tools.checkpoints.hold(job.scope)
            log.info("request taken on", attempt=job.scope.attempt, ask=job.scope.ask, hold=hold)
            if job.lost:
                return None
            if hold == Hold.OLD:
                job.finished()
                return None
            if hold == Hold.GO:
                self._tools.say(job.scope, SyncStarted(at=self._tools.clock.now()))
                tenant_id = job.request.tenant_id
                self._pool.add(OrganisationTask(self._tools, job.scope, tenant_id), whose=tenant_id)
            job.enter([wanted.stream for wanted in job.request.streams])
            for wanted in job.request.streams:
                begin = cursors.by_name() if job.named else cursors.begin(wanted.since)
                checkpoint = self._tools.checkpoints.take(job.scope, wanted.stream, begin)
                if hold == Hold.STOPPED:
                    end_stream(self._tools, job.scope, wanted.stream, checkpoint, stopped=True)
                    job.leave(wanted.stream)
                else:
                    self._pool.add(StreamTask(job, wanted.stream, checkpoint), whose=job.request.tenant_id)
            return None

    def _stop(self, received: Received, request: SyncStopRequested, finished: Finished) -> datetime | None:
        scope = received.scope
        with logs.bound(scope):
            if self._tools.checkpoints.stop(scope) != Hold.OLD:
                in_hand = [job for job in self._jobs if job.scope.sync_id == scope.sync_id]
                for job in in_hand:
                    job.stopping = True
                for stream in request.streams:
                    self._end(scope, stream, in_hand)
                log.info("sync stopped", reason=request.reason)
        finished()
        return None

    def _end(self, scope: Scope, stream: Stream, in_hand: list[Job]) -> None:
        """Not between a page's records and its checkpoint: they would be in the CRM and in no number."""
        with ExitStack() as writing:
            for job in in_hand:
                writing.enter_context(job.writing[stream])
            # Taking the checkpoint fences off whoever else reads this stream; again while somebody who did not know
            # yet of the stop takes it in between.
            ended = False
            while not ended:
                checkpoint = self._tools.checkpoints.take(scope, stream, cursors.begin(None))
                ended = end_stream(self._tools, scope, stream, checkpoint, stopped=True)

    def _set_aside(self, unread: Unread, finished: Finished) -> None:
        self._tools.dead.keep([unread])
        finished()


def _asked(job: Job) -> tuple[int, int]:
    return job.scope.attempt, job.scope.ask
