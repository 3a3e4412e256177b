"""What ids are called. The logs name people by id only, so that erasing a person there is whole; a page that
shows them asks the CRM's records. What is not found stays an id."""

from collections.abc import Iterable
from dataclasses import dataclass

from crm_frontend.gateway import Api

_MOST = 200  # ids in one question


@dataclass(frozen=True, slots=True)
class Customer:
    """``company_id`` is empty while the customer is left out, so has no company."""

    name: str
    company_id: str = ""


def customers(api: Api, connection_id: str, contact_ids: Iterable[str]) -> dict[str, Customer]:
    """By Xero contact id: their companies, and the names of those that are left out."""
    wanted = sorted(set(contact_ids))[:_MOST]
    if not wanted:
        return {}
    answer = api.get(
        "/records", connection_id=connection_id, kind="contact", xero_ids=",".join(wanted), limit=len(wanted)
    )
    found = {
        item["xero_id"]: Customer(item.get("company_name") or item.get("name") or "", item.get("company_id") or "")
        for item in answer.items
    }
    return {xero_id: customer for xero_id, customer in found.items() if customer.name}
