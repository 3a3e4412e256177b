"""Cursors: what a list gave comes back as it was; anything else is a problem, not an error."""

from contextlib import suppress
from typing import Any

import marshmallow as ma
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting_link.chassis import paging
from accounting_link.chassis.problems import ProblemError


@given(st.lists(st.text() | st.integers() | st.none(), max_size=5))
def test_a_cursor_comes_back_as_the_key_it_was_made_from(key: list[Any]) -> None:
    assert paging.key_of(paging.cursor(key)) == key


@pytest.mark.parametrize("text", ["", "none", "!", "bnVsbA", "eyJhIjogMX0", "\ud800", "é", "W10", "A" * 9])
def test_any_other_text_is_a_key_or_a_problem(text: str) -> None:
    with suppress(ProblemError):
        assert isinstance(paging.key_of(text), list)


def test_a_text_that_is_no_key_is_told_as_a_problem() -> None:
    with pytest.raises(ProblemError) as raised:
        paging.key_of("bnVsbA")  # null
    assert (raised.value.status, raised.value.slug) == (400, "bad-cursor")


@given(st.lists(st.text(), max_size=5))
def test_a_cursor_needs_no_escaping_in_an_address(key: list[str]) -> None:
    assert all(letter.isalnum() or letter in "-_" for letter in paging.cursor(key))


@pytest.mark.parametrize("limit", ["0", "201", "all"])
def test_a_limit_outside_1_to_200_is_refused(limit: str) -> None:
    with pytest.raises(ma.ValidationError):
        paging.PageQuery().load({"limit": limit})


def test_without_a_limit_a_page_has_fifty() -> None:
    assert paging.PageQuery().load({}) == {"limit": 50, "cursor": None}


def test_a_page_is_named_after_its_items() -> None:
    class SaleSchema(ma.Schema):
        number = ma.fields.String()

    page = paging.page_of(SaleSchema)
    assert page.__name__ == "SalePage"
    assert page().dump({"items": [{"number": "1"}], "next": None}) == {"items": [{"number": "1"}], "next": None}
