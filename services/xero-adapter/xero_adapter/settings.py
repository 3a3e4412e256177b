"""All that xero-adapter can be told from outside. Nothing else reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from accounting_link.chassis import env
from accounting_link.contracts.topics import Lane
from xero_adapter.planning.permits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    lane: Lane
    kafka_brokers: str
    mongo_uri: str
    status_bind: str
    session_timeout: timedelta
    auth_link_url: str
    auth_link_service_key: str
    xero_api_url: str
    limits: Limits
    threads: int
    log_level: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Reads and checks all of it; one SettingsError names every problem at once."""
        with env.reading(environ) as read:
            return cls(
                lane=Lane(read.choice("LANE", "which requests to serve", among=tuple(Lane)) or Lane.BULK),
                kafka_brokers=read.text("KAFKA_BROKERS", "where the broker is found at first: host:port,host:port"),
                mongo_uri=read.secret("MONGO_URI", "where the database `xero_adapter` lives"),
                status_bind=read.text("STATUS_BIND", "host:port of /healthz, /readyz and /metrics"),
                session_timeout=read.seconds("KAFKA_SESSION_TIMEOUT", "silence before a worker is dead", default=6),
                auth_link_url=read.text("AUTH_LINK_URL", "auth-link's own address, not the gateway's"),
                auth_link_service_key=read.secret("AUTH_LINK_SERVICE_KEY", "lets the adapter ask for tokens"),
                xero_api_url=read.text(
                    "XERO_API_URL", "Xero's accounting API", default="https://api.xero.com/api.xro/2.0"
                ),
                limits=Limits(
                    at_once=read.number(
                        "XERO_CALLS_AT_ONCE", "Xero's limit an organisation", default=5, between=(1, 5)
                    ),
                    a_minute=read.number(
                        "XERO_CALLS_A_MINUTE", "Xero's limit an organisation", default=60, between=(6, 60)
                    ),
                    a_day=read.number(
                        "XERO_CALLS_A_DAY",
                        "Xero's limit an organisation (1000 on its free tier)",
                        default=5000,
                        between=(10, 5000),
                    ),
                    app_a_minute=read.number(
                        "XERO_APP_CALLS_A_MINUTE",
                        "Xero's limit of the whole app",
                        default=10_000,
                        between=(100, 10_000),
                    ),
                    bytes_a_day=read.number(
                        "XERO_BYTES_A_DAY",
                        "most bytes a day that bulk syncs read of one organisation; 0: no bound",
                        default=0,
                        between=(0, 10**12),
                    ),
                ),
                threads=read.number("XERO_ADAPTER_THREADS", "calls to Xero at once", default=32, between=(1, 256)),
                log_level=read.choice(
                    "LOG_LEVEL", "least severe log line", among=("DEBUG", "INFO", "WARNING"), default="INFO"
                ),
            )
