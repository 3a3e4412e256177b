"""What reaches the log, and what must not."""

import json
import logging
import subprocess
import sys

from accounting_link.chassis.logs import OncePerOutage

ASK = """
import logging.config
from accounting_link.chassis import logs
logging.config.dictConfig(logs.config())
logging.getLogger("gunicorn.access").info("GET /api/v1/oauth/xero/callback?code=hunter2")
logging.getLogger("gunicorn.error").info("listening")
"""


def test_whole_addresses_that_gunicorn_would_log_are_not_logged_for_they_may_hold_a_code() -> None:
    """In a process of its own, for a logging configuration is for all of a process."""
    said = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, timeout=60, check=True)
    assert "listening" in said.stdout
    assert "hunter2" not in said.stdout + said.stderr


SAYS = """
import logging
from accounting_link.chassis import logs
logs.start("test")
{before}
for name in ("kafka.cluster", "kafka.net.manager", "kafka.coordinator") * 20:
    logging.getLogger(name).warning("no broker")
logging.getLogger("pymongo").warning("no database")
logs.logger().info("ours")
"""


def said(before: str = "") -> list[str]:
    run = subprocess.run([sys.executable, "-c", SAYS.format(before=before)], capture_output=True, text=True, check=True)
    return [json.loads(line)["event"] for line in run.stdout.splitlines()]


def test_of_an_outage_of_the_broker_a_process_logs_one_line_of_the_librarys() -> None:
    first, *others = said()
    assert first.startswith("no broker (")
    assert others == ["no database", "ours"]


def test_control_without_the_filter_the_library_floods_the_log() -> None:
    assert len(said("logging.getLogger().handlers[0].filters.clear()")) == 62


def test_the_next_outage_is_logged_again() -> None:
    filter_ = OncePerOutage()

    def passes(at: float) -> bool:
        record = logging.makeLogRecord({"name": "kafka.cluster", "msg": "no broker", "created": at})
        return filter_.filter(record)

    assert [passes(at) for at in (0.0, 1.0, 30.0, 60.0, 150.0, 151.0)] == [True, False, False, False, True, False]
