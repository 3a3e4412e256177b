"""The OpenAPI document in plain words: what a person reads before writing a first call. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Node = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")
_PLAIN = {"string": "text", "integer": "whole number", "boolean": "yes or no", "object": "object", "null": "nothing"}
_FORMATS = {"date-time": "time (RFC 3339)", "date": "date (YYYY-MM-DD)", "uuid": "UUID", "uri": "address"}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    required: bool
    note: str


@dataclass(frozen=True, slots=True)
class Body:
    """``status`` is empty for a request."""

    status: str
    note: str
    type: str
    fields: list[Field]


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    summary: str
    note: str
    parameters: list[Field]
    request: Body | None
    responses: list[Body]

    @property
    def anchor(self) -> str:
        return f"{self.method}-{self.path.strip('/').replace('/', '-')}".replace("{", "").replace("}", "").lower()


def groups(document: Node) -> dict[str, list[Operation]]:
    """Operations by their first tag, in the document's order."""
    found: dict[str, list[Operation]] = {}
    for path, item in document.get("paths", {}).items():
        shared = item.get("parameters", [])
        for method in _METHODS:
            if method in item:
                operation = item[method]
                tag = (operation.get("tags") or ["Others"])[0]
                found.setdefault(tag, []).append(_operation(document, method, path, operation, shared))
    return found


def _operation(document: Node, method: str, path: str, operation: Node, shared: list[Any]) -> Operation:
    parameters = [*shared, *operation.get("parameters", [])]
    request = operation.get("requestBody")
    return Operation(
        method=method.upper(),
        path=path,
        summary=str(operation.get("summary", "")),
        note=str(operation.get("description", "")),
        parameters=[_parameter(document, resolved(document, parameter)) for parameter in parameters],
        request=_body(document, "", resolved(document, request)) if request else None,
        responses=[
            _body(document, status, resolved(document, answer))
            for status, answer in operation.get("responses", {}).items()
        ],
    )


def resolved(document: Node, node: Any) -> Node:
    """What a ``$ref`` inside the document leads to; anything else is itself."""
    seen = 0
    while isinstance(node, Mapping) and "$ref" in node and seen < 10:
        found: Any = document
        for name in str(node["$ref"]).removeprefix("#/").split("/"):
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
        node, seen = found, seen + 1
    return node if isinstance(node, Mapping) else {}


def _parameter(document: Node, parameter: Node) -> Field:
    return Field(
        name=f"{parameter.get('name', '')} ({parameter.get('in', '')})",
        type=in_words(document, parameter.get("schema", {})),
        required=bool(parameter.get("required")),
        note=_note(parameter),
    )


def _body(document: Node, status: str, body: Node) -> Body:
    media: Node = next(iter(body.get("content", {}).values()), {})
    schema = media.get("schema", {})
    return Body(
        status=str(status),
        note=str(body.get("description", "")),
        type=in_words(document, schema) if schema else "",
        fields=list(_fields(document, schema)),
    )


def _fields(document: Node, schema: Node) -> Iterator[Field]:
    """An object's own fields; those of the things in a page's ``items`` stand below it."""
    found = resolved(document, schema)
    if found.get("type") == "array":
        found = resolved(document, found.get("items", {}))
    required = found.get("required", ())
    for name, value in found.get("properties", {}).items():
        yield Field(
            name, in_words(document, value), name in required, _note({**resolved(document, value), **_own(value)})
        )
        if name == "items":
            for inner in _fields(document, value):
                yield Field(f"items[].{inner.name}", inner.type, inner.required, inner.note)


def _own(value: Node) -> dict[str, Any]:
    """A description beside a ``$ref`` says more than the one it leads to."""
    return {"description": value["description"]} if "description" in value else {}


def in_words(document: Node, schema: Node) -> str:
    """A schema's type as one would say it: "list of texts", "one of a, b"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for union in ("allOf", "anyOf", "oneOf"):
        if union in schema:
            return " or ".join(in_words(document, part) for part in schema[union])
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"] if value is not None)
    kinds = schema.get("type", "anything")
    return " or ".join(_kind(document, kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _kind(document: Node, kind: str, schema: Node) -> str:
    if kind == "array":
        return f"list of {in_words(document, schema.get('items', {}))}"
    if kind == "string" and schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    return _PLAIN.get(kind, kind)


def _note(node: Node) -> str:
    schema = node.get("schema", node)
    said = [str(node.get("description", ""))]
    if "default" in schema and schema["default"] is not None:
        said.append(f"Without it: {schema['default']}.")
    if "maximum" in schema:
        said.append(f"At most {schema['maximum']}.")
    return " ".join(part for part in said if part)
