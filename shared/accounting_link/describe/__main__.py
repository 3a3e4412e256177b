"""Writes docs/reference, or with ``--check`` says what differs from it."""

import sys
from pathlib import Path

from accounting_link.describe import asyncapi, metrics, openapi, settings, topics
from accounting_link.describe.code import Code

FOLDER = Path("docs/reference")


def documents(code: Code) -> dict[str, str]:
    return {
        "asyncapi.yaml": asyncapi.text(code),
        "topics.md": topics.text(code),
        "settings.md": settings.text(code),
        "metrics.md": metrics.text(code),
        "openapi.json": openapi.text(code),
    }


def differing(found: dict[str, str], folder: Path) -> list[str]:
    return [name for name, text in found.items() if not (folder / name).exists() or (folder / name).read_text() != text]


def main(arguments: list[str]) -> int:
    code = Code()
    found = documents(code)
    if "--check" in arguments:
        problems = [f"{FOLDER / name} differs from the code: run `make docs`" for name in differing(found, FOLDER)]
        problems += [f"{name} is missing" for name in sorted(code.missing - OPTIONAL)]
        sys.stderr.writelines(f"{problem}\n" for problem in problems)
        return 1 if problems else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in found.items():
        (FOLDER / name).write_text(text)
    return 0


# These have no metrics of their own: their web side counts answers, and the simulator is no service of ours.
OPTIONAL = {"crm_frontend.metrics", "xero_simulator.metrics"}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
