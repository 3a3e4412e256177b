"""All that the simulator can be told from outside when it starts, and all that can be told while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from xero_simulator.limits import Allowance


class SettingsError(Exception):
    """Names every setting that is missing or wrong, all at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Read once at start. Without ``data`` nothing outlives the process; without ``webhook_url`` nobody is told."""

    data: Path | None = None
    seed: int = 7
    contacts: int = 1200
    invoices: int = 8000
    client_id: str = "accounting-link-development"
    client_secret: str = "development-secret"  # noqa: S105 - of the simulated app, worth nothing anywhere else
    webhook_url: str = ""
    webhook_key: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Every variable is ``SIMULATOR_`` and the field's name; all wrong ones are named in one SettingsError."""
        given = {f.name: env[name] for f in fields(cls) if env.get(name := f"SIMULATOR_{f.name.upper()}")}
        numbers = {name: given[name] for name in ("seed", "contacts", "invoices") if name in given}
        wrong = [f"SIMULATOR_{name.upper()} must be a whole number" for name, n in numbers.items() if not n.isdigit()]
        if wrong:
            raise SettingsError("; ".join(wrong))
        values: dict[str, Any] = {**given, **{name: int(number) for name, number in numbers.items()}}
        if "data" in given:
            values["data"] = Path(given["data"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour(Allowance):
    """What the control API can switch while the simulator runs.

    ``page_cap`` is the most records a page whatever is asked; ``answer_304`` off answers an empty list instead;
    ``latency_ms`` is added to every accounting call; what would go through more than ``high_volume`` records (all at
    once, or by a where or order outside Xero's optimised columns) is refused; an Idempotency-Key is remembered for
    ``idempotency_seconds`` from its first use (developer.xero.com, idempotent requests).
    """

    limits: bool = True
    page_cap: int = 1000
    answer_304: bool = True
    latency_ms: int = 0
    high_volume: int = 100_000
    idempotency_seconds: int = 360

    def changed(self, changes: Mapping[str, Any]) -> "Behaviour":
        """Raises ValueError for a name that is not one of these or a value of another type."""
        for name, value in changes.items():
            if name not in {f.name for f in fields(self)}:
                raise ValueError(f"there is no setting {name!r}")
            if type(value) is not type(getattr(self, name)):
                raise ValueError(f"{name} must be a {type(getattr(self, name)).__name__}")
        return replace(self, **changes)
