"""Makes an organisation from a seed number: the same number, sizes and end make the same records, byte for byte."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from xero_simulator import names
from xero_simulator.kinds import CREDITS
from xero_simulator.settle import allocated, credit, paid, payment
from xero_simulator.totals import ZERO, cents, complete, left
from xero_simulator.wire import Doc, day_fields, from_ms, instant, to_ms, updated

_DAY_MS = 86_400_000
_YEARS_BACK = 6
ONE = Decimal("1.0000000000")
# What every invoice starts with.
NEW_INVOICE: Doc = {
    **{name: [] for name in ("Payments", "CreditNotes", "Prepayments", "Overpayments")},
    "AmountPaid": ZERO,
    "AmountCredited": ZERO,
    "IsDiscounted": False,
    "HasAttachments": False,
    "HasErrors": False,
}
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


def records(plan: Plan) -> tuple[list[Doc], Iterator[tuple[str, Doc]]]:
    """All contacts, and everything else one by one with its kind, sales and bills in the order of their changes."""
    random = Random(f"{plan.seed}/records")  # noqa: S311 - repeatable on purpose, guards nothing
    contacts = _Contacts(plan, random)
    for role, owners, count in (
        ("IsCustomer", contacts.buyers, plan.invoices),
        ("IsSupplier", contacts.sellers, plan.invoices // 20),
    ):
        for doc in owners[:count]:
            doc[role] = True
    return contacts.docs, _Documents(plan, random).made(contacts)


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
        return {"LastName": "  ", "EmailAddress": ""} if dice < 0.92 else {"EmailAddress": ""}

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


class _Documents:
    """Sales, then bills, numbered by date, each followed by what settles it: payments, credit, deposits, refunds."""

    def __init__(self, plan: Plan, random: Random) -> None:
        self._plan, self._random = plan, random
        self._today = from_ms(plan.until_ms).date()
        self._midnight = to_ms(datetime(self._today.year, self._today.month, self._today.day, tzinfo=UTC))
        self._credits = 0

    def made(self, contacts: _Contacts) -> Iterator[tuple[str, Doc]]:
        yield from self._many("ACCREC", self._plan.invoices, contacts.buyers)
        yield from self._many("ACCPAY", self._plan.invoices // 20, contacts.sellers)

    def _many(self, kind: str, count: int, contacts: list[Doc]) -> Iterator[tuple[str, Doc]]:
        """Each contact has one before any has two, so that who is a customer depends on no dice."""
        if not contacts:
            return
        ages = sorted((int(_YEARS_BACK * 365 * self._random.random() ** 1.3) for _ in range(count)), reverse=True)
        owners = [*contacts[:count], *self._random.choices(contacts, k=max(0, count - len(contacts)))]
        self._random.shuffle(owners)
        times = [self._changed(index, age) for index, age in enumerate(ages)]
        for index in sorted(range(count), key=times.__getitem__):
            yield from self._sale(kind, index, ages[index], owners[index], times[index])

    def _changed(self, index: int, age: int) -> int:
        """When it was changed last, mostly weeks after its date; some forty in one second, as imports make them. Never
        today, or what an organisation holds would depend on the hour at which it is made."""
        random, last = self._random, self._midnight
        ms = self._midnight - (age - int(random.expovariate(1 / 20))) * _DAY_MS + random.randrange(_DAY_MS)
        if index // 40 % 50 == 7:
            ms = last - (index // 40) * _DAY_MS // 40
            ms += random.randrange(1000) - ms % 1000
        return ms if ms < last else last - random.randrange(_DAY_MS)

    def _sale(self, kind: str, index: int, age: int, contact: Doc, ms: int) -> Iterator[tuple[str, Doc]]:
        wanted, day = self._status(), min(from_ms(ms).date(), self._today)
        made = self._settled(self._invoice(kind, index, age, contact, wanted), wanted, day)
        for name, doc in made:
            yield name, doc | updated(name, ms)

    def _invoice(self, kind: str, index: int, age: int, contact: Doc, wanted: str) -> Doc:
        random, day = self._random, self._today - timedelta(days=age)
        currency = contact["DefaultCurrency"]
        own = currency == self._plan.currency
        doc: Doc = {
            "Type": kind,
            "InvoiceID": new_id(random),
            "InvoiceNumber": f"INV-{index + 1:04d}" if kind == "ACCREC" else f"B{random.randrange(10**5)}",
            "Reference": random.choice(("", "", f"PO {random.randrange(9999)}", "Café order ☕", 'quote "A"')),
            **NEW_INVOICE,
            "CurrencyRate": ONE if own else Decimal(random.randrange(9000, 9600)).scaleb(-4),
            **day_fields("Date", day),
            **day_fields("DueDate", day + timedelta(days=random.choice((7, 14, 20, 30)))),
            "Status": "AUTHORISED" if wanted == "PAID" else wanted,
            "LineAmountTypes": random.choice(("Exclusive", "Exclusive", "Inclusive", "NoTax")),
            "CurrencyCode": currency,
            "Contact": {"ContactID": contact["ContactID"]},
            "LineItems": [self._line() for _ in range(random.choice((1, 1, 2, 2, 3, 4, 5, 6)))],
        }
        return complete(doc)

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

    def _settled(self, doc: Doc, wanted: str, day: date) -> list[tuple[str, Doc]]:
        """The invoice and all that settled it. Of what is open a quarter is part paid; one in sixteen had credit."""
        random = self._random
        if wanted not in ("PAID", "AUTHORISED"):
            return [("invoice", doc)]
        beside: list[tuple[str, Doc]] = []
        if doc["Total"] > 1 and random.random() < 0.0625:
            doc, beside = self._credited(doc, day)
        part = wanted == "AUTHORISED" and doc["AmountDue"] > 1 and random.random() < 0.25
        due = doc["AmountDue"] if wanted == "PAID" else self._share(doc["AmountDue"]) if part else ZERO
        first = self._share(due) if due > 1 and random.random() < 0.1 else due
        payments = []
        for amount in (first, due - first):
            if amount:
                payments.append(payment("invoice", doc, amount, day, new_id(random)))
                doc = paid(doc, payments[-1])
        return [("invoice", doc), *(("payment", each) for each in payments), *beside]

    def _share(self, amount: Decimal) -> Decimal:
        return cents(amount * self._random.randrange(20, 80) / 100)

    def _credited(self, doc: Doc, day: date) -> tuple[Doc, list[tuple[str, Doc]]]:
        """Credit for the invoice's contact: applied to the invoice in part or whole, kept, given back, or a draft."""
        random, kind = self._random, self._random.choices(CREDITS, (5, 2, 3))[0]
        amount = doc["Total"] if random.random() < 0.2 else self._share(doc["Total"])
        self._credits += 1
        number = doc["InvoiceNumber"] if kind == "prepayment" else f"CN-{self._credits:04d}"
        words = {"creditnote": "Goods returned", "overpayment": "Paid too much", "prepayment": "Deposit"}
        line: Doc = {"Description": words[kind], "AccountCode": "200", "UnitAmount": amount, "Tracking": []}
        line["LineItemID"] = new_id(random)
        held = credit(kind, doc, new_id(random), number, day, [line], reference=doc["Reference"])
        use = random.random()
        if use < 0.1:
            dead = {"creditnote": "DRAFT"}.get(kind, "VOIDED")
            return doc, [(kind, left({**held, "Status": "VOIDED" if use < 0.05 else dead}))]
        if use < 0.2:
            back = payment(kind, held, amount, day, new_id(random), "Refund")
            return doc, [(kind, paid(held, back)), ("payment", back)]
        if use < 0.9:
            applied = amount if use < 0.7 or amount < 1 else self._share(amount)
            held, doc = allocated(kind, held, doc, applied, day, new_id(random))
        return doc, [(kind, held)]
