"""What ids are called. The logs name people by id only, so that erasing a person there is whole; a page that
shows them asks the CRM's records. What is not found stays an id."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from crm_frontend.gateway import Api

_AT_ONCE = 8
_LEFT_OUT_PAGES = 10  # of 200: beyond that the page shows ids


@dataclass(frozen=True, slots=True)
class Customer:
    """``company_id`` is empty while the customer is left out, so has no company."""

    name: str
    company_id: str = ""


def left_out(api: Api, connection_id: str, wanted: Iterable[str]) -> dict[str, str]:
    """Names by Xero id, of those that are left out."""
    missing, found = set(wanted), dict[str, str]()
    cursor: str | None = None
    for _ in range(_LEFT_OUT_PAGES if missing else 0):
        answer = api.get("/records", connection_id=connection_id, state="left_out", limit=200, cursor=cursor)
        found |= {item["xero_id"]: item.get("name") or "" for item in answer.items}
        cursor = answer.next
        if cursor is None or missing <= found.keys():
            break
    return found


def customers(api: Api, connection_id: str, sales: Iterable[Mapping[str, Any]]) -> dict[str, Customer]:
    """Whose the sales are, by Xero contact id: their companies, and the names of those that are left out."""
    wanted = sorted({sale["contact_id"] for sale in sales})

    def company_of(contact_id: str) -> Customer | None:
        answer = api.get("/transactions", connection_id=connection_id, contact_id=contact_id, limit=1)
        named = [item for item in answer.items if item.get("company_id")]
        return Customer(named[0]["company_name"], named[0]["company_id"]) if named else None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        companies = dict(zip(wanted, pool.map(company_of, wanted), strict=True))
    without = left_out(api, connection_id, (contact for contact, company in companies.items() if company is None))
    found = {contact: company or Customer(without.get(contact, "")) for contact, company in companies.items()}
    return {contact: customer for contact, customer in found.items() if customer.name}
