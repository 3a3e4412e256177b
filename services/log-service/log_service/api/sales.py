"""The sales log: every sale as it now is. Not for the role that sees no money."""

from flask import Response
from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.web import allowed, caller
from log_service import queries
from log_service.api import schemas
from log_service.api.database import db
from log_service.sales_log import csv

blueprint = Blueprint("Sales log", __name__, url_prefix="/api/v1/logs", description="Every sale as it now is")


@blueprint.get("/sales")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(schemas.SalesQuery, location="query")
@blueprint.response(200, schemas.SalesPage)
def list_sales(asked: Document) -> Document:
    """A connection's sales, the latest day first, and of one day the highest number"""
    found, following = queries.sales(db(), caller().account_id, _which(asked), asked["limit"], asked["cursor"])
    return {"items": [_sale(row) for row in found], "next": following}


@blueprint.get("/sales.csv")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(schemas.SalesFilter, location="query")
@blueprint.response(200, content_type="text/csv", description="A header and a line a sale")
def sales_file(asked: Document) -> Response:
    """All of a connection's sales as a file"""
    rows = queries.all_sales(db(), caller().account_id, _which(asked))
    return Response(
        csv.lines(rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="sales.csv"'},
    )


def _which(asked: Document) -> Document:
    only = {name: asked[name] for name in ("kind", "status", "currency")}
    return queries.which_sales(asked["connection_id"], only, asked["search"], asked["contact_ids"])


def _sale(row: Document) -> Document:
    return {**row, "date": row["date"] or None, "due_date": row["due_date"] or None, "first_seen": row["first"]}
