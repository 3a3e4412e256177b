"""Xero's limits are kept by planning: no sequence of askers gets more than they allow."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import ParkReason
from accounting_link.testing.builders import JULY
from xero_adapter.planning import permits
from xero_adapter.planning.permits import Granted, Ledger, Limits, Said, Wait

LIMITS = Limits()
NOTHING_SAID = Said()


def ask(
    ledger: Ledger, now: datetime = JULY, lane: Lane = Lane.INTERACTIVE, name: str = "p"
) -> tuple[Ledger, Granted | Wait]:
    return permits.ask(ledger, now, lane, LIMITS, name)


def with_running(count: int) -> Ledger:
    return Ledger(running={f"r{n}": JULY + permits.PERMIT_LIVES for n in range(count)})


def with_answered(count: int) -> Ledger:
    return Ledger(answered=(JULY,) * count)


Steps = st.lists(st.tuples(st.sampled_from(["ask", "answer", "forget"]), st.integers(0, 5000)), max_size=400)


@given(Steps, st.sampled_from(list(Lane)))
def test_no_sequence_of_calls_passes_five_at_once_or_sixty_a_minute(steps: list[tuple[str, int]], lane: Lane) -> None:
    ledger, now, running, begun = Ledger(), JULY, dict[str, datetime](), list[datetime]()
    for number, (step, milliseconds) in enumerate(steps):
        now += timedelta(milliseconds=milliseconds)
        running = {name: at for name, at in running.items() if now - at < permits.PERMIT_LIVES}
        if step == "ask":
            ledger, answer = permits.ask(ledger, now, lane, LIMITS, f"p{number}")
            if isinstance(answer, Granted):
                running[f"p{number}"] = now
                begun.append(now)
        elif running:
            name = next(iter(running))
            del running[name]
            if step == "answer":  # one forgotten counts until its permit lapses, and a minute more
                ledger = permits.give_back(ledger, now, name, NOTHING_SAID)
        assert len(running) <= 5
        assert sum(now - at < timedelta(seconds=60) for at in begun) <= 60


def test_the_sixth_at_once_has_to_wait_and_bulk_leaves_one_to_people() -> None:
    assert isinstance(ask(with_running(4), lane=Lane.INTERACTIVE)[1], Granted)
    assert isinstance(ask(with_running(4), lane=Lane.BULK)[1], Wait)
    assert isinstance(ask(with_running(5), lane=Lane.INTERACTIVE)[1], Wait)


def test_the_sixty_first_in_a_minute_waits_for_the_oldest_answer_to_be_a_minute_old() -> None:
    _, wait = ask(with_answered(60), JULY + timedelta(seconds=20))

    assert wait == Wait(until=JULY + timedelta(seconds=60))
    assert isinstance(ask(with_answered(60), JULY + timedelta(seconds=60))[1], Granted)
    assert isinstance(ask(with_answered(55), JULY, Lane.BULK)[1], Wait)
    assert isinstance(ask(with_answered(55), JULY, Lane.INTERACTIVE)[1], Granted)


def test_a_permit_that_lapsed_counts_a_minute_from_its_lapse() -> None:
    ledger, _ = ask(Ledger())
    lapse = JULY + permits.PERMIT_LIVES

    after, _ = ask(ledger, lapse + timedelta(seconds=59), name="q")
    assert after.answered == (lapse,)
    after, _ = ask(ledger, lapse + timedelta(seconds=60), name="q")
    assert after.answered == ()


def test_the_days_limit_parks_until_midnight_utc_and_keeps_a_tenth_for_people() -> None:
    used = Ledger(day="2026-07-01", calls_today=4500)

    assert ask(used, lane=Lane.BULK)[1] == Wait(
        until=datetime.fromisoformat("2026-07-02T00:00:00+00:00"), reason=ParkReason.DAY_LIMIT
    )
    assert isinstance(ask(used, lane=Lane.INTERACTIVE)[1], Granted)
    assert isinstance(ask(used, JULY + timedelta(days=1), Lane.BULK)[1], Granted)


def test_what_the_headers_say_is_believed_where_it_is_less_than_we_counted() -> None:
    ledger, _ = ask(Ledger())
    headers = {"X-DayLimit-Remaining": "100", "Retry-After": "7", "X-Rate-Limit-Problem": "Minute"}
    after = permits.give_back(ledger, JULY, "p", Said.of(headers, LIMITS.a_day))

    assert after.calls_today == 4900
    assert ask(after)[1] == Wait(until=JULY + timedelta(seconds=7), reason=ParkReason.XERO_ASKED_TO_WAIT)
    assert Said.of({"Retry-After": "soon", "X-DayLimit-Remaining": "-"}, 5000) == Said()


def test_each_call_has_a_higher_reading_than_the_one_before() -> None:
    ledger, first = ask(Ledger())
    _, second = ask(ledger, name="q")

    assert isinstance(first, Granted)
    assert isinstance(second, Granted)
    assert second.reading == first.reading + 1


def test_a_permit_that_was_not_used_counts_for_nothing() -> None:
    ledger, _ = ask(Ledger())

    after = permits.unused(ledger, "p")

    assert (after.running, after.answered, after.calls_today) == ({}, (), 0)
    assert ask(after)[1] == Granted(id="p", reading=2)  # a reading is never given twice


def test_a_budget_of_bytes_holds_bulk_until_midnight_and_lets_people_through() -> None:
    limits = Limits(bytes_a_day=1_000)
    ledger, _ = permits.ask(Ledger(), JULY, Lane.BULK, limits, "p")
    spent = permits.give_back(ledger, JULY, "p", Said(egress=1_000))

    _, bulk = permits.ask(spent, JULY, Lane.BULK, limits, "q")
    assert isinstance(bulk, Wait)
    assert bulk.reason == ParkReason.BYTES_BUDGET
    assert isinstance(permits.ask(spent, JULY, Lane.INTERACTIVE, limits, "q")[1], Granted)
    assert isinstance(permits.ask(spent, JULY + timedelta(days=1), Lane.BULK, limits, "q")[1], Granted)
    assert isinstance(permits.ask(spent, JULY, Lane.BULK, LIMITS, "q")[1], Granted)  # without a budget
