"""Ports for what a test starts by itself."""

import atexit
import tempfile

from deploy.local import state
from deploy.local.state import StateFolder

_OURS = StateFolder(tempfile.gettempdir())  # of which only the claims are used


def free_port() -> int:
    """One that nobody listens on, and that no runner and no other tests of this machine choose while these run."""
    return next(port for port in iter(state.free_port, 0) if _OURS._claim(port))


atexit.register(_OURS.release)
