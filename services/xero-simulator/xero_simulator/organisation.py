"""What one organisation holds: shelves of every kind, what follows from one record for another, and the ledger."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from xero_simulator.kinds import KINDS, PAYABLE, Kind, paid_kind
from xero_simulator.ledger import Ledger
from xero_simulator.shelf import Row, Shelf
from xero_simulator.wire import Doc, decode, encode, ms_in, updated

_ELSEWHERE = {"UpdatedDateUTC", "UpdatedDateUTCString", "Contact", "Invoice"}  # written anew whenever it is read
_CENT = Decimal("0.01")
_CURRENCIES = {"NZD": "New Zealand Dollar", "AUD": "Australian Dollar"}
_SIDES = {"ACCREC": "AccountsReceivable", "ACCPAY": "AccountsPayable"}


def _packed(kind: Kind, doc: Doc) -> bytes:
    """The record's own JSON without braces; the fields that only some answers show stand last."""
    own = {name: value for name, value in doc.items() if name not in _ELSEWHERE and name not in kind.parts}
    tail = {kind.tail: doc.get(kind.tail, [])} if kind.tail else {}
    return encode(own | tail | {name: doc[name] for name in doc if name in kind.parts})[1:-1]


class Organisation:
    """One tenant: profile, records of every kind, and the ledger over them.

    Not thread-safe: the simulator's lock is held around every method.
    """

    def __init__(self, tenant: str, profile: Doc) -> None:
        self.tenant = tenant
        self.profile = profile
        self.shelves = {name: Shelf(kind) for name, kind in KINDS.items()}
        self.ledger = Ledger()
        self._open: dict[int, dict[int, int]] = {}  # by contact, then invoice: cents due, in own currency
        self._stubs: dict[int, bytes] = {}

    @property
    def contacts(self) -> Shelf:
        return self.shelves["contact"]

    @property
    def invoices(self) -> Shelf:
        return self.shelves["invoice"]

    # -- changing

    def fill(self, contacts: Iterable[Doc], others: Iterable[tuple[str, Doc]]) -> None:
        """Everything that an organisation is seeded with. A payment comes right behind what it is for."""
        for doc in sorted(contacts, key=lambda doc: ms_in(doc["UpdatedDateUTC"])):  # pages then open few blocks
            self._seed(KINDS["contact"], doc)
        self.contacts.sort()
        for kind, doc in others:
            self._seed(KINDS[kind], doc)
        for shelf in self.shelves.values():
            shelf.sort()

    def _seed(self, kind: Kind, doc: Doc) -> None:
        values = self._values(kind, doc)
        number = self.shelves[kind.name].append(doc[kind.id], ms_in(doc["UpdatedDateUTC"]), values, _packed(kind, doc))
        self._entered(kind.name, number, doc)

    def put(self, kind_name: str, doc: Doc) -> None:
        """The record as it now is, and what Xero makes follow from it.

        An invoice makes its contact a customer or a supplier, which does not move the contact's UpdatedDateUTC
        (developer.xero.com, Contacts). All that a merged contact had becomes the survivor's, with no new date.
        """
        kind, shelf = KINDS[kind_name], self.shelves[kind_name]
        values, before = self._values(kind, doc), shelf.find(doc[kind.id])
        if kind_name == "invoice" and before is not None:
            self._open.get(shelf.columns["contact"][before], {}).pop(before, None)
        number = shelf.put(doc[kind.id], ms_in(doc["UpdatedDateUTC"]), values, _packed(kind, doc))
        self._entered(kind_name, number, doc)
        if kind_name == "contact":
            self._stubs.pop(number, None)
            if "MergedToContactID" in doc:
                self._hand_over(number, doc["MergedToContactID"])
        elif kind_name == "invoice":
            self._involve(values["contact"], "IsCustomer" if doc["Type"] == "ACCREC" else "IsSupplier")

    def _values(self, kind: Kind, doc: Doc) -> Doc:
        values = {column.name: column.value(doc) for column in kind.columns}
        if "contact" in values:
            values["contact"] = self._number("contact", values["contact"])
        if "parent" in values:
            values["parent"] = self.parent_code(paid_kind(doc["PaymentType"]), values["parent"])
        return values

    def _number(self, kind: str, key: str) -> int:
        number = self.shelves[kind].find(key)
        if number is None:
            raise KeyError(key)
        return number

    def parent_code(self, kind: str, key: str) -> int:
        """What a payment's ``parent`` holds for this document. KeyError when there is none."""
        return self._number(kind, key) * len(PAYABLE) + PAYABLE.index(kind)

    def parent(self, payment: int) -> Row:
        """The document that a payment is for."""
        number, place = divmod(self.shelves["payment"].columns["parent"][payment], len(PAYABLE))
        return Row(self.shelves[PAYABLE[place]], number)

    def _entered(self, kind: str, number: int, doc: Doc) -> None:
        self.ledger.enter(kind, number, doc)
        if kind == "invoice" and doc["Status"] == "AUTHORISED" and doc["AmountDue"]:
            own = doc["CurrencyCode"] == self.profile["BaseCurrency"]
            due = doc["AmountDue"] if own else (doc["AmountDue"] / doc["CurrencyRate"]).quantize(_CENT)
            self._open.setdefault(self.invoices.columns["contact"][number], {})[number] = int(due * 100)

    def _involve(self, contact: int, role: str) -> None:
        doc = self.doc("contact", self.contacts.id(contact))
        if not doc[role]:
            self.put("contact", {**doc, role: True})

    def _hand_over(self, loser: int, survivor: str) -> None:
        heir = self._number("contact", survivor)
        for name, shelf in self.shelves.items():
            owners = shelf.columns.get("contact", ())
            for number in [number for number, owner in enumerate(owners) if owner == loser]:
                owners[number] = heir
                self.ledger.handed_over(name, number, survivor)
        self._open.setdefault(heir, {}).update(self._open.pop(loser, {}))

    def touch(self, kind: str, key: str, ms: int) -> None:
        self.shelves[kind].touch(self._number(kind, key), ms)

    # -- reading

    def doc(self, kind: str, key: str) -> Doc:
        """The record as a document that may be changed and put back. KeyError when there is none."""
        number, shelf = self._number(kind, key), self.shelves[kind]
        doc: Doc = decode(b"{" + shelf.json[number] + b"}")
        doc |= updated(kind, shelf.updated[number])
        if "contact" in shelf.columns:
            doc["Contact"] = {"ContactID": self.contacts.id(shelf.columns["contact"][number])}
        if kind == "payment":
            parent = self.parent(number)
            doc["Invoice"] = {"InvoiceID": parent.id, "CurrencyCode": parent.currency}
        return doc

    def currencies(self) -> list[Doc]:
        """Its own, and those that its sales and bills are in."""
        codes = {self.profile["BaseCurrency"], *self.invoices.columns["currency"]}
        return [{"Code": code, "Description": _CURRENCIES.get(code, code)} for code in sorted(codes)]

    def stub(self, contact: int) -> bytes:
        """What other records show of a contact, with the name it has now."""
        if contact not in self._stubs:
            number, name = (self.contacts.columns[column][contact] for column in ("number", "name"))
            known = {"ContactID": self.contacts.id(contact), "ContactNumber": number, "Name": name}
            rest: Doc = {"Addresses": [], "Phones": [], "ContactGroups": [], "ContactPersons": []}
            known = {field: value for field, value in known.items() if value is not None}
            self._stubs[contact] = encode({**known, **rest, "HasValidationErrors": False})
        return self._stubs[contact]

    def of_contact(self, kind: str, contact_id: str) -> list[Row]:
        """A contact's documents of one kind by date, newest first."""
        shelf, contact = self.shelves[kind], self._number("contact", contact_id)
        held = (Row(shelf, number) for number, owner in enumerate(shelf.columns["contact"]) if owner == contact)
        return sorted(held, key=lambda row: (row.date, row.id), reverse=True)

    def balances(self, contact: int, today: dt.date) -> Doc | None:
        """What the contact owes and is owed, in the organisation's own currency; None where nothing is open.

        Whether Xero takes credit that is not yet applied off it is UNCONFIRMED; here it does not.
        """
        if not self._open.get(contact):
            return None
        kinds, due_dates, day = self.invoices.columns["type"], self.invoices.columns["due_date"], today.toordinal()
        sums = {kind: [0, 0] for kind in _SIDES}
        for number, due in self._open[contact].items():
            side = sums[kinds[number]]
            side[0] += due
            side[1] += due if 0 <= due_dates[number] < day else 0
        names = ("Outstanding", "Overdue")
        return {
            _SIDES[kind]: {name: Decimal(cents).scaleb(-2) for name, cents in zip(names, side, strict=True)}
            for kind, side in sums.items()
        }
