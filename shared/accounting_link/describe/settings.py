"""Every setting: each service's ``from_env`` is run on an environment that remembers what it was asked."""

import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accounting_link.chassis import env, lag, topics
from accounting_link.chassis.env import Asked
from accounting_link.describe.code import Code

TITLE = "# Settings\n\nAll come from the environment. Written by `make docs`; change the code, not this page.\n"

# What is asked of the environment without a Reader: by gunicorn's configuration, and for tests of crashes.
OTHERWISE = (
    Asked("BIND", "host:port that a web service listens on", "0.0.0.0:8000", False),
    Asked("WEB_WORKERS", "processes of a web service", "1", False),
    Asked("WEB_THREADS", "threads of each of its processes; a page that follows a sync holds one", "32", False),
    Asked("PROMETHEUS_MULTIPROC_DIR", "an empty folder a web service, for the metrics of its processes", None, False),
    Asked("FAULT_POINT", "for tests: `name:n` kills a worker the nth time it reaches that point", "", False),
    Asked("FAULT_MARKER", "for tests: a file made just before; where it exists nothing is killed", "", False),
    # The simulator shares no code with us, so it has no Reader either.
    Asked("SIMULATOR_DATA", "folder of what it keeps; without one nothing outlives the process", "", False),
    Asked("SIMULATOR_SEED", "the number that its organisation is made up from", "7", False),
    Asked("SIMULATOR_CONTACTS", "contacts it is made up with", "1200", False),
    Asked("SIMULATOR_INVOICES", "invoices it is made up with", "8000", False),
    Asked("SIMULATOR_CLIENT_ID", "of the simulated app", "accounting-link-development", False),
    Asked("SIMULATOR_CLIENT_SECRET", "of the simulated app, worth nothing anywhere else", "development-secret", False),
    Asked("SIMULATOR_WEBHOOK_URL", "where the app wants webhooks; without one nobody is told", "", False),
    Asked("SIMULATOR_WEBHOOK_KEY", "what they are signed with", "", False),
)
_KNOWN = {asked.name: asked for asked in OTHERWISE}


def example() -> dict[str, str]:
    """Values with which every service's settings can be read to their end."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "VAULT_KEYS": Fernet.generate_key().decode(),
        "SIGN_IN_KEY": key.decode(),
        "PUBLIC_URL": "https://crm.example",
        "LANE": "bulk",
        **dict.fromkeys(("CALLER_KEY", "AUTH_LINK_SERVICE_KEY"), "x" * 64),
        **dict.fromkeys(("XERO_CLIENT_ID", "XERO_CLIENT_SECRET", "MONGO_URI", "KAFKA_BROKERS"), "x"),
        **dict.fromkeys(("BIND", "STATUS_BIND"), "127.0.0.1:1"),
        **dict.fromkeys(_URLS, "https://xero.example"),
    }


_URLS = ("GATEWAY_URL", "SIGN_IN_JWKS_URL", "AUTH_LINK_URL", "XERO_API_URL", "XERO_DEEP_LINK_URL")


class _Remembering(dict[str, str]):
    """An environment that knows what was asked of it directly."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.append(name)
        return super().get(name, default)


def asked_by(kind: Any) -> list[Asked]:
    """Raises SettingsError when the example does not reach to the end: then it lacks something."""
    remembering = _Remembering(example())
    with env.noting() as notes:
        kind.from_env(remembering)
    directly = [name for name in dict.fromkeys(remembering.asked) if name not in notes]
    # A name that fails here is read past the Reader: say in OTHERWISE what it is.
    return [*notes.values(), *(_KNOWN[name] for name in directly)]


def groups(code: Code) -> Iterator[tuple[str, list[Asked]]]:
    """By who reads them."""
    for service, module in code.modules("settings"):
        for kind in _kinds(module):
            yield f"{service}: {kind.__name__}", asked_by(kind)
    yield "lag-exporter", asked_by(lag.Settings)
    yield "topics", asked_by(topics.Settings)
    yield "every web service", list(OTHERWISE[:4])


def _kinds(module: ModuleType) -> list[Any]:
    found = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    return [kind for kind in found if hasattr(kind, "from_env")]


def text(code: Code) -> str:
    return "\n".join([TITLE, *(_table(name, asked) for name, asked in groups(code))])


def _table(name: str, asked: list[Asked]) -> str:
    rows = "".join(f"| `{one.name}` | {one.what} | {_default(one)} |\n" for one in asked)
    return f"## {name}\n\n| name | what | default |\n|---|---|---|\n{rows}"


def _default(asked: Asked) -> str:
    if asked.default is None:
        return "required, secret" if asked.secret else "required"
    return f"`{asked.default}`" if asked.default else ""
