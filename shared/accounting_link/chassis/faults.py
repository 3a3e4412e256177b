"""Dying on purpose, once, at a named point: for tests of what a crash leaves behind. Does nothing unless asked.

``FAULT_POINT="crm-writer:after-write:3"`` kills this process (as ``kill -9`` would) the third time it reaches
``crm-writer:after-write``. ``FAULT_MARKER`` names a file that is made just before: where it exists the process
lives on, so that whoever restarts it gets past the point.
"""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class FaultPoint:
    name: str = ""
    left: int = 0
    marker: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "FaultPoint":
        name, _, after = env.get("FAULT_POINT", "").rpartition(":")
        marker = env.get("FAULT_MARKER", "")
        if not name or not after.isdigit() or not marker:
            return cls()
        return cls(name, int(after), Path(marker))

    def reach(self, name: str) -> None:
        """Returns, or never does."""
        if name != self.name or self.marker is None or self.marker.exists():
            return
        self.left -= 1
        if self.left <= 0:
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
