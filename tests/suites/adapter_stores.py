"""What xero-adapter's stores must do, whatever holds them."""

import threading
from datetime import timedelta

import pytest
from msgspec.structs import replace

from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import Stream
from accounting_link.testing.builders import JULY, SCOPE
from xero_adapter.planning import cursor, permits
from xero_adapter.planning.permits import Granted, Ledger, Limits, Said
from xero_adapter.store import Checkpoints, Hold, Shared


class CheckpointSuite:
    @pytest.fixture
    def checkpoints(self) -> Checkpoints:
        raise LookupError("the class that runs this suite says on what")

    def test_what_is_saved_is_what_the_next_to_take_it_finds(self, checkpoints: Checkpoints) -> None:
        first = checkpoints.take(SCOPE, Stream.INVOICES, cursor.begin(None))
        saved = replace(first, begun=True, cursor=cursor.begin(JULY), partitions=(1, 5), read=7, began_at=JULY)
        assert checkpoints.save(saved)

        found = checkpoints.take(SCOPE, Stream.INVOICES, cursor.begin(None))

        assert found == replace(saved, epoch=found.epoch)

    def test_a_replica_that_was_replaced_can_save_nothing(self, checkpoints: Checkpoints) -> None:
        frozen = checkpoints.take(SCOPE, Stream.INVOICES, cursor.begin(None))
        checkpoints.take(SCOPE, Stream.INVOICES, cursor.begin(None))

        assert not checkpoints.save(replace(frozen, read=1))

    def test_streams_and_attempts_are_apart(self, checkpoints: Checkpoints) -> None:
        one = checkpoints.take(SCOPE, Stream.INVOICES, cursor.begin(None))
        checkpoints.take(SCOPE, Stream.CONTACTS, cursor.begin(None))
        checkpoints.take(replace(SCOPE, attempt=2), Stream.INVOICES, cursor.begin(None))

        assert checkpoints.save(replace(one, read=1))

    def test_a_request_below_the_attempt_or_ask_seen_is_old(self, checkpoints: Checkpoints) -> None:
        assert checkpoints.hold(replace(SCOPE, attempt=2, ask=3)) == Hold.GO

        assert checkpoints.hold(replace(SCOPE, attempt=1, ask=9)) == Hold.OLD
        assert checkpoints.hold(replace(SCOPE, attempt=2, ask=2)) == Hold.OLD
        assert checkpoints.hold(replace(SCOPE, attempt=2, ask=3)) == Hold.GO  # delivered twice
        assert checkpoints.hold(replace(SCOPE, attempt=3, ask=1)) == Hold.GO

    def test_what_was_stopped_stays_stopped_until_a_new_attempt(self, checkpoints: Checkpoints) -> None:
        assert checkpoints.stop(SCOPE) == Hold.STOPPED  # also when it comes before the request

        assert checkpoints.hold(SCOPE) == Hold.STOPPED
        assert checkpoints.hold(replace(SCOPE, ask=2)) == Hold.STOPPED
        assert checkpoints.hold(replace(SCOPE, attempt=2)) == Hold.GO


class LedgerSuite:
    @pytest.fixture
    def ledgers(self) -> Shared[Ledger]:
        raise LookupError("the class that runs this suite says on what")

    def test_of_many_who_ask_at_once_no_more_get_leave_than_the_limit(self, ledgers: Shared[Ledger]) -> None:
        granted: list[Granted] = []

        def one(number: int) -> None:
            asked = ledgers.change(
                "kiwi", lambda now: permits.ask(now, JULY, Lane.INTERACTIVE, Limits(), f"permit-{number}")
            )
            if isinstance(asked, Granted):
                granted.append(asked)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(permit.reading for permit in granted) == [1, 2, 3, 4, 5]

    def test_a_ledger_is_found_as_it_was_left(self, ledgers: Shared[Ledger]) -> None:
        later = JULY + timedelta(seconds=1)
        ledgers.change("kiwi", lambda now: permits.ask(now, JULY, Lane.BULK, Limits(), "p"))
        said = Said(day_remaining=10, retry_after=timedelta(seconds=30), problem="day")
        ledgers.change("kiwi", lambda now: (permits.give_back(now, later, "p", said), None))

        def look(now: Ledger) -> tuple[Ledger, Ledger]:
            return now, now

        found = ledgers.change("kiwi", look)
        assert (found.reading, found.running, found.answered) == (1, {}, (later,))
        assert (found.calls_today, found.refused_until) == (4990, later + timedelta(seconds=30))
        assert ledgers.change("ozzy", look) == Ledger()
