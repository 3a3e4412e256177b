"""Lists by cursor: an opaque text that holds the sort key of the last item shown, so pages neither skip nor repeat."""

import base64
import json
from typing import Any

import marshmallow as ma

from accounting_link.chassis.problems import ProblemError


class PageQuery(ma.Schema):
    limit = ma.fields.Integer(
        load_default=50, validate=ma.validate.Range(1, 200), metadata={"description": "Most items in one answer."}
    )
    cursor = ma.fields.String(
        load_default=None, metadata={"description": "`next` of the answer before; absent for the first page."}
    )


def page_of(item: type[ma.Schema]) -> type[ma.Schema]:
    """The schema of one page of these."""
    return ma.Schema.from_dict(
        {
            "items": ma.fields.List(ma.fields.Nested(item), required=True),
            "next": ma.fields.String(
                required=True, allow_none=True, metadata={"description": "Cursor of the next page; null on the last."}
            ),
        },
        name=f"{item.__name__.removesuffix('Schema')}Page",
    )


def cursor(key: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def key_of(text: str) -> list[Any]:
    """Raises a 400 problem on a cursor that is not one of ours."""
    try:
        key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):  # the latter of what is nested deeper than anybody reads
        key = None
    if not isinstance(key, list):
        raise ProblemError(400, "bad-cursor", "This cursor is none that a list gave.", "Start again without a cursor.")
    return key
