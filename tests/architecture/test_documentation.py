"""What docs/reference says is what the code does."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from accounting_link.contracts.catalog import EVENTS
from accounting_link.describe import metrics, settings
from accounting_link.describe.__main__ import FOLDER, OPTIONAL, differing, documents
from accounting_link.describe.code import Code
from deploy.local import services

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def code() -> Code:
    return Code()


def test_the_reference_is_what_the_code_says_today(code: Code) -> None:
    assert differing(documents(code), ROOT / FOLDER) == [], "run `make docs`"
    assert code.missing - OPTIONAL == set()


def test_control_a_page_that_differs_by_a_letter_is_found(code: Code, tmp_path: Path) -> None:
    found = documents(code)
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    assert differing(found, tmp_path) == []
    (tmp_path / "topics.md").write_text(found["topics.md"] + "!")
    (tmp_path / "metrics.md").unlink()
    assert differing(found, tmp_path) == ["topics.md", "metrics.md"]


def test_the_asyncapi_document_names_every_event_once_and_points_nowhere_else() -> None:
    document = yaml.safe_load((ROOT / FOLDER / "asyncapi.yaml").read_text())
    assert document["asyncapi"] == "3.0.0"
    assert set(document["components"]["messages"]) == {event.__name__ for event in EVENTS}
    assert [ref for ref in _refs(document) if _follow(document, ref) is None] == []


def _refs(node: object) -> Iterator[str]:
    match node:
        case {"$ref": str(ref)}:
            yield ref
        case dict():
            for inner in node.values():
                yield from _refs(inner)
        case list():
            for inner in node:
                yield from _refs(inner)


def _follow(document: object, ref: str) -> object:
    for step in ref.removeprefix("#/").split("/"):
        document = document.get(step) if isinstance(document, dict) else None
    return document


def documented_settings(code: Code) -> set[str]:
    return {asked.name for _, group in settings.groups(code) for asked in group}


def test_every_setting_that_the_runner_gives_is_documented(code: Code) -> None:
    given = {name for process in services.PROCESSES for name in {**services.COMMON, **process.own}}
    assert given - documented_settings(code) == set()


def test_what_gunicorns_configuration_reads_is_documented(code: Code) -> None:
    tree = ast.parse((ROOT / "shared/accounting_link/chassis/gunicorn_conf.py").read_text())
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    asked = {text for text in texts if text.isupper() and text != "INFO"}
    assert asked
    assert asked - documented_settings(code) == set()


def test_every_metric_says_what_it_is_in_a_sentence_and_its_unit_in_its_name(code: Code) -> None:
    units = ("_seconds", "_bytes", "_records", "_total")
    for owner, group in metrics.groups(code):
        assert group, f"{owner} has none"
        for metric in group:
            assert metric.what.endswith("."), metric.name
            assert metric.kind not in ("counter", "histogram") or metric.name.endswith(units), metric.name


def test_no_two_metrics_have_one_name(code: Code) -> None:
    names = [metric.name for _, group in metrics.groups(code) for metric in group]
    assert len(set(names)) == len(names)
