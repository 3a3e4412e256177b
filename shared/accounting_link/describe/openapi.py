"""One OpenAPI document of all services behind the gateway, merged from what each app says of itself."""

import json
from typing import Any

from accounting_link.describe.code import WITH_APIS, Code, build_app
from accounting_link.describe.settings import example

Node = dict[str, Any]
_PREFIX = "/api/v1"
_PROBLEM: Node = {
    "type": "object",
    "description": "A problem detail (RFC 9457).",
    "required": ["type", "title", "status", "detail", "reference"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "What kind of problem, for programs."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened."},
        "do": {"type": "string", "description": "What to do about it."},
        "reference": {"type": "string", "description": "What support asks for."},
        "retry_after": {"type": "integer", "description": "Of what was asked too often: seconds to wait."},
        "fields": {"type": "object", "description": "Of input that is not valid: the fields, and why."},
    },
}
_SECURITY: Node = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": "What the sign-in sets in a browser.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The same token."},
}


class ClashError(Exception):
    """Two services say different things under one name."""


def document(code: Code) -> Node:
    merged: Node = {
        "openapi": "3.1.0",
        "info": {
            "title": "Accounting Link",
            "version": "v1",
            "description": "Everything behind the gateway. Errors are problem details (RFC 9457). Lists answer "
            "`{items, next}`: give `next` back as `cursor`.",
        },
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in _SECURITY],
        "tags": [],
        "paths": {},
        "components": {"schemas": {}, "responses": {}, "securitySchemes": _SECURITY},
    }
    for service in WITH_APIS:
        if web := code.module(service, "web"):
            _merge(merged, _of_app(build_app(web, example())), service)
    merged["components"]["schemas"]["Problem"] = _PROBLEM
    return merged


def text(code: Code) -> str:
    return json.dumps(document(code), indent=2) + "\n"


def _of_app(app: Any) -> Node:
    """What the app says of itself: what the gateway routes, with who may call it, and our kind of errors."""
    told: Node = json.loads(json.dumps(app.extensions["openapi"].to_dict()))
    told["paths"] = {path: node for path, node in told["paths"].items() if path.startswith(_PREFIX)}
    for path, method, roles in roles_of(app):
        if operation := told["paths"].get(spoken(path), {}).get(method.lower()):
            operation["x-roles"] = roles
    return _with_problems(told)


def roles_of(app: Any) -> list[tuple[str, str, list[str] | None]]:
    """Of every view under /api/v1: rule, method, and who is allowed; None where nothing says so."""
    return [
        (rule.rule, method, _allowed(app.view_functions[rule.endpoint], method))
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
        if rule.rule.startswith(_PREFIX)
    ]


def _allowed(view: Any, method: str) -> list[str] | None:
    handler = getattr(getattr(view, "view_class", None), method.lower(), view)
    roles = getattr(handler, "allowed", None)
    return None if roles is None else sorted(roles)


def spoken(rule: str) -> str:
    """Flask's ``<string:id>`` as OpenAPI writes it, ``{id}``."""
    parts = ("{" + part[1:-1].rpartition(":")[2] + "}" if part.startswith("<") else part for part in rule.split("/"))
    return "/".join(parts)


def _with_problems(told: Node) -> Node:
    """flask-smorest describes errors of its own; ours are problem details."""
    components = told.get("components", {})
    components.get("schemas", {}).pop("Error", None)
    for response in components.get("responses", {}).values():
        if "Error" in json.dumps(response.get("content", {})):
            response["content"] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return told


def _merge(into: Node, told: Node, service: str) -> None:
    known = {tag["name"] for tag in into["tags"]}
    into["tags"] += [tag for tag in told.get("tags", ()) if tag["name"] not in known]
    _add(into["paths"], told["paths"], service)
    for section in ("schemas", "responses", "parameters", "headers"):
        found = told.get("components", {}).get(section, {})
        if found:
            _add(into["components"].setdefault(section, {}), found, service)


def _add(into: Node, more: Node, service: str) -> None:
    for name, node in more.items():
        if into.setdefault(name, node) != node:
            raise ClashError(f"{service} describes {name} otherwise than another service: give it another name")
