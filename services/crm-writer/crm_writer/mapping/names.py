"""When two names are one."""

from collections.abc import Mapping
from typing import Any


def folded(name: str) -> str:
    """Trimmed, inner space collapsed, case-folded. Empty for a name of white space only."""
    return " ".join(name.split()).casefold()


def person_key(person: Mapping[str, Any]) -> str:
    """By which people are found and listed: their last name first. ``person``: first_name, last_name."""
    return folded(f"{person['last_name']} {person['first_name']}")


def tidy(name: str) -> str:
    """As a person would write it: trimmed, inner space collapsed."""
    return " ".join(name.split())
