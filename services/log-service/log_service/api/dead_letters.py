"""What could not be used, with its reason and origin. A letter may hold a whole sale, so no money, no letters."""

from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.problems import not_found
from accounting_link.chassis.web import allowed, caller
from log_service import queries
from log_service.api import schemas
from log_service.api.database import db

blueprint = Blueprint("Dead letters", __name__, url_prefix="/api/v1/dead-letters", description="What was set aside")


@blueprint.get("")
@allowed(ADMIN, MEMBER)
@blueprint.arguments(schemas.LettersQuery, location="query")
@blueprint.response(200, schemas.LetterPage)
def list_letters(asked: Document) -> Document:
    """What was set aside, newest first"""
    found, following = queries.dead_letters(db(), caller().account_id, **asked)
    return {"items": [_named(letter) for letter in found], "next": following}


@blueprint.get("/<letter_id>")
@blueprint.response(200, schemas.DeadLetterWithValueSchema)
@allowed(ADMIN, MEMBER)
def one_letter(letter_id: str) -> Document:
    """One dead letter, with what it held"""
    letter = queries.dead_letter(db(), caller().account_id, letter_id)
    if letter is None:
        raise not_found("dead letter")
    return _named(letter)


def _named(letter: Document) -> Document:
    return {**letter, "id": letter["_id"]}
