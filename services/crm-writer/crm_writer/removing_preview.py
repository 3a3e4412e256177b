"""What a removal would take away, by the rules that it goes by (:mod:`~crm_writer.removing`)."""

from collections import Counter, defaultdict

from accounting_link.chassis.mongo import Document
from crm_writer.own import Own
from crm_writer.removing import Contact, why_company_stays, why_person_stays

# Of a part only whose it is matters, and these are most of it.
_HEAVY = ("xero.parts.addresses", "xero.parts.phones", "xero.parts.notes")


def preview(own: Own, connection_id: str) -> Document:
    """As of now, supposing that nothing is imported meanwhile."""
    mine: Document = {"connection_id": connection_id}
    links = own.find("links", mine)
    company_of = {(link["connection_id"], link["contact_id"]): link["company_id"] for link in links}
    people = own.find("contacts", mine)
    stay = [person for person in people if why_person_stays(person)]
    unlinked = own.find("contacts", {"company_id": {"$gt": ""}, "xero_contact_id": None})
    own_people = Counter(person["company_id"] for person in unlinked)
    own_people.update(company_of.get((connection_id, person["xero_contact_id"])) for person in stay)
    companies = _companies(own, connection_id, links, own_people)
    sales = own.aggregate("transactions", mine, [{"$count": "count"}])
    records = own.aggregate("xero_records", mine, [{"$count": "count"}])
    return {
        "companies": _would_go(companies),
        "people": _would_go(Counter(map(why_person_stays, people))),
        "sales": _count(sales),
        "records": _count(records),
    }


def _companies(own: Own, connection_id: str, links: list[Document], own_people: Counter[str]) -> Counter[str]:
    """By why they stay; empty: they go."""
    links_of = defaultdict[str, list[Document]](list)
    for link in links:
        links_of[link["company_id"]].append(link)
    found = own.find("companies", {"xero.parts.connection_id": connection_id}, without=_HEAVY)
    return Counter(
        why_company_stays(company, _going(company, connection_id), links_of[company["_id"]], own_people[company["_id"]])
        for company in found
    )


def _going(company: Document, connection_id: str) -> set[Contact]:
    parts = company["xero"]["parts"]
    return {(connection_id, part["contact_id"]) for part in parts if part["connection_id"] == connection_id}


def _would_go(by_reason: Counter[str]) -> Document:
    reasons = [{"reason": reason, "count": count} for reason, count in sorted(by_reason.items()) if reason]
    return {"go": by_reason[""], "stay": sum(one["count"] for one in reasons), "reasons": reasons}


def _count(found: list[Document]) -> int:
    return int(found[0]["count"]) if found else 0
