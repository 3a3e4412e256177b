"""Amounts on their way to MongoDB."""

from decimal import Decimal

import pytest
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from accounting_link.chassis.mongo import decimal128

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=4) | st.decimals(
    min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=2
)


@given(AMOUNTS.filter(lambda amount: len(amount.as_tuple().digits) <= 34))
def test_an_amount_is_stored_just_as_bson_itself_would_store_it(amount: Decimal) -> None:
    assert decimal128(amount).bid == Decimal128(amount).bid


@pytest.mark.parametrize(
    "text", ["0", "-0", "0.00", "-0.00", "115.10", "-115.10", "1E+5", "1E-16", "1E+16", "999999999999999", "1E+15",
             "1000000000000000", "9999999999999999999999999999999999", "NaN", "Infinity", "-Infinity", "1E-6176"]
)  # fmt: skip
def test_amounts_at_the_edges_are_stored_as_bson_does(text: str) -> None:
    assert decimal128(Decimal(text)).bid == Decimal128(text).bid
