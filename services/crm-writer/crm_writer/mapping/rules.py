"""Who is imported, and in which words one is told why not. Pure."""

from accounting_link.contracts.records import ContactImported, Person, SupplierImported
from accounting_link.contracts.words import Suppliers

NO_NAME = "no company name"
NO_LAST_NAME = "no contact person with a last name"
NO_SUPPLIERS = "suppliers are not imported"
NOT_SELECTED = "not among the selected suppliers"
AS_SUPPLIER = (NO_SUPPLIERS, NOT_SELECTED)  # a sale makes who is left out by these a customer


def has_last_name(person: Person) -> bool:
    return bool(person.last_name.strip())


def why_left_out(contact: ContactImported, *, has_sales: bool) -> str:
    """Empty when the contact is imported. ``has_sales``: a contact with a sales transaction is a customer,
    whatever its copy says."""
    if not has_sales and (refused := refused_as_supplier(contact)):
        return refused
    return ", ".join(_missing(contact))


def refused_as_supplier(contact: ContactImported) -> str:
    """Empty for a customer, and for a supplier that the settings let in."""
    if not isinstance(contact, SupplierImported) or contact.setting == Suppliers.ALL:
        return ""
    if contact.setting == Suppliers.NONE:
        return NO_SUPPLIERS
    return "" if contact.selected else NOT_SELECTED


def _missing(contact: ContactImported) -> list[str]:
    missing = [] if contact.name.strip() else [NO_NAME]
    if not any(map(has_last_name, (contact.main_person, *contact.persons))):
        missing.append(NO_LAST_NAME)
    return missing
