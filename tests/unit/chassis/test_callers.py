"""Who is asking: only what auth-link signed, and not for long."""

from datetime import timedelta

import jwt
import pytest

from accounting_link.chassis import callers
from accounting_link.chassis.callers import ADMIN, MEMBER, Caller, RefusedError
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.testing.clock import FakeClock

KEY, OTHER_KEY = "k" * 32, "o" * 32
ADA = Caller(account_id="legrand", user_id="ada", name="Ada", roles=frozenset({MEMBER}))


def claims(**more: object) -> dict[str, object]:
    return jwt.decode(
        callers.sign(ADA, KEY, SYSTEM_CLOCK), KEY, algorithms=["HS256"], audience="accounting-link-services"
    ) | dict(more)


def test_who_was_signed_is_who_is_found() -> None:
    assert callers.check(callers.sign(ADA, KEY, SYSTEM_CLOCK), KEY) == ADA


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "ada",
        callers.sign(ADA, OTHER_KEY, SYSTEM_CLOCK),
        callers.sign(ADA, KEY, FakeClock(SYSTEM_CLOCK.now() - timedelta(minutes=2))),
        jwt.encode(claims(aud="somebody-else"), KEY, algorithm="HS256"),
        jwt.encode(claims(iss="somebody-else"), KEY, algorithm="HS256"),
        jwt.encode({name: value for name, value in claims().items() if name != "exp"}, KEY, algorithm="HS256"),
        jwt.encode({name: value for name, value in claims().items() if name != "account_id"}, KEY, algorithm="HS256"),
        jwt.encode(claims(), None, algorithm="none"),  # type: ignore[arg-type]
    ],
    ids=["none", "empty", "forged", "other key", "expired", "audience", "issuer", "eternal", "no account", "unsigned"],
)
def test_nobody_else_is_believed(header: str | None) -> None:
    with pytest.raises(RefusedError):
        callers.check(header, KEY)


def test_one_role_of_those_allowed_is_enough_and_none_is_not() -> None:
    assert ADA.may([ADMIN, MEMBER])
    assert not ADA.may([ADMIN])
    assert not Caller(account_id="a", user_id="u", name="", roles=frozenset()).may([ADMIN, MEMBER])
