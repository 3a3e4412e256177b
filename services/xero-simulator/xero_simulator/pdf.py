"""One invoice on one page as PDF 1.4: the least that every reader opens (ISO 32000-1, 7.5)."""

from xero_simulator.wire import Doc

_TOP, _STEP, _MOST_LINES = 790, 16, 44


def invoice(doc: Doc, contact_name: str | None) -> bytes:
    """The invoice with its lines and sums; letters outside Windows-1252 become question marks."""
    title = "Invoice" if doc["Type"] == "ACCREC" else "Bill"
    lines = [f"{title} {doc.get('InvoiceNumber', '')}  ({doc['Status']})", f"For {contact_name or '(no name)'}"]
    lines += [f"Date {doc['DateString'][:10]}    Due {doc.get('DueDateString', '')[:10]}", ""]
    for line in doc["LineItems"]:
        text = " ".join(line["Description"].split())[:70]
        lines.append(f"{text}   {line.get('Quantity', '')}   {line.get('LineAmount', '')}")
    sums = (("Subtotal", "SubTotal"), ("Tax", "TotalTax"), ("Total", "Total"), ("Due", "AmountDue"))
    lines += ["", *(f"{label} {doc['CurrencyCode']} {doc[field]}" for label, field in sums)]
    return _document(lines[:_MOST_LINES])


def _document(lines: list[str]) -> bytes:
    shown = (f"({_escaped(text)}) Tj 0 -{_STEP} Td" for text in lines)
    content = "\n".join(("BT /F1 11 Tf", f"50 {_TOP} Td", *shown, "ET")).encode("cp1252", "replace")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    )
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(made))
    return bytes(made) + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
