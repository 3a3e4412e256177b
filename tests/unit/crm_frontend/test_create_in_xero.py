"""A contact's page, a new contact, and Create in Xero: each state that a person meets, and each role."""

import re
from typing import Any

import pytest

from accounting_link.contracts.words import Refusal
from crm_frontend import words
from tests.unit.crm_frontend.conftest import NOW, Open, text_of
from tests.unit.crm_frontend.stub_gateway import (
    DEMO,
    PART,
    World,
    a_connection,
    a_created_export,
    a_person,
    a_refused_export,
    an_act,
    an_export,
    an_own_person,
    connected,
    own,
)

NEW, KIM = "/contacts/new", "/contacts/p-1"
ASK = f"{KIM}/create-in-xero?connection={DEMO}"
SEND = f"{KIM}/create-in-xero"
OFFER = f'href="{ASK}"'
OPENS = "redirecturl=%2FContacts%2FView%2F"
EVERYBODY = ("legrand:admin", "legrand:member", "legrand:no-money")
WHY_NOT = "Your role does not create contacts, neither here nor in Xero."


def wishes(world: World, path: str = "/api/v1/exports") -> list[Any]:
    return [one["body"] for one in world.asked if (one["method"], one["path"]) == ("POST", path)]


def actions(html: str) -> str:
    """The sidebar of that name."""
    found = re.search(r'<aside id="actions".*?</aside>', html, re.DOTALL)
    assert found
    return found[0]


def two_organisations(**changes: Any) -> World:
    world = own(**changes)
    world.connections.append(a_connection(id="c-2", tenant_name="Second"))
    return world


def lost(**changes: Any) -> World:
    return own(connections=[a_connection(state="lost")], **changes)


# The list, and a new contact.


def test_names_in_the_list_and_on_a_companys_page_lead_to_the_person(open_as: Open) -> None:
    assert f'<a href="{KIM}">Kea</a>' in open_as(connected()).get("/contacts").text
    assert f'<a href="{KIM}"><strong>Kim Kea</strong></a>' in open_as(connected()).get("/companies/co-1").text


@pytest.mark.parametrize("person", EVERYBODY)
@pytest.mark.parametrize("has_records", [True, False])
def test_a_new_contact_is_offered_to_who_may_and_others_are_told_why_not(
    open_as: Open, person: str, has_records: bool
) -> None:
    html = open_as(connected(has_records=has_records), person).get("/contacts").text
    may = person != "legrand:no-money"
    assert html.count(f'href="{NEW}"') == (0 if not may else 1 if has_records else 2)
    assert (WHY_NOT in text_of(html)) != may
    form = open_as(connected(), person).get(NEW).text
    assert ('<fieldset class="form" disabled>' in form) != may
    assert (WHY_NOT in text_of(form)) != may


def test_a_new_contact_reaches_the_api_as_typed_and_leads_to_its_page(open_as: Open) -> None:
    world = own()
    browser = open_as(world)
    answer = browser.post(NEW, data={"first_name": " ", "last_name": " Tui ", "email": "", "company_name": "Tui & Co"})

    assert wishes(world, "/api/v1/contacts") == [{"last_name": "Tui", "company_name": "Tui & Co"}]
    assert (answer.status_code, answer.location) == (303, "/contacts/p-new")
    assert "Tui Email None Company Tui & Co Comes from Legrand Cloud CRM" in text_of(browser.get(answer.location).text)
    assert wishes(world) == []


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(open_as: Open) -> None:
    fields = {"json": {"last_name": ["Longer than 255."], "email": "Not an email.", "colour": ["Unknown field."]}}
    invalid = {"type": "/api/problems/invalid", "detail": "Some of this is not valid.", "fields": fields}
    answer = open_as(own(refused={"contacts": (422, invalid)})).post(
        NEW, data={"last_name": 'Tui "x"', "email": "<b>", "company_name": "Tui & Co"}
    )

    assert answer.status_code == 422
    for typed in ('value="Tui &#34;x&#34;"', 'value="&lt;b&gt;"', 'value="Tui &amp; Co"'):
        assert typed in answer.text
    for name, said in (("last_name", "Longer than 255."), ("email", "Not an email.")):
        assert re.search(rf'<input id="{name}"[^>]* aria-invalid="true" aria-describedby="{name}-wrong">', answer.text)
        assert f'<p class="wrong" id="{name}-wrong">{said}</p>' in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert "Some of this is not valid. If it stays, tell support the reference. colour : Unknown field. Ref" in text_of(
        answer.text
    )


def test_what_is_wrong_with_something_else_stands_above_the_form(open_as: Open) -> None:
    fields = {"json": {"colour": ["Unknown field."]}}
    invalid = {"type": "/api/problems/invalid", "detail": "Some of this is not valid.", "fields": fields}
    html = open_as(own(refused={"contacts": (422, invalid)})).post(NEW, data={"last_name": "Tui"}).text
    assert "colour : Unknown field." in text_of(html)
    assert "aria-invalid" not in html


def test_companies_that_are_here_are_suggested_while_one_types(open_as: Open) -> None:
    world = own()
    browser = open_as(world)
    assert browser.get("/contacts/companies?company_name=ke").text.strip() == '<option value="Kea Interiors"></option>'
    assert [one["query"]["search"] for one in world.asked] == ["ke"]
    assert browser.get("/contacts/companies?company_name=").text.strip() == ""
    assert len(world.asked) == 1


# A contact's page.


def test_a_person_from_xero_says_so_and_opens_in_xero(open_as: Open) -> None:
    html = open_as(connected(short_code="!abc")).get(KIM).text
    said = text_of(html)
    assert "Comes from Xero, Legrand Demo Company (NZ)" in said
    assert "Names and email come from Xero; change them there." in said
    assert 'href="/companies/co-1"' in html
    assert f"shortcode=%21abc&amp;{OPENS}x-9" in actions(html)
    assert "Create in Xero" not in html


def test_an_own_person_is_the_crms_and_can_be_created_in_xero(open_as: Open) -> None:
    html = open_as(own()).get(KIM).text
    assert "Comes from Legrand Cloud CRM" in text_of(html)
    assert "come from Xero" not in text_of(html)
    assert OFFER in actions(html)
    assert "Open in Xero" not in html


def test_open_in_xero_is_explained_while_its_address_is_not_known(open_as: Open) -> None:
    said = text_of(actions(open_as(connected()).get(KIM).text))
    assert said == "Actions Open in Xero shows here once Xero has told the address of this organisation."


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"main": True}, "Main contact"), ({"gone": True}, "No longer in Xero"), ({"company_id": None}, "Company None")],
)
def test_a_persons_page_says_what_is_special_of_them(open_as: Open, changes: dict[str, Any], said: str) -> None:
    usual = {"main": False}
    assert said in text_of(open_as(own(person=an_own_person(**usual | changes))).get(KIM).text)
    assert said not in text_of(open_as(own(person=an_own_person(**usual))).get(KIM).text)


def test_a_person_from_an_organisation_that_was_disconnected_says_since_when(open_as: Open) -> None:
    gone = a_connection(state="disconnected", disconnected_at="2026-03-01T12:00:00+00:00")
    html = open_as(connected(connections=[gone], short_code="!abc")).get(KIM).text
    assert "Disconnected from Xero since 1 Mar 2026, 12:00 UTC" in text_of(html)
    assert f"{OPENS}x-9" in actions(html)


def test_nothing_that_was_typed_or_that_xero_said_is_taken_for_html(open_as: Open) -> None:
    evil = "<script>x</script>"
    person = an_own_person(first_name=evil, email=evil, company_name=evil)
    for state in (an_export(name=evil), a_created_export(name=evil), a_refused_export("not_valid", detail=evil)):
        world = own(person=person, exports=[{**state, "requested_by_name": evil}])
        for page in (KIM, f"{KIM}/exports", ASK, "/contacts", "/companies/co-1"):
            html = open_as(world).get(page).text
            assert "<script>x" not in html
            assert page == ASK or "&lt;script&gt;x" in html


def test_control_the_search_finds_a_script_that_is_not_escaped(open_as: Open) -> None:
    evil = "<script>x</script>"
    assert "<script>x" in open_as(own(person=an_own_person(first_name=evil))).get(KIM).text.replace(
        "&lt;", "<"
    ).replace("&gt;", ">")


def test_a_contact_that_is_not_here_is_told_as_such(open_as: Open) -> None:
    answer = open_as(own()).get("/contacts/somebody-elses")
    assert answer.status_code == 404
    assert "Actions" not in text_of(answer.text)


# Who is offered Create in Xero, and where.


@pytest.mark.parametrize("person", EVERYBODY)
def test_create_in_xero_is_offered_to_who_may_and_others_are_told_why_not(open_as: Open, person: str) -> None:
    may = person != "legrand:no-money"
    for page in (KIM, ASK, "/companies/co-1"):
        html = open_as(own(), person).get(page).text
        assert (WHY_NOT in text_of(html)) != may, page
    assert (OFFER in open_as(own(), person).get(KIM).text) == may
    assert f'<button class="primary"{"" if may else " disabled"}>OK<' in open_as(own(), person).get(ASK).text


@pytest.mark.parametrize("state", ["requested", "refused"])
def test_who_may_not_create_is_not_offered_it_once_more_either(open_as: Open, state: str) -> None:
    old = an_export(requested_at="2026-03-02T08:00:00+00:00")
    export = old if state == "requested" else a_refused_export("already_there")
    html = open_as(own(exports=[export]), "legrand:no-money").get(KIM).text.partition("<main")[2]
    assert "<button" not in html
    assert "create-in-xero" not in html
    assert NEW not in html
    assert "create-in-xero" in open_as(own(exports=[export])).get(KIM).text


def test_each_organisation_that_stands_has_its_own_button(open_as: Open) -> None:
    html = actions(open_as(two_organisations()).get(KIM).text)
    assert text_of(html) == (
        "Actions Legrand Demo Company (NZ) Create in Xero in Legrand Demo Company (NZ) Second Create in Xero in Second"
    )
    assert OFFER in html
    assert f'href="{SEND}?connection=c-2"' in html


def test_where_the_company_is_in_xero_already_the_person_is_to_be_added_there(open_as: Open) -> None:
    html = actions(open_as(own(parts=[PART])).get(KIM).text)
    assert "The company Kea Interiors is in Xero already. Add Kim Kea to it there." in text_of(html)
    assert f"{OPENS}x-9" in html
    assert "Create in Xero" not in html


def test_the_companys_part_of_one_organisation_says_nothing_of_another(open_as: Open) -> None:
    html = actions(open_as(two_organisations(parts=[PART])).get(KIM).text)
    assert OFFER not in html
    assert f'href="{SEND}?connection=c-2"' in html


def test_what_was_created_for_somebody_else_of_the_company_makes_the_company_be_there(open_as: Open) -> None:
    html = open_as(own(exports=[a_created_export(contact_id="p-2")])).get(KIM).text
    assert "The company Kea Interiors is in Xero already" in text_of(actions(html))
    assert f"{OPENS}x-new" in actions(html)


@pytest.mark.parametrize(
    ("person", "said", "link"),
    [("legrand:admin", "", True), ("legrand:member", "Ask an administrator to connect", False)],
)
@pytest.mark.parametrize(
    ("world", "why"),
    [
        (own(connections=[]), "No Xero organisation is connected."),
        (own(connections=[a_connection(state="disconnected")]), "No Xero organisation is connected."),
        (lost(), "Xero no longer accepts the connection to Legrand Demo Company (NZ)"),
        (lost(exports=[a_refused_export("connection_lost")]), "Xero no longer accepts the connection"),
    ],
)
def test_without_a_connection_that_works_it_is_not_offered_and_the_page_says_what_to_do(
    open_as: Open, world: World, why: str, person: str, said: str, link: bool
) -> None:
    html = actions(open_as(world, person).get(KIM).text)
    assert why in text_of(html)
    assert said in text_of(html)
    assert ('href="/accounting-link"' in html) == link
    assert "Create in Xero" not in html


@pytest.mark.parametrize("down", ["companies", "connections"])
def test_while_it_is_not_known_how_the_company_stands_nothing_is_offered(open_as: Open, down: str) -> None:
    html = open_as(own(down={down})).get(KIM).text
    assert "cannot be reached" in text_of(actions(html))
    assert "kim@kea.test" in html
    assert "Create in Xero" not in html
    assert ">OK<" not in open_as(own(down={down})).get(ASK).text


def test_a_person_from_xero_needs_nothing_else_to_be_known(open_as: Open) -> None:
    html = open_as(connected(down={"companies", "connections"}, short_code="!abc")).get(KIM).text
    assert f"{OPENS}x-9" in actions(html)
    assert "cannot be reached" not in html


# Confirming.


def test_what_xero_will_get_is_said_before_anything_happens(open_as: Open) -> None:
    world = own()
    html = open_as(world).get(ASK).text
    said = text_of(html)
    for told in (
        "Legrand Demo Company (NZ) gets this new contact in Xero",
        "Name Kea Interiors Main person Kim Kea Email kim@kea.test",
        "Nothing that stands in Xero is changed.",
        "OK Cancel",
    ):
        assert told in said
    assert f'<a class="button" href="{KIM}">Cancel</a>' in html
    assert wishes(world) == []


def test_without_a_company_the_person_is_the_name(open_as: Open) -> None:
    nobodys = an_own_person(company_id=None, company_name=None, first_name="", email="")
    said = text_of(open_as(own(person=nobodys)).get(ASK).text)
    assert "Name Kea Main person Kea Email None" in said


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (own(parts=[PART]), "There is nothing to create"),
        (connected(), "There is nothing to create"),
        (own(exports=[an_export()]), "There is nothing to create"),
        (own(exports=[a_created_export()]), "There is nothing to create"),
        (lost(), "This organisation is not connected to Xero now"),
        (own(connections=[]), "This organisation is not connected to Xero now"),
        (own(connections=[a_connection(id="c-2")]), "This organisation is not connected to Xero now"),
    ],
)
def test_where_there_is_nothing_to_confirm_there_is_no_ok(open_as: Open, world: World, said: str) -> None:
    html = open_as(world).get(ASK).text
    assert said in text_of(html)
    assert ">OK<" not in html
    assert f'href="{KIM}"' in html


def test_control_where_there_is_there_is(open_as: Open) -> None:
    for world in (own(), own(exports=[a_refused_export("unavailable")])):
        assert ">OK<" in open_as(world).get(ASK).text


def test_confirmed_it_is_asked_for_and_followed_until_it_is_in_xero(open_as: Open) -> None:
    world = own()
    browser = open_as(world)
    answer = browser.post(SEND, data={"connection": DEMO})

    assert wishes(world) == [{"connection_id": DEMO, "contact_id": "p-1"}]
    assert (answer.status_code, answer.location) == (303, KIM)
    html = browser.get(KIM).text
    assert "Creating in Xero" in text_of(actions(html))
    assert f'hx-get="{KIM}/exports" hx-trigger="every 1s"' in html

    still = browser.get(f"{KIM}/exports").text
    assert "every 1s" in still
    assert "<aside" not in still  # who stands on a button there keeps it
    assert "<main" not in still

    world.exports[0] = a_created_export()
    html = browser.get(f"{KIM}/exports").text
    assert "every" not in html
    assert "In Xero created in Legrand Demo Company (NZ) by Ada Legrand, 2 Mar 2026, 09:00 UTC" in text_of(html)
    assert 'hx-swap-oob="true"' in actions(html)
    assert f"{OPENS}x-new" in actions(html)


def test_control_a_page_that_is_opened_swaps_nothing(open_as: Open) -> None:
    html = open_as(own(exports=[a_created_export()])).get(KIM).text
    assert "hx-swap-oob" not in html
    assert html.count('id="actions"') == 1


@pytest.mark.parametrize("removed", [True, False])
def test_what_was_created_and_removed_here_since_may_be_asked_for_again(open_as: Open, removed: bool) -> None:
    html = open_as(own(exports=[a_created_export(removed=removed)])).get(KIM).text
    assert ("create-in-xero" in html, "In Xero" in text_of(html)) == (removed, not removed)


def test_what_the_api_refuses_is_told_with_what_to_do_and_leads_back(open_as: Open) -> None:
    refused = {
        "type": "/api/problems/already-in-xero",
        "detail": "Kea Interiors comes from Xero.",
        "do": "Open it there.",
        "reference": "ref-409",
    }
    answer = open_as(own(refused={"exports": (409, refused)})).post(SEND, data={"connection": DEMO})
    assert answer.status_code == 409
    assert "Kea Interiors comes from Xero. Open it there. Reference ref-409" in text_of(answer.text)
    assert f'href="{KIM}"' in answer.text


def test_a_role_that_may_not_is_refused_by_the_api_whatever_it_sends(open_as: Open) -> None:
    no = {"type": "/api/problems/not-allowed", "detail": "Your role does not allow this."}
    world = own(refused={"exports": (403, no), "contacts": (403, no)})
    for address, form in ((SEND, {"connection": DEMO}), (NEW, {"last_name": "Tui"})):
        answer = open_as(world, "legrand:no-money").post(address, data=form)
        assert answer.status_code == 403
        assert "Your role does not allow this." in text_of(answer.text)


def test_the_part_that_is_down_is_named(open_as: Open) -> None:
    answer = open_as(own(down={"exports"})).post(SEND, data={"connection": DEMO})
    assert answer.status_code == 502
    assert "companies, contacts and sales (crm-writer) cannot be reached" in text_of(answer.text)


@pytest.mark.parametrize(("address", "form"), [(SEND, {"connection": DEMO}), (NEW, {"last_name": "Tui"})])
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_forged_form_sends_nothing(
    open_as: Open, address: str, form: dict[str, str], headers: dict[str, str]
) -> None:
    world = own()
    assert open_as(world).post(address, data=form, headers=headers).status_code == 403
    assert world.asked == []


@pytest.mark.parametrize(("address", "form"), [(SEND, {"connection": DEMO}), (NEW, {"last_name": "Tui"})])
def test_control_the_same_form_from_its_own_page_is_sent(open_as: Open, address: str, form: dict[str, str]) -> None:
    world = own()
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    assert open_as(world).post(address, data=form, headers=headers).status_code == 303
    assert [one["method"] for one in world.asked] == ["POST"]


# What came of it.


def test_one_that_takes_longer_than_two_minutes_can_be_asked_for_again(open_as: Open) -> None:
    world = own(exports=[an_export(requested_at="2026-03-02T08:57:00+00:00")])
    browser = open_as(world)
    html = browser.get(KIM).text
    assert "takes longer than it should" in text_of(html)
    assert "every 5s" in html
    form = re.search(
        rf'<form method="post" action="{SEND}"><input type="hidden" name="connection" value="(\S+)">', html
    )
    assert form
    assert browser.post(SEND, data={"connection": form[1]}).status_code == 303
    assert wishes(world) == [{"connection_id": DEMO, "contact_id": "p-1"}]


def test_control_one_of_a_minute_ago_cannot(open_as: Open) -> None:
    said = text_of(open_as(own(exports=[an_export(requested_at="2026-03-02T08:59:00+00:00")])).get(KIM).text)
    assert "takes longer" not in said
    assert "Ask again" not in said
    assert f"{NOW:%H:%M}" == "09:00"


def test_every_refusal_has_words_of_what_to_do() -> None:
    assert words.REFUSALS.keys() == set(Refusal)


# What to do, the links that a refusal offers an administrator, and those that it offers a member.
REFUSED = {
    "already_there": ("make a new contact with another company name", {"xero", "sync", "new"}, {"xero", "sync", "new"}),
    "not_valid": ("Make a new contact with that put right", {"new"}, {"new"}),
    "not_granted": ("An administrator connects again", {"link"}, set()),
    "connection_lost": ("An administrator connects again", {"link"}, set()),
    "limit_reached": ("Create it again later", set(), set()),
    "unavailable": ("in a few minutes", set(), set()),
}
LINKS = {"xero": OPENS + "x-5", "sync": "/xero/sync?", "new": f"{NEW}?like=p-1", "link": '"/accounting-link"'}


@pytest.mark.parametrize("refusal", Refusal)
def test_a_refusal_says_what_xero_said_and_what_to_do_and_offers_it_again(open_as: Open, refusal: Refusal) -> None:
    do, *offered = REFUSED[refusal]
    world = own(exports=[a_refused_export(refusal, xero_id="x-5" if refusal == Refusal.ALREADY_THERE else None)])
    for person, links in zip(("legrand:admin", "legrand:member"), offered, strict=True):
        html = open_as(world, person).get(KIM).text
        panel = html.partition('<section id="exports"')[2].partition("</section>")[0]
        said = text_of(panel)
        assert "in Legrand Demo Company (NZ), asked for by Ada Legrand, 2 Mar 2026, 09:00 UTC" in said
        assert "Not created in Xero" in said
        assert f"Xero said {refusal} <b>." in said
        assert do in said
        assert "Reference ref-7" in said
        assert {name for name, address in LINKS.items() if address in panel} == links
        assert "hx-" not in panel
        assert OFFER in actions(html)
        assert "Create in Xero again" in text_of(actions(html))


def test_only_the_latest_of_each_organisation_is_shown(open_as: Open) -> None:
    older = a_refused_export("unavailable", id="e-0")
    second = a_refused_export("limit_reached", id="e-2", connection_id="c-2")
    html = open_as(two_organisations(exports=[a_created_export(), second, older])).get(KIM).text
    said = text_of(html)
    assert "created in Legrand Demo Company (NZ)" in said
    assert "Xero said limit_reached" in said
    assert "Xero said unavailable" not in said
    assert f"{OPENS}x-new" in actions(html)
    assert f'href="{SEND}?connection=c-2"' in actions(html)


def test_a_refusal_says_nothing_any_more_once_the_company_came_from_xero(open_as: Open) -> None:
    said = text_of(open_as(own(parts=[PART], exports=[a_refused_export("already_there")])).get(KIM).text)
    assert "Not created in Xero" not in said
    assert "is in Xero already" in said


def test_who_was_created_and_is_linked_now_still_says_by_whom(open_as: Open) -> None:
    html = open_as(own(person=a_person(contact_id="x-new"), exports=[a_created_export()])).get(KIM).text
    assert "created in Legrand Demo Company (NZ) by Ada Legrand" in text_of(html)
    assert f"{OPENS}x-new" in actions(html)


def test_what_was_created_opens_also_after_the_organisation_was_disconnected(open_as: Open) -> None:
    world = own(connections=[a_connection(state="disconnected")], exports=[a_created_export()])
    html = open_as(world).get(KIM).text
    assert f"{OPENS}x-new" in actions(html)
    assert "No Xero organisation" not in html


def test_a_look_that_fails_is_told_and_tried_again_and_one_that_never_helps_is_not(open_as: Open) -> None:
    html = open_as(own(down={"contacts"})).get(f"{KIM}/exports").text
    assert "cannot be reached" in text_of(html)
    assert "every 5s" in html
    assert f'href="{KIM}">Try again' in html
    assert "every" not in open_as(own()).get("/contacts/somebody-elses/exports").text


# Companies that Xero does not know of, and the audit log.


def test_a_company_that_is_not_in_xero_says_so_and_how_it_gets_there(open_as: Open) -> None:
    world = own()
    html = open_as(world).get("/companies/co-1").text
    said = text_of(html)
    assert "This company is not in Xero." in said
    assert f'<a class="button" href="{KIM}">Open Kim Kea</a>' in html
    for nothing in ("no sales transactions", "Transactions", "Outstanding"):
        assert nothing not in said
    assert not [one for one in world.asked if one["path"].endswith("/transactions")]


def test_control_one_that_is_says_nothing_of_it(open_as: Open) -> None:
    said = text_of(open_as(connected()).get("/companies/co-1").text)
    assert "not in Xero" not in said
    assert "Transactions" in said


def test_a_company_without_people_and_without_xero_leads_to_a_new_contact_of_it(open_as: Open) -> None:
    html = open_as(own(has_records=False)).get("/companies/co-1").text
    assert 'href="/contacts/new?company_name=Kea+Interiors"' in html
    form = open_as(own()).get("/contacts/new?company_name=Kea+Interiors").text
    assert re.search(r'<input id="company_name"[^>]* value="Kea Interiors"', form)


@pytest.mark.parametrize("parts", [[], None])
@pytest.mark.parametrize("page", ["/companies", "/companies/co-1", KIM, ASK, "/xero/sales?search=kea"])
def test_a_company_without_parts_breaks_no_page(open_as: Open, page: str, parts: Any) -> None:
    assert open_as(own(parts=parts)).get(page).status_code == 200


def test_the_list_of_companies_says_which_are_not_in_xero(open_as: Open) -> None:
    assert "Kea Interiors Not in Xero" in text_of(open_as(own()).get("/companies").text)
    assert "Not in Xero" not in text_of(open_as(connected()).get("/companies").text)


@pytest.mark.parametrize("short_code", ["!abc", ""])
def test_the_audit_log_leads_to_the_contact_here_and_in_xero_and_shows_no_bare_id(
    open_as: Open, short_code: str
) -> None:
    act = an_act(act="created_in_xero", about="p-1", details={"xero_contact": "x-new"})
    html = open_as(own(acts=[act], short_code=short_code)).get("/accounting-link/audit").text
    assert "Created a contact in Xero See the contact" in text_of(html)
    assert f'href="{KIM}"' in html
    assert (f"{OPENS}x-new" in html) == bool(short_code)
    assert "x-new" not in text_of(html)
    assert "xero contact" not in text_of(html)
    assert "frequency: Every day" in text_of(html)
    assert '<option value="created_in_xero">' in html


# What stands there already, a second organisation, and what was typed.


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (
            {"company_id": "co-7", "company_name": "Kea & Co", "state": "imported", "reason": ""},
            "It is here already: Kea & Co",
        ),
        (
            {"company_id": None, "state": "left_out", "reason": "no company name"},
            "It was left out here: No company name.",
        ),
        ({"company_id": None, "state": "failed", "reason": "an odd date"}, "It could not be imported: An odd date."),
        ({"company_id": None, "state": None, "reason": ""}, "a sync brings it here"),
    ],
)
def test_of_what_stands_there_already_it_is_said_how_it_stands_here(
    open_as: Open, standing: dict[str, Any], said: str
) -> None:
    export = a_refused_export("already_there", xero_id="x-5", standing=standing)
    html = open_as(own(exports=[export])).get(KIM).text
    assert said in text_of(html)
    assert ('href="/companies/co-7"' in html) == (standing["company_id"] == "co-7")
    assert ("Go to Sync" in html) == (standing["state"] is None)


def test_who_comes_from_one_organisation_may_be_created_in_another(open_as: Open) -> None:
    world = two_organisations(person=a_person(), parts=[PART])
    shown = actions(open_as(world).get(KIM).text)
    assert f"{OPENS}x-9" in shown
    assert f'href="{SEND}?connection=c-2"' in shown
    assert OFFER not in shown


def test_a_refusal_of_another_organisation_stays_in_sight(open_as: Open) -> None:
    refused = a_refused_export("not_valid", connection_id="c-2")
    world = two_organisations(person=a_person(), parts=[PART], exports=[refused])
    assert "Xero said not_valid" in text_of(open_as(world).get(KIM).text)


def keys(world: World) -> list[str]:
    """Of what was asked to be made."""
    asked = [one for one in world.asked if (one["method"], one["path"]) == ("POST", "/api/v1/contacts")]
    return [one["headers"]["Idempotency-Key"] for one in asked]


def test_pressed_twice_one_key_is_sent_and_a_fresh_form_has_another(open_as: Open) -> None:
    world = own()
    browser = open_as(world)
    form = {"last_name": "Kea", "key": key_of(browser.get(NEW).text)}
    for _ in range(2):
        browser.post(NEW, data=form)
    first, second = keys(world)
    assert first == second == form["key"] != key_of(browser.get(NEW).text)


def key_of(html: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f-]{36})"', html)
    assert found
    return found[1]


def test_a_form_that_reached_nobody_is_pressed_again_with_what_was_typed_and_the_same_key(open_as: Open) -> None:
    world = own(down={"contacts"})
    form = {"last_name": "Kea", "email": "kim@kea.test", "key": "0" * 8 + "-0000-4000-8000-" + "0" * 12}
    html = open_as(world).post(NEW, data=form).text
    assert 'value="kim@kea.test"' in html
    assert key_of(html) == form["key"]
    assert "Try again</a>" not in html, "a link would lose what was typed"


def test_a_contact_like_another_has_its_names_filled_in_and_none_of_them_in_the_address(open_as: Open) -> None:
    html = open_as(own()).get(f"{NEW}?like=p-1").text
    assert 'value="Kim"' in html
    assert 'value="kim@kea.test"' in html
    assert 'name="company_name" value=""' in html
