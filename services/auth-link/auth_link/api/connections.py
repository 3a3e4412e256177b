"""/api/v1/me and /api/v1/connections."""

from typing import Any

from flask_smorest import Blueprint

from accounting_link.chassis import paging, problems
from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.web import allowed, caller, reference
from auth_link import connections
from auth_link.api.schemas import ConnectionSchema, MeSchema
from auth_link.parts import Parts
from auth_link.tokens import UnknownConnectionError


def blueprint(parts: Parts) -> Blueprint:
    blp = Blueprint("connections", __name__, url_prefix="/api/v1", description="Connections to Xero organisations.")

    @blp.get("/me")
    @blp.response(200, MeSchema)
    @allowed(ADMIN, MEMBER, NO_MONEY)
    def me() -> dict[str, Any]:
        """Who is signed in."""
        who = caller()
        return {
            "account_id": who.account_id,
            "user_id": who.user_id,
            "name": who.name,
            "roles": sorted(who.roles),
        }

    @blp.get("/connections")
    @allowed(ADMIN, MEMBER, NO_MONEY)
    @blp.etag
    @blp.arguments(paging.PageQuery, location="query")
    @blp.response(200, paging.page_of(ConnectionSchema))
    def list_connections(query: dict[str, Any]) -> dict[str, Any]:
        """The account's connections, by organisation's name."""
        after = _after(query["cursor"])
        found = connections.of_account(parts.db, caller().account_id, after, query["limit"] + 1)
        shown = found[: query["limit"]]
        more = len(found) > len(shown)
        last = shown[-1] if more else None
        return {
            "items": [_told(each) for each in shown],
            "next": paging.cursor([last["tenant_name"], last["_id"]]) if last else None,
        }

    @blp.get("/connections/<string:connection_id>")
    @blp.etag
    @blp.response(200, ConnectionSchema)
    @allowed(ADMIN, MEMBER, NO_MONEY)
    def get_connection(connection_id: str) -> dict[str, Any]:
        """One connection."""
        found = connections.one_of_account(parts.db, caller().account_id, connection_id)
        if found is None:
            raise problems.not_found("connection")
        return _told(found)

    @blp.delete("/connections/<string:connection_id>")
    @blp.response(200, ConnectionSchema)
    @allowed(ADMIN)
    def disconnect(connection_id: str) -> dict[str, Any]:
        """Disconnect. Nothing is read from Xero any more, running syncs end, and what was imported stays.

        It holds at once; Xero is told as soon as it answers. To disconnect what is disconnected changes nothing.
        """
        try:
            return _told(parts.disconnects.disconnect(caller(), connection_id, reference()))
        except UnknownConnectionError:
            raise problems.not_found("connection") from None

    return blp


def _after(text: str | None) -> list[Any] | None:
    if text is None:
        return None
    key = paging.key_of(text)
    if len(key) != 2 or not all(isinstance(part, str) for part in key):
        return paging.key_of("none of ours")
    return key


def _told(connection: Document) -> dict[str, Any]:
    return {**connection, "id": connection["_id"]}
