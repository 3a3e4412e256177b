"""Each page in the states that a person meets."""

import re

import pytest

from auth_link.consent import REASONS
from crm_frontend import words
from tests.unit.crm_frontend.conftest import Open, text_of
from tests.unit.crm_frontend.stub_gateway import World, a_connection, a_log, a_removal, a_sync, an_ended_sync, connected

PAGES = (
    "/",
    "/accounting-link?application=xero",
    "/accounting-link/connected",
    "/accounting-link/not-connected",
    "/accounting-link/audit",
    "/accounting-link/disconnect/c-demo",
    "/accounting-link/remove/c-demo",
    "/accounting-link/removal/r-1",
    "/xero/settings",
    "/xero/sync",
    "/xero/log",
    "/xero/log/s-1",
    "/xero/sales",
    "/companies",
    "/companies/co-1",
    "/transactions/c-demo/invoice/i-77",
    "/contacts",
    "/contacts/new",
    "/contacts/p-1",
    "/contacts/p-1/create-in-xero?connection=c-demo",
)
NOT_ALLOWED = {
    "type": "/api/problems/not-allowed",
    "detail": "Your role does not allow this.",
    "do": "Ask an administrator of your account.",
    "reference": "ref-403",
}


def read(open_as: Open, world: World, page: str, person: str | None = "legrand:admin") -> str:
    return text_of(open_as(world, person).get(page).text)


# Nobody is signed in.


def test_the_first_page_offers_everybody_in_one_click(open_as: Open) -> None:
    html = open_as(World(), None).get("/").text
    assert "Accounting Link" in text_of(html)
    assert sorted(re.findall(r'name="person" value="([^"]+)"', html)) == [
        "kauri:admin", "kauri:member", "kauri:no-money", "legrand:admin", "legrand:member", "legrand:no-money",
    ]  # fmt: skip


# Of nobody's account: signing in and out, the API to read, what every web service has.
OPEN = {"home.first", "static", "healthz", "readyz", "metrics"}
OPEN_ROOMS = {"session", "docs"}


def test_no_page_shows_an_account_to_nobody_or_does_anything_for_them(open_as: Open) -> None:
    world = connected()
    client = open_as(world, None)
    tried = 0
    for rule in client.application.url_map.iter_rules():
        if rule.endpoint in OPEN or rule.endpoint.partition(".")[0] in OPEN_ROOMS:
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = client.open(re.sub("<[^>]+>", "c-demo", rule.rule), method=method)
            led = (answer.status_code, (answer.location or "").partition("?")[0])
            assert led == (303, "/sign-in"), f"{method} {rule.rule}"
            tried += 1
    assert tried > len(PAGES)
    assert world.asked == []


def test_control_the_same_pages_ask_the_apis_for_somebody_who_is_signed_in(open_as: Open) -> None:
    for page in PAGES:
        world = connected(removals=[a_removal()])
        open_as(world).get(page)
        assert world.asked, page


def test_what_is_open_to_nobody_asks_for_nothing_of_an_account(open_as: Open) -> None:
    world = connected()
    client = open_as(world, None)
    for page in ("/", "/sign-in", "/.well-known/jwks.json", "/api/docs", "/api/problems", "/healthz"):
        assert client.get(page).status_code == 200
    assert {asked["path"] for asked in world.asked} <= {"/api/openapi.json"}


# Signed in.


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_says_who_is_signed_in_and_has_one_heading(open_as: Open, page: str) -> None:
    answer = open_as(connected(syncs=[an_ended_sync()], removals=[a_removal()])).get(page)
    assert answer.status_code == 200
    assert "Signed in as Ada Legrand" in text_of(answer.text)
    assert len(re.findall("<h1", answer.text)) + page.startswith("/transactions") == 1
    assert re.search(r"<title>[A-Z].+ · Accounting Link</title>", answer.text)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_needs_what_the_policy_forbids(open_as: Open, page: str) -> None:
    html = open_as(connected(syncs=[a_sync()])).get(page).text
    assert not re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", html)


# No connection.


def test_without_a_connection_the_first_page_leads_to_accounting_link_and_shows_no_xero_module(open_as: Open) -> None:
    html = open_as(World()).get("/").text
    assert 'href="/accounting-link"' in html
    assert "/xero/" not in html
    assert "/xero/" in open_as(connected()).get("/").text


@pytest.mark.parametrize("page", ["/xero/settings", "/xero/sync", "/xero/log", "/xero/sales"])
def test_without_a_connection_the_xero_module_says_where_to_connect(open_as: Open, page: str) -> None:
    assert "Not connected to Xero yet" in read(open_as, World(), page)


def test_connect_to_xero_shows_only_once_xero_is_chosen_and_saved(open_as: Open) -> None:
    assert "Connect to XERO" not in read(open_as, World(), "/accounting-link")
    assert "Connect to XERO" in read(open_as, World(), "/accounting-link?application=xero")


def test_connecting_leads_on_to_xeros_consent(open_as: Open) -> None:
    html = open_as(World()).post("/accounting-link/connect").text
    assert 'content="0; url=https://login.xero.test/authorize?state=1&amp;scope=a"' in html


def test_the_waiting_tab_goes_on_by_itself_once_connected(open_as: Open) -> None:
    world = World()
    client = open_as(world)
    assert "every 1s" in client.get("/accounting-link/waiting?known=").text
    world.connections.append(a_connection())
    html = client.get("/accounting-link/waiting?known=").text
    assert "every 1s" not in html
    assert re.search(r'<nav id="menu"[^>]*hx-swap-oob="true"', html)
    assert 'href="/xero/sync"' in html


def test_the_waiting_tab_does_not_take_an_old_connection_for_the_new_one(open_as: Open) -> None:
    assert "every 1s" in open_as(connected()).get("/accounting-link/waiting?known=c-demo:1").text


def test_the_waiting_tab_notices_that_the_same_organisation_was_connected_again(open_as: Open) -> None:
    world = World(connections=[a_connection(authorisation=3)])
    assert "every 1s" in open_as(world).get("/accounting-link/waiting?known=c-demo:3").text
    html = open_as(world).get("/accounting-link/waiting?known=c-demo:1").text
    assert "now connected: Legrand Demo Company (NZ)" in text_of(html)
    assert "known=c-demo:3" in open_as(world).get("/accounting-link?application=xero").text.replace("%3A", ":")


def test_the_connected_page_congratulates_for_a_connection_of_the_account_only(open_as: Open) -> None:
    world = connected()
    world.connections.append(a_connection(id="c-lost", state="lost"))
    assert "Congratulations!" in read(open_as, world, "/accounting-link/connected?connection=c-demo")
    for address in ("", "?connection=somebody-elses", "?connection=c-lost"):
        said = read(open_as, world, f"/accounting-link/connected{address}")
        assert "Congratulations" not in said
        assert "Nothing was connected" in said


# What auth-link sends a person back with: what the page says happened, and what it says to do.
REFUSALS = {
    "denied": ("Access was not allowed at Xero", "select “Allow Access”"),
    "expired": ("It took too long", "within ten minutes"),
    "replayed": ("used before", "Look whether the connection stands already"),
    "other-account": ("begun by somebody else", "stay signed in as the same person"),
    "missing-scope": ("did not give all the permissions", "leave every permission that Xero lists"),
    "xero-unavailable": ("Xero did not answer", "Try again in a few minutes"),
    "no-organisation": ("no organisation to share", "choose the organisation"),
    "signed-out": ("You were signed out while you were at Xero", "Connect again"),
    "not-allowed": ("may not connect", "Sign in as an administrator"),
}


def test_every_reason_not_to_connect_has_a_page_of_its_own() -> None:
    assert REFUSALS.keys() == words.NOT_CONNECTED.keys() == set(REASONS)


@pytest.mark.parametrize("reason", REFUSALS)
def test_not_connected_says_what_happened_and_what_to_do_and_leads_back(open_as: Open, reason: str) -> None:
    html = open_as(World()).get(f"/accounting-link/not-connected?reason={reason}").text
    said = text_of(html)
    assert [other for other, (what, do) in REFUSALS.items() if what in said and do in said] == [reason]
    assert 'href="/accounting-link?application=xero"' in html


def test_a_reason_that_is_none_is_told_as_a_failure_and_not_as_it_stands(open_as: Open) -> None:
    html = open_as(World()).get("/accounting-link/not-connected", query_string={"reason": "<b>"}).text
    assert "could not be connected" in text_of(html)
    assert "<b>" not in html


# Connected, never synced.


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("/xero/sync", "Nothing has been synced yet"),
        ("/xero/log", "No sync yet"),
        ("/xero/sales", "No sales yet"),
        ("/companies", "No companies yet"),
        ("/contacts", "No contacts yet"),
    ],
)
def test_what_is_empty_says_what_to_do_next(open_as: Open, page: str, said: str) -> None:
    assert said in read(open_as, connected(has_records=False), page)
    assert said not in read(open_as, connected(syncs=[a_sync()]), page)


def test_the_settings_show_only_what_the_api_offers(open_as: Open) -> None:
    html = open_as(connected()).get("/xero/settings").text
    assert 'name="frequency"' in html
    assert 'name="sales_since"' not in html
    assert 'name="direction"' not in html
    world = connected()
    world.settings |= {"direction": "xero_to_crm", "sales_since": "2025-01-01"}
    html = open_as(world).get("/xero/settings").text
    assert 'name="sales_since" value="2025-01-01"' in html
    assert 'name="direction"' in html


def test_saved_settings_reach_the_api_as_they_were_chosen(open_as: Open) -> None:
    world = connected()
    form = {"connection": "c-demo", "frequency": "6h", "suppliers": "selected", "selected_suppliers": ["x-2", "x-7"]}
    assert open_as(world).post("/xero/settings", data=form).status_code == 303
    sent = next(asked["body"] for asked in world.asked if asked["method"] == "PUT")
    assert sent == {"frequency": "6h", "suppliers": "selected", "selected_suppliers": ["x-2", "x-7"]}


def test_suppliers_to_select_are_those_that_were_left_out_as_suppliers(open_as: Open) -> None:
    said = read(open_as, connected(), "/xero/settings")
    assert "Paper Mill" in said
    assert "Bare Name Ltd" not in said


def test_settings_that_are_refused_say_which_and_keep_what_was_chosen(open_as: Open) -> None:
    world = connected()
    client = open_as(world)
    fields = {"json": {"frequency": ["Must be one of: manual."]}}
    world.refused["settings"] = (422, {"type": "/api/problems/invalid", "detail": "Not valid.", "fields": fields})
    answer = client.post("/xero/settings", data={"connection": "c-demo", "frequency": "daily", "suppliers": "none"})
    assert answer.status_code == 422
    assert "frequency : Must be one of: manual." in text_of(answer.text)
    assert '<option value="daily" selected>' in answer.text


# Running.


def test_a_running_sync_shows_its_bars_in_numbers_and_words(open_as: Open) -> None:
    html = open_as(connected(syncs=[a_sync()])).get("/xero/sync").text
    said = text_of(html)
    assert "Running" in said
    assert "3,000 of 8,000" in said
    assert "2,400 of 8,000" in said
    assert "4.0 seconds" in said
    assert "Cancel this sync" in said
    assert 'data-progress="/api/v1/syncs/s-1/progress"' in html


def test_a_parked_sync_says_what_it_waits_for(open_as: Open) -> None:
    parked = {"reason": "day_limit", "detail": "Xero's daily limit is reached.", "until": "2026-03-03T00:00:00+00:00"}
    said = read(open_as, connected(syncs=[a_sync(state="parked", parked=parked)]), "/xero/sync")
    assert "Xero's daily limit is reached. It goes on by itself 3 Mar 2026, 00:00 UTC" in said


def test_a_sync_parked_for_a_person_does_not_say_that_it_goes_on_by_itself(open_as: Open) -> None:
    parked = {"reason": "connection_lost", "detail": "Xero refused the connection", "until": None}
    said = read(open_as, connected(syncs=[a_sync(state="parked", parked=parked)]), "/xero/sync")
    assert "Xero refused the connection. It goes on when you have connected to Xero again" in said
    assert "by itself" not in said


def test_who_comes_back_from_xero_signed_out_reads_why_before_signing_in(open_as: Open) -> None:
    browser = open_as(World(), None)
    said = text_of(browser.get("/accounting-link/not-connected?reason=signed-out", follow_redirects=True).text)
    assert "You were signed out while you were at Xero, so nothing was connected. Sign in, then connect again." in said
    for elsewhere in ("/companies?reason=signed-out", "/accounting-link/not-connected?reason=<b>"):
        assert "connect again" not in text_of(browser.get(elsewhere, follow_redirects=True).text)


def test_a_waiting_sync_leads_to_the_one_that_runs_first(open_as: Open) -> None:
    world = connected(syncs=[a_sync(id="s-2", state="waiting", waits_for="s-1", started_at=None), a_sync()])
    html = open_as(world).get("/xero/sync").text
    assert "Another sync of Legrand Demo Company (NZ) runs first" in text_of(html)
    assert 'href="/xero/sync?sync=s-1"' in html
    assert "<progress" not in html
    assert "to Xero again" not in text_of(html)


def test_a_sync_behind_one_whose_connection_is_lost_says_what_to_do(open_as: Open) -> None:
    syncs = [a_sync(id="s-2", state="waiting", waits_for="s-1", started_at=None), a_sync(state="parked")]
    lost = World(connections=[a_connection(state="lost")], syncs=syncs)
    assert "First connect to Xero again: Accounting Link" in read(open_as, lost, "/xero/sync")


@pytest.mark.parametrize(
    ("reads", "said"), [("first_import", "First import"), ("everything", "Everything"), ("changes", "What changed")]
)
def test_a_sync_is_called_by_what_it_reads_and_who_asked_for_it(open_as: Open, reads: str, said: str) -> None:
    world = connected(syncs=[a_sync(reads=reads)], log=a_log(reads=reads))
    assert f"{said}, asked for by Ada Legrand" in read(open_as, world, "/xero/sync")
    assert f"{said}, asked for by Ada Legrand" in read(open_as, world, "/xero/log/s-1")
    assert f"by Ada Legrand {said}" in read(open_as, world, "/xero/log")


# A connection that sync-orchestrator has not heard of yet.


def test_right_after_connecting_the_page_says_so_and_sends_the_same_wish_again(open_as: Open) -> None:
    world = connected(unheard={"syncs": 1})
    client = open_as(world)
    html = client.post("/xero/sync", data={"connection": "c-demo", "key": "k-1", "everything": "1"}).text
    assert "is being set up" in text_of(html)
    assert 'hx-post="/xero/sync" hx-trigger="load delay:1s"' in html
    again = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html))
    assert again == {"connection": "c-demo", "key": "k-1", "everything": "1", "tries": "1"}
    assert client.post("/xero/sync", data=again).status_code == 303
    started = [asked for asked in world.asked if asked["method"] == "POST"]
    assert [asked["headers"]["Idempotency-Key"] for asked in started] == ["k-1", "k-1"]


def test_right_after_connecting_the_settings_come_by_themselves(open_as: Open) -> None:
    client = open_as(connected(unheard={"settings": 1}))
    html = client.get("/xero/settings").text
    assert "is being set up" in text_of(html)
    assert 'hx-get="/xero/settings" hx-trigger="load delay:1s"' in html
    assert "Save Settings" in text_of(client.get("/xero/settings?connection=c-demo&tries=1").text)


def test_a_connection_that_stays_unheard_of_is_a_problem_in_the_end(open_as: Open) -> None:
    answer = open_as(connected(unheard={"syncs": 99})).post("/xero/sync", data={"connection": "c-demo", "tries": "30"})
    assert answer.status_code == 404
    assert "being set up" not in text_of(answer.text)


def test_pressing_sync_twice_with_one_form_sends_one_key(open_as: Open) -> None:
    world = connected()
    client = open_as(world)
    found = re.search(r'name="key" value="([^"]+)"', client.get("/xero/sync").text)
    assert found
    for _ in range(2):
        client.post("/xero/sync", data={"connection": "c-demo", "key": found[1]})
    started = [asked for asked in world.asked if asked["method"] == "POST"]
    assert [asked["headers"]["Idempotency-Key"] for asked in started] == [found[1]] * 2
    assert [asked["body"] for asked in started] == [{"connection_id": "c-demo", "kind": "delta"}] * 2
    assert found[1] not in client.get("/xero/sync").text


def test_cancelling_reaches_the_api(open_as: Open) -> None:
    world = connected(syncs=[a_sync()])
    assert open_as(world).post("/xero/sync/s-1/cancel", data={"connection": "c-demo"}).status_code == 303
    assert "/api/v1/syncs/s-1/cancel" in [asked["path"] for asked in world.asked]


# Completed with problems.


def test_an_ended_sync_sums_up_and_leads_to_the_log(open_as: Open) -> None:
    html = open_as(connected(syncs=[an_ended_sync()])).get("/xero/sync").text
    assert "Completed, some records failed" in text_of(html)
    assert "6.5 seconds" in text_of(html)
    assert 'href="/xero/log/s-1?result=left_out"' in html
    assert "data-progress" not in html


def test_a_sync_whose_log_is_still_being_written_is_looked_at_again(open_as: Open) -> None:
    behind = a_log(state="running", ended_at=None)
    html = open_as(connected(syncs=[an_ended_sync()], log=behind)).get("/xero/sync").text
    assert "The log is being written" in html
    assert "load delay:1s" in html
    assert "load delay:1s" not in open_as(connected(syncs=[an_ended_sync()])).get("/xero/sync").text


def test_the_log_names_who_was_left_out_and_why(open_as: Open) -> None:
    said = read(open_as, connected(), "/xero/log/s-1")
    assert "Bare Name Ltd Customer Left out no contact person with a last name" in said
    assert "210 customers left out: no contact person with a last name" in said
    assert "1 invoice failed: the total is no number" in said


def test_the_log_shows_sales_by_number_customer_and_total_and_leads_to_them(open_as: Open) -> None:
    html = open_as(connected()).get("/xero/log/s-1").text
    assert "INV-0077 Invoice Kea Interiors NZD 1,234.50 New" in text_of(html)
    assert 'href="/transactions/c-demo/invoice/i-77"' in html
    assert "x-3 Invoice Failed the total is no number" in text_of(html)


def test_the_list_of_syncs_says_how_many_records_came_in_were_left_out_and_failed(open_as: Open) -> None:
    said = read(open_as, connected(), "/xero/log")
    assert "6.5 s 8,949 250 1" in said


def test_the_log_shows_only_the_outcome_asked_for(open_as: Open) -> None:
    said = read(open_as, connected(), "/xero/log/s-1?result=failed")
    assert "x-3" in said
    assert "Bare Name Ltd" not in said


def test_the_sales_log_names_companies_and_says_who_is_left_out(open_as: Open) -> None:
    said = read(open_as, connected(), "/xero/sales")
    assert "INV-0077 Invoice Kea Interiors 5 Jan 2026 due 20 Jan 2026 Awaiting payment NZD 1,234.50 1,000.00" in said
    assert "INV-0078 Invoice Bare Name Ltd Left out" in said


def test_sales_are_searched_by_number_and_by_the_customers_name(open_as: Open) -> None:
    world = connected()
    read(open_as, world, "/xero/sales?search=kea")
    asked = next(asked["query"] for asked in world.asked if asked["path"] == "/api/v1/logs/sales")
    assert (asked["search"], asked["contact_ids"]) == ("kea", "x-9")


def test_a_payment_that_was_made_does_not_await_payment(open_as: Open) -> None:
    said = read(open_as, connected(), "/transactions/c-demo/payment/p-1")
    assert "Payment of NZD 234.50 Made" in said


def test_a_company_shows_what_it_owes_and_what_xero_says_of_it(open_as: Open) -> None:
    said = read(open_as, connected(), "/companies/co-1")
    assert "Outstanding NZD 1,000.00 Credit NZD 27.70 Outstanding less credit NZD 972.30 Overdue NZD 400.00" in said
    assert "in Kiwi Ltd (NZD)" in said
    assert "31 to 60 days: NZD 300.00" in said
    assert "1 to 30 days" not in said
    assert "archived in Xero" in said
    assert "Bo is left out: no last name." in said


def test_open_in_xero_shows_only_when_the_short_code_is_known(open_as: Open) -> None:
    assert "Open in Xero" not in read(open_as, connected(), "/companies/co-1")
    html = open_as(World(connections=[a_connection()], short_code="!abc")).get("/companies/co-1").text
    assert "shortcode=%21abc&amp;redirecturl=%2FContacts%2FView%2Fx-9" in html


def test_an_invoice_opens_with_its_lines_and_nothing_in_it_is_taken_for_html(open_as: Open) -> None:
    html = open_as(connected()).get("/transactions/c-demo/invoice/i-77").text
    assert "Oak chair &lt;b&gt;" in html
    assert "CHAIR Oak chair <b> 2 536.74 161.02 1,073.48" in text_of(html)


def test_an_invoice_shows_its_payments_and_the_credit_put_against_it(open_as: Open) -> None:
    html = open_as(World(connections=[a_connection()], short_code="!abc")).get("/transactions/c-demo/invoice/i-77").text
    said = text_of(html)
    assert "Payments NZD 234.50 on 5 Jan 2026, By card" in said
    assert "Credit put against it NZD 12.30 on 12 Jan 2026: credit note CN-0009" in said
    assert "/transactions/c-demo/credit_note/n-1" in html
    assert "redirecturl=%2FAccountsReceivable%2FView.aspx%3FInvoiceID%3Di-77" in html


def test_a_payment_says_what_it_is_for_and_has_no_lines(open_as: Open) -> None:
    said = read(open_as, connected(), "/transactions/c-demo/payment/p-1")
    assert "Payment of NZD 234.50" in said
    assert "For invoice INV-0077" in said
    assert "Xero gave no lines" not in said


def test_sales_are_filtered_by_kind(open_as: Open) -> None:
    world = connected()
    html = open_as(world).get("/companies/co-1?kind=credit_note&status=PAID").text
    assert '<option value="credit_note" selected>Credit note</option>' in html
    queries = [asked["query"] for asked in world.asked if asked["path"].endswith("/transactions")]
    assert queries == [{"kind": "credit_note", "status": "PAID"}]


def test_the_sync_page_is_about_the_last_sync_that_was_asked_for(open_as: Open) -> None:
    syncs = [an_ended_sync(id="s-2", kind="contacts", reads="contacts"), an_ended_sync()]
    assert "What changed, asked for by Ada Legrand" in read(open_as, connected(syncs=syncs), "/xero/sync")


def test_money_on_the_first_page_is_what_awaits_payment_per_currency(open_as: Open) -> None:
    assert "Owed by customers NZD 1,000.30 of NZD 6,000.00 invoiced" in read(open_as, connected(), "/")


# An API is down, or refuses.


@pytest.mark.parametrize(
    ("down", "page", "named", "still"),
    [
        ("syncs", "/", "sync-orchestrator", "NZD 1,000.30"),
        ("transactions", "/", "crm-writer", "Last sync"),
        ("logs", "/xero/sync", "log-service", "8,000 of 8,000"),
        ("logs", "/", "", "Last sync"),
        ("logs", "/xero/log", "log-service", "Sync Settings"),
        ("syncs", "/xero/sync", "sync-orchestrator", "View Log"),
        ("settings", "/xero/settings", "sync-orchestrator", "View Sales"),
        ("companies", "/companies/co-1", "crm-writer", "Contacts"),
        ("connections", "/companies", "auth-link", "Kea Interiors"),
        ("connections", "/xero/sync", "auth-link", "Companies"),
    ],
)
def test_what_is_down_is_named_and_the_rest_of_the_page_shows(
    open_as: Open, down: str, page: str, named: str, still: str
) -> None:
    said = read(open_as, connected(syncs=[an_ended_sync()], down={down}), page)
    assert still in said
    if named and (down, page) != ("connections", "/companies"):
        assert f"({named}) cannot be reached" in said
        assert "Try again" in said
    assert "cannot be reached" not in read(open_as, connected(syncs=[an_ended_sync()]), page)


def test_a_page_whose_main_part_is_down_says_so_in_its_status_too(open_as: Open) -> None:
    assert open_as(connected(down={"logs"})).get("/xero/log").status_code == 502


def test_the_gateways_own_refusal_becomes_the_name_of_the_part(open_as: Open) -> None:
    refused = {"type": "urn:accounting-link:problem:unavailable", "detail": "A service.", "reference": "ref-502"}
    said = read(open_as, connected(refused={"logs": (502, refused)}), "/xero/log")
    assert "the logs (log-service) cannot be reached" in said
    assert "ref-502" in said


def test_a_problem_is_told_with_what_to_do_and_its_reference(open_as: Open) -> None:
    lost = {"type": "/api/problems/connection-lost", "detail": "It is lost.", "do": "Connect.", "reference": "ref-409"}
    world = connected()
    client = open_as(world)
    world.refused["syncs"] = (409, lost)
    answer = client.post("/xero/sync", data={"connection": "c-demo"})
    assert answer.status_code == 409
    assert "It is lost. Connect. Accounting Link Reference ref-409" in text_of(answer.text)


def test_a_session_that_the_gateway_refuses_leads_to_signing_in(open_as: Open) -> None:
    refused = {"type": "/api/problems/not-signed-in", "detail": "You are not signed in.", "do": "Sign in."}
    html = open_as(connected(refused={"companies": (401, refused)})).get("/companies").text
    assert 'href="/sign-in?next=/companies' in html
    assert "Try again" not in html


def test_an_answer_that_is_no_json_does_not_break_the_page(open_as: Open) -> None:
    world = connected()
    world.refused["companies"] = (500, {})
    assert "Reference" in read(open_as, world, "/companies")


# The role that sees no money.


def test_who_sees_no_money_is_told_so_and_still_sees_companies_and_people(open_as: Open) -> None:
    refused = (403, NOT_ALLOWED)
    world = connected(refused={"transactions": refused, "records": refused})
    assert "Owed by customers" not in read(open_as, world, "/", "legrand:no-money")
    said = read(open_as, world, "/companies/co-1", "legrand:no-money")
    assert "Kim Kea" in said
    assert "Your role shows companies and contacts, but no sales." in said
    assert "Your role does not allow this" in read(
        open_as, world, "/transactions/c-demo/invoice/i-77", "legrand:no-money"
    )


# Several organisations.


def test_with_two_organisations_each_link_of_the_module_says_which(open_as: Open) -> None:
    world = connected()
    world.connections.append(a_connection(id="c-2", tenant_name="Second"))
    html = open_as(world).get("/xero/sync?connection=c-2").text
    assert 'href="/xero/log?connection=c-2"' in html
    assert {asked["path"] for asked in world.asked} >= {"/api/v1/syncs"}
    assert "connection=" not in open_as(connected()).get("/xero/log").text.partition("<main")[0]


@pytest.mark.parametrize("page", ["/", "/xero/sync", "/xero/log"])
def test_another_accounts_connection_is_none(open_as: Open, page: str) -> None:
    said = read(open_as, connected(syncs=[a_sync()]), f"{page}?connection=somebody-elses")
    assert "This organisation is not connected" in said
    assert "Legrand Demo Company (NZ)" not in said


def two_organisations() -> World:
    second = a_connection(id="c-2", tenant_name="Second")
    world = connected(syncs=[an_ended_sync()])
    world.connections.append(second)
    return world


@pytest.mark.parametrize("page", ["/", "/xero/settings", "/xero/sync", "/xero/log", "/xero/sales"])
def test_with_two_organisations_each_page_says_which_and_leads_to_the_other(open_as: Open, page: str) -> None:
    html = open_as(two_organisations()).get(f"{page}?connection=c-2").text
    assert re.search(r'href="[^"]*connection=c-2" aria-current="true">Second<', html)
    assert f'href="{page}?connection=c-demo"' in html
    assert 'aria-label="Organisation"' not in open_as(connected()).get(page).text


def test_the_organisation_looked_at_last_stays_chosen_where_an_address_names_none(open_as: Open) -> None:
    client = open_as(two_organisations())
    assert "Last sync Completed" in text_of(client.get("/").text)
    client.get("/xero/log?connection=c-2")
    client.get("/companies")
    assert "Nothing has been synced yet" in text_of(client.get("/").text)
    assert "Last sync Completed" in text_of(client.get("/?connection=c-demo").text)


@pytest.mark.parametrize("page", ["/xero/sync?sync=s-1&connection=c-2", "/xero/log/s-1?connection=c-2"])
def test_a_sync_is_never_shown_under_another_organisations_name(open_as: Open, page: str) -> None:
    answer = open_as(two_organisations()).get(page)
    assert answer.status_code == 303
    assert "connection=c-demo" in answer.location


# What each role is offered.


@pytest.mark.parametrize(
    ("page", "button", "person", "why"),
    [
        ("/xero/settings", "Save Settings", "legrand:member", "Only an administrator changes the settings."),
        ("/xero/settings", "Save Settings", "legrand:no-money", "Only an administrator changes the settings."),
        ("/xero/sync", "Sync", "legrand:no-money", "Your role does not start or stop syncs."),
        ("/xero/sync", "Cancel this sync", "legrand:no-money", "Your role does not start or stop syncs."),
        ("/accounting-link", "Connect to XERO", "legrand:member", "Only an administrator connects and disconnects."),
        ("/accounting-link", "Connect again", "legrand:no-money", "Only an administrator connects and disconnects."),
    ],
)
def test_a_button_that_a_role_may_not_use_is_not_offered_and_says_why(
    open_as: Open, page: str, button: str, person: str, why: str
) -> None:
    world = World(connections=[a_connection(), a_connection(id="c-2", state="lost")], syncs=[a_sync()])

    def may_press(who: str) -> bool:
        html = open_as(world, who).get(page).text
        form = re.search(r"<fieldset class=\"form\" disabled", html)
        found = re.search(rf"<button([^>]*)>{button}<", html)
        assert found
        assert (why in text_of(html)) == (who == person)
        return "disabled" not in found[1] and not form

    assert may_press("legrand:admin")
    assert not may_press(person)


def test_pages_that_a_role_may_not_see_are_not_linked(open_as: Open) -> None:
    world = connected(syncs=[an_ended_sync()])
    for page in ("/", "/xero/sync", "/accounting-link"):
        for_admin = open_as(world).get(page).text
        without_money = open_as(world, "legrand:no-money").get(page).text
        assert "/xero/sales" not in without_money
        assert "Disconnect" not in without_money
        assert "/accounting-link/audit" not in without_money
        assert ("/xero/sales" in for_admin) == (page != "/accounting-link")
        assert ("/accounting-link/audit" in for_admin) == (page == "/accounting-link")


@pytest.mark.parametrize(
    ("status", "slug", "may_pass"), [(404, "not-found", False), (400, "bad-cursor", False), (503, "unexpected", True)]
)
def test_try_again_is_offered_only_where_it_may_help(open_as: Open, status: int, slug: str, may_pass: bool) -> None:
    refused = {"type": f"/api/problems/{slug}", "detail": "No.", "reference": "r"}
    html = open_as(connected(refused={"companies": (status, refused)})).get("/companies?search=x&cursor=y").text
    assert ("Try again" in html) == may_pass
    assert ('href="/companies?search=x">Start at the first page' in html) == (slug == "bad-cursor")
