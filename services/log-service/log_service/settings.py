"""All that log-service can be told from outside. Nothing else reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from accounting_link.chassis.env import Reader, reading
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.web import WebSettings


def _mongo_uri(read: Reader) -> str:
    return read.secret("MONGO_URI", "where the database `logs` lives")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The worker's."""

    kafka_brokers: str
    mongo_uri: str
    status_bind: str
    log_level: str
    session_timeout: timedelta
    batch_messages: int
    batch_wait: timedelta
    transaction_outcomes: int
    faults: FaultPoint

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """One SettingsError names every problem at once."""
        with reading(env) as read:
            return cls(
                kafka_brokers=read.text("KAFKA_BROKERS", "where the broker is found at first: host:port,host:port"),
                mongo_uri=_mongo_uri(read),
                status_bind=read.text("STATUS_BIND", "host:port of health and metrics", default="0.0.0.0:9000"),
                log_level=read.choice(
                    "LOG_LEVEL", "least severe log line", among=("DEBUG", "INFO", "WARNING"), default="INFO"
                ),
                session_timeout=read.seconds(
                    "KAFKA_SESSION_TIMEOUT", "silence before a worker counts as dead", default=6
                ),
                batch_messages=read.number(
                    "LOG_SERVICE_BATCH_MESSAGES", "most messages between two commits", default=200, between=(1, 5000)
                ),
                batch_wait=read.seconds("LOG_SERVICE_BATCH_WAIT", "longest wait for a first message", default=0.5),
                transaction_outcomes=read.number(
                    "LOG_SERVICE_TRANSACTION_OUTCOMES",
                    "most outcomes written in one transaction",
                    default=4000,
                    between=(1, 50_000),
                ),
                faults=FaultPoint.from_env(env),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """The web side's."""

    mongo_uri: str
    web: WebSettings

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "ApiSettings":
        """One SettingsError names every problem at once."""
        with reading(env) as read:
            return cls(mongo_uri=_mongo_uri(read), web=WebSettings.read(read))
