"""What every answer carries, errors as pages, and the pages to read about the API."""

import re
from pathlib import Path

import pytest

import crm_frontend
from crm_frontend.problem_types import PROBLEMS
from tests.unit.crm_frontend.conftest import Open, text_of
from tests.unit.crm_frontend.stub_gateway import World, connected

ROOT = Path(crm_frontend.__file__).parent
REPOSITORY = Path(__file__).parents[3]
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Accounting Link", "version": "v1"},
    "paths": {
        "/api/v1/things/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "put": {
                "tags": ["things-service"],
                "summary": "Change a thing",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "responses": {"200": {"$ref": "#/components/responses/Changed"}},
            },
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": ["integer", "null"], "description": "How large."},
                    "when": {"type": "string", "format": "date-time"},
                    "tags": {"type": "array", "items": {"enum": ["red", "green"]}},
                },
            },
            "Page": {
                "type": "object",
                "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}},
            },
        },
        "responses": {
            "Changed": {
                "description": "As it is now",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}},
            }
        },
    },
}


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(open_as: Open) -> None:
    policy = open_as(World(), None).get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_a_page_of_an_account_is_not_kept_by_anything_between(open_as: Open) -> None:
    client = open_as(connected())
    assert client.get("/companies").headers["Cache-Control"] == "no-store"
    assert client.get("/static/page.css").headers["Cache-Control"] != "no-store"


def test_htmx_is_told_to_make_no_styles_and_no_code(open_as: Open) -> None:
    html = open_as(World(), None).get("/").text
    assert '"includeIndicatorStyles": false' in html
    assert '"allowEval": false' in html


def test_the_vendored_htmx_is_the_version_written_down() -> None:
    written = re.search(r"htmx (\d+\.\d+\.\d+)", (ROOT / "static/vendor/README.md").read_text())
    assert written
    assert f'version:"{written[1]}"' in (ROOT / "static/vendor/htmx.min.js").read_text()
    assert "Zero-Clause BSD" in (ROOT / "static/vendor/htmx.LICENSE").read_text()


@pytest.mark.parametrize("template", sorted(ROOT.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_has_what_the_policy_would_block(template: Path) -> None:
    assert not re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|hx-on|hx-vals=.js:", template.read_text())


def test_a_missing_page_is_a_page_for_browsers_and_a_problem_detail_for_programs(open_as: Open) -> None:
    client = open_as(World())
    shown = client.get("/nowhere")
    assert (shown.status_code, shown.mimetype) == (404, "text/html")
    assert "There is no such page" in text_of(shown.text)
    told = client.get("/nowhere", headers={"Accept": "application/json"})
    assert (told.status_code, told.mimetype) == (404, "application/problem+json")
    assert told.get_json()["reference"] in told.headers["X-Request-Id"]


def test_a_missing_part_of_a_page_is_a_part_of_a_page(open_as: Open) -> None:
    html = open_as(World()).get("/nowhere", headers={"HX-Request": "true"}).text
    assert "There is no such page" in html
    assert "<html" not in html


def test_a_wrong_method_says_which_are_right(open_as: Open) -> None:
    answer = open_as(World()).get("/sign-out")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("slug", sorted(PROBLEMS))
def test_each_type_of_problem_has_its_page(open_as: Open, slug: str) -> None:
    said = text_of(open_as(World(), None).get(f"/api/problems/{slug}").text)
    title, what, do = PROBLEMS[slug]
    assert title in said
    assert _without_marks(what) in _without_marks(said)
    assert _without_marks(do) in _without_marks(said)
    assert "`" not in said


def _without_marks(text: str) -> str:
    """Code between backticks is set apart, with a space on each side of it."""
    return re.sub(r"\s+([.,])", r"\1", " ".join(text.replace("`", " ").split()))


def test_no_service_raises_a_problem_that_no_page_explains() -> None:
    raised: set[str] = set()
    for file in (*REPOSITORY.glob("services/*/*/**/*.py"), *REPOSITORY.glob("shared/accounting_link/**/*.py")):
        raised |= set(re.findall(r'ProblemError\(\s*\d{3},\s*"([a-z-]+)"', file.read_text()))
    assert "connection-lost" in raised
    assert raised <= PROBLEMS.keys()


def test_the_api_page_says_in_plain_words_what_the_document_says(open_as: Open) -> None:
    said = text_of(open_as(World(document=DOCUMENT), None).get("/api/docs").text)
    assert "things-service PUT /api/v1/things/{id} Change a thing" in said
    assert "id (path) required text" in said
    assert "size required whole number or nothing How large." in said
    assert "when time (RFC 3339)" in said
    assert "tags list of one of red, green" in said
    assert "Answer 200: Page As it is now" in said
    assert "items[].size required whole number or nothing How large." in said


def test_code_in_what_an_api_says_is_set_as_code_and_nothing_in_it_is_taken_for_html(open_as: Open) -> None:
    document = {"info": {"description": "Send `items` <b> and `Bearer <x>`."}, "paths": {}}
    html = open_as(World(document=document), None).get("/api/docs").text
    assert "Send <code>items</code> &lt;b&gt; and <code>Bearer &lt;x&gt;</code>." in html


@pytest.mark.parametrize("page", ["/xero/sync", "/companies", "/accounting-link", "/api/docs"])
def test_a_slash_too_many_leads_to_the_page(open_as: Open, page: str) -> None:
    answer = open_as(connected()).get(f"{page}/?search=a%20b")
    assert (answer.status_code, answer.location) == (308, f"{page}?search=a%20b")


@pytest.mark.parametrize("page", ["/nowhere/", "//evil.example/", "/\\evil.example/", "/companies//x/"])
def test_a_slash_too_many_leads_nowhere_else(open_as: Open, page: str) -> None:
    assert "evil" not in (open_as(connected()).get(page).location or "")


def test_the_api_page_without_the_document_says_so(open_as: Open) -> None:
    world = World(down={"openapi.json"})
    answer = open_as(world, None).get("/api/docs")
    assert answer.status_code == 502
    assert "the gateway cannot be reached" in text_of(answer.text)


def test_it_is_alive_and_ready_without_the_apis(open_as: Open) -> None:
    client = open_as(World(down={"connections"}), None)
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/accounting-link/disconnect/..",
        "/accounting-link/disconnect/c-demo%3Fx=1",
        "/accounting-link/removal/r-1%23x",
        "/xero/sync?sync=../../connections",
        "/xero/sync?sync=s-1%3Flimit=1",
        "/companies/co-1%5C..",
        "/companies/%00",
    ],
)
def test_an_id_out_of_an_address_leads_no_api_call_elsewhere(open_as: Open, address: str) -> None:
    world = connected()
    answer = open_as(world).get(address)

    assert answer.status_code in (200, 308, 404)
    odd = [asked["path"] for asked in world.asked if ".." in asked["path"] or "\0" in asked["path"]]
    assert odd == []
    assert not [asked for asked in world.asked if asked["path"].startswith("/api/v1/syncs/") and asked["query"]]


def test_the_apis_are_told_where_the_person_is(open_as: Open) -> None:
    world = connected()
    open_as(world).get("/companies", environ_base={"REMOTE_ADDR": "203.0.113.7"})
    assert {asked["headers"].get("X-Forwarded-For") for asked in world.asked} == {"203.0.113.7"}
