"""Answers without people's data: what is not known to be harmless is replaced by something of the same shape.

Names are an allow-list: a field that nobody has thought of is masked. Ids become other ids, the same for the same, so
that what belongs together can still be seen.
"""

import json
import re
import uuid
from typing import Any

from deploy.xero_check.tour import Exchange

Doc = dict[str, Any]

_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MONEY = (
    "SubTotal TotalTax Total TotalDiscount AmountDue AmountPaid AmountCredited RemainingCredit AppliedAmount Amount"
    " BankAmount CurrencyRate UnitAmount Quantity LineAmount TaxAmount DiscountRate Outstanding Overdue"
)
_WORDS = (
    "Status Type ContactStatus PaymentType LineAmountTypes CurrencyCode DefaultCurrency BaseCurrency"
    " CountryCode Timezone TaxType AddressType PhoneType tenantType OrganisationType OrganisationStatus Version"
    " Class OrganisationEntityType"
)
_TIMES = (
    "UpdatedDateUTC UpdatedDateUTCString Date DateString DueDate DueDateString FullyPaidOnDate DateTimeUTC"
    " createdDateUtc updatedDateUtc"
)
_FLAGS = (
    "IsCustomer IsSupplier IsDiscounted IsReconciled IsDeleted HasAttachments HasErrors HasValidationErrors HasAccount"
    " IncludeInEmails page pageSize pageCount itemCount ErrorNumber"
)
KEPT = frozenset(f"{_MONEY} {_WORDS} {_TIMES} {_FLAGS}".split())
# In what Xero refuses, its words are about the call, which was ours.
KEPT_OF_REFUSALS = KEPT | {"Message", "Title", "Detail"}
_HEADERS = (
    "content-type content-encoding content-length transfer-encoding date retry-after vary cache-control"
    " x-rate-limit-problem x-minlimit-remaining x-daylimit-remaining x-appminlimit-remaining"
)
KEPT_HEADERS = frozenset(_HEADERS.split())


def masked(text: str) -> str:
    """Letters and digits by others, everything else as it is."""
    return "".join(
        "X" if letter.isupper() else "x" if letter.isalpha() else "9" if letter.isnumeric() else letter
        for letter in text
    )


class Redaction:
    """One run's: an id is replaced alike wherever it is, and differently in another run."""

    def __init__(self) -> None:
        self._salt = uuid.uuid4()

    def exchange(self, one: Exchange) -> Doc:
        """As it is kept."""
        kept = KEPT if one.answer.status < 400 else KEPT_OF_REFUSALS
        return {
            "method": one.method,
            "path": self._ids(one.path),
            "query": {name: self._ids(value) for name, value in one.query.items()},
            "headers_sent": dict(one.sent),
            "status": one.answer.status,
            "headers": {n: v if n.lower() in KEPT_HEADERS else masked(v) for n, v in one.answer.headers.items()},
            "bytes": len(one.answer.body),
            "body": f"begins with {one.answer.body[:5]!r}" if one.body is None else self.value("", one.body, kept),
        }

    def value(self, name: str, value: Any, kept: frozenset[str] = KEPT) -> Any:
        if isinstance(value, dict):
            return {self._ids(key): self.value(key, inner, kept) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(name, inner, kept) for inner in value]
        if value is None or isinstance(value, bool) or name in kept:
            return value
        if isinstance(value, str):
            return self._id(value) if _ID.fullmatch(value) else masked(value)
        return type(value)(re.sub(r"\d", "9", str(value)))

    def _id(self, text: str) -> str:
        return str(uuid.uuid5(self._salt, text.lower()))

    def _ids(self, text: str) -> str:
        return _ID.sub(lambda found: self._id(found[0]), text)


def written(told: Doc) -> str:
    """As JSON, amounts with the digits that came."""
    marked = json.dumps(told, indent=1, ensure_ascii=False, default=lambda value: f"\x01{value}\x01")
    return marked.replace('"\\u0001', "").replace('\\u0001"', "") + "\n"
