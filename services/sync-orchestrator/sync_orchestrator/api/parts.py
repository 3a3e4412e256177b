"""Where the views find what they work with."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from accounting_link.chassis.rates import Bucket
from sync_orchestrator.api.followers import Followers
from sync_orchestrator.desk import Desk
from sync_orchestrator.removals import Removals
from sync_orchestrator.store import Store

KEY = "sync-orchestrator"


@dataclass(frozen=True, slots=True)
class Parts:
    store: Store
    desk: Desk
    removals: Removals
    starts: Bucket  # by account
    followers: Followers


def parts() -> Parts:
    return cast(Parts, current_app.extensions[KEY])
