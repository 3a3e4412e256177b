"""Rules about the code that only reading all of it can check."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounting_link.chassis.web import WebSettings, allowed, create
from accounting_link.contracts.catalog import EVENTS
from accounting_link.contracts.event import Event
from accounting_link.contracts.topics import ALL_GROUPS, ALL_TOPICS, GENERATION
from accounting_link.describe.code import SPEAKING, WITH_APIS, Code, build_app, topics_read_by
from accounting_link.describe.openapi import roles_of
from accounting_link.describe.settings import example
from accounting_link.describe.topics import topics_of

ROOT = Path(__file__).resolve().parents[2]
CODE = Code()


def publishers(event: type[Event]) -> set[str]:
    return {service for service in SPEAKING if event in CODE.published(service)}


def consumers(event: type[Event]) -> set[str]:
    return {service for service in SPEAKING if event in CODE.consumed(service)}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_every_event_is_told_by_somebody_and_read_by_somebody(event: type[Event]) -> None:
    assert publishers(event)
    assert consumers(event)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_who_reads_an_event_reads_a_topic_that_it_travels_on(event: type[Event]) -> None:
    travels_on = {name for topic in topics_of(event) for name in topic.names()}
    assert [service for service in consumers(event) if not travels_on & topics_read_by(service)] == []


def test_no_service_tells_or_reads_an_event_that_is_not_in_the_catalog() -> None:
    spoken = {event for service in SPEAKING for event in (*CODE.published(service), *CODE.consumed(service))}
    assert spoken <= set(EVENTS)


def test_every_topic_is_read_by_a_group_and_every_group_reads_topics_that_exist() -> None:
    made = {name for topic in ALL_TOPICS if topic is not GENERATION for name in topic.names()}
    assert {topic for group in ALL_GROUPS for topic in group.topics} == made


@pytest.mark.parametrize("service", WITH_APIS)
def test_every_view_says_who_may_call_it(service: str) -> None:
    web = CODE.module(service, "web")
    assert web is not None
    views = roles_of(build_app(web, example()))
    assert views
    assert [f"{method} {rule}" for rule, method, roles in views if not roles] == []


def test_control_a_view_without_the_mark_is_found() -> None:
    app = create("views", WebSettings(caller_key="k" * 32, log_level="INFO"), [], ready={})

    @app.get("/api/v1/marked")
    @allowed("admin")
    def marked() -> str:
        return "fine"

    @app.get("/api/v1/unmarked")
    def unmarked() -> str:
        return "anybody"

    assert roles_of(app) == [("/api/v1/marked", "GET", ["admin"]), ("/api/v1/unmarked", "GET", None)]


def test_services_never_import_each_other() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


# Where the outside comes in: everything else is told.
MAY_READ_THE_ENVIRONMENT = {"main.py", "web.py", "topics.py", "lag.py", "gunicorn_conf.py", "rotate.py"}
CLOCKS = {
    "shared/accounting_link/chassis/clock.py",
    "services/xero-simulator/xero_simulator/web.py",  # shares no code with us, so not our clock either
}
ENVIRONMENT = {("os", "environ"), ("os", "getenv")}
TIME = {("time", "time"), ("time", "sleep"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}


def our_files() -> list[Path]:
    folders = [ROOT / "shared/accounting_link", *(ROOT / "services").glob("*/*_*")]
    return [path for folder in folders for path in folder.rglob("*.py")]


def attributes(source: str) -> Iterator[tuple[str, str]]:
    """Every ``a.b`` and every ``from a import b``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", name.name) for name in node.names)


def users_of(banned: set[tuple[str, str]]) -> set[str]:
    found = (path for path in our_files() if banned.intersection(attributes(path.read_text())))
    return {str(path.relative_to(ROOT)) for path in found}


def test_the_environment_is_read_only_where_processes_start() -> None:
    assert {path for path in users_of(ENVIRONMENT) if Path(path).name not in MAY_READ_THE_ENVIRONMENT} == set()


def test_control_the_search_finds_those_that_may_read_it() -> None:
    assert "services/log-service/log_service/main.py" in users_of(ENVIRONMENT)
    assert set(attributes("from os import environ")) == {("os", "environ")}


def test_the_time_comes_from_the_clocks_alone() -> None:
    assert users_of(TIME) == CLOCKS


def code_lines(*services: str) -> int:
    """Without blank lines."""
    files = [path for service in services for path in (ROOT / "services" / service).rglob("*.py")]
    return sum(bool(line.strip()) for path in files for line in path.read_text().splitlines())


def test_the_simulator_is_smaller_than_what_it_is_there_to_judge() -> None:
    assert 0 < code_lines("xero-simulator") < code_lines("xero-adapter", "crm-writer")
