"""All that sync-orchestrator can be told from outside. Nothing else reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from accounting_link.chassis import env
from accounting_link.chassis.web import WebSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """For the worker."""

    kafka_brokers: str
    mongo_uri: str
    status_bind: str
    session_timeout: timedelta
    silence: timedelta
    log_level: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Reads and checks all of it; one SettingsError names every problem at once."""
        with env.reading(environ) as read:
            return cls(
                kafka_brokers=read.text("KAFKA_BROKERS", "where the broker is found at first: host:port,host:port"),
                mongo_uri=read.secret("MONGO_URI", "where the database `sync_orchestrator` lives"),
                status_bind=read.text("STATUS_BIND", "host:port of /healthz, /readyz and /metrics"),
                session_timeout=read.seconds("KAFKA_SESSION_TIMEOUT", "silence before a worker is dead", default=6),
                silence=read.seconds("SYNC_SILENCE", "no progress for so long: a sync is asked again", default=300),
                log_level=read.choice(
                    "LOG_LEVEL", "least severe log line", among=("DEBUG", "INFO", "WARNING"), default="INFO"
                ),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """For the web service."""

    mongo_uri: str
    web: WebSettings

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Web":
        with env.reading(environ) as read:
            return cls(
                mongo_uri=read.secret("MONGO_URI", "where the database `sync_orchestrator` lives"),
                web=WebSettings.read(read),
            )
