"""What reaches the log, and what must not."""

import subprocess
import sys

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
