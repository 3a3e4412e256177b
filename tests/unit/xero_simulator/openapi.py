"""Answers held against Xero's own OpenAPI documents: which operation, which schema, which fields are wrong.

The documents' schemas require next to nothing and leave out fields that their own examples show. So a field is known
when schema or examples have it, and missing when every one of the documents' examples of that place (two or more)
shows it. A line may be a text and nothing more (spec, LineItem.Description), and a summary is short by definition.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

RESOURCES = {
    *("Organisation", "Currencies", "Contacts", "Invoices", "CreditNotes", "Payments", "Overpayments", "Prepayments"),
}
# Bodies that the documents do not describe; shapes: pyxero PR 337, RFC 6749 5.2.
PROBLEM = {"Type", "Title", "Status", "Detail", "Instance", "Extensions"}
OAUTH_ERROR = {"error"}


@cache
def document(name: str) -> dict[str, Any]:
    folder = os.environ.get("XERO_OPENAPI", "")
    if not folder or not (Path(folder) / name).exists():
        pytest.skip("XERO_OPENAPI does not name the folder of XeroAPI/Xero-OpenAPI: answers are not checked against it")
    loaded: dict[str, Any] = yaml.load((Path(folder) / name).read_text(), yaml.CSafeLoader)
    return loaded


@cache
def schemas() -> dict[str, Any]:
    found: dict[str, Any] = document("xero_accounting.yaml")["components"]["schemas"]
    return {**found, **document("xero-identity.yaml")["components"]["schemas"]}


def resolved(schema: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """The schema behind a reference, and what it is called."""
    if "$ref" not in schema:
        return schema, name
    name = schema["$ref"].rsplit("/", 1)[1]
    return schemas()[name], name


def objects(value: Any, schema: dict[str, Any], name: str, place: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every object inside a value: the schema's name, the place it has in its parent, itself."""
    schema, name = resolved(schema, name)
    if isinstance(value, dict) and "properties" in schema:
        yield name, place, value
        for key in value.keys() & schema["properties"].keys():
            yield from objects(value[key], schema["properties"][key], f"{name}.{key}", f"{name}.{key}")
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            yield from objects(item, schema["items"], name, place)


@cache
def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Those of the endpoints that the simulator has, by method and path."""
    paths = document("xero_accounting.yaml")["paths"]
    own = {p: methods for p, methods in paths.items() if p.strip("/").partition("/")[0] in RESOURCES}
    identity = document("xero-identity.yaml")["paths"]
    return {
        (method.upper(), path): operation
        for path, methods in {**own, **identity}.items()
        for method, operation in methods.items()
        if method in ("get", "put", "post", "delete")
    }


def content(operation: dict[str, Any], status: int) -> dict[str, Any]:
    """What the document says of an answer's body; {} for nothing."""
    response = operation["responses"].get(str(status), {})
    if "$ref" in response:
        response = document("xero_accounting.yaml")["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    return dict(next(iter(response.get("content", {"": {}}).values())))


@cache
def shown() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """From all examples: the fields seen of each schema, and those that every example of a place shows."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    places: defaultdict[str, list[set[str]]] = defaultdict(list)
    for operation in operations().values():
        for status in operation["responses"]:
            told = content(operation, int(status))
            example = told.get("example")
            for name, place, one in objects(example, told.get("schema", {}), "", "") if example else ():
                seen[name] |= one.keys()
                if str(status) == "200":
                    places[place].append(set(one))
    return seen, {place: set.intersection(*many) for place, many in places.items() if len(many) > 1}


@dataclass
class Checked:
    """What was checked so far, and every fault found."""

    answers: int = 0
    errors: int = 0
    fields: int = 0
    operations: set[str] = field(default_factory=set)
    faults: set[str] = field(default_factory=set)

    def check(self, method: str, path: str, status: int, body: Any, *, short: bool = False) -> None:
        """``path`` below the API's root; ``body`` decoded, None for an empty one, bytes for one that is no JSON.

        ``short``: a summary, which may lack fields.
        """
        self.answers += 1
        self.errors += status >= 400
        operation = self._operation(method, path)
        told = content(operation, status) if operation else {}
        if operation and status < 400:
            self.operations.add(operation["operationId"])
        if isinstance(body, bytes):
            if told.get("schema", {}).get("format") != "binary":
                self.faults.add(f"{method} {path}: a body that is no JSON")
        elif status >= 400:
            self._error(body, status, told)
        elif body is not None:
            self._value(body, told["schema"], "", "" if not short else "short")

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for (known_method, template), operation in operations().items():
            pattern = re.sub(r"\{\w+\}", r"[^/]+", template)
            if known_method == method and re.fullmatch(pattern, path, re.IGNORECASE):
                return operation
        return None

    def _error(self, body: Any, status: int, told: dict[str, Any]) -> None:
        if status in (404, 405, 429) and body is None:
            return  # no JSON
        if status == 400 and isinstance(body, dict) and "error" not in body:
            elements = body.get("Elements", [])
            self._value({k: v for k, v in body.items() if k != "Elements"}, {"$ref": "#/Error"}, "", "")
            for element in elements:
                refused = {k: v for k, v in element.items() if k != "ValidationErrors"}
                self._value(refused, {"$ref": f"#/{'Invoice' if 'InvoiceID' in element else 'Contact'}"}, "", "-")
                self._value(
                    element["ValidationErrors"], schemas()["Element"]["properties"]["ValidationErrors"], "", "-"
                )
        elif set(body) not in (PROBLEM, OAUTH_ERROR, OAUTH_ERROR | {"error_description"}):
            self.faults.add(f"{status}: {body}")

    def _value(self, value: Any, schema: dict[str, Any], name: str, place: str) -> None:
        schema, name = resolved(schema, name)
        self.fields += 1
        seen, always = shown()
        if isinstance(value, dict) and "properties" in schema:
            known = schema["properties"]
            self.faults |= {f"unknown {name}.{key}" for key in value.keys() - known.keys() - seen[name]}
            if not (name == "LineItem" and "UnitAmount" not in value):
                self.faults |= {f"missing {place}: {key}" for key in always.get(place, set()) - value.keys()}
            for key in value.keys() & known.keys():
                inside = "short" if place == "short" else f"{name}.{key}"
                self._value(value[key], known[key], f"{name}.{key}", inside)
        elif isinstance(value, list) and "items" in schema:
            for item in value:
                self._value(item, schema["items"], name, place)
        elif not fits(value, schema):
            self.faults.add(f"mistyped {name}={value!r}")


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Type, format and enumeration of a value that holds no others; money is exact, never a float."""
    kinds: dict[str, Any] = {"string": str, "boolean": bool, "array": list, "object": dict, "number": (int, Decimal)}
    kind = schema.get("type", "")
    right = isinstance(value, {**kinds, "integer": int}.get(kind, object)) and not (
        kind in ("number", "integer") and isinstance(value, bool)
    )
    if right and schema.get("format") == "uuid":
        right = str(UUID(value)) == value
    if right and kind == "string" and schema.get("x-is-msdate"):
        right = re.fullmatch(r"/Date\(-?\d+(\+0000)?\)/", value) is not None
    return bool(right and value in schema.get("enum", [value]))
