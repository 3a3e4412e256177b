"""What is done with one batch from the topics."""

from collections.abc import Sequence

from accounting_link.chassis.clock import Clock
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Delivery, Received, Unread, read_all
from accounting_link.chassis.mongo import Db
from accounting_link.contracts.cloudevents import UnreadableError
from log_service import flow, metrics, store
from log_service.gather import gather, runs


class KeepLog:
    """Puts one batch into the log. Returning is the permission to commit: everything is stored, or set aside
    with its reason. Raising commits nothing and the batch comes again, which changes no number."""

    def __init__(
        self, db: Db, dead: DeadLetters, clock: Clock, faults: FaultPoint, *, transaction_outcomes: int
    ) -> None:
        self._db, self._dead, self._clock, self._faults = db, dead, clock, faults
        self._at_most = transaction_outcomes

    def __call__(self, deliveries: Sequence[Delivery]) -> None:
        began = self._clock.monotonic()
        received, unread = understood(deliveries)
        outcomes = 0
        for run in runs(received, self._at_most):
            gathered = gather(run)
            store.keep(self._db, gathered)
            outcomes += len(gathered.outcomes)
        metrics.OUTCOMES.inc(outcomes)
        if outcomes:
            self._faults.reach("log-service:after-write")
        self._dead.keep(unread)
        metrics.MESSAGES.labels("kept").inc(len(received))
        metrics.MESSAGES.labels("set aside").inc(len(unread))
        metrics.BATCH_SECONDS.observe(self._clock.monotonic() - began)


def understood(deliveries: Sequence[Delivery]) -> tuple[list[Received], list[Unread]]:
    """An event of a sync that does not say which sync can be put nowhere: unreadable too."""
    received, unread = read_all(deliveries)
    homeless = {(one.place, one.offset): one for one in received if _is_homeless(one)}
    unread += [
        Unread(delivery=delivery, error=_says_no_sync(homeless[delivery.place, delivery.offset]))
        for delivery in deliveries
        if (delivery.place, delivery.offset) in homeless
    ]
    return [one for one in received if (one.place, one.offset) not in homeless], unread


def _is_homeless(received: Received) -> bool:
    return isinstance(received.event, flow.OF_SYNCS) and not received.scope.sync_id


def _says_no_sync(received: Received) -> UnreadableError:
    event = received.event
    return UnreadableError(
        "ce_syncid is missing",
        scope=received.scope,
        type_=event.TYPE,
        subject=event.subject(),
        reading=received.envelope.reading,
    )
