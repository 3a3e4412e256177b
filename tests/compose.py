"""deploy/compose without a container engine: the same commands, environment and probes as processes of this machine.

``Project`` reads the file as compose does, as far as the file goes: values of ``.env`` put in their places. ``Local``
turns its services into the runner's units, with addresses and folders of this machine in place of the containers'.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.local import parts
from deploy.local.process import Unit
from deploy.local.run import Platform
from deploy.local.services import PARTS

FOLDER = parts.ROOT / "deploy" / "compose"
FILE = FOLDER / "compose.yaml"
SIMULATOR = FOLDER / "simulator.env"
OWN_IMAGE = "accounting-link:latest"
Node = dict[str, Any]

_VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?])([^}]*))?\}")
_URL = re.compile(r"https?://[^\s'\"]+")
_PLACE = re.compile(r"([\w.-]*):(\d+)")


class MissingError(Exception):
    """A variable without which the file is of no use; the message is the file's own."""


def secrets() -> dict[str, str]:
    """What the command of .env.example makes."""
    return variables(run_secrets(Path("/")).stdout)


def run_secrets(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", FOLDER / "secrets.sh"], cwd=folder, capture_output=True, text=True, timeout=30)


def variables(text: str) -> dict[str, str]:
    """Of an env file."""
    lines = (line.partition("=") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name: value for name, _, value in lines}


class Project:
    """The file with its variables filled in; raises MissingError where one must be given and is not."""

    def __init__(self, given: Mapping[str, str], text: str | None = None) -> None:
        self._given = given
        self.node: Node = self._filled(yaml.safe_load(text or FILE.read_text()))
        self.services: dict[str, Node] = self.node["services"]

    def ours(self) -> dict[str, Node]:
        """Those that are processes of our image."""
        return {name: service for name, service in self.services.items() if service["image"] == OWN_IMAGE}

    def _filled(self, node: Any) -> Any:
        match node:
            case dict():
                return {name: self._filled(inner) for name, inner in node.items()}
            case list():
                return [self._filled(inner) for inner in node]
            case str():
                return _VARIABLE.sub(self._value, node)
        return node

    def _value(self, found: re.Match[str]) -> str:
        name, how, otherwise = found.groups()
        value = self._given.get(name)
        if value is None or (not value and how.startswith(":")):
            if how == ":?":
                raise MissingError(f"{name}: {otherwise}")
            return str(otherwise)
        return value


class Local:
    """Runs a project's services on a platform's MongoDB and broker; everything else is as the file says."""

    def __init__(self, project: Project, platform: Platform) -> None:
        self._project, self._platform = project, platform
        self._parts = {name: platform.address(name) for name in PARTS}
        self._ports: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        """Adds each of them and waits until all are ready."""
        for name in self._project.services:
            if name not in PARTS:
                self._platform.add(self.unit(name))
        self._platform.wait_ready()

    def unit(self, name: str) -> Unit:
        service = self._project.services[name]
        probed = _URL.search(self.said(name, " ".join(self.probe(name))))
        url = probed.group() if probed else ""
        folders = self._folders(name)
        return Unit(
            name=name,
            kind={"topics": "once", "gateway": "gateway"}.get(name, "web"),
            command=tuple(self.said(name, word) for word in service["command"]),
            environment={key: self.said(name, str(text)) for key, text in service.get("environment", {}).items()},
            address=url.removeprefix("http://").partition("/")[0],
            needs=tuple(service.get("depends_on", ())),
            ready=lambda: parts.is_ok(url),
            fresh_folder=folders.get("/metrics"),
        )

    def probe(self, name: str) -> list[str]:
        """The command of its health check."""
        test: list[str] = self._project.services[name].get("healthcheck", {}).get("test", ["CMD"])
        assert test[0] == "CMD"
        return test[1:]

    def probes_well(self, name: str) -> bool:
        """Whether its health check, run as it stands, says that it is healthy."""
        command = [self.said(name, word) for word in self.probe(name)]
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0

    def said(self, name: str, text: str) -> str:
        """What the file says to a service, in this machine's words."""
        programs = {"python": sys.executable, "caddy": parts.find_caddy() if text == "caddy" else ""}
        if text in programs:
            return programs[text]
        for inside, here in self._folders(name).items():
            if text == inside or text.startswith(f"{inside}/"):
                return f"{here}{text.removeprefix(inside)}"
        if text == self._project.node["networks"]["inside"]["ipam"]["config"][0]["subnet"]:
            return f"{parts.HOST}/32"
        if text.isdigit() and int(text) in self._published(name):
            return str(self._port(name, int(text)))
        return _PLACE.sub(lambda found: self._place(name, found[1], int(found[2])), text)

    def address(self, name: str, port: int) -> str:
        """Where a container's port is here."""
        return self._parts.get(name) or f"{parts.HOST}:{self._port(name, port)}"

    def _place(self, name: str, host: str, port: int) -> str:
        """``host:port`` as ``name`` would understand it."""
        if host == "localhost":  # as browsers say it: whoever publishes the port
            name = next((other for other in self._project.services if port in self._published(other)), name)
            return f"localhost:{self._port(name, port)}"
        if host in self._project.services:
            return self.address(host, port)
        if host in ("", "0.0.0.0", parts.HOST):
            return f"{host and parts.HOST}:{self._port(name, port)}"
        return f"{host}:{port}"

    def _port(self, name: str, port: int) -> int:
        if (name, port) not in self._ports:
            self._ports[name, port] = self._platform.folder.port(f"{name}:{port}", {})
        return self._ports[name, port]

    def _published(self, name: str) -> set[int]:
        return set(published(self._project.services[name]))

    def _folders(self, name: str) -> dict[str, Path]:
        """What is mounted where, in its container."""
        service = self._project.services[name]
        mounted = (volume.split(":")[:2] for volume in service.get("volumes", ()))
        folders = {inside: self._source(source) for source, inside in mounted}
        temporary = {inside: self._platform.folder.folder("tmpfs", name) for inside in service.get("tmpfs", ())}
        return folders | temporary

    def _source(self, source: str) -> Path:
        if source.startswith((".", "/")):
            return (FOLDER / source).resolve()
        return self._platform.folder.folder("volumes", source)


def published(service: Node) -> Iterator[int]:
    """The container's ports that the machine has too."""
    yield from (int(port.split(":")[-1].partition("/")[0]) for port in service.get("ports", ()))
