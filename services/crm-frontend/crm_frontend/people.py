"""Who may sign in during development: two accounts, so that one can see that they are apart, three roles each."""

from dataclasses import dataclass

from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY

ROLES = {
    ADMIN: "Administrator: connects, sets up and syncs",
    MEMBER: "Member: syncs and sees everything",
    NO_MONEY: "No money: companies and contacts only",
}
ROLE_NAMES = {ADMIN: "administrator", MEMBER: "member", NO_MONEY: "no money"}
_NAMES = {
    "legrand": ("Legrand Demo Company", ("Ada Legrand", "Max Member", "Nora Nomoney")),
    "kauri": ("Kauri Timber Merchants", ("Aroha Kauri", "Moana Member", "Niko Nomoney")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    account_id: str
    account_name: str
    name: str
    role: str

    @property
    def key(self) -> str:
        return f"{self.account_id}:{self.role}"

    @property
    def user_id(self) -> str:
        return f"{self.account_id}-{self.role}"

    @property
    def role_name(self) -> str:
        return ROLE_NAMES[self.role]

    @property
    def roles(self) -> list[str]:
        """What the session says. An administrator may do what a member may."""
        return [ADMIN, MEMBER] if self.role == ADMIN else [self.role]


def _everybody() -> dict[str, Person]:
    found = [
        Person(account_id=account, account_name=title, name=name, role=role)
        for account, (title, names) in _NAMES.items()
        for role, name in zip(ROLES, names, strict=True)
    ]
    return {person.key: person for person in found}


PEOPLE = _everybody()


def of_user(user_id: str) -> Person | None:
    return next((person for person in PEOPLE.values() if person.user_id == user_id), None)
