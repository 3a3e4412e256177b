"""The API to read: every operation in plain words, and what each type of problem means."""

from flask import Blueprint, abort

from crm_frontend import openapi
from crm_frontend.pages.common import Page, api, page
from crm_frontend.problem_types import PROBLEMS

blp = Blueprint("docs", __name__, url_prefix="/api")


@blp.get("/docs")
def read() -> Page:
    found = api().document()
    return page("docs.html", main=found, groups=openapi.groups(found.data or {}), document=found.data or {})


@blp.get("/problems")
def problems() -> Page:
    return page("problems.html", problems=PROBLEMS)


@blp.get("/problems/<slug>")
def problem(slug: str) -> Page:
    if slug not in PROBLEMS:
        abort(404)
    title, what, do = PROBLEMS[slug]
    return page("problem_type.html", slug=slug, title=title, what=what, do=do)
