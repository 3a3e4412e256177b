"""A sale of any kind → the CRM's transaction. Pure."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from accounting_link.contracts.records import SaleImported
from crm_writer.mapping.made import Made, digest

_KEPT = (Decimal, datetime)


def made_of(sale: SaleImported, version: datetime) -> Made:
    """Every sale is imported, whatever its kind, also when its contact is left out or not here yet.

    All that the event says is kept under its own names, by msgspec rather than field by field: an invoice of
    four lines has fifty fields, and naming each would take longer than all else that is done with it.
    """
    content: dict[str, Any] = msgspec.to_builtins(sale, builtin_types=_KEPT)
    del content["xero_id"], content["updated_at"]
    of_content = digest(content)
    content["updated_at"] = version
    return Made(of_content, content)
