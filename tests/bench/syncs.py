"""The demo's first and second sync, through the gateway with everything running, and what each process took."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from accounting_link.chassis.clock import SYSTEM_CLOCK
from deploy.local import demo
from deploy.local.crm import Crm
from deploy.local.run import Platform
from tests.bench.children import peak_mb
from tests.bench.figures import Figure, Report

FIRST_SECONDS = 15.0
SECOND_SECONDS = 5.0


def run(broker: str, simulator: Mapping[str, str] | None = None) -> Report:
    """Starts everything and ends it again. ``simulator``: how large the organisation is, by its own settings."""
    overrides = {"xero-simulator": dict(simulator or {})}
    with tempfile.TemporaryDirectory() as folder, Platform(folder, broker, overrides=overrides) as platform:
        crm, quiet = Crm(platform.public_url), Console(quiet=True)
        crm.sign_in(demo.PERSON)
        connection = demo.connect(crm, quiet)
        xero = f"http://{platform.address('xero-simulator')}"
        first, second = (_sync(crm, connection, xero, quiet) for _ in range(2))
        peaks = {str(row["name"]): _group_peak_mb(row["pid"]) for row in platform.rows() if row["pid"]}
    return Report(
        figures=[
            Figure(name="first sync, everything", unit="s", target=FIRST_SECONDS, lower=True,
                   values=[first["seconds"]]),
            Figure(name="  its records", unit="records/s", values=[first["records"] / first["seconds"]]),
            Figure(name="  of it the simulator's own", unit="s", values=[first["xero_seconds"]]),
            Figure(name="second sync, nothing new", unit="s", target=SECOND_SECONDS, lower=True,
                   values=[second["seconds"]]),
        ],
        notes=[
            f"First sync: {first['state']}, {first['records']} records, {first['waited']:.1f} s as its person waited; "
            f"second: {second['state']}, {second['calls']:.0f} calls to Xero, {second['waited']:.1f} s.",
            "Peak memory (a web service's processes together): "
            + ", ".join(f"{name} {size:.0f} MB" for name, size in sorted(peaks.items(), key=lambda item: -item[1])),
        ],
    )  # fmt: skip


def _sync(crm: Crm, connection: dict[str, Any], xero: str, console: Console) -> dict[str, Any]:
    """``seconds`` as the log tells them, ``waited`` as a person would."""
    before = demo.calls(xero, connection["tenant_id"])
    began = SYSTEM_CLOCK.monotonic()
    sync = demo.follow(crm, demo.start(crm, connection["id"], console), console)
    waited = SYSTEM_CLOCK.monotonic() - began
    log = demo.settled(crm, sync["id"])
    after = demo.calls(xero, connection["tenant_id"])
    return {
        "state": log["state"],
        "seconds": log["duration_seconds"],
        "waited": waited,
        "records": sum(stream["applied"] for stream in sync["streams"].values()),
        "calls": after["calls"] - before["calls"],
        "xero_seconds": after["seconds"] - before["seconds"],
    }


def _group_peak_mb(leader: Any) -> float:
    """Of a process and those it forked, each at its own peak."""
    return sum(peak_mb(entry.name) for entry in Path("/proc").glob("[0-9]*") if _group(int(entry.name)) == leader)


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
