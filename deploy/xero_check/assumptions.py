"""Each assumption of docs/xero-assumptions.md, held against what was seen. Pure.

A verdict is None (not seen), "" (as expected) or how it differs, in words without people's data.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec

from accounting_link.contracts.requests import SyncSettings
from accounting_link.contracts.words import Stream
from deploy.xero_check.redact import masked
from deploy.xero_check.tour import SMALL, Doc, Exchange, Seen, said, updated
from xero_adapter import organisation
from xero_adapter.xero import dates, reading, wire, zones
from xero_adapter.xero.reading import PAGE_SIZE, SHAPES
from xero_adapter.xero.refusals import XeroError

Verdict = str | None
Check = Callable[[Seen], Verdict]

CHECKS: dict[str, Check] = {}
SALES = tuple(stream for stream in Stream if stream != Stream.CONTACTS)
CREDITS = (Stream.CREDIT_NOTES, Stream.OVERPAYMENTS, Stream.PREPAYMENTS)
_DAY = timedelta(days=1)
_ANY = datetime(1970, 1, 1, tzinfo=UTC)


def shows(*keys: str) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        CHECKS.update(dict.fromkeys(keys, check))
        return check

    return register


def judged(seen: Seen) -> dict[str, Verdict]:
    """By the assumption's id, in their order. What an answer is too odd to be judged by is a difference too."""
    return {key: _judged(CHECKS[key], seen) for key in sorted(CHECKS)}


def _judged(check: Check, seen: Seen) -> Verdict:
    try:
        return check(seen)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return f"the answer has another shape ({type(error).__name__})"


def _unless(true: object, found: str) -> str:
    return "" if true else found


def _all(verdicts: Iterator[Verdict]) -> Verdict:
    """As expected when some were seen and none of them differs."""
    told = [one for one in verdicts if one is not None]
    return ", ".join(dict.fromkeys(filter(None, told))) if told else None


def _each(rows: list[Doc], wrong: Callable[[Doc], str]) -> Verdict:
    """The first that differs, and how many do."""
    found = [problem for row in rows if (problem := wrong(row))]
    return f"{len(found)} of {len(rows)}: {found[0]}" if found else "" if rows else None


def _by_stream(seen: Seen, check: Callable[[Stream], Verdict], streams: tuple[Stream, ...] = tuple(Stream)) -> Verdict:
    def told() -> Iterator[Verdict]:
        for stream in streams:
            verdict = check(stream)
            yield f"{SHAPES[stream].path}: {verdict}" if verdict else verdict

    return _all(told())


def _ids(stream: Stream, rows: list[Doc]) -> list[str]:
    return [str(row.get(SHAPES[stream].id_field)) for row in rows]


def _sales(seen: Seen, streams: tuple[Stream, ...] = SALES) -> list[Doc]:
    return [row for stream in streams for row in seen.rows(stream)]


def _status(seen: Seen, name: str, wanted: int) -> Verdict:
    found = seen.exchanges.get(name)
    return _unless(found.answer.status == wanted, f"{found.answer.status}") if found else None


def _shape(value: object) -> str:
    return masked(value) if isinstance(value, str) else type(value).__name__


# -- connecting


@shows("X01")
def _state_comes_back(_: Seen) -> Verdict:
    return ""  # with another state there is no consent, and nothing is judged


@shows("X02")
def _half_an_hour(seen: Seen) -> Verdict:
    lives = seen.consented.grant.lives
    return _unless(lives == timedelta(minutes=30), f"{lives.total_seconds():.0f} seconds")


@shows("X03")
def _scopes(seen: Seen) -> Verdict:
    missing = set(seen.scopes) - seen.consented.grant.scopes
    return _unless(not missing, f"without {' '.join(sorted(missing))}")


@shows("X04")
def _rotates(seen: Seen) -> Verdict:
    first, second = seen.consented.grant, seen.consented.renewed
    if second is None:
        return "no refresh token was given"
    return _unless(second.refresh_token not in ("", first.refresh_token), "the same refresh token, or none, came back")


@shows("X05")
def _grace(seen: Seen) -> Verdict:
    return _unless(seen.consented.again, "invalid_grant") if seen.consented.renewed else None


@shows("X06")
def _invalid_grant(seen: Seen) -> Verdict:
    return _unless(seen.consented.made_up_refused, "it was accepted")


@shows("X07")
def _claims(seen: Seen) -> Verdict:
    grant = seen.consented.grant
    named = {"authentication_event_id": grant.auth_event_id, "xero_userid": grant.xero_user_id}
    missing = [name for name, value in named.items() if not value]
    return _unless(not missing, f"without {' and '.join(missing)}")


@shows("X08")
def _connections(seen: Seen) -> Verdict:
    found, event = seen.exchanges.get("connections"), seen.consented.grant.auth_event_id
    if found is None:
        return None
    if not isinstance(found.body, list) or not found.body:
        return f"{found.answer.status}, and no list of connections"
    if any(row.get("authEventId", event) != event for row in found.body):
        return "connections of other consents too"
    return _each(found.body, lambda row: ", ".join({"id", "tenantId", "tenantType", "tenantName"} - row.keys()))


@shows("X09")
def _made_up_token(seen: Seen) -> Verdict:
    return _status(seen, "no-token", 401)


@shows("X10")
def _not_connected(seen: Seen) -> Verdict:
    return _status(seen, "not-connected", 403)


# -- every answer


def _let_in(seen: Seen) -> list[Exchange]:
    names = ("no-token", "not-connected", "connections")
    return [one for name, one in seen.exchanges.items() if name not in names and one.answer.status != 429]


@shows("X11")
def _limit_headers(seen: Seen) -> Verdict:
    wanted = ("X-MinLimit-Remaining", "X-DayLimit-Remaining", "X-AppMinLimit-Remaining")
    headers = [one.answer.headers for one in _let_in(seen)]
    missing = {name for name in wanted for each in headers if not str(each.get(name, "")).isdigit()}
    return _unless(not missing, f"without {', '.join(sorted(missing))}")


@shows("X12")
def _day_counts(seen: Seen) -> Verdict:
    alone = [one for one in _let_in(seen) if not one.name.startswith("at-once")]
    left = [n for one in alone if (n := said(one).day_remaining) is not None]
    steps = {before - after for before, after in pairwise(left)}
    return _unless(steps == {1}, f"it falls by {', '.join(map(str, sorted(steps)))}") if len(left) > 1 else None


@shows("X13")
def _date_header(seen: Seen) -> Verdict:
    without = [one.name for one in _let_in(seen) if dates.header(one.answer.headers.get("Date")) is None]
    return _unless(not without, f"none on {len(without)} answers")


def _limited(seen: Seen) -> list[Exchange]:
    return [one for one in seen.exchanges.values() if one.answer.status == 429]


def _says_when(one: Exchange) -> str:
    told = said(one)
    return _unless(told.retry_after is not None and told.problem, f"429 with {', '.join(sorted(one.answer.headers))}")


@shows("X14")
def _too_many_at_once(seen: Seen) -> Verdict:
    if not any(name.startswith("at-once") for name in seen.exchanges):
        return None
    refused = [one for one in _limited(seen) if said(one).problem != "day"]
    return next(filter(None, map(_says_when, refused)), "") if refused else "ten calls at once, and none was refused"


@shows("X15")
def _day_is_used_up(seen: Seen) -> Verdict:
    refused = [one for one in _limited(seen) if said(one).problem == "day"]
    return next(filter(None, map(_says_when, refused)), "") if refused else None


# -- lists


def _pagination(found: Exchange | None) -> Doc | None:
    return found.body.get("pagination") if found and isinstance(found.body, dict) else None


@shows("X16")
def _a_thousand(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        told = _pagination(seen.of(stream))
        return None if told is None else _unless(told.get("pageSize") == PAGE_SIZE, f"{told.get('pageSize')} a page")

    return _by_stream(seen, check)


@shows("X17")
def _pages_add_up(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        found = seen.of(f"{stream}-small")
        if found is None:
            return None
        told = _pagination(found) or {}
        missing = {"page", "pageSize", "pageCount", "itemCount"} - told.keys()
        if missing:
            return f"without {', '.join(sorted(missing))}"
        pages = -(-told["itemCount"] // told["pageSize"])
        right = told["pageCount"] == pages and len(found.rows) == min(told["itemCount"], told["pageSize"])
        return _unless(right, f"{len(found.rows)} records, and {told}")

    return _by_stream(seen, check)


@shows("X18")
def _ordered(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        found = seen.exchanges.get(stream)
        if found is None or found.answer.status != 200:
            return f"refused ({found.answer.status})" if found else None
        times = [time for row in found.rows if (time := updated(row))]
        return _unless(times == sorted(times), "in another order") if len(times) > 1 else None

    return _by_stream(seen, check)


@shows("X19")
def _by_id(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        pages = [seen.exchanges.get(f"{stream}-by-id-{page}") for page in (1, 2)]
        odd = [one for one in pages if one and one.answer.status != 200]
        if odd:
            return f"refused ({odd[0].answer.status})"
        first, second = (_ids(stream, one.rows) if one else [] for one in pages)
        return _unless(not {*first} & {*second}, "one record on two pages") if first and second else None

    return _by_stream(seen, check)


@shows("X20")
def _filtered_by_type(seen: Seen) -> Verdict:
    wanted = {Stream.INVOICES: "ACCREC", Stream.CREDIT_NOTES: "ACCRECCREDIT"}
    return _by_stream(
        seen,
        lambda s: _each(seen.rows(s), lambda row: _unless(row.get("Type") == wanted[s], f"Type {row.get('Type')}")),
        tuple(wanted),
    )


@shows("X21")
def _since_filters(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        found = seen.of(f"{stream}-since")
        if found is None or not found.rows:
            return None
        since = found.sent["If-Modified-Since"]
        times = [time for row in found.rows if (time := updated(row))]
        return _unless(all(dates.if_modified_since(time) >= since for time in times), "older records too")

    return _by_stream(seen, check)


@shows("X22")
def _since_includes_its_second(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        found = seen.exchanges.get(f"{stream}-since")
        if found is None:
            return None
        since = found.sent["If-Modified-Since"]
        wanted = {
            row[SHAPES[stream].id_field]
            for row in seen.rows(stream)
            if (time := updated(row)) and dates.if_modified_since(time) == since
        }
        return _unless(wanted <= set(_ids(stream, found.rows)), "what was changed in that very second is left out")

    return _by_stream(seen, check)


@shows("X23")
def _nothing_newer(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        found = seen.exchanges.get(f"{stream}-nothing-newer")
        if found is None:
            return None
        told = f"{found.answer.status} with {len(found.rows)} records"
        return _unless(found.answer.status == 304 and not found.answer.body, told)

    return _by_stream(seen, check)


@shows("X24")
def _keyset_leaves_nothing_out(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        after = seen.of(f"{stream}-next")
        if after is None:
            return None
        order = _ids(stream, seen.rows(stream))
        if not order:
            return None
        read = {*_ids(stream, seen.rows(f"{stream}-small")), *_ids(stream, after.rows)}
        return _unless(read == {*order[: len(read)]}, f"the first {len(read)} records are not what two pages gave")

    return _by_stream(seen, check)


@shows("X25")
def _named_are_given(seen: Seen) -> Verdict:
    found = seen.exchanges.get("named")
    if found is None:
        return None
    if found.answer.status != 200:
        return f"refused ({found.answer.status})"
    wanted = found.query["IDs"].split(",")[:-1]  # the last is made up
    given = _ids(Stream.CONTACTS, found.rows)
    return _unless(sorted(given) == sorted(wanted), f"{len(wanted)} were asked for, {len(given)} given")


@shows("X26")
def _named_are_whole(seen: Seen) -> Verdict:
    listed = {row.get("ContactID"): row for row in seen.rows(Stream.CONTACTS)}
    asked = [row for row in seen.rows("named") if row.get("ContactID") in listed]
    return _each(asked, lambda row: ", ".join(sorted(listed[row["ContactID"]].keys() - row.keys())))


@shows("X27")
def _archived_only_when_asked(seen: Seen) -> Verdict:
    def archived(name: str) -> int:
        return sum(row.get("ContactStatus") == "ARCHIVED" for row in seen.rows(name))

    told, usual = _pagination(seen.of(Stream.CONTACTS)), _pagination(seen.of("active-only"))
    if told is None or usual is None:
        return None
    if archived("active-only"):
        return "archived contacts are listed also without includeArchived"
    if archived(Stream.CONTACTS):
        return ""
    return "archived contacts, but not in the list" if seen.rows("archived-1") else None


@shows("X28")
def _too_large_an_organisation(seen: Seen) -> Verdict:
    large = [one for one in seen.exchanges.values() if b"HighVolume" in one.answer.body]
    return _unless({one.answer.status for one in large} == {400}, str(large[0].answer.status)) if large else None


@shows("X29")
def _refusals_have_words(seen: Seen) -> Verdict:
    found = seen.exchanges.get("no-filter")
    if found is None:
        return None
    told = found.body if isinstance(found.body, dict) else {}
    right = found.answer.status == 400 and {"ErrorNumber", "Type", "Message"} <= told.keys()
    return _unless(right, f"{found.answer.status} with {', '.join(sorted(told)) or 'no JSON'}")


@shows("X59")
def _answers_are_told_from_each_other(seen: Seen) -> Verdict:
    lists = [found for stream in Stream for name in (stream, f"{stream}-small") if (found := seen.of(name))]
    digests = [reading.digest(one.answer) for one in lists]
    if not all(digests):
        return f"{digests.count('')} of {len(lists)} without Id or DateTimeUTC"
    return _unless(len(set(digests)) == len(lists), "two are one and the same") if lists else None


# -- records


@shows("X30")
def _the_adapter_reads_them(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        found = seen.of(stream)
        if found is None:
            return None
        try:
            odd = reading.read(stream, found.answer, SyncSettings()).unreadable
        except XeroError as error:
            return error.what
        return _unless(not odd, f"{len(odd)} of {len(found.rows)}: {odd[0][0].reason}" if odd else "")

    return _by_stream(seen, check)


@shows("X31")
def _updated_is_a_date(seen: Seen) -> Verdict:
    form = re.compile(r"/Date\(\d+\+0000\)/")
    return _by_stream(
        seen,
        lambda s: _each(
            seen.rows(s),
            lambda row: _unless(form.fullmatch(str(row.get("UpdatedDateUTC"))), _shape(row.get("UpdatedDateUTC"))),
        ),
    )


@shows("X32")
def _finer_than_seconds(seen: Seen) -> Verdict:
    times = [time for stream in Stream for row in seen.rows(stream) if (time := updated(row))]
    return _unless(any(time.microsecond for time in times), "whole seconds only") if len(times) > SMALL else None


@shows("X33")
def _days(seen: Seen) -> Verdict:
    def wrong(row: Doc) -> str:
        noon = dates.instant(row["Date"])
        day = row.get("DateString", noon.strftime("%Y-%m-%dT%H:%M:%S"))
        return _unless(noon.strftime("%Y-%m-%dT%H:%M:%S") == day and not noon.timestamp() % _DAY.total_seconds(), day)

    return _each([row for row in _sales(seen) if "Date" in row], wrong)


@shows("X34")
def _money_is_a_number(seen: Seen) -> Verdict:
    money = ("SubTotal", "TotalTax", "Total", "AmountDue", "AmountPaid", "AmountCredited", "RemainingCredit", "Amount")

    def wrong(row: Doc) -> str:
        return ", ".join(f"{n} is {_shape(row[n])}" for n in money if not isinstance(row.get(n, 0), int | Decimal))

    return _each(_sales(seen), wrong)


@shows("X35")
def _lines_in_lists(seen: Seen) -> Verdict:
    def check(stream: Stream) -> Verdict:
        rows = [row for row in seen.rows(stream) if row.get("Total")]
        return _unless(any(row.get("LineItems") for row in rows), "no lines") if rows else None

    return _by_stream(seen, check, (Stream.INVOICES, Stream.CREDIT_NOTES))


@shows("X36")
def _what_is_due(seen: Seen) -> Verdict:
    def wrong(row: Doc) -> str:
        return _unless(row["Total"] == row["AmountDue"] + row["AmountPaid"] + row["AmountCredited"], row["Status"])

    return _each([row for row in seen.rows(Stream.INVOICES) if row.get("Status") in ("AUTHORISED", "PAID")], wrong)


@shows("X37")
def _voided_stay(seen: Seen) -> Verdict:
    gone = [row for row in seen.rows(Stream.INVOICES) if row.get("Status") in ("VOIDED", "DELETED")]
    return _each(gone, lambda row: _unless(not row.get("AmountDue"), "something is due of it"))


_DOCUMENT = {"DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED"}
_SIDES = ("RECEIVE-{}", "SPEND-{}", "AR{}", "AP{}")
_WORDS: dict[tuple[Stream, str], set[str]] = {
    (Stream.CONTACTS, "ContactStatus"): {"ACTIVE", "ARCHIVED", "GDPRREQUEST"},
    **{(stream, "Status"): _DOCUMENT for stream in SALES},
    (Stream.PAYMENTS, "PaymentType"): {
        *("ACCRECPAYMENT", "ACCPAYPAYMENT"),
        *(f"{side}{word}PAYMENT" for side in ("AR", "AP") for word in ("CREDIT", "OVERPAYMENT", "PREPAYMENT")),
    },
    **{
        (stream, "Type"): {side.format(stream.upper().removesuffix("S")) for side in _SIDES}
        for stream in (Stream.OVERPAYMENTS, Stream.PREPAYMENTS)
    },
}


@shows("X38")
def _known_words(seen: Seen) -> Verdict:
    def told() -> Iterator[Verdict]:
        for (stream, name), known in _WORDS.items():
            found = {str(row.get(name)) for row in seen.rows(stream)}
            yield f"{SHAPES[stream].path}.{name} {', '.join(sorted(found - known))}" if found - known else ""

    return _all(told()) if seen.rows(Stream.CONTACTS) else None


@shows("X39")
def _customers(seen: Seen) -> Verdict:
    sales = [row for row in seen.rows(Stream.INVOICES) if (row.get("Type"), row.get("Status")) == ("ACCREC", "PAID")]
    sold = {(row.get("Contact") or {}).get("ContactID") for row in sales}
    rows = [row for row in seen.rows(Stream.CONTACTS) if row.get("ContactID") in sold]
    return _each(rows, lambda row: _unless(row.get("IsCustomer") is True, f"IsCustomer {row.get('IsCustomer')}"))


@shows("X40")
def _merged_say_so(seen: Seen) -> Verdict:
    listed = {row.get("ContactID"): row for row in seen.rows(Stream.CONTACTS)}
    alone = [row for name in seen.exchanges if name.startswith("archived-") for row in seen.rows(name)]
    merged = [row for row in alone if "MergedToContactID" in row and row["ContactID"] in listed]
    return _each(merged, lambda row: _unless("MergedToContactID" in listed[row["ContactID"]], "only when read alone"))


@shows("X41")
def _payments_say_what_for(seen: Seen) -> Verdict:
    names = ("Invoice", "CreditNote", "Overpayment", "Prepayment")

    def wrong(row: Doc) -> str:
        paid: Any = next((row[name] for name in names if row.get(name)), None)
        if paid is None:
            return f"{row.get('PaymentType')} without any of {', '.join(names)}"
        named = [name for name in (f"{kind}ID" for kind in names) if paid.get(name)]
        missing = [name for name in ("Contact", "CurrencyCode") if not paid.get(name)]
        return ", ".join(f"without {name}" for name in ([] if named else ["an id"]) + missing)

    return _each(seen.rows(Stream.PAYMENTS), wrong)


@shows("X42")
def _credit_left(seen: Seen) -> Verdict:
    def wrong(row: Doc) -> str:
        used = [one["Amount"] for name in ("Allocations", "Payments") for one in row.get(name) or ()]
        return _unless(row.get("RemainingCredit") == row["Total"] - sum(used), f"of a {row.get('Status')} one")

    rows = [row for row in _sales(seen, CREDITS) if row.get("Status") in ("AUTHORISED", "PAID")]
    return _each(rows, wrong)


@shows("X43")
def _currencies(seen: Seen) -> Verdict:
    def wrong(row: Doc) -> str:
        rate = row.get("CurrencyRate", Decimal(1))
        good = re.fullmatch("[A-Z]{3}", str(row.get("CurrencyCode"))) and isinstance(rate, int | Decimal)
        return _unless(good, f"{_shape(row.get('CurrencyCode'))} at {_shape(rate)}")

    return _each(_sales(seen, (Stream.INVOICES, *CREDITS)), wrong)


# -- the organisation, and what opens


@shows("X44")
def _organisation(seen: Seen) -> Verdict:
    found = seen.of("organisation")
    if found is None:
        return None
    try:
        told = organisation.told(found.answer.body, tenant_id="", now=_ANY)
    except (msgspec.MsgspecError, LookupError) as error:
        return f"it cannot be read ({type(error).__name__})"
    named = {"ShortCode": told.short_code, "BaseCurrency": told.base_currency, "CountryCode": told.country}
    missing = [name for name, value in named.items() if not value]
    if missing:
        return f"without {', '.join(missing)}"
    return _unless(zones.iana(told.xero_time_zone), f"Timezone {told.xero_time_zone}")


@shows("X45")
def _opens(seen: Seen) -> Verdict:
    code = seen.row("organisation").get("ShortCode")
    if code is None or seen.link_status is None:
        return None
    if not re.fullmatch(r"![A-Za-z0-9]{3,9}", str(code)):
        return f"ShortCode is like {_shape(code)}"
    return _unless(seen.link_status < 400, f"{seen.link_status}")


@shows("X46")
def _pdf(seen: Seen) -> Verdict:
    found = seen.exchanges.get("invoice-pdf")
    if found is None:
        return None
    kind = found.answer.headers.get("Content-Type", "nothing")
    return _unless(found.answer.body.startswith(b"%PDF-"), f"{found.answer.status} with {kind}")


@shows("X47")
def _online(seen: Seen) -> Verdict:
    found = seen.exchanges.get("online-invoice")
    if found is None:
        return None
    told = found.body.get("OnlineInvoices", [{}]) if isinstance(found.body, dict) else [{}]
    return _unless(str(told[0].get("OnlineInvoiceUrl")).startswith("http"), f"{found.answer.status}")


# -- writing


@shows("X48")
def _created(seen: Seen) -> Verdict:
    found = seen.exchanges.get("created")
    if found is None:
        return None
    right = len(found.rows) == 1 and found.rows[0].get("ContactID") and found.rows[0]["ContactStatus"] == "ACTIVE"
    return _unless(right, f"{found.answer.status} with {len(found.rows)} contacts")


@shows("X49")
def _created_once(seen: Seen) -> Verdict:
    first, second = seen.row("created"), seen.exchanges.get("created-again")
    if not first or second is None:
        return None
    told = second.rows[0] if second.rows else {}
    return _unless(told.get("ContactID") == first.get("ContactID"), f"{second.answer.status}, another answer")


def _validation(found: Exchange | None, word: str) -> Verdict:
    if found is None:
        return None
    told = found.body if isinstance(found.body, dict) else {}
    messages = [one["Message"] for each in told.get("Elements", ()) for one in each.get("ValidationErrors", ())]
    right = found.answer.status == 400 and told.get("Type") == "ValidationException"
    return _unless(right and any(word in one.lower() for one in messages), f"{found.answer.status}, {messages}")


@shows("X50")
def _names_are_unique(seen: Seen) -> Verdict:
    return _validation(seen.exchanges.get("same-name"), "unique")


@shows("X51")
def _archived(seen: Seen) -> Verdict:
    found = seen.exchanges.get("archived")
    if found is None:
        return None
    status = found.rows[0].get("ContactStatus") if found.rows else found.answer.status
    return _unless(status == "ARCHIVED", str(status))


@shows("X52")
def _archived_stays_so(seen: Seen) -> Verdict:
    return _validation(seen.exchanges.get("changed-archived"), "archived")


@shows("X60")
def _found_by_number(seen: Seen) -> Verdict:
    made, nobody = seen.row("created"), seen.exchanges.get("by-nobodys-number")
    if not made or nobody is None:
        return None
    found = [seen.row(name).get("ContactID") for name in ("by-number", "archived-by-number")]
    right = found == [made.get("ContactID")] * 2 and nobody.answer.status == 404
    return _unless(right, f"{sum(map(bool, found))} of 2 found, nobody's is answered {nobody.answer.status}")


@shows("X61")
def _numbers_are_unique(seen: Seen) -> Verdict:
    found = seen.exchanges.get("same-number")
    return None if found is None else _unless(found.answer.status == 400, str(found.answer.status))


@shows("X62")
def _what_is_there_stays_as_it_is(seen: Seen) -> Verdict:
    made, then = seen.row("created"), seen.row("as-it-was")
    if not made or not then:
        return None
    changed = [name for name in ("Name", "FirstName", "ContactNumber", "UpdatedDateUTC") if made[name] != then[name]]
    return _unless(not changed, f"changed: {changed}")


def _alone(seen: Seen, how: str) -> Verdict:
    """The contact that was created, and no other, is found so."""
    made, found = seen.row("created"), seen.exchanges.get(how)
    if not made or found is None:
        return None
    ids = [row.get("ContactID") for row in found.rows]
    return _unless(ids == [made["ContactID"]], f"{found.answer.status} with {len(ids)} contacts")


@shows("X63")
def _found_by_name(seen: Seen) -> Verdict:
    return _alone(seen, "by-name")


@shows("X64")
def _found_by_word(seen: Seen) -> Verdict:
    return _alone(seen, "by-word")


@shows("X65")
def _refusals_are_understood(seen: Seen) -> Verdict:
    refused = [one for name in ("same-name", "same-number") if (one := seen.exchanges.get(name))]
    mute = [one.name for one in refused if not wire.refusal(one.answer.body).messages]
    return _unless(not mute, f"no words in {mute}") if refused else None


@shows("X66")
def _takes_another_consent(_: Seen) -> Verdict:
    return None


@shows("X53", "X54", "X55", "X56", "X57", "X58")
def _takes_longer_than_one_walk(_: Seen) -> Verdict:
    return None
