"""Structured JSON logs on standard output, one line an event, with the ids of what is being worked on.

``bound(scope)`` puts a scope's ids on every line logged inside it. Never log a token, a secret or what a
person is called: ids are enough to find the rest.
"""

import logging
import logging.config
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from accounting_link.contracts.event import Scope

_GUNICORN = ("gunicorn.error", "gunicorn.access")
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
]


class OncePerOutage(logging.Filter):
    """Lets through the first line of what kafka-python says, until it has been silent for ``_QUIET`` seconds.

    While a broker is away its threads say several times a second, each in its own words, that it is. What comes of
    it for us (records that come again, a process that ends) we log ourselves.
    """

    _QUIET = 60.0  # longer than it pauses between two tries

    def __init__(self) -> None:
        super().__init__()
        self._last = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("kafka."):
            return True
        is_first = record.created - self._last > self._QUIET
        self._last = record.created
        if is_first:
            record.msg, record.args = f"{record.getMessage()} (whatever else kafka-python says of this is left out)", ()
        return is_first


def config(level: str = "INFO") -> dict[str, Any]:
    """A logging configuration (dictConfig) that renders the standard library's loggers as JSON too."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*_SHARED, structlog.stdlib.add_logger_name],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(),
                ],
            }
        },
        "filters": {"once": {"()": OncePerOutage}},
        "handlers": {
            # On the handler: a logger's filters do not see what its children say.
            "out": {
                "class": "logging.StreamHandler",
                "stream": sys.stdout,
                "formatter": "json",
                "filters": ["once"],
            }
        },
        "root": {"level": level, "handlers": ["out"]},
        # What a library says at INFO is about itself, not about anybody's records.
        "loggers": {
            **{name: {"level": "WARNING"} for name in ("kafka", "pymongo", "werkzeug", "urllib3")},
            # It warns whenever one turn of its loop took a tenth of a second.
            "kafka.net.selector": {"level": "ERROR"},
            # At DEBUG they write codes, verifiers and tokens.
            **{name: {"level": "WARNING"} for name in ("requests_oauthlib", "oauthlib")},
            # gunicorn gives its loggers a handler of its own unless they are named here.
            **{name: {"level": "INFO", "handlers": [], "propagate": True} for name in _GUNICORN},
            # Its access log is written whenever it is given a configuration, and tells whole addresses: also the
            # code that Xero sends back. Each answer is logged by web.py, with its route only.
            "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
        },
    }


def start(service: str, level: str = "INFO") -> None:
    """Once a process, before anything is logged."""

    def add_service(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        # No context variable: those of the main thread are not gunicorn's threads'.
        return {"service": service, **event}

    logging.config.dictConfig(config(level))
    structlog.configure(
        processors=[add_service, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logger() -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger()


@contextmanager
def bound(scope: Scope) -> Iterator[None]:
    ids = {
        "account": scope.account_id,
        "connection": scope.connection_id,
        "sync": scope.sync_id,
        "reference": scope.correlation_id,
    }
    with structlog.contextvars.bound_contextvars(**{name: value for name, value in ids.items() if value}):
        yield
