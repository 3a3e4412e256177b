"""Where the time goes, by stage, without the product's knowing: its functions are wrapped in the bench's process."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any


class Stages:
    """Each moment counts for the innermost stage it is in. One thread only."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._since = self._marks()
        self.spent: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])  # seconds, of it processor

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._book()
        self._open.append(name)
        try:
            yield
        finally:
            self._book()
            self._open.pop()

    def wrap(self, owner: Any, attribute: str, stage: str) -> None:
        """``owner`` is a module or a class; whoever looks the attribute up there is timed from now on."""
        inner: Callable[..., Any] = getattr(owner, attribute)

        @wraps(inner)
        def timed(*args: Any, **more: Any) -> Any:
            with self.stage(stage):
                return inner(*args, **more)

        setattr(owner, attribute, timed)

    @contextmanager
    def wrapped(self, owner: Any, attribute: str, stage: str) -> Iterator[None]:
        """As ``wrap``, for a while."""
        inner = getattr(owner, attribute)
        self.wrap(owner, attribute, stage)
        try:
            yield
        finally:
            setattr(owner, attribute, inner)

    def _book(self) -> None:
        now = self._marks()
        if self._open:
            spent = self.spent[self._open[-1]]
            spent[0] += now[0] - self._since[0]
            spent[1] += now[1] - self._since[1]
        self._since = now

    @staticmethod
    def _marks() -> tuple[float, float]:
        return time.monotonic(), time.thread_time()
