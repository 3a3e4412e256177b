"""A replica that is killed in the middle of a refresh: ``python -m tests.integration.auth_link.dies WHEN CONNECTION``.

WHEN is ``before`` or ``after`` Xero's answer. Settings come from the environment, the database from ``DATABASE``.
"""

import os
import signal
import sys

from accounting_link.chassis import mongo
from accounting_link.chassis.clock import SYSTEM_CLOCK
from auth_link.parts import assemble
from auth_link.settings import Web, permit_plain_http
from auth_link.xero import Grant, XeroIdentity


class Dies(XeroIdentity):
    def refresh(self, refresh_token: str) -> Grant:
        if sys.argv[1] == "after":
            super().refresh(refresh_token)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")


if __name__ == "__main__":
    settings = Web.from_env(os.environ)
    permit_plain_http(settings.xero, os.environ)
    with mongo.database(settings.mongo_uri, os.environ["DATABASE"]) as db:
        parts = assemble(db, Dies(settings.xero), settings.vault_keys, settings.xero.scopes, SYSTEM_CLOCK)
        parts.tokens.give(sys.argv[2])
