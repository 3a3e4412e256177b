"""Reading settings from the environment: every problem is reported at once, with what to do about it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import NamedTuple


class SettingsError(Exception):
    """One or more settings are missing or wrong; the message names each."""


class Asked(NamedTuple):
    """A setting that was asked for."""

    name: str
    what: str
    default: str | None  # None: it must be given
    secret: bool


_NOTES: ContextVar[dict[str, Asked] | None] = ContextVar("_NOTES", default=None)


@contextmanager
def noting() -> Iterator[dict[str, Asked]]:
    """Collects, by name, every setting that is asked for meanwhile: documentation is made from it."""
    notes: dict[str, Asked] = {}
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def _note(name: str, what: str, default: object, *, secret: bool = False) -> None:
    notes = _NOTES.get()
    if notes is not None:
        # The first asking knows best: ``secret`` and ``choice`` go on to ask as ``text``.
        notes.setdefault(name, Asked(name, what, None if default is None else str(default), secret))


class Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def text(self, name: str, what: str, *, default: str | None = None, at_least: int = 0) -> str:
        _note(name, what, default)
        value = self._env.get(name) or default
        if value is None:
            self.problems.append(f"{name} is not set: {what}")
            return ""
        if len(value) < at_least:
            self.problems.append(f"{name} has {len(value)} characters, at least {at_least} are needed: {what}")
        return value

    def secret(self, name: str, what: str, *, at_least: int = 1) -> str:
        """As text, without a default: a secret that everybody knows is none."""
        _note(name, what, None, secret=True)
        return self.text(name, what, at_least=at_least)

    def number(self, name: str, what: str, *, default: int, between: tuple[int, int]) -> int:
        _note(name, f"{what} ({between[0]} to {between[1]})", default)
        text = self._env.get(name) or str(default)
        low, high = between
        if not text.removeprefix("-").isdecimal() or not low <= int(text) <= high:
            self.problems.append(f"{name}={text!r} is no whole number from {low} to {high}: {what}")
            return default
        return int(text)

    def seconds(self, name: str, what: str, *, default: float) -> timedelta:
        _note(name, f"{what} (seconds)", default)
        text = self._env.get(name) or str(default)
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < 86_400 * 366:
            self.problems.append(f"{name}={text!r} is no number of seconds: {what}")
            value = default
        return timedelta(seconds=value)

    def choice(self, name: str, what: str, *, among: tuple[str, ...], default: str | None = None) -> str:
        _note(name, f"{what} ({', '.join(among)})", default)
        value = self.text(name, what, default=default)
        if value and value not in among:
            self.problems.append(f"{name}={value!r} is none of {', '.join(among)}: {what}")
        return value


@contextmanager
def reading(env: Mapping[str, str]) -> Iterator[Reader]:
    """Collects all problems, then raises one SettingsError that names each."""
    reader = Reader(env)
    try:
        yield reader
    except ValueError as error:
        # What was read could not be made into a setting; the reader's own problems say it better.
        reader.problems.append(str(error))
    if reader.problems:
        # Each once, also of a setting that several ask for.
        raise SettingsError("settings:\n  " + "\n  ".join(dict.fromkeys(reader.problems)))
