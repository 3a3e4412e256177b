"""The state folder: everything one run leaves for the next, and for ``make status`` meanwhile.

lock  state.json  ports.json  secrets.json (0600)  logs/  metrics/  mongod/  kafka/  simulator/
"""

import fcntl
import json
import os
import random
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class AlreadyRunningError(Exception):
    """Another runner holds this state folder."""


class StateFolder:
    """One folder, held by at most one runner at a time."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).resolve()
        self._lock: TextIOWrapper | None = None
        self._ports: dict[int, TextIOWrapper] = {}

    @property
    def mark(self) -> str:
        """What the children of this folder's runner carry in their environment."""
        return str(self.path)

    def folder(self, *names: str) -> Path:
        folder = self.path.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def hold(self) -> None:
        """Take the folder for this process; raises AlreadyRunningError."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock or _locked(self.path / "lock")

    def release(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None
        for claim in self._ports.values():
            Path(claim.name).unlink(missing_ok=True)
            claim.close()
        self._ports.clear()

    def is_held(self) -> bool:
        """Whether a runner lives in it now."""
        if not (self.path / "lock").exists():
            return False
        try:
            _locked(self.path / "lock").close()
        except AlreadyRunningError:
            return True
        return False

    def clear(self) -> None:
        """Forget everything but the lock."""
        for entry in self.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()

    def fresh_logs(self) -> None:
        """Put the logs of the run before aside, one generation deep."""
        if (self.path / "logs").exists():
            shutil.rmtree(self.path / "logs.before", ignore_errors=True)
            (self.path / "logs").rename(self.path / "logs.before")

    def port(self, name: str, given: Mapping[str, int]) -> int:
        """The given port, else the one used last time if it is free, else a free one; remembered."""
        known: dict[str, int] = _read(self.path / "ports.json", {})
        taken = {port for other, port in known.items() if other != name}
        port = given.get(name) or known.get(name, 0)
        while name not in given and not (port and self._claim(port)):
            port = free_port(taken)
        _write(self.path / "ports.json", {**known, name: port})
        return port

    def _claim(self, port: int) -> bool:
        """Whether it is free and no other runner of this machine, that may not listen yet, has chosen it."""
        if port in self._ports:
            return is_free(port)
        folder = Path(tempfile.gettempdir(), f"accounting-link-ports-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            claim = _locked(folder / str(port))
        except AlreadyRunningError:
            return False
        if not is_free(port):
            claim.close()
            return False
        self._ports[port] = claim
        return True

    def secrets(self) -> dict[str, str]:
        """Keys made at the first run and kept, so that a second can read what the first encrypted."""
        file = self.path / "secrets.json"
        kept: dict[str, str] = {**_new_secrets(), **_read(file, {})}
        _write(file, kept)
        return kept

    def write_status(self, status: Mapping[str, Any]) -> None:
        """Replace state.json whole: a reader never sees half of it."""
        _write(self.path / "state.json", status)

    def read_status(self) -> dict[str, Any]:
        """What the runner last said; when no runner lives, nothing runs."""
        status: dict[str, Any] = _read(self.path / "state.json", {"units": []})
        if not self.is_held():
            for row in status["units"]:
                row.update(state="failed" if row["state"] == "failed" else "stopped", pid=None)
        return status


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(taken: Iterable[int] = ()) -> int:
    """A port nobody listens on, below the range that outgoing connections draw from.

    From that range a port could be taken while its service is down for a moment, and the service could not
    come back.
    """
    return next(p for p in iter(lambda: random.randrange(20_000, 32_000), 0) if p not in taken and is_free(p))


def _locked(file: Path) -> TextIOWrapper:
    handle = file.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as held:
        handle.close()
        raise AlreadyRunningError(f"another run lives in {file.parent}") from held
    return handle


def _read(file: Path, default: Any) -> Any:
    return json.loads(file.read_text()) if file.exists() else default


def _write(file: Path, value: Any) -> None:
    """Atomically, readable by this user only."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name)  # made with mode 0600
    with os.fdopen(handle, "w") as out:
        json.dump(value, out, indent=1)
    os.replace(temporary, file)


def _new_secrets() -> dict[str, str]:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "CALLER_KEY": secrets.token_urlsafe(48),
        "AUTH_LINK_SERVICE_KEY": secrets.token_urlsafe(32),
        "VAULT_KEYS": Fernet.generate_key().decode(),
        "SIGN_IN_KEY": pem.decode(),
        "SIMULATOR_CLIENT_ID": secrets.token_hex(16).upper(),
        "SIMULATOR_CLIENT_SECRET": secrets.token_urlsafe(36),
    }
