"""The step that somebody who asks for a token takes: give, wait or refresh."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting_link.testing.clock import FakeClock
from auth_link.tokens import FRESH, Step, decide

NOW = FakeClock().now()
MOMENT = timedelta(seconds=1)


def tokens(left: timedelta, held_for: timedelta | None = None) -> dict[str, Any]:
    refreshing = {"until": NOW + held_for} if held_for is not None else None
    return {"expires_at": NOW + left, "fingerprint": "current", "refreshing": refreshing}


@pytest.mark.parametrize(
    ("left", "refused", "step"),
    [
        (FRESH + MOMENT, "", Step.GIVE),
        (FRESH, "", Step.REFRESH),
        (-MOMENT, "", Step.REFRESH),
        (FRESH + MOMENT, "current", Step.REFRESH),
        (FRESH + MOMENT, "an older one", Step.GIVE),
        (FRESH, "an older one", Step.REFRESH),
    ],
)
def test_a_token_is_refreshed_when_it_is_old_or_was_refused(left: timedelta, refused: str, step: Step) -> None:
    assert decide(tokens(left), NOW, refused, renewed=False) is step


def test_whoever_finds_another_at_it_waits_until_the_lease_is_over() -> None:
    assert decide(tokens(FRESH, held_for=MOMENT), NOW, "", renewed=False) is Step.WAIT
    assert decide(tokens(FRESH, held_for=timedelta()), NOW, "", renewed=False) is Step.REFRESH


def test_a_token_just_renewed_is_the_answer_however_short_it_lives() -> None:
    assert decide(tokens(MOMENT), NOW, "", renewed=True) is Step.GIVE
    assert decide(tokens(timedelta()), NOW, "", renewed=True) is Step.REFRESH


spans = st.timedeltas(min_value=-timedelta(hours=1), max_value=timedelta(hours=1))


@given(spans, st.none() | spans, st.sampled_from(["", "current", "older"]), st.booleans())
def test_a_dead_token_is_never_given_nor_a_refused_one_nor_is_a_holder_disturbed(
    left: timedelta, held_for: timedelta | None, refused: str, renewed: bool
) -> None:
    step = decide(tokens(left, held_for), NOW, refused, renewed=renewed)

    if step is Step.GIVE:
        assert left > timedelta()
        assert renewed or refused != "current"
    if step is Step.REFRESH:
        assert held_for is None or held_for <= timedelta()
