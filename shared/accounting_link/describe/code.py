"""Where the services' code is found, and what may be missing of it."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, get_type_hints

from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.env import Reader
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.web import WebSettings
from accounting_link.contracts.event import Event
from accounting_link.contracts.topics import ALL_GROUPS

# Folder and consumer groups' first word to package. The first five speak on Kafka.
SPEAKING = {
    "auth-link": "auth_link",
    "sync-orchestrator": "sync_orchestrator",
    "xero-adapter": "xero_adapter",
    "crm-writer": "crm_writer",
    "log-service": "log_service",
}
SERVICES = {**SPEAKING, "crm-frontend": "crm_frontend", "xero-simulator": "xero_simulator"}
WITH_APIS = ("auth-link", "sync-orchestrator", "crm-writer", "log-service")


class Code:
    """The services' modules. One that is not there is passed over and named in ``missing``."""

    def __init__(self) -> None:
        self.missing: set[str] = set()

    def module(self, service: str, name: str) -> ModuleType | None:
        wanted = f"{SERVICES[service]}.{name}"
        try:
            return importlib.import_module(wanted)
        except ModuleNotFoundError as error:
            if error.name is None or not wanted.startswith(error.name):
                raise  # it is there, but imports something that is not
            self.missing.add(wanted)
            return None

    def modules(self, name: str, services: Mapping[str, str] | None = None) -> Iterator[tuple[str, ModuleType]]:
        for service in services or SERVICES:
            if module := self.module(service, name):
                yield service, module

    def consumed(self, service: str) -> tuple[type[Event], ...]:
        flow = self.module(service, "flow")
        return tuple(flow.CONSUMES) if flow else ()

    def published(self, service: str) -> tuple[type[Event], ...]:
        flow = self.module(service, "flow")
        return tuple(flow.PUBLISHES) if flow else ()


def topics_read_by(service: str) -> set[str]:
    return {topic for group in ALL_GROUPS if group.name.split(".")[0] == service for topic in group.topics}


class NoDatabase:
    """Holds nothing and keeps nothing: enough to build an app whose views are never called."""

    def __getattr__(self, _: str) -> "NoDatabase":
        return self

    def __call__(self, *_: object, **__: object) -> None:
        return None


def build_app(web: ModuleType, env: Mapping[str, str]) -> Any:
    """A service's Flask app with nothing real behind it, by what ``build_app`` says it needs."""
    build: Callable[..., Any] = web.build_app
    given = {name: _argument(kind, env) for name, kind in _needed(build).items()}
    return build(**given)


def _needed(build: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(build)
    code = build.__code__
    positional = code.co_varnames[: code.co_argcount - len(build.__defaults__ or ())]
    return {name: hints[name] for name in positional}


def _argument(kind: Any, env: Mapping[str, str]) -> Any:
    if kind == Db:
        return NoDatabase()
    if kind is Clock:
        return SYSTEM_CLOCK
    if kind is WebSettings:
        return WebSettings.read(Reader(env))
    return kind.from_env(env)
