"""A replica that is killed just before its Nth step, each command to MongoDB and each call to Xero being one:
``python -m tests.integration.auth_link.dies_anywhere N refresh CONNECTION`` or ``N connect ACCOUNT CODE STATE``.

Killed before every step there is, it has died in every state that it passes through. With fewer steps than N it lives,
and says so by its exit. Settings come from the environment, the database from ``DATABASE``.
"""

import os
import signal
import sys
from typing import Any

from pymongo import monitoring

from accounting_link.chassis import mongo
from accounting_link.chassis.callers import ADMIN, Caller
from accounting_link.chassis.clock import SYSTEM_CLOCK
from auth_link.consent import Answer
from auth_link.parts import assemble
from auth_link.settings import Web, permit_plain_http
from auth_link.xero import Grant, Organisation, XeroIdentity


class Steps(monitoring.CommandListener):
    left = 0  # 0: not counting yet

    def take(self) -> None:
        if self.left == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= self.left > 0

    def started(self, event: Any) -> None:
        self.take()

    def succeeded(self, event: Any) -> None:
        """The same state as before the next."""

    def failed(self, event: Any) -> None:
        """As above."""


STEPS = Steps()


class Counted(XeroIdentity):
    def exchange(self, code: str, verifier: str) -> Grant:
        STEPS.take()
        return super().exchange(code, verifier)

    def refresh(self, refresh_token: str) -> Grant:
        STEPS.take()
        return super().refresh(refresh_token)

    def organisations(self, grant: Grant) -> list[Organisation]:
        STEPS.take()
        return super().organisations(grant)


def main(step: int, what: str, *told: str) -> None:
    monitoring.register(STEPS)
    settings = Web.from_env(os.environ)
    permit_plain_http(settings.xero, os.environ)
    with mongo.database(settings.mongo_uri, os.environ["DATABASE"]) as db:
        parts = assemble(db, Counted(settings.xero), settings.vault_keys, settings.xero.scopes, SYSTEM_CLOCK)
        STEPS.left = step
        if what == "refresh":
            parts.tokens.give(told[0])
        else:
            account, code, state = told
            ada = Caller(account_id=account, user_id="ada", name="Ada", roles=frozenset({ADMIN}))
            parts.consents.finish(ada, Answer(code=code, state=state), "reference")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
