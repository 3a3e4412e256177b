"""All that crm-writer can be told from outside. Nothing else reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from accounting_link.chassis import env
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.web import WebSettings
from accounting_link.contracts.topics import Lane

DATABASE = "crm"
_MONGO = "where the database `crm` lives"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of the worker."""

    kafka_brokers: str
    mongo_uri: str
    lane: Lane
    status_bind: str
    log_level: str
    batch_records: int
    batch_wait: timedelta
    session_timeout: timedelta
    fault: FaultPoint

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises one SettingsError that names every problem."""
        with env.reading(environ) as read:
            return cls(
                kafka_brokers=read.text("KAFKA_BROKERS", "where the broker is found at first: host:port,host:port"),
                mongo_uri=read.secret("MONGO_URI", _MONGO),
                status_bind=read.text("STATUS_BIND", "host:port of /healthz, /readyz and /metrics"),
                log_level=read.choice(
                    "LOG_LEVEL", "least severe log line", among=("DEBUG", "INFO", "WARNING"), default="INFO"
                ),
                batch_records=read.number(
                    "CRM_WRITER_BATCH_RECORDS", "most records in one transaction", default=1000, between=(1, 5000)
                ),
                batch_wait=read.seconds("CRM_WRITER_BATCH_WAIT", "longest wait for records", default=0.2),
                session_timeout=read.seconds(
                    "KAFKA_SESSION_TIMEOUT", "silence before a worker counts as dead", default=6
                ),
                fault=FaultPoint.from_env(environ),
                # Last, for a lane that is none ends the reading.
                lane=Lane(read.choice("LANE", "whose records to write", among=tuple(Lane), default=Lane.BULK)),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """Of the web service."""

    mongo_uri: str
    web: WebSettings

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "PageSettings":
        """Raises one SettingsError that names every problem."""
        with env.reading(environ) as read:
            return cls(mongo_uri=read.secret("MONGO_URI", _MONGO), web=WebSettings.read(read))
