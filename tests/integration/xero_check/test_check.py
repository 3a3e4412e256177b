"""`make xero-check` on the simulator: as expected where it is faithful, "differs" where it is told to be otherwise."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.xero_check.__main__ import DOCUMENT, assumed, keep, lines, main
from deploy.xero_check.assumptions import CHECKS
from tests.integration.xero_check.conftest import Served

ROOT = Path(__file__).resolve().parents[3]
# What one walk cannot show: what takes days, a huge organisation, another consent or somebody else.
UNSEEN = {"X15", "X28", "X53", "X54", "X55", "X56", "X57", "X58", "X66"}
WRITTEN = {*(f"X{n}" for n in range(48, 53)), *(f"X{n}" for n in range(60, 66))}
# One after another on each list: its first page, a small one, the next, two by id, since, nothing newer. Of contacts
# then those named, the active ones, and what is written: created, again, of the same name, of the same number.
SINCE, NAMED, ACTIVE, CREATED = 5, 7, 8, 9
SAME_NUMBER = {"after": CREATED + 3, "count": 1}
LISTED = {"count": 1}  # the first page alone
Rule = dict[str, Any]


def rewrite(path: str, pattern: str, by: str, **when: int) -> Rule:
    return {"kind": "rewrite", "path": path, "pattern": pattern, "by": by, **when}


def header(name: str, value: str = "", **when: Any) -> Rule:
    return {"kind": "header", "name": name, "value": value, **when}


def ignore(path: str, name: str, **when: int) -> Rule:
    return {"kind": "ignore", "path": path, "name": name, **when}


def answer(path: str, status: int, body: str = "", **when: int) -> Rule:
    more = {"status": status, "body": body, "content_type": "application/json"}
    return {"kind": "answer", "path": path, **more, **when}


TOKEN, CONTACTS, INVOICES, NOTES, PAYMENTS = (
    "^/connect/token",
    "^/Contacts$",
    "^/Invoices$",
    "^/CreditNotes$",
    "^/Payments$",
)
OTHERWISE: dict[str, list[Rule]] = {
    "X02": [rewrite(TOKEN, '"expires_in":1800', '"expires_in":1200')],
    "X03": [rewrite(TOKEN, r" accounting\.settings\.read", "")],
    "X04": [rewrite(TOKEN, ',"refresh_token":"[^"]+"', "", after=1, count=1)],
    "X05": [{"kind": "token_death", "path": TOKEN, "after": 2, "count": 1}],
    "X06": [answer(TOKEN, 200, '{"access_token": "a", "expires_in": 1800, "token_type": "Bearer"}', after=3)],
    "X07": [{"kind": "unclaimed", "path": TOKEN, "name": "xero_userid"}],
    "X08": [rewrite("^/connections", '"tenantName"', '"name"', after=1)],
    "X09": [answer("^/Organisation$", 400, after=1, count=1)],
    "X10": [answer("^/Organisation$", 404, after=2, count=1)],
    "X11": [header("X-AppMinLimit-Remaining", path="^/[A-Z]")],
    "X12": [header("X-DayLimit-Remaining", "4000", path="^/[A-Z]")],
    "X13": [header("Date", "never", path="^/[A-Z]")],
    "X14": [header("X-Rate-Limit-Problem", path="^/Organisation$", after=3)],
    "X17": [rewrite(CONTACTS, r'"pageCount":\d+', '"pageCount":99')],
    "X18": [answer(PAYMENTS, 400, "{}", **LISTED)],
    "X19": [{"kind": "repeat", "path": PAYMENTS, "after": 4, "count": 1}],
    "X20": [ignore(INVOICES, "where", count=7)],
    "X21": [ignore(CONTACTS, "If-Modified-Since", after=SINCE, count=1)],
    "X22": [answer(CONTACTS, 304, after=SINCE, count=1)],
    "X24": [rewrite(INVOICES, '"InvoiceID":"', '"InvoiceID":"0', after=2, count=1)],
    "X25": [ignore(CONTACTS, "IDs")],
    "X26": [rewrite(CONTACTS, '"IsSupplier":(true|false),', "", after=NAMED, count=1)],
    "X27": [rewrite(CONTACTS, '"ContactStatus":"ACTIVE"', '"ContactStatus":"ARCHIVED"', after=ACTIVE, count=1)],
    "X28": [answer("^/Contacts/", 500, "HighVolumeException", count=1)],
    "X29": [ignore(INVOICES, "where", after=7)],
    "X30": [rewrite(CONTACTS, r'"FirstName":"\w+"', '"FirstName":5', **LISTED)],
    "X31": [rewrite(PAYMENTS, r'("UpdatedDateUTC":"/Date\(\d+)\+0000', r"\1")],
    "X32": [rewrite("^/[A-Z]", r"\d{3}\+0000", "000+0000")],
    "X33": [rewrite(INVOICES, r'"DateString":"\d{4}', '"DateString":"2001', **LISTED)],
    "X34": [rewrite(NOTES, r'"SubTotal":([\d.]+)', r'"SubTotal":"\1"', **LISTED)],
    "X35": [ignore(INVOICES, "page", **LISTED), ignore(INVOICES, "pageSize", **LISTED)],
    "X36": [rewrite(INVOICES, r'"AmountPaid":[\d.]+', '"AmountPaid":77.25', **LISTED)],
    "X37": [rewrite(INVOICES, r'("VOIDED".*?"AmountDue":)[\d.]+', r"\g<1>5.00", **LISTED)],
    "X38": [rewrite("^/Overpayments$", '"Status":"PAID"', '"Status":"SETTLED"')],
    "X39": [rewrite(CONTACTS, '"IsCustomer":true', '"IsCustomer":false', **LISTED)],
    "X40": [rewrite(CONTACTS, ',"MergedToContactID":"[^"]+"', "", **LISTED)],
    "X41": [rewrite(PAYMENTS, r'"CurrencyCode":"\w+",', "", **LISTED)],
    "X42": [rewrite(NOTES, r'"RemainingCredit":[\d.]+', '"RemainingCredit":0.01', **LISTED)],
    "X43": [rewrite(INVOICES, r'"CurrencyCode":"\w+"', '"CurrencyCode":""', **LISTED)],
    "X44": [rewrite("^/Organisation$", r'"Timezone":"\w+"', '"Timezone":"MIDDLEEARTHTIME"')],
    "X45": [rewrite("^/Organisation$", '"ShortCode":"!', '"ShortCode":"')],
    "X46": [ignore("^/Invoices/", "Accept")],
    "X47": [answer("OnlineInvoice$", 404)],
    "X48": [rewrite(CONTACTS, '"ContactStatus":"ACTIVE"', '"ContactStatus":"NEW"', after=CREATED, count=1)],
    "X49": [ignore(CONTACTS, "Idempotency-Key")],
    "X50": [rewrite(CONTACTS, "unique", "ours")],
    "X51": [rewrite("^/Contacts/", '"ContactStatus":"ARCHIVED"', '"ContactStatus":"ACTIVE"')],
    "X59": [rewrite(PAYMENTS, '"DateTimeUTC"', '"Time"', **LISTED)],
    "X52": [rewrite("^/Contacts/", "[Aa]rchived", "gone")],
    "X60": [answer("^/Contacts/crm-", 404)],
    "X61": [answer(CONTACTS, 200, '{"Contacts":[{"ValidationErrors":[{"Message":"No."}]}]}', **SAME_NUMBER)],
    "X62": [rewrite("^/Contacts/[0-9a-f]{8}-", '"FirstName":"Checking"', '"FirstName":"Eve"')],
    "X63": [ignore(CONTACTS, "where")],
    "X64": [ignore(CONTACTS, "searchTerm")],
    "X65": [rewrite(CONTACTS, "ValidationErrors", "Errors", **SAME_NUMBER)],
}
SETTINGS: dict[str, dict[str, Any]] = {"X16": {"page_cap": 100}, "X23": {"answer_304": False}}


def test_the_document_and_the_checks_have_the_same_assumptions() -> None:
    rows = re.findall(r"^\| (X\d+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == set(assumed()) == set(CHECKS)


def test_every_assumption_that_can_be_seen_is_as_expected_on_the_simulator(served: Served) -> None:
    verdicts = served.verdicts()
    assert {key: verdict for key, verdict in verdicts.items() if verdict} == {}
    assert {key for key, verdict in verdicts.items() if verdict is None} == UNSEEN


@pytest.mark.parametrize("key", OTHERWISE)
def test_a_xero_that_is_otherwise_differs_in_just_that(served: Served, key: str) -> None:
    for rule in OTHERWISE[key]:
        served.simulator.add_fault(rule)
    assert [known for known, verdict in served.verdicts().items() if verdict] == [key]


@pytest.mark.parametrize("key", SETTINGS)
def test_a_xero_that_is_set_otherwise_differs_in_just_that(served: Served, key: str) -> None:
    served.simulator.behave(SETTINGS[key])
    assert [known for known, verdict in served.verdicts().items() if verdict] == [key]


def test_control_every_assumption_that_can_be_seen_has_a_xero_that_is_otherwise() -> None:
    # X01 is below: a consent with another state is not used at all.
    assert CHECKS.keys() - UNSEEN - OTHERWISE.keys() - SETTINGS.keys() == {"X01"}


@pytest.mark.parametrize(("retry", "verdict"), [("3600", "as expected"), ("", "differs")])
def test_a_day_that_is_used_up_is_judged_when_it_is_met(served: Served, retry: str, verdict: str) -> None:
    served.simulator.add_fault({"kind": "throttle", "problem": "day", "retry_after": 3600, "path": "OnlineInvoice"})
    served.simulator.add_fault(header("Retry-After", retry, path="OnlineInvoice"))
    told = lines({"X15": served.verdicts()["X15"]})
    assert told.startswith(f"X15  {verdict}")


def test_somebody_elses_consent_is_not_used(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.changes["state"] = "another"
    assert main_with(served) == 1
    assert "Somebody else's consent" in capsys.readouterr().err


def test_a_person_who_presses_cancel_is_told_so(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.changes["decision"] = "cancel"
    assert main_with(served) == 1
    assert "access_denied" in capsys.readouterr().err


def main_with(served: Served) -> int:
    return main(served.env, show=served.browser)


def test_without_being_told_to_nothing_is_written(served: Served) -> None:
    served.simulator.calls.reset(None)
    served.env, kept = {**served.env, "WRITE": "", "BURST": ""}, served.env
    try:
        verdicts = served.verdicts()
    finally:
        served.env = kept
    assert {call["method"] for call in served.simulator.calls.told(served.tenant)["calls"]} == {"GET"}
    assert {key for key, verdict in verdicts.items() if verdict is None} == {
        *UNSEEN,
        "X14",
        *WRITTEN,
    }
    assert len(served.simulator.calls.told(served.tenant)["calls"]) <= 60  # Xero's minute


def people_of(served: Served) -> set[str]:
    """Everything that is somebody's, as the simulator holds it."""
    org = served.simulator.organisations[served.tenant]
    found = {org.profile["Name"], org.profile["ShortCode"], served.tenant}
    for shelf in org.shelves.values():
        for number in range(len(shelf)):
            found.add(shelf.id(number))
            found |= {str(shelf.columns[name][number]) for name in PERSONAL if name in shelf.columns}
    for contact in list(org.contacts.records)[:40]:
        doc = org.doc("contact", contact)
        parts = (*doc["Addresses"], *doc["Phones"], *doc["ContactPersons"])
        found |= {text for part in parts for name, text in part.items() if name in REACHES}
    return {text for text in found if len(text) > 5 and not text.startswith(("Accounting Link check", "crm-check-"))}


PERSONAL = ("name", "first_name", "last_name", "email", "number", "reference", "account_number")
REACHES = ("AddressLine1", "PhoneNumber", "EmailAddress", "LastName", "City")


def test_the_answers_are_kept_without_anybodys_data(served: Served, tmp_path: Path) -> None:
    seen = served.seen()
    keep(tmp_path, seen)
    raw = b"".join(one.answer.body for one in seen.exchanges.values()).decode(errors="replace")
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    people = people_of(served)
    assert len([text for text in people if text in raw]) > 500  # the control: the answers do hold them
    # Whole: six digits of somebody's are within some long number by chance.
    found = [text for text in people if text in kept]
    assert [text for text in found if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", kept)] == []
    assert len(list(tmp_path.iterdir())) == len(seen.exchanges)
    assert '"Status": "AUTHORISED"' in kept


def test_the_program_says_one_line_an_assumption_and_where_the_answers_are(served: Served) -> None:
    command = [sys.executable, "-m", "deploy.xero_check"]
    env = {**served.env, "PATH": "/usr/bin:/bin", "BROWSER": "true"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        said = ""
        for line in program.stdout:
            said += line
            if line.strip().startswith("http"):
                served.browser(line.strip())
    assert program.returncode == 0
    assert f"{len(CHECKS) - len(UNSEEN)} as expected, 0 differ, {len(UNSEEN)} not seen" in said
    assert re.findall(r"^(X\d\d)  ", said, re.MULTILINE) == list(assumed())
    assert (Path(served.env["XERO_CHECK_FOLDER"]) / "report.txt").exists()


def test_without_an_app_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({}) == 1
    assert "XERO_CLIENT_ID" in capsys.readouterr().err
