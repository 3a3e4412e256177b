"""The sync log: what each sync did, in numbers and record by record."""

from typing import Any

from flask import Response, make_response, request
from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed, caller
from accounting_link.contracts.words import Kind, Result
from log_service import queries
from log_service.api import schemas
from log_service.api.database import db
from log_service.sync_log import life

_RESULTS = [result.value for result in Result]
blueprint = Blueprint("Sync log", __name__, url_prefix="/api/v1/logs", description="What each sync did")


@blueprint.get("/sync")
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.arguments(schemas.ConnectionQuery, location="query")
@blueprint.response(200, schemas.SyncPage)
def list_syncs(asked: Document) -> Document:
    """A connection's syncs, newest first"""
    found, following = queries.syncs(db(), caller().account_id, **asked)
    items = [{**life.told(document), "results": results_of(document)} for document in found]
    return {"items": items, "next": following}


@blueprint.get("/sync/<sync_id>")
@blueprint.response(200, schemas.SyncLogSchema)
@blueprint.alt_response(304, description="Nothing has changed since the answer with this ETag")
@allowed(ADMIN, MEMBER, NO_MONEY)
def one_sync(sync_id: str) -> Any:
    """One sync's log

    Answers 304 to an If-None-Match with the ETag of the last answer while nothing has changed.
    """
    document = _known(sync_id)
    # Taken before counting: a batch that comes between makes the next question answer in full, never too late.
    tag = str(document["revision"])
    if request.if_none_match.contains(tag):
        return _tagged(Response(status=304), tag)
    counted = queries.counts(db(), caller().account_id, sync_id)
    told = {**life.told(document), "counts": _table(counted), "reasons": _reasons(counted)}
    return _tagged(make_response(schemas.SyncLogSchema().dump(told)), tag)


@blueprint.get("/sync/<sync_id>/records")
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.arguments(schemas.RecordsQuery, location="query")
@blueprint.response(200, schemas.RecordPage)
def list_records(asked: Document, sync_id: str) -> Document:
    """What a sync did with each record, by kind, result and reason"""
    _known(sync_id)
    only = {"kind": asked["kind"], "result": asked["result"]}
    found, following = queries.records(
        db(), caller().account_id, sync_id, only, limit=asked["limit"], cursor=asked["cursor"]
    )
    sees_money = caller().may((ADMIN, MEMBER))
    sales = queries.sales_of(db(), caller().account_id, found) if sees_money else {}
    return {"items": [{**row, "sale": sales.get((row["kind"], row["xero_id"]))} for row in found], "next": following}


@blueprint.get("/connections")
@allowed(ADMIN, MEMBER, NO_MONEY)
@blueprint.arguments(schemas.ConnectionQuery, location="query")
@blueprint.response(200, schemas.ConnectionEventPage)
def list_connection_events(asked: Document) -> Document:
    """What became of a connection, newest first"""
    found, following = queries.connection_events(db(), caller().account_id, **asked)
    return {"items": found, "next": following}


def _known(sync_id: str) -> Document:
    document = queries.sync(db(), caller().account_id, sync_id)
    if document is None:
        raise not_found("sync")
    return document


def results_of(document: Document) -> dict[str, int]:
    """Of each result, how many records this sync told of."""
    account_id, sync_id, revision = document["account_id"], document["sync_id"], document["revision"]
    return {**dict.fromkeys(_RESULTS, 0), **queries.results(db(), account_id, sync_id, revision)}


def _table(counted: list[Document]) -> dict[str, dict[str, int]]:
    table = {kind.value: dict.fromkeys(_RESULTS, 0) for kind in Kind}
    for row in counted:
        table[row["kind"]][row["result"]] += row["count"]
    return table


def _reasons(counted: list[Document]) -> list[Document]:
    return [row for row in counted if row["result"] in (Result.LEFT_OUT, Result.FAILED)]


def _tagged(response: Response, tag: str) -> Response:
    response.set_etag(tag)
    return response
