"""What flows through the pipelines: sales invoices of four lines, as large as Xero's."""

import uuid
from collections.abc import Iterator
from decimal import Decimal

from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.contracts import cloudevents
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.event import Scope
from accounting_link.contracts.records import InvoiceImported, InvoiceLine
from accounting_link.testing.builders import JULY, an_invoice

LINES = 4
_IDS = uuid.UUID("2f8f3a43-6a0f-4c6b-8f2e-5d0c8e0a9b11")
_GOODS = (("Backpack 45 L", "PACK-45", "219.99"), ("Two-person tent", "TENT-2P", "389.00"),
          ("Sleeping mat", "MAT-S", "79.90"), ("Hire, per day", "HIRE-D", "45.00"))  # fmt: skip


def a_scope(name: str) -> Scope:
    """One organisation's first sync; another name, another organisation."""
    return Scope(
        account_id="bench", connection_id=str(uuid.uuid5(_IDS, name)), sync_id=str(uuid.uuid5(_IDS, f"s{name}"))
    )


def messages(count: int, scope: Scope) -> list[Message]:
    """As xero-adapter publishes them. Their ids are this scope's own, so nothing of them is known beforehand."""
    return [
        cloudevents.encode(invoice, scope, source="/bench", time=SYSTEM_CLOCK.now(), reading=1)
        for invoice in invoices(count, scope)
    ]


def invoices(count: int, scope: Scope) -> Iterator[InvoiceImported]:
    for number in range(count):
        lines = tuple(_line(number + each) for each in range(LINES))
        net = sum((line.amount or Decimal(0) for line in lines), Decimal(0))
        tax = (net * 15 / 100).quantize(Decimal("0.01"))
        yield an_invoice(
            _id(scope, f"invoice-{number}"),
            total=str(net + tax),
            due="0.00" if number % 3 else None,
            number=f"INV-{number:05}",
            reference=f"PO {number * 7}",
            contact_id=_id(scope, f"contact-{number % 1200}"),
            status="PAID" if number % 3 else "AUTHORISED",
            currency_rate=Decimal("1.0000000000"),
            line_amount_types="Exclusive",
            date=JULY.date(),
            due_date=JULY.date(),
            subtotal=net,
            total_tax=tax,
            lines=lines,
        )


def _line(number: int) -> InvoiceLine:
    description, code, price = _GOODS[number % len(_GOODS)]
    quantity = Decimal(1 + number % 5)
    amount = quantity * Decimal(price)
    return InvoiceLine(
        description=description,
        item_code=code,
        account_code="200",
        quantity=quantity,
        unit_amount=Decimal(price),
        tax_type="OUTPUT2",
        tax_amount=(amount * 15 / 100).quantize(Decimal("0.01")),
        amount=amount,
    )


def _id(scope: Scope, name: str) -> str:
    return str(uuid.uuid5(_IDS, f"{scope.connection_id}/{name}"))
