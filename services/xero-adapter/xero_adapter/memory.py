"""Twins of the stores, for tests: they pass ``tests/suites/adapter_stores.py`` as the MongoDB ones do."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from accounting_link.contracts.event import Scope
from accounting_link.contracts.words import Stream
from xero_adapter.planning.cursor import Cursor
from xero_adapter.store import Checkpoint, Hold

T = TypeVar("T")
D = TypeVar("D", bound=msgspec.Struct)


class MemoryCheckpoints:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, tuple[int, int, bool]] = {}
        self.checkpoints: dict[str, Checkpoint] = {}

    def hold(self, scope: Scope) -> Hold:
        return self._hold(scope, stopped=False)

    def stop(self, scope: Scope) -> Hold:
        return self._hold(scope, stopped=True)

    def _hold(self, scope: Scope, *, stopped: bool) -> Hold:
        with self._lock:
            attempt, ask, was_stopped = self._held.get(scope.sync_id, (0, 0, False))
            if (attempt, ask) > (scope.attempt, scope.ask):
                return Hold.OLD
            stopped = stopped or (was_stopped and attempt == scope.attempt)
            self._held[scope.sync_id] = (scope.attempt, scope.ask, stopped)
            return Hold.STOPPED if stopped else Hold.GO

    def take(self, scope: Scope, stream: Stream, begin: Cursor) -> Checkpoint:
        key = f"{scope.sync_id}/{scope.attempt}/{stream}"
        with self._lock:
            known = self.checkpoints.get(key, Checkpoint(id=key, epoch=0, cursor=begin))
            self.checkpoints[key] = replace(known, epoch=known.epoch + 1)
            return self.checkpoints[key]

    def save(self, checkpoint: Checkpoint) -> bool:
        with self._lock:
            if self.checkpoints[checkpoint.id].epoch != checkpoint.epoch:
                return False
            self.checkpoints[checkpoint.id] = checkpoint
            return True


class MemoryShared(Generic[D]):
    def __init__(self, new: Callable[[], D]) -> None:
        self._lock, self._new = threading.Lock(), new
        self.documents: dict[str, D] = {}

    def change(self, key: str, step: Callable[[D], tuple[D, T]]) -> T:
        with self._lock:
            self.documents[key], result = step(self.documents.get(key, self._new()))
            return result
