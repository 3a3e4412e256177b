"""The sums of a document: lines, tax, what is due or left. Rounded to cents half up, line by line, as Xero does."""

from decimal import ROUND_HALF_UP, Decimal

from xero_simulator.wire import Doc

_CENT = Decimal("0.01")
_UNIT = Decimal("0.0001")
ZERO = Decimal("0.00")
# Tax types of a New Zealand organisation: 15 % GST on income and on expenses, and none on exports.
RATES = {"OUTPUT2": Decimal("0.15"), "INPUT2": Decimal("0.15"), "ZERORATED": Decimal(0), "NONE": Decimal(0)}


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def complete_line(line: Doc, amounts: str, default_tax: str) -> Doc:
    """A line with its amount and tax. Quantity and UnitAmount have four places; a line of text has neither."""
    line = {**line, "ValidationErrors": []}
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


def complete(document: Doc) -> Doc:
    """Set SubTotal, TotalTax, Total, and what is due (an invoice) or left (credit), from lines, money and credit."""
    amounts = document["LineAmountTypes"]
    default_tax = "OUTPUT2" if document["Type"].startswith(("ACCREC", "RECEIVE")) else "INPUT2"
    lines = [complete_line(line, amounts, default_tax) for line in document["LineItems"]]
    amount = sum((line["LineAmount"] for line in lines if "LineAmount" in line), ZERO)
    tax = sum((line["TaxAmount"] for line in lines if "TaxAmount" in line), ZERO)
    total = amount if amounts == "Inclusive" else amount + tax
    sums = {"SubTotal": total - tax, "TotalTax": tax, "Total": total}
    return left({**document, **sums, "LineItems": lines})


def left(document: Doc) -> Doc:
    """The document with what is due or left of it, and PAID once nothing is."""
    gone = document["Status"] in ("VOIDED", "DELETED")
    if "AmountPaid" in document:
        rest, name = document["Total"] - document["AmountPaid"] - document["AmountCredited"], "AmountDue"
    else:
        used = (each["Amount"] for name in ("Allocations", "Payments") for each in document[name])
        rest, name = document["Total"] - sum(used, ZERO), "RemainingCredit"
    status = document["Status"]
    if status in ("AUTHORISED", "PAID"):
        status = "AUTHORISED" if rest or not document["Total"] else "PAID"
    return {**document, name: ZERO if gone else rest, "Status": status}
