"""The sums of an invoice: lines, tax, what is due. Rounded to cents half up, line by line, as Xero does."""

from decimal import ROUND_HALF_UP, Decimal

from xero_simulator.wire import Doc

_CENT = Decimal("0.01")
_UNIT = Decimal("0.0001")
_ZERO = Decimal("0.00")
# Tax types of a New Zealand organisation: 15 % GST on income and on expenses, and none on exports.
RATES = {"OUTPUT2": Decimal("0.15"), "INPUT2": Decimal("0.15"), "ZERORATED": Decimal(0), "NONE": Decimal(0)}


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def complete_line(line: Doc, amounts: str, default_tax: str) -> Doc:
    """A line with its amount and tax. Quantity and UnitAmount have four places; a line of text has neither."""
    if "UnitAmount" not in line:
        return line
    quantity = Decimal(str(line.get("Quantity", 1))).quantize(_UNIT)
    unit = Decimal(str(line["UnitAmount"])).quantize(_UNIT)
    tax_type = "NONE" if amounts == "NoTax" else line.get("TaxType", default_tax)
    rate = RATES.get(tax_type, Decimal(0))
    amount = cents(quantity * unit * (100 - line.get("DiscountRate", 0)) / 100)
    tax = amount - amount / (1 + rate) if amounts == "Inclusive" else amount * rate
    sums = {"Quantity": quantity, "UnitAmount": unit, "TaxType": tax_type}
    return {**line, **sums, "TaxAmount": cents(tax), "LineAmount": amount}


def complete(invoice: Doc) -> Doc:
    """Set SubTotal, TotalTax, Total and AmountDue from the lines and what is paid."""
    amounts = invoice["LineAmountTypes"]
    default_tax = "OUTPUT2" if invoice["Type"] == "ACCREC" else "INPUT2"
    lines = [complete_line(line, amounts, default_tax) for line in invoice["LineItems"]]
    amount = sum((line["LineAmount"] for line in lines if "LineAmount" in line), _ZERO)
    tax = sum((line["TaxAmount"] for line in lines if "TaxAmount" in line), _ZERO)
    total = amount if amounts == "Inclusive" else amount + tax
    gone = invoice["Status"] in ("VOIDED", "DELETED")
    due = _ZERO if gone else total - invoice["AmountPaid"] - invoice["AmountCredited"]
    sums = {"SubTotal": total - tax, "TotalTax": tax, "Total": total, "AmountDue": due}
    return {**invoice, **sums, "LineItems": lines}
