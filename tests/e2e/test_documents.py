"""The OpenAPI document is true: whatever is asked, nothing breaks and every answer is described."""

import copy
from typing import Any, TypeAlias

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.people import DOCUMENT, World
from tests.sessions import bearer

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
Case: TypeAlias = schemathesis.Case[Any]
schema = schemathesis.openapi.from_dict(DOCUMENT)
few = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def ask(case: Case, world: World) -> None:
    headers = bearer(world.session("rata:admin"))
    case.call_and_validate(
        base_url=world.platform.public_url, headers=headers, checks=CHECKS, allow_redirects=False, timeout=60
    )


@schema.parametrize()
@few
def test_whatever_is_asked_is_answered_as_the_document_says(case: Case, world: World) -> None:
    ask(case, world)


@schema.parametrize()
@few
def test_it_is_so_of_records_that_exist_too(case: Case, world: World) -> None:
    ids = {**world.ours.ids, **({"connection_id": world.ours.doomed} if case.method == "DELETE" else {})}
    case.path_parameters = {name: ids[name] for name in case.path_parameters or {}}
    if "connection_id" in (case.query or {}):
        case.query = {**case.query, "connection_id": ids["connection_id"]}
    ask(case, world)


def test_control_a_document_that_says_otherwise_is_found(world: World) -> None:
    wrong = copy.deepcopy(DOCUMENT)
    wrong["components"]["schemas"]["Me"]["properties"]["account_id"] = {"type": "integer"}
    asked = schemathesis.openapi.from_dict(wrong)["/api/v1/me"]["get"].Case()

    with pytest.raises(FailureGroup):
        ask(asked, world)
