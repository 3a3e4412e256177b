"""One method a request: start reading, stop reading. Taking a request on never blocks the poll loop."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from accounting_link.chassis import logs
from accounting_link.chassis.messages import Delivery, Place, Received, Unread
from accounting_link.contracts.cloudevents import UnreadableError
from accounting_link.contracts.requests import ContactsRequested, SyncRequested, SyncStopRequested
from accounting_link.contracts.sync_life import SyncStarted
from xero_adapter import metrics
from xero_adapter.jobs import Job, StreamTask, Tools, end_stream
from xero_adapter.organisation import OrganisationTask
from xero_adapter.planning import cursor as cursors
from xero_adapter.pool import Pool
from xero_adapter.store import Hold

log = logs.logger()

# "I hold it" is said again this often, so that silence means something.
_SAY_AGAIN = timedelta(seconds=60)
_MOST_IN_HAND = 1000

Finished = Callable[[], None]


class Requests:
    """The requests that this replica has in hand."""

    def __init__(self, tools: Tools, pool: Pool) -> None:
        self._tools, self._pool = tools, pool
        self._jobs: list[Job] = []

    def begin(self, delivery: Delivery, finished: Finished) -> None:
        try:
            received = delivery.read()
        except UnreadableError as error:
            unread = Unread(delivery=delivery, error=error)
            self._pool.add(lambda: self._set_aside(unread, finished))
            return
        if isinstance(received.event, SyncRequested | ContactsRequested):
            job = self._job(received, received.event, finished)
            self._supersede(job)
            self._jobs.append(job)
            self._pool.add(partial(self._open, job))
        elif isinstance(received.event, SyncStopRequested):
            self._pool.add(partial(self._stop, received, received.event, finished))
        else:
            log.warning("a request of a kind that is not served here", type=received.event.TYPE)
            finished()

    def lost(self, places: frozenset[Place]) -> None:
        for job in self._jobs:
            job.lost = job.lost or job.place in places
        self._jobs = [job for job in self._jobs if not job.lost]

    def turn(self) -> None:
        self._pool.check()
        now = self._tools.clock.now()
        for job in self._jobs:
            if now - job.told_at >= _SAY_AGAIN:
                job.told_at = now
                self._tools.say(job.scope, SyncStarted(at=now))
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
            told_at=self._tools.clock.now(),
        )
        return job

    def _supersede(self, job: Job) -> None:
        """What was asked of the same sync before needs no reading any more. (All of one organisation's requests lie
        on one partition, so they are in this replica's hands.)"""
        for other in self._jobs:
            if other.scope.sync_id == job.scope.sync_id and _asked(other) < _asked(job):
                other.superseded = True

    def _done(self, job: Job, finished: Finished) -> None:
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
                for stream in request.streams:
                    # Taking the checkpoint fences off whoever reads this stream now, here or elsewhere.
                    checkpoint = self._tools.checkpoints.take(scope, stream, cursors.begin(None))
                    end_stream(self._tools, scope, stream, checkpoint, stopped=True)
                log.info("sync stopped", reason=request.reason)
        finished()
        return None

    def _set_aside(self, unread: Unread, finished: Finished) -> None:
        self._tools.dead.keep([unread])
        finished()


def _asked(job: Job) -> tuple[int, int]:
    return job.scope.attempt, job.scope.ask
