"""Numbers, money, times and pictures."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_frontend import pictures, progress, words
from tests.unit.crm_frontend.stub_gateway import a_log, a_sync, an_ended_sync


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1234567.5", "NZD 1,234,567.50"),
        ("0.1", "NZD 0.10"),
        ("-3", "NZD -3.00"),
        ("90071992547409.93", "NZD 90,071,992,547,409.93"),  # a float would say .94
    ],
)
def test_money_is_said_to_the_cent(value: str, said: str) -> None:
    assert words.money(value, "NZD") == said


@pytest.mark.parametrize(("value", "said"), [(0.04, "0.0 seconds"), (59.94, "59.9 seconds"), (125, "2 min 5 s")])
def test_a_duration_is_said_as_one_says_it(value: float, said: str) -> None:
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (5_345_678, "5.3 MB")]
)
def test_a_size_is_said_in_the_unit_that_reads_best(value: int, said: str) -> None:
    assert words.size(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [("2.0000", "2"), ("0.5", "0.5"), ("1200", "1,200"), (None, ""), ("100", "100")]
)
def test_a_quantity_is_said_without_empty_zeros(value: str | None, said: str) -> None:
    assert words.quantity(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [("no last name", "No last name."), ("Xero's limit is reached.", "Xero's limit is reached."), (None, ""), ("", "")],
)
def test_a_reason_is_said_as_a_sentence_whether_or_not_it_came_as_one(value: str | None, said: str) -> None:
    assert words.sentence(value) == said


@pytest.mark.parametrize(("value", "said"), [(0, "0 calls"), (1, "1 call"), (1200, "1,200 calls")])
def test_one_is_said_in_the_singular(value: int, said: str) -> None:
    assert words.counted(value, "call") == said


def test_the_line_of_a_sync_counts_what_is_here_now_as_imported() -> None:
    line = progress.line({"created": 5, "updated": 2, "unchanged": 1, "left_out": 3, "failed": 0})
    assert (line.imported, line.left_out, line.failed) == (8, 3, 0)
    assert [piece.name for piece in line.pieces] == ["created", "updated", "unchanged", "left_out"]


def test_a_time_is_said_in_utc_and_a_date_as_it_was_written() -> None:
    assert words.when("2026-03-02T09:00:00Z") == "2 Mar 2026, 09:00 UTC"
    assert words.day("2026-03-02") == "2 Mar 2026"
    assert (words.when(None), words.day(None)) == ("", "")


@given(st.dictionaries(st.sampled_from("abcde"), st.decimals(0, 10**9, places=2), max_size=5))
def test_the_pieces_of_a_bar_fill_it_without_gaps(parts: dict[str, Decimal]) -> None:
    pieces = pictures.stacked(parts)
    assert {piece.name for piece in pieces} == {name for name, value in parts.items() if value > 0}
    assert all(piece.width > 0 for piece in pieces)
    ends = [0.0, *(piece.x + piece.width for piece in pieces)]
    assert all(abs(piece.x - end) < 0.1 for piece, end in zip(pieces, ends, strict=False))
    assert not pieces or abs(ends[-1] - pictures.WIDTH) < 0.1


def test_one_failed_among_thousands_can_still_be_seen() -> None:
    _, failed = pictures.stacked({"created": 8000, "failed": 1})
    assert failed.width > 3


def test_a_bar_is_full_when_the_stream_has_ended_whatever_was_expected() -> None:
    streams = {"contacts": {"read": 90, "expected": 100, "applied": 85, "ended": True}}
    (bar,) = progress.bars(a_sync(streams=streams))
    assert (bar.read, bar.applied, bar.expected) == (90, 90, 90)
    (bar,) = progress.bars(a_sync(streams={"contacts": {**streams["contacts"], "ended": False}}))
    assert (bar.read, bar.applied, bar.expected) == (90, 85, 100)


def test_a_bar_never_overflows_when_more_comes_than_was_expected() -> None:
    streams = {"contacts": {"read": 110, "expected": 100, "applied": 0, "ended": False}}
    (bar,) = progress.bars(a_sync(streams=streams))
    assert bar.expected == 110


def test_how_long_a_sync_takes_stands_still_when_it_has_ended() -> None:
    now = datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert progress.seconds(an_ended_sync(), now) == 6.5
    assert progress.seconds(a_sync(), now) == 3599
    assert progress.seconds(a_sync(started_at=None), now) is None


def test_the_counts_add_up_to_all_records() -> None:
    contacts, invoices = progress.counts(a_log())
    assert (contacts.total, invoices.total) == (1200, 8000)
    assert list(contacts.outcomes) == ["created", "left_out"]
