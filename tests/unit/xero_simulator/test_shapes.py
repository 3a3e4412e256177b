"""Every field answered is one that Xero's own OpenAPI document knows. Needs XERO_OPENAPI, the path of that file."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.xero_simulator.conftest import World

# Seen in the spec's own examples though its schemas leave them out.
IN_EXAMPLES_ONLY = {
    *("Invoices.Id", "Invoices.Status", "Invoices.ProviderName", "Invoices.DateTimeUTC"),
    *("Contacts.Id", "Contacts.Status", "Contacts.ProviderName", "Contacts.DateTimeUTC"),
    *("Organisations.Id", "Organisations.Status", "Organisations.ProviderName", "Organisations.DateTimeUTC"),
    *("Invoice.DateString", "Invoice.DueDateString"),
}
TYPES = {"string": str, "boolean": bool, "array": list, "object": dict}


@cache
def schemas() -> dict[str, Any]:
    path = os.environ.get("XERO_OPENAPI", "")
    if not path or not Path(path).exists():
        pytest.skip("XERO_OPENAPI does not name xero_accounting.yaml of XeroAPI/Xero-OpenAPI: shapes are not checked")
    found: dict[str, Any] = yaml.safe_load(Path(path).read_text())["components"]["schemas"]
    return found


def faults_in(value: Any, schema: dict[str, Any], name: str) -> set[str]:
    """Fields that the schema does not know, and values of another type or outside the enumeration."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        schema = schemas()[name]
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        wrong = {f"{name}.{key}" for key in value.keys() - known.keys()} - IN_EXAMPLES_ONLY
        return wrong.union(*(faults_in(value[k], known[k], f"{name}.{k}") for k in value.keys() & known.keys()))
    if isinstance(value, list) and "items" in schema:
        return set().union(*(faults_in(item, schema["items"], name) for item in value))
    wanted = TYPES.get(schema.get("type", ""), object)
    odd = not isinstance(value, wanted) or (schema.get("enum") and value not in schema["enum"])
    return {f"{name}={value!r}"} if odd else set()


@pytest.mark.parametrize("resource", ["Contacts", "Invoices", "Organisation"])
def test_lists_and_single_records_have_only_fields_of_the_spec(world: World, resource: str) -> None:
    reference = {"$ref": f"#/components/schemas/{resource.removesuffix('s')}s"}
    plain = world.get(f"/{resource}", includeArchived="true")
    answers = [plain, world.get(f"/{resource}", page=1, pageSize=1000, includeArchived="true")]
    answers.append(world.get(f"/{resource}", summaryOnly="true"))
    if resource != "Organisation":
        key = f"{resource.removesuffix('s')}ID"
        answers += [world.get(f"/{resource}/{row[key]}") for row in plain[resource][:60]]
    for answer in answers:
        assert faults_in(answer, reference, resource) == set()


def test_an_unknown_field_or_a_wrong_type_is_noticed() -> None:
    reference = {"$ref": "#/components/schemas/Invoices"}
    assert faults_in({"Invoices": [{"Colour": 1, "Status": "LOST", "LineItems": "x"}]}, reference, "") == {
        "Invoice.Colour",
        "Invoice.Status='LOST'",
        "Invoice.LineItems='x'",
    }
