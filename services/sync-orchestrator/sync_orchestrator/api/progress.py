"""A sync as server-sent events: one with each change, the last with its end."""

import json
import threading
from collections.abc import Callable, Iterator

from sync_orchestrator.api import schemas
from sync_orchestrator.sync import FINAL, Sync

_LOOK_EVERY_SECONDS = 0.25
_SAY_SOMETHING_EVERY = 40  # looks: a proxy closes a stream on which nothing comes
_LOOKS_AT_MOST = 240  # a stream holds a thread; a browser whose stream ends asks again, with the rights it then has


def events(first: Sync, look: Callable[[], Sync | None]) -> Iterator[str]:
    """``look`` gives the sync as it stands; None, that it is gone, ends the stream."""
    pause = threading.Event()
    sync: Sync | None = first
    told, quiet = -1, 0
    for _ in range(_LOOKS_AT_MOST):
        if sync is None:
            return
        if sync.revision != told:
            told, quiet = sync.revision, 0
            yield _event(sync)
        if sync.state in FINAL:
            return
        quiet += 1
        if quiet % _SAY_SOMETHING_EVERY == 0:
            yield ": still here\n\n"
        pause.wait(_LOOK_EVERY_SECONDS)
        sync = look()


def _event(sync: Sync) -> str:
    return f"event: progress\ndata: {json.dumps(schemas.SyncSchema().dump(schemas.shown(sync)))}\n\n"
