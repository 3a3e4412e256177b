"""One child process: what to run, as data, and how it is started, watched, restarted and ended.

Every child leads a session of its own, so that ending its group ends what it forked too, and carries
``MARK`` in its environment, so that a later run can find what an earlier one left behind.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

MARK = "ACCOUNTING_LINK_RUN"
TRIES = 3  # deaths before it was ever ready, after which waiting longer is no help
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A real part or a process of ours: all there is to know to run it."""

    name: str
    kind: str  # mongodb, broker, gateway, web, worker; once: its success is its readiness
    command: tuple[str, ...]
    ready: Callable[[], bool]  # asked until it says yes; must answer within a second
    environment: Mapping[str, str] = field(default_factory=dict)
    address: str = ""  # host:port
    needs: tuple[str, ...] = ()  # units that must be ready before this one is started the first time
    forgets: bool = False  # dies with all it held: whoever needs it has to be started again after it
    grace: float = 10.0  # seconds between SIGTERM and SIGKILL
    fresh_folder: Path | None = None  # emptied before each start


class BackOff:
    """How long to wait before the next start: 0.5 s, doubling to 10 s, forgotten after 30 s of being well."""

    FIRST, MOST, WELL = 0.5, 10.0, 30.0

    def __init__(self) -> None:
        self._next = self.FIRST

    def after(self, ran: float) -> float:
        """Seconds to wait, given that the process ran for ``ran`` seconds before it died."""
        delay = self.FIRST if ran >= self.WELL else self._next
        self._next = min(delay * 2, self.MOST)
        return delay


class Child:
    """A unit and its process. Only the thread that watches it may call anything but ``signal``.

    That thread must live as long as the children: Linux ends a child when the *thread* that started it ends.
    """

    def __init__(self, unit: Unit, log: Path, mark: str) -> None:
        self.unit, self.log = unit, log
        self.state = "starting"
        self.restarts = 0
        self.was_ready = False
        self._mark = mark
        self._process: subprocess.Popen[bytes] | None = None
        self._back_off = BackOff()
        self._started = self._due = 0.0

    @property
    def pid(self) -> int | None:
        """Of the group's leader; None while nothing runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def waits(self) -> bool:
        """Not started yet: for the units it needs."""
        return self.state == "starting" and self._process is None

    def row(self) -> dict[str, object]:
        """What the state file says about it."""
        unit = self.unit
        return {"name": unit.name, "kind": unit.kind, "state": self.state, "address": unit.address,
                "pid": self.pid, "restarts": self.restarts, "log": str(self.log)}  # fmt: skip

    def spawn(self, extra: Mapping[str, str]) -> None:
        """Start it, with ``extra`` added to its environment."""
        if self.unit.fresh_folder:
            empty(self.unit.fresh_folder)
        environment = {**os.environ, **self.unit.environment, **extra, MARK: self._mark}
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self.unit.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_the_runner if _LIBC else None,
            )
        self.state, self._started = "starting", time.monotonic()

    def look(self, extra: Mapping[str, str]) -> None:
        """Move on from what is seen: it died, it became ready, or it is due to be started again."""
        now = time.monotonic()
        if self.state == "restarting":
            if now >= self._due:
                self.spawn(extra)
        elif self._process:
            code = self._process.poll()
            if code is not None:
                self._ended(code, now)
            elif self.state == "starting" and self.unit.kind != "once" and self.unit.ready():
                self._well()

    def _well(self) -> None:
        self.state, self.was_ready = "ready", True

    def _ended(self, code: int, now: float) -> None:
        self._kill_group()  # what it forked must not hold its port
        self._process = None
        if self.unit.kind == "once" and code == 0:
            self._well()
            return
        self.restarts += 1
        if self.restarts >= TRIES and not self.was_ready:
            self.state = "failed"
        else:
            self.state, self._due = "restarting", now + self._back_off.after(now - self._started)

    def wait_again(self) -> None:
        """Back to waiting for what it needs, as before the first start."""
        self.state = "starting"

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; nothing happens when its leader is gone."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _kill_group(self) -> None:
        """SIGKILL to the group, also when its leader has just been seen dead."""
        if self._process:
            with suppress(ProcessLookupError, PermissionError):  # macOS: not permitted when all are zombies
                os.killpg(self._process.pid, signal.SIGKILL)

    def gone(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stopped(self) -> None:
        """Leave no doubt that nothing runs and nothing will; a failure stays to be seen."""
        self._kill_group()
        while not self.gone():
            time.sleep(0.01)
        self._process = None
        if self.state != "failed":
            self.state = "stopped"

    def tail(self, lines: int = 15) -> str:
        """The end of its log, for a message."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(f"    {line[:400]}" for line in text.splitlines()[-lines:])


def end(children: Iterable[Child]) -> None:
    """SIGTERM to all at once, SIGKILL to what is left after the grace; afterwards none of their groups is left."""
    children = list(children)
    for child in children:
        child.signal(signal.SIGTERM)
        child.signal(signal.SIGCONT)  # a frozen one would otherwise never hear it
    deadline = time.monotonic() + max((child.unit.grace for child in children), default=0)
    while time.monotonic() < deadline and not all(child.gone() for child in children):
        time.sleep(0.02)
    for child in children:
        child.stopped()


def marked(mark: str) -> list[int]:
    """Ids of this user's processes whose environment carries ``MARK=mark``."""
    entry = f"{MARK}={mark}"
    if not Path("/proc/self/environ").exists():  # not Linux: ps prints the environment behind the command
        listed = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if f" {entry} " in f"{line} "]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if entry.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def kill_marked(mark: str) -> int:
    """SIGKILL to everything that carries the mark, until nothing does; the number of processes it took."""
    killed: set[int] = set()
    while left := set(marked(mark)) - {os.getpid()}:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed |= left
        time.sleep(0.05)
    return len(killed)


def empty(folder: Path) -> None:
    """Make ``folder``, and delete the files in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()


def _die_with_the_runner() -> None:
    """In the child, before its program: the kernel ends it when the runner dies, even of SIGKILL."""
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
