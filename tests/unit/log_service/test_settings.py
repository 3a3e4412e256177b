"""What log-service can be told."""

import pytest

from accounting_link.chassis.env import SettingsError
from log_service.settings import ApiSettings, Settings

TOLD = {"KAFKA_BROKERS": "localhost:9092", "MONGO_URI": "mongodb://localhost", "CALLER_KEY": "k" * 32}


def test_the_defaults_are_enough_beside_the_parts_addresses() -> None:
    assert Settings.from_env(TOLD).batch_messages == 200
    assert ApiSettings.from_env(TOLD).web.caller_key == "k" * 32


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"(?s)KAFKA_BROKERS.*MONGO_URI.*LOG_SERVICE_BATCH_MESSAGES"):
        Settings.from_env({"LOG_SERVICE_BATCH_MESSAGES": "none"})
