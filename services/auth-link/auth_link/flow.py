"""What auth-link hears and says."""

from accounting_link.contracts.connections import ConnectionEstablished, ConnectionLost, ConnectionRemoved
from accounting_link.contracts.event import Event
from accounting_link.contracts.people import PersonActed

CONSUMES: tuple[type[Event], ...] = ()
PUBLISHES: tuple[type[Event], ...] = (
    ConnectionEstablished,
    ConnectionLost,
    ConnectionRemoved,
    PersonActed,
)
