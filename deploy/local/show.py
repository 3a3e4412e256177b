"""What ``make status``, ``make logs`` and ``make kill`` do, beside a runner that lives in another process."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local.process import marked
from deploy.local.state import StateFolder

_PARTS = ("mongodb", "broker")  # their logs are their own affair, not ours


def status(folder: StateFolder, as_json: bool) -> None:
    """Each part and service: state, address, process id, restarts, log."""
    found = folder.read_status()
    if as_json:
        print(json.dumps(found, indent=1))
        return
    line = "{name:<28}{kind:<9}{state:<11}{address:<17}{pid:>8}{restarts:>10}  {log}"
    print(
        line.format(
            name="name", kind="kind", state="state", address="address", pid="pid", restarts="restarts", log="log"
        )
    )
    for row in found["units"]:
        print(line.format(**{**row, "pid": row["pid"] or "-", "log": os.path.relpath(row["log"])}))
    if not folder.is_held():
        print(f"\nNothing runs in {folder.path}. Start it with: make demo")


def kill(folder: StateFolder, wanted: str) -> None:
    """SIGKILL the group of each unit called ``wanted``, or whose name goes on from there (crm-writer-bulk)."""
    if not wanted:
        sys.exit("Which one? For example: make kill SERVICE=crm-writer")
    ours = set(marked(folder.mark))
    names = [row["name"] for row in folder.read_status()["units"]]
    hit = [row for row in folder.read_status()["units"] if is_meant(row["name"], wanted) and row["pid"] in ours]
    for row in hit:
        with suppress(ProcessLookupError):
            os.killpg(row["pid"], signal.SIGKILL)
        print(f"killed {row['name']} (process {row['pid']}); the runner starts it again")
    if not hit:
        sys.exit(f"Nothing called {wanted} runs in {folder.path}. There is: {', '.join(names) or 'nothing'}")


def is_meant(name: str, wanted: str) -> bool:
    """``crm-writer`` means itself, ``crm-writer-bulk`` and ``crm-writer-bulk#2``."""
    return name == wanted or name.startswith((f"{wanted}-", f"{wanted}#"))


def logs(folder: StateFolder, reference: str) -> None:
    """Every service's log as one stream by time; with a reference only the lines that carry it."""
    files = {row["name"]: Path(row["log"]) for row in folder.read_status()["units"] if row["kind"] not in _PARTS}
    lines = [line for name, file in files.items() if file.exists() for line in _lines(name, file)]
    found = [line for line in sorted(lines, key=lambda line: line[0]) if reference in line[2]]
    for at, name, text in found:
        print(f"{at} {name:<26} {_readable(text)}")
    if not found:
        what = f"No line of any log names {reference}" if reference else "There are no logs yet"
        sys.exit(f"{what} in {folder.path}/logs (of this start only; those of the one before are in logs.before).")


def _lines(name: str, file: Path) -> Iterator[tuple[str, str, str]]:
    """(time, name, text); what has no time of its own, such as a traceback, goes with the line before it."""
    at = ""
    for text in file.read_text(errors="replace").splitlines():
        at = _time(_parsed(text)) or at
        yield at, name, text


def _parsed(text: str) -> dict[str, Any]:
    with suppress(ValueError):
        value = json.loads(text)
        return value if isinstance(value, dict) else {}
    return {}


def _time(line: dict[str, Any]) -> str:
    if isinstance(line.get("ts"), int | float):  # Caddy
        return datetime.fromtimestamp(line["ts"], UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return str(line.get("time", ""))


def _readable(text: str) -> str:
    """``level event key=value …`` of a JSON line, anything else as it is."""
    line = _parsed(text)
    if not line:
        return text
    request = line.pop("request", None) or {}
    line |= {name: request[name] for name in ("method", "host", "uri") if name in request}
    said = line.pop("event", "") or line.pop("msg", "")
    level = line.pop("level", "")
    rest = (f"{name}={value}" for name, value in line.items() if name not in ("time", "ts", "service"))
    return " ".join([f"{level:<8}", str(said), *rest])
