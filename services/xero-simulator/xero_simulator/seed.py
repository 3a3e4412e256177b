"""Makes an organisation from a seed number: the same number, sizes and end make the same records, byte for byte."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from xero_simulator import names
from xero_simulator.totals import cents, complete
from xero_simulator.wire import Doc, day_fields, from_ms, instant, stamp, to_ms

_DAY_MS = 86_400_000
_YEARS_BACK = 6
_ZERO = Decimal("0.00")
# Tax types, rates and places are New Zealand's throughout; the second currency is the neighbour's.
_OTHER_CURRENCY = {"NZD": "AUD", "AUD": "NZD"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to seed. ``invoices`` counts sales; a twentieth as many bills come on top.

    ``until_ms`` is when seeding happens: every record was last changed before it.
    """

    tenant: str
    name: str
    seed: int
    contacts: int
    invoices: int
    until_ms: int
    currency: str = "NZD"


def new_id(random: Random) -> str:
    """A version 4 UUID of this random source."""
    raw = f"{random.getrandbits(128):032x}"
    return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"


def profile(plan: Plan) -> Doc:
    """The Organisation record (spec, Organisation)."""
    random = Random(f"{plan.seed}/profile")  # noqa: S311 - repeatable on purpose, guards nothing
    code = "".join(random.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", k=5))
    return {
        "OrganisationID": plan.tenant,
        "Name": plan.name,
        "LegalName": plan.name,
        "PaysTax": True,
        "Version": "NZ" if plan.currency == "NZD" else "AU",
        "OrganisationType": "COMPANY",
        "BaseCurrency": plan.currency,
        "CountryCode": "NZ" if plan.currency == "NZD" else "AU",
        "IsDemoCompany": False,
        "OrganisationStatus": "ACTIVE",
        "TaxNumber": "071-138-054",
        "FinancialYearEndDay": 31,
        "FinancialYearEndMonth": 3,
        "SalesTaxBasis": "PAYMENTS",
        "SalesTaxPeriod": "TWOMONTHS",
        "DefaultSalesTax": "Tax Exclusive",
        "DefaultPurchasesTax": "Tax Exclusive",
        "CreatedDateUTC": instant(plan.until_ms - 7 * 365 * _DAY_MS),
        "OrganisationEntityType": "COMPANY",
        "Timezone": "NEWZEALANDSTANDARDTIME" if plan.currency == "NZD" else "AUSEASTERNSTANDARDTIME",
        "ShortCode": f"!{code}",
        "Class": "PREMIUM",
        "Edition": "BUSINESS",
        "Addresses": [],
        "Phones": [],
        "ExternalLinks": [],
        "PaymentTerms": {},
    }


def records(plan: Plan) -> tuple[list[Doc], Iterator[Doc]]:
    """All contacts, and all invoices and bills one by one; who is a customer stands when the last was taken."""
    random = Random(f"{plan.seed}/records")  # noqa: S311 - repeatable on purpose, guards nothing
    contacts = _Contacts(plan, random)
    return contacts.docs, _Invoices(plan, random).made(contacts)


class _Contacts:
    """Contacts, with who may have sales and bills. Shares, in order of the dice: see ``_role`` and ``_person``."""

    def __init__(self, plan: Plan, random: Random) -> None:
        self._plan, self._random = plan, random
        self._taken: set[str] = set()
        self.buyers: list[Doc] = []
        self.sellers: list[Doc] = []
        self.docs = [self._contact(index) for index in range(plan.contacts)]
        self._merge_some()

    def _contact(self, index: int) -> Doc:
        random = self._random
        created = self._plan.until_ms - int(random.random() * _YEARS_BACK * 365 * _DAY_MS) - 3_600_000
        doc: Doc = {"ContactID": new_id(random), "ContactStatus": self._status(), "Name": self._name(index)}
        if index % 3 == 0:
            doc["ContactNumber"] = f"C-{10_000 + index}"
        if index % 4 == 0:
            doc["AccountNumber"] = f"{random.randrange(10**6):06d}"
        if doc["Name"] is None:
            del doc["Name"]
        doc |= self._person()
        doc |= self._reach(index)
        doc |= {"BankAccountDetails": "", "UpdatedDateUTC": instant(created), "ContactGroups": []}
        doc |= {"IsSupplier": False, "IsCustomer": False}
        doc["DefaultCurrency"] = self._currency()
        doc |= {"HasAttachments": False, "HasValidationErrors": False, "ContactPersons": self._persons(doc)}
        if index % 5 == 0:
            doc["Website"] = f"https://www.example.nz/{index}"
        self._assign(doc)
        return doc

    def _status(self) -> str:
        dice = self._random.random()
        return "GDPRREQUEST" if dice < 0.003 else "ARCHIVED" if dice < 0.05 else "ACTIVE"

    def _name(self, index: int) -> str | None:
        """Unique, trimmed and case-folded; one in 150 has none at all, as very old contacts can."""
        random = self._random
        if index % 150 == 149:
            return None
        if index % 9 == 4 and index // 9 < len(names.ODD):
            return names.ODD[index // 9]
        while True:
            words = (random.choice(names.PLACE), random.choice(names.TRADE), random.choice(names.FORM))
            name = " ".join(words).strip()
            if name.casefold() in self._taken:
                name += f" {len(self._taken)}"
            if name.casefold() not in self._taken:
                self._taken.add(name.casefold())
                return name

    def _person(self) -> Doc:
        """Main person: 78 % whole, the rest without a last name, some of them without any person."""
        random, dice = self._random, self._random.random()
        first, last = random.choice(names.FIRST), random.choice(names.LAST)
        if dice < 0.02:
            first, last = f" {first}", f"{last} "
        if dice < 0.78:
            email = f"contact{random.randrange(10**7)}@example.nz"
            return {"FirstName": first, "LastName": last, "EmailAddress": email}
        if dice < 0.9:
            return {"FirstName": first, "EmailAddress": ""}
        return {"LastName": "  "} if dice < 0.92 else {}

    def _persons(self, doc: Doc) -> list[Doc]:
        """Further people; where the main person has no last name, 45 % have one with it."""
        random = self._random
        whole = bool(doc.get("LastName", "").strip())
        count = random.choice((0, 0, 0, 0, 1, 1, 2)) if whole else int(random.random() < 0.55)
        persons = []
        for _ in range(count):
            last = random.choice(names.LAST) if random.random() < (0.9 if whole else 0.8) else ""
            email = f"person{random.randrange(10**7)}@example.nz"
            person = {"FirstName": random.choice(names.FIRST), "LastName": last, "EmailAddress": email}
            persons.append({**person, "IncludeInEmails": False})
        return persons

    def _reach(self, index: int) -> Doc:
        """Addresses and phones, as empty in places as real ones are."""
        random = self._random
        city, region, code = random.choice(names.CITY)
        street: Doc = {"AddressType": "STREET", "City": "", "Region": "", "PostalCode": "", "Country": ""}
        if index % 2:
            line = f"{random.randrange(1, 400)} {random.choice(names.PLACE)} Street"
            street = {**street, "AddressLine1": line, "City": city, "Region": region, "PostalCode": code}
        box = {"AddressType": "POBOX", "City": city, "Region": region, "PostalCode": code, "Country": "New Zealand"}
        known = {"PhoneNumber": f"{random.randrange(10**6):07d}", "PhoneAreaCode": "09", "PhoneCountryCode": "64"}
        empty = dict.fromkeys(known, "")
        phones = [{"PhoneType": "DEFAULT", **(known if index % 3 else empty)}]
        phones += [{"PhoneType": kind, **empty} for kind in ("DDI", "FAX", "MOBILE")]
        return {"Addresses": [street, box], "Phones": phones}

    def _currency(self) -> str:
        return _OTHER_CURRENCY[self._plan.currency] if self._random.random() < 0.15 else self._plan.currency

    def _assign(self, doc: Doc) -> None:
        """Roles: 74 % customers, 8 % both, 8 % suppliers only, 10 % neither."""
        dice = self._random.random()
        if dice < 0.82:
            self.buyers.append(doc)
        if 0.74 <= dice < 0.90:
            self.sellers.append(doc)

    def _merge_some(self) -> None:
        """About 1.5 % of the contacts, archived ones without sales, say which contact they went into."""
        survivors = [doc for doc in self.buyers if doc["ContactStatus"] == "ACTIVE"]
        for doc in self._random.sample(self.docs, len(self.docs) // 65):
            if survivors and doc["ContactStatus"] == "ACTIVE" and doc in self.buyers and doc is not survivors[0]:
                self.buyers.remove(doc)
                doc["ContactStatus"] = "ARCHIVED"
                doc["MergedToContactID"] = survivors[0]["ContactID"]
                if doc in self.sellers:
                    self.sellers.remove(doc)


class _Invoices:
    """Sales, then bills, numbered by date. Each makes its contact a customer or a supplier."""

    def __init__(self, plan: Plan, random: Random) -> None:
        self._plan, self._random = plan, random
        self._today = from_ms(plan.until_ms).date()

    def made(self, contacts: _Contacts) -> Iterator[Doc]:
        yield from self._many("ACCREC", self._plan.invoices, contacts.buyers)
        yield from self._many("ACCPAY", self._plan.invoices // 20, contacts.sellers)

    def _many(self, kind: str, count: int, contacts: list[Doc]) -> Iterator[Doc]:
        """Each contact has one before any has two, so that who is a customer depends on no dice."""
        if not contacts:
            return
        ages = sorted((int(_YEARS_BACK * 365 * self._random.random() ** 1.3) for _ in range(count)), reverse=True)
        owners = [*contacts[:count], *self._random.choices(contacts, k=max(0, count - len(contacts)))]
        self._random.shuffle(owners)
        for index, (age, owner) in enumerate(zip(ages, owners, strict=True)):
            yield self._invoice(kind, index, age, owner)

    def _invoice(self, kind: str, index: int, age: int, contact: Doc) -> Doc:
        random, day = self._random, self._today - timedelta(days=age)
        contact["IsCustomer" if kind == "ACCREC" else "IsSupplier"] = True
        currency = contact["DefaultCurrency"]
        own = currency == self._plan.currency
        doc: Doc = {
            "Type": kind,
            "InvoiceID": new_id(random),
            "InvoiceNumber": f"INV-{index + 1:04d}" if kind == "ACCREC" else f"B{random.randrange(10**5)}",
            "Reference": random.choice(("", "", f"PO {random.randrange(9999)}", "Café order ☕", 'quote "A"')),
            "Payments": [],
            "CreditNotes": [],
            "Prepayments": [],
            "Overpayments": [],
            "AmountPaid": _ZERO,
            "AmountCredited": _ZERO,
            "CurrencyRate": Decimal("1.0000000000") if own else Decimal(random.randrange(9000, 9600)).scaleb(-4),
            "IsDiscounted": False,
            "HasAttachments": False,
            "HasErrors": False,
            **day_fields("Date", day),
            **day_fields("DueDate", day + timedelta(days=random.choice((7, 14, 20, 30)))),
            "Status": self._status(),
            "LineAmountTypes": random.choice(("Exclusive", "Exclusive", "Inclusive", "NoTax")),
            "CurrencyCode": currency,
            "Contact": {"ContactID": contact["ContactID"]},
            "LineItems": [self._line() for _ in range(random.choice((1, 1, 2, 2, 3, 4, 5, 6)))],
        }
        doc = complete(doc)
        return self._settle(doc, day, index)

    def _status(self) -> str:
        dice = self._random.random()
        shares = ((0.05, "DRAFT"), (0.07, "SUBMITTED"), (0.085, "DELETED"), (0.125, "VOIDED"), (0.4, "AUTHORISED"))
        return next((status for bound, status in shares if dice < bound), "PAID")

    def _line(self) -> Doc:
        random = self._random
        line: Doc = {"LineItemID": new_id(random), "Tracking": []}
        if random.random() < 0.02:
            return {**line, "Description": "— see the attached list —"}
        code, text, price, account = random.choice(names.GOODS)
        line |= {"Description": text, "ItemCode": code, "AccountCode": account}
        line["UnitAmount"] = Decimal(price * 100 + random.choice((0, 0, 0, 25, 50, 33))).scaleb(-4)
        line["Quantity"] = Decimal(random.choice((1, 1, 1, 2, 3, 5, 12, 1.5, 0.25)))
        if random.random() < 0.05:
            line["DiscountRate"] = Decimal("10.00")
        return line

    def _settle(self, doc: Doc, day: date, index: int) -> Doc:
        """Payments as the status says (a quarter of what is open is part paid), then when it was last changed."""
        random, changed = self._random, day + timedelta(days=random_days(self._random))
        if doc["Status"] == "PAID" and not doc["Total"]:
            doc["Status"] = "AUTHORISED"
        part = doc["Status"] == "AUTHORISED" and doc["Total"] > 1 and random.random() < 0.25
        if doc["Status"] == "PAID" or part:
            amount = cents(doc["Total"] * random.randrange(20, 80) / 100) if part else doc["Total"]
            doc = paid(doc, amount, min(changed, self._today), new_id(random))
        last = self._plan.until_ms - 3_600_000
        ms = to_ms(from_ms(0).replace(year=changed.year, month=changed.month, day=changed.day))
        ms += random.randrange(_DAY_MS)
        if index // 40 % 50 == 7:
            ms = last - (index // 40) * _DAY_MS // 40  # forty in one second, as imports and repeating invoices make
            ms += random.randrange(1000) - ms % 1000
        return stamp(doc, ms if ms < last else last - random.randrange(_DAY_MS))


def random_days(random: Random) -> int:
    """How long after its date an invoice was last touched: mostly weeks."""
    return int(random.expovariate(1 / 20))


def paid(invoice: Doc, amount: Decimal, day: date, payment_id: str) -> Doc:
    """The invoice after a payment of ``amount``; PAID when nothing is left."""
    payment = {
        "PaymentID": payment_id,
        "Date": day_fields("Date", day)["Date"],
        "Amount": amount,
        "CurrencyRate": invoice["CurrencyRate"],
        "HasAccount": False,
        "HasValidationErrors": False,
    }
    left = invoice["AmountDue"] - amount
    invoice = {**invoice, "Payments": [*invoice["Payments"], payment], "AmountDue": left}
    invoice["AmountPaid"] += amount
    if not left:
        invoice |= {"Status": "PAID", "FullyPaidOnDate": payment["Date"]}
    return invoice
