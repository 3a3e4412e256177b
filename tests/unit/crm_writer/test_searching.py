import re
import unicodedata
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_writer.mapping.names import folded
from crm_writer.searching import LONGEST, beginning, with_words

Form = Literal["NFC", "NFD"]
FORMS: tuple[Form, ...] = ("NFC", "NFD")
LETTERS = st.characters(min_codepoint=0x21, max_codepoint=0x24F, exclude_categories=["Cc", "Zs"])
WORD = st.text(st.one_of(LETTERS, st.sampled_from("aeiouāēīōūéüßçñøåžйёάΆİ'’(.*)\\")), min_size=1, max_size=8)


def finds(which: dict[str, Any], name: str) -> bool:
    key = folded(name)
    return all(re.search(one["name_key"]["$regex"], key) for one in which.get("$and", [which] if which else []))


@given(st.lists(WORD, min_size=1, max_size=4), st.data())
def test_a_name_is_found_by_its_words_in_any_order_case_and_way_of_writing(words: list[str], data: Any) -> None:
    name = unicodedata.normalize(data.draw(st.sampled_from(FORMS)), " ".join(words))
    typed = " ".join(data.draw(st.permutations(words)))
    changed = data.draw(st.sampled_from([str.upper, str.lower, str]))(typed)
    # Not every letter keeps its identity through upper(): that is Unicode's, not the search's.
    typed = changed if folded(changed) == folded(typed) else typed
    typed = unicodedata.normalize(data.draw(st.sampled_from(FORMS)), typed)
    assert finds(with_words(typed), name)


@pytest.mark.parametrize(
    ("typed", "name"),
    [("maori", "Māori"), ("Māori", "maori"), ("zoe muller", "Müller, Zoë"), ("иог", "Йогурт"), ("o'n", "Tui O'Neill")],
)
def test_accents_may_be_left_out(typed: str, name: str) -> None:
    for form in FORMS:
        assert finds(with_words(typed), unicodedata.normalize(form, name))


@pytest.mark.parametrize(
    ("typed", "name"), [("tea bar", "Tea Ltd"), (".*", "Acme"), ("[a-z]", "acme"), ("tuv", "Tui"), ("\0", "Tui")]
)
def test_what_is_not_there_is_not_found(typed: str, name: str) -> None:
    assert not finds(with_words(typed), name)


def test_nothing_typed_is_no_question() -> None:
    assert (with_words(" \t"), beginning("  ")) == ({}, {})


def test_the_longest_search_is_no_longer_than_mongodb_takes() -> None:
    letters = {chr(code).casefold() for code in range(0x21, 0x2000)}
    longest = max(len(one["name_key"]["$regex"].encode()) for one in map(_of, letters) if one)
    assert longest * LONGEST < 32_764


def _of(letter: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = with_words(letter).get("$and", [])
    return found[0] if len(found) == 1 else {}
