"""The runner: keeps a set of units up, and knows how ours hang together.

with Platform(".demo") as platform:
    platform.address("gateway")
    platform.kill("crm-writer-bulk")
    platform.wait_restarted("crm-writer-bulk")
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

from deploy.local import parts, services
from deploy.local.process import Child, Unit, end, kill_marked
from deploy.local.state import StateFolder

START_TIMEOUT = 300.0  # of some fifteen processes, on a machine that may be busy with much else
_STOP_ORDER = ("gateway", "broker", "mongodb")  # after everything else, in this order


class StartFailedError(Exception):
    """A unit did not become ready; the message names it and shows the end of its log."""


class Supervisor:
    """Starts units in the order of their needs, restarts what dies, and stops them all.

    One thread of its own does all the starting, watching and stopping; the methods may be called from any.
    """

    def __init__(
        self,
        folder: StateFolder,
        units: Callable[[], Iterable[Unit]],
        overrides: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.folder = folder
        self._units = units  # asked once the folder is ours, for ports and keys are kept in it
        self._children: dict[str, Child] = {}
        self._overrides = {name: dict(told) for name, told in (overrides or {}).items()}
        self._killed: dict[str, int | None] = {}
        self._change = threading.RLock()
        self._stopping = threading.Event()
        # Waited for instead of joining the thread: in Python 3.11 a Ctrl-C inside join() marks the thread as ended.
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor")
        self._told: list[dict[str, object]] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Start everything and wait until it is ready, or leave nothing.

        Raises AlreadyRunningError, PartMissingError or StartFailedError.
        """
        self.folder.hold()
        try:
            kill_marked(self.folder.mark)  # what a runner that was itself killed left behind
            self.folder.fresh_logs()
            for unit in self._units():
                self.add(unit)
            self._thread.start()
            self.wait_ready(timeout=timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything, in order. Afterwards nothing of this run is left."""
        self._stopping.set()
        if self._thread.ident:
            self._stopped.wait()
        self.folder.release()

    def wait(self) -> None:
        """Until it has stopped: by itself it never does, unless something is wrong with the runner."""
        self._stopped.wait()

    def address(self, name: str) -> str:
        """host:port of a unit."""
        return self._children[name].unit.address

    def environment(self, name: str) -> dict[str, str]:
        """What a unit is told by its environment, overrides included."""
        return {**self._children[name].unit.environment, **self._overrides.get(name, {})}

    def log(self, name: str) -> Path:
        return self._children[name].log

    def rows(self) -> list[dict[str, object]]:
        """Each unit's state, as in the state file."""
        with self._change:
            return [child.row() for child in self._children.values()]

    def override(self, name: str, **environment: str) -> None:
        """Tell a unit something else from its next start on."""
        self._overrides.setdefault(name, {}).update(environment)

    def kill(self, name: str) -> None:
        """SIGKILL a unit's whole group: no goodbye."""
        self.signal(name, signal.SIGKILL)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a unit's whole group."""
        child = self._children[name]
        self._killed[name] = child.pid
        child.signal(number)

    def wait_restarted(self, name: str, timeout: float = 120.0) -> None:
        """Wait until a killed unit has a new process, and that one is ready."""
        old = self._killed[name]
        self._until(lambda: self._is_ready(name) and self._children[name].pid != old, [name], timeout)

    def wait_ready(self, *names: str, timeout: float = START_TIMEOUT) -> None:
        """Wait until these units, or all, are ready."""
        wanted = names or tuple(self._children)
        self._until(lambda: all(map(self._is_ready, wanted)), wanted, timeout)

    def add(self, unit: Unit) -> None:
        """Have one more unit from now on."""
        with self._change:
            self._children[unit.name] = Child(unit, self.folder.log(unit.name), self.folder.mark)

    def remove(self, name: str) -> None:
        """Stop a unit (SIGTERM) and forget it."""
        with self._change:
            end([self._children.pop(name)])

    def _is_ready(self, name: str) -> bool:
        return self._children[name].state == "ready"

    def _until(self, true: Callable[[], bool], names: Iterable[str], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not true():
            late = time.monotonic() > deadline or not self._thread.is_alive()
            wrong = [c for name in names if (c := self._children[name]).state == "failed"]
            if late and not wrong:
                wrong = [c for name in names if (c := self._children[name]).state != "ready" and not c.waits]
            if late or wrong:
                raise StartFailedError(
                    "\n".join(map(_story, wrong)) or f"{', '.join(names)}: not ready in {timeout:.0f} s"
                )
            time.sleep(0.05)

    def _watch(self) -> None:
        """The supervisor's thread: ends its children before it ends (they die with it)."""
        try:
            while not self._stopping.is_set():
                with self._change:
                    self._turn()
                self._tell()
                self._stopping.wait(0.1)
        finally:
            try:
                for group in _stop_groups(list(self._children.values())):
                    end(group)
                    self._tell()
                kill_marked(self.folder.mark)  # what the children had forked is told to end and may not yet have
            finally:
                self._stopped.set()

    def _turn(self) -> None:
        for child in list(self._children.values()):
            extra = self._overrides.get(child.unit.name, {})
            if child.waits and all(map(self._is_ready, self._needs(child))):
                child.spawn(extra)
            before = child.state
            child.look(extra)
            if child.unit.forgets and before == "ready" and child.state == "restarting":
                self._start_over(child.unit.name)

    def _needs(self, child: Child) -> list[str]:
        return [name for name in child.unit.needs if name in self._children]

    def _start_over(self, name: str) -> None:
        """What ``name`` held is gone: whoever needs it stops, and waits for it as at the first start."""
        dependents = [child for child in self._children.values() if name in child.unit.needs]
        end(dependents)
        for child in dependents:
            child.wait_again()

    def _tell(self) -> None:
        rows = self.rows()
        if rows != self._told:
            self._told = rows
            self.folder.write_status({"runner": os.getpid(), "units": rows})


class Platform(Supervisor):
    """Accounting Link's parts and services, all of them or those named.

    ``services=()`` starts the parts alone. ``broker`` is ``embedded`` or ``kafka``. ``ports`` are free ones unless
    given. ``overrides`` adds to the environment of single services, such as a fault point. ``host`` is what
    browsers call this machine.
    """

    def __init__(
        self,
        folder: StateFolder | Path | str,
        broker: str = "embedded",
        *,
        services: Iterable[str] = services.NAMES,
        parts: Iterable[str] = services.PARTS,
        overrides: Mapping[str, Mapping[str, str]] | None = None,
        ports: Mapping[str, int] | None = None,
        host: str = parts.HOST,
    ) -> None:
        super().__init__(folder if isinstance(folder, StateFolder) else StateFolder(folder), self._all, overrides)
        self.broker, self._host = broker, host
        self._given = dict(ports or {})
        self._chosen = (*parts, *services)
        self._workers: dict[str, Unit] = {}

    @property
    def mongo_uri(self) -> str:
        return parts.mongo_uri(self.address("mongod"))

    @property
    def public_url(self) -> str:
        """Where a browser finds the CRM page."""
        return f"http://{self._public(self.address('gateway'))}"

    def scale(self, name: str, replicas: int) -> None:
        """Run this many processes of a worker: ``name``, ``name#2`` and so on; 0 stops them all."""
        base = self._workers[name]
        names = [name, *(f"{name}#{number}" for number in range(2, replicas + 1))][:replicas]
        for other in [n for n in self._children if n.partition("#")[0] == name and n not in names]:
            self.remove(other)
        for number, wanted in enumerate(names, 1):
            if wanted not in self._children:
                self.add(services.replica(base, number, self._port(wanted)) if number > 1 else base)
        self.wait_ready(*names)

    def _port(self, name: str) -> int:
        return self.folder.port(name, self._given)

    def _all(self) -> Iterator[Unit]:
        """The units asked for. Everything has an address, also what is not started, so that all can be told it."""
        context = self._context()
        port = {name: int(context[name].rpartition(":")[2]) for name in (*services.PARTS, *services.NAMES)}
        if "mongod" in self._chosen:
            yield parts.mongod(self.folder.folder("mongod"), port["mongod"])
        if "broker" in self._chosen:
            yield self._broker_unit(port["broker"])
        if services.SIMULATOR in self._chosen:
            yield services.simulator(port[services.SIMULATOR], context, self.folder.folder("simulator"))
        chosen = [process for process in services.PROCESSES if process.name in self._chosen]
        if chosen:
            yield services.topics(context, self.broker == "embedded")
        for process in chosen:
            unit = process.unit(port[process.name], context, self.folder.folder("metrics"))
            self._workers[process.name] = unit
            yield unit
        if "gateway" in self._chosen:
            told = {name: text.format_map(context) for name, text in services.GATEWAY.items()}
            yield parts.gateway(port["gateway"], told, self.folder.folder("caddy"))

    def _broker_unit(self, port: int) -> Unit:
        if self.broker == "kafka":
            return parts.apache_kafka(self.folder.folder("kafka"), port, self._port("kafka-controller"))
        return parts.embedded_broker(port)

    def _context(self) -> dict[str, str]:
        """What the templates in services.py may name."""
        addresses = {name: f"{parts.HOST}:{self._port(name)}" for name in (*services.PARTS, *services.NAMES)}
        said = {
            "mongo_uri": parts.mongo_uri(addresses["mongod"]),
            "gateway_port": addresses["gateway"].rpartition(":")[2],
            "public": self._public(addresses["gateway"]),
        }
        return {**addresses, **said, **self.folder.secrets()}

    def _public(self, address: str) -> str:
        return address.replace(parts.HOST, self._host)


def _stop_groups(children: list[Child]) -> list[list[Child]]:
    """Our own processes at once, then the gateway, the broker and MongoDB one after another."""
    late = [[c for c in children if c.unit.kind == kind] for kind in _STOP_ORDER]
    return [[c for c in children if c.unit.kind not in _STOP_ORDER], *late]


def _story(child: Child) -> str:
    return f"{child.unit.name} is {child.state} ({child.log}):\n{child.tail()}"
