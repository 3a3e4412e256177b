"""What must outlive a kill: every change as one line of JSON, replayed at the next start."""

import os
from collections.abc import Iterator
from pathlib import Path

from xero_simulator.wire import Doc, decode, encode


class Journal:
    """Append-only file. An entry handed to ``append`` is with the operating system when it returns.

    So it outlives ``kill -9`` of the process, but not a power cut. A last line cut off by a kill is dropped.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def replay(self) -> Iterator[Doc]:
        """Every whole entry in order. Call it once, before the first ``append``."""
        raw = self._path.read_bytes()
        whole = raw.rfind(b"\n") + 1
        os.ftruncate(self._file, whole)
        for line in raw[:whole].splitlines():
            yield decode(line)

    def append(self, entry: Doc) -> None:
        line = memoryview(encode(entry) + b"\n")
        while line:
            line = line[os.write(self._file, line) :]

    def close(self) -> None:
        os.close(self._file)
