"""Every part of auth-link and how the parts meet. To learn the service, start here."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from accounting_link.chassis import outbox, rates
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.messages import Publisher, Transport
from accounting_link.chassis.mongo import Db
from auth_link import connections, disconnecting, tokens, vault
from auth_link.checking import Checks
from auth_link.consent import Consents
from auth_link.disconnecting import Disconnects
from auth_link.leases import Leases
from auth_link.states import States
from auth_link.tokens import Pause, Tokens
from auth_link.vault import Vault
from auth_link.xero import Identity

SOURCE = "/auth-link"
# Of one account: each leaves a state for ten minutes, and nobody consents as often.
CONSENTS = rates.Rate(at_once=20, a_minute=20)


def really_pause(span: timedelta) -> object:
    return threading.Event().wait(span.total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    db: Db
    states: States
    tokens: Tokens
    consents: Consents
    begins: rates.Bucket  # of consents, an account
    disconnects: Disconnects
    checks: Checks


def assemble(
    db: Db,
    identity: Identity,
    vault_keys: Sequence[str],
    scopes: tuple[str, ...],
    clock: Clock,
    pause: Pause = really_pause,
    transport: Transport | None = None,
) -> Parts:
    """Prepares the database too. Raises VaultKeyError when the keys are others than those it was begun with."""
    safe = Vault(vault_keys)
    vault.check(db, safe)
    publisher = Publisher(transport or outbox.StoredOnly(), source=SOURCE, clock=clock)
    states = States(db, safe, clock)
    given = Tokens(db, safe, identity, publisher, clock, pause)
    for prepare in (connections.prepare, tokens.prepare, disconnecting.prepare, outbox.prepare, rates.prepare):
        prepare(db)
    states.prepare()
    leases = Leases(db, clock, pause)
    return Parts(
        db=db,
        states=states,
        tokens=given,
        consents=Consents(db, states, given, identity, leases, publisher, clock, scopes),
        begins=rates.MongoBucket(db, "consents", CONSENTS, clock),
        disconnects=Disconnects(db, given, identity, leases, publisher, clock),
        checks=Checks(db, given, identity, publisher, clock),
    )
