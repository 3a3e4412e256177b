"""Every process of ours, as data: what it is, what it is told, and what it needs.

In the environments ``{name}`` stands for the host:port of that process or part, ``{public}`` for what browsers
see of the gateway, ``{mongo_uri}`` for what it says, and names in capitals for a kept secret (see ``state.py``).
Any other way to run the services uses the same names of variables.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.local.parts import HOST, is_ok
from deploy.local.process import Unit

PARTS = ("mongod", "broker")
_GUNICORN = (sys.executable, "-m", "gunicorn")


@dataclass(frozen=True, kw_only=True)
class Process:
    """A row of the table below."""

    name: str
    package: str
    kind: str  # web: gunicorn on BIND; worker: its status page on STATUS_BIND
    own: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = (*PARTS, "topics")

    def command(self) -> tuple[str, ...]:
        if self.kind == "worker":
            return (sys.executable, "-m", self.package)
        config = ("--config", "python:accounting_link.chassis.gunicorn_conf")
        return (*_GUNICORN, *config, f"{self.package}.web:create_app()")

    def unit(self, port: int, context: Mapping[str, str], metrics: Path) -> Unit:
        """How to run it here, listening on ``port``."""
        address = f"{HOST}:{port}"
        told = {name: text.format_map(context) for name, text in {**COMMON, **self.own}.items()}
        if self.kind == "web":
            told |= {"BIND": address, "PROMETHEUS_MULTIPROC_DIR": str(metrics / self.name)}
        else:
            told |= {"STATUS_BIND": address}
        return Unit(
            name=self.name,
            kind=self.kind,
            command=self.command(),
            environment=told,
            address=address,
            needs=self.needs,
            ready=lambda: is_ok(f"http://{address}/readyz"),
            fresh_folder=metrics / self.name if self.kind == "web" else None,
        )


COMMON = {
    "KAFKA_BROKERS": "{broker}",
    "MONGO_URI": "{mongo_uri}",
    "CALLER_KEY": "{CALLER_KEY}",
    "LOG_LEVEL": "INFO",
}
_AUTH_LINK = {
    "XERO_CLIENT_ID": "{SIMULATOR_CLIENT_ID}",
    "XERO_CLIENT_SECRET": "{SIMULATOR_CLIENT_SECRET}",
    "XERO_AUTHORIZE_URL": "http://{xero-simulator}/identity/connect/authorize",
    "XERO_TOKEN_URL": "http://{xero-simulator}/connect/token",
    "XERO_REVOKE_URL": "http://{xero-simulator}/connect/revocation",
    "XERO_CONNECTIONS_URL": "http://{xero-simulator}/connections",
    "PUBLIC_URL": "http://{public}",
    "VAULT_KEYS": "{VAULT_KEYS}",
    "AUTH_LINK_SERVICE_KEY": "{AUTH_LINK_SERVICE_KEY}",
    "SIGN_IN_JWKS_URL": "http://{crm-frontend}/.well-known/jwks.json",
}
_ADAPTER = {
    "AUTH_LINK_URL": "http://{auth-link}",
    "AUTH_LINK_SERVICE_KEY": "{AUTH_LINK_SERVICE_KEY}",
    "XERO_API_URL": "http://{xero-simulator}/api.xro/2.0",
}
_BULK, _INTERACTIVE = {"LANE": "bulk"}, {"LANE": "interactive"}
_FRONTEND = {
    "GATEWAY_URL": "http://{public}",
    "PUBLIC_URL": "http://{public}",
    "AUTO_SIGN_IN": "legrand:admin",
    "SIGN_IN_KEY": "{SIGN_IN_KEY}",
    "XERO_DEEP_LINK_URL": "http://{xero-simulator}/organisationlogin/default.aspx",
}

PROCESSES = (
    Process(name="auth-link", package="auth_link", kind="web", own=_AUTH_LINK),
    Process(name="auth-link-worker", package="auth_link.main", kind="worker", own=_AUTH_LINK),
    Process(name="sync-orchestrator", package="sync_orchestrator", kind="web"),
    Process(name="sync-orchestrator-worker", package="sync_orchestrator.main", kind="worker"),
    Process(name="xero-adapter-bulk", package="xero_adapter.main", kind="worker", own={**_ADAPTER, **_BULK}),
    Process(
        name="xero-adapter-interactive", package="xero_adapter.main", kind="worker", own={**_ADAPTER, **_INTERACTIVE}
    ),
    Process(name="crm-writer", package="crm_writer", kind="web"),
    Process(name="crm-writer-bulk", package="crm_writer.main", kind="worker", own=_BULK),
    Process(name="crm-writer-interactive", package="crm_writer.main", kind="worker", own=_INTERACTIVE),
    Process(name="log-service", package="log_service", kind="web"),
    Process(name="log-service-worker", package="log_service.main", kind="worker"),
    Process(name="crm-frontend", package="crm_frontend", kind="web", own=_FRONTEND, needs=()),
    Process(name="lag-exporter", package="accounting_link.chassis.lag", kind="worker"),
)

# In the simulator's place, with an app registered at developer.xero.com.
REAL_XERO = {
    "XERO_AUTHORIZE_URL": "https://login.xero.com/identity/connect/authorize",
    "XERO_TOKEN_URL": "https://identity.xero.com/connect/token",
    "XERO_REVOKE_URL": "https://identity.xero.com/connect/revocation",
    "XERO_CONNECTIONS_URL": "https://api.xero.com/connections",
    "XERO_API_URL": "https://api.xero.com/api.xro/2.0",
    "XERO_DEEP_LINK_URL": "https://go.xero.com/organisationlogin/default.aspx",
}

SIMULATOR = "xero-simulator"
GATEWAY = {
    "GATEWAY_ADDRESS": "http://{public}",
    "GATEWAY_INSIDE": "http://gateway:{gateway_port}",
    "GATEWAY_OTHERS": "http://:{gateway_port}",
    "GATEWAY_BIND": HOST,
    "GATEWAY_TRUSTED": f"{HOST}/32",
    "AUTH_LINK": "{auth-link}",
    "SYNC_ORCHESTRATOR": "{sync-orchestrator}",
    "CRM_WRITER": "{crm-writer}",
    "LOG_SERVICE": "{log-service}",
    "CRM_FRONTEND": "{crm-frontend}",
}
NAMES = (SIMULATOR, *(process.name for process in PROCESSES), "gateway")


def simulator(port: int, context: Mapping[str, str], data: Path) -> Unit:
    """Xero's stand-in. It shares no code with our services, so neither their gunicorn settings."""
    address = f"{HOST}:{port}"
    serving = ("--workers", "1", "--threads", "16", "--bind", address, "--no-control-socket")
    command = (*_GUNICORN, *serving, "xero_simulator.web:create_app()")
    told = {
        "BIND": address,
        "SIMULATOR_DATA": str(data),
        "SIMULATOR_SEED": "1",
        "SIMULATOR_CONTACTS": "1200",
        "SIMULATOR_INVOICES": "8000",
        "SIMULATOR_CLIENT_ID": context["SIMULATOR_CLIENT_ID"],
        "SIMULATOR_CLIENT_SECRET": context["SIMULATOR_CLIENT_SECRET"],
    }
    return Unit(
        name=SIMULATOR,
        kind="web",
        command=command,
        environment=told,
        address=address,
        ready=lambda: is_ok(f"http://{address}/readyz"),
    )


def real_xero(client_id: str, client_secret: str) -> dict[str, dict[str, str]]:
    """Overrides that turn every process from the simulator to Xero itself."""
    told = {**REAL_XERO, "XERO_CLIENT_ID": client_id, "XERO_CLIENT_SECRET": client_secret}
    return {process.name: {name: told[name] for name in process.own if name in told} for process in PROCESSES}


def topics(context: Mapping[str, str], embedded: bool) -> Unit:
    """Creates the topics, once the broker and MongoDB are there and before anything uses them."""
    told = {name: text.format_map(context) for name, text in COMMON.items()}
    if embedded:
        told["EMBEDDED_BROKER"] = "1"
    return Unit(
        name="topics",
        kind="once",
        command=(sys.executable, "-m", "accounting_link.chassis.topics"),
        environment=told,
        needs=PARTS,
        ready=lambda: True,
    )


def replica(unit: Unit, number: int, port: int) -> Unit:
    """The same worker once more, under a name and a status address of its own."""
    address = f"{HOST}:{port}"
    return replace(
        unit,
        name=f"{unit.name}#{number}",
        address=address,
        environment={**unit.environment, "STATUS_BIND": address},
        ready=lambda: is_ok(f"http://{address}/readyz"),
    )
