"""Settings: all problems at once, each with what the setting is for."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from accounting_link.chassis import env
from accounting_link.chassis.env import Asked, SettingsError, reading


@dataclass(frozen=True)
class Settings:
    brokers: str
    key: str
    size: int
    wait: timedelta
    lane: str

    @classmethod
    def from_env(cls, environ: dict[str, str]) -> "Settings":
        with reading(environ) as read:
            return cls(
                brokers=read.text("BROKERS", "where Kafka is"),
                key=read.secret("KEY", "signs", at_least=8),
                size=read.number("SIZE", "of a batch", default=10, between=(1, 100)),
                wait=read.seconds("WAIT", "for a batch", default=0.5),
                lane=read.choice("LANE", "whose", among=("bulk", "interactive"), default="bulk"),
            )


GIVEN = {"BROKERS": "localhost:9092", "KEY": "12345678"}


def test_what_is_not_given_has_its_default() -> None:
    assert Settings.from_env(GIVEN) == Settings("localhost:9092", "12345678", 10, timedelta(seconds=0.5), "bulk")


def test_what_is_given_is_taken() -> None:
    read = Settings.from_env({**GIVEN, "SIZE": "7", "WAIT": "2", "LANE": "interactive"})
    assert (read.size, read.wait, read.lane) == (7, timedelta(seconds=2), "interactive")


def test_every_problem_is_named_at_once_with_what_the_setting_is_for() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({"KEY": "short", "SIZE": "many", "WAIT": "-1", "LANE": "fast"})
    told = str(raised.value)
    assert [name for name in ("BROKERS", "KEY", "SIZE", "WAIT", "LANE") if name not in told] == []
    assert "where Kafka is" in told


@pytest.mark.parametrize("size", ["0", "101", "1.5", "", "--5"])
def test_a_number_outside_its_bounds_is_refused_and_an_empty_one_is_the_default(size: str) -> None:
    if not size:
        assert Settings.from_env({**GIVEN, "SIZE": size}).size == 10
        return
    with pytest.raises(SettingsError, match="SIZE"):
        Settings.from_env({**GIVEN, "SIZE": size})


def test_a_secrets_value_is_in_no_error() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_env({"KEY": "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_what_is_asked_for_is_noted_with_its_default_and_whether_it_is_secret() -> None:
    with env.noting() as notes:
        Settings.from_env(GIVEN)
    assert notes["BROKERS"] == Asked("BROKERS", "where Kafka is", None, False)
    assert notes["KEY"].secret
    assert (notes["SIZE"].default, notes["LANE"].default) == ("10", "bulk")
    assert list(notes) == ["BROKERS", "KEY", "SIZE", "WAIT", "LANE"]


def test_nothing_is_noted_when_nobody_takes_notes() -> None:
    with env.noting() as notes:
        pass
    Settings.from_env(GIVEN)
    assert notes == {}
