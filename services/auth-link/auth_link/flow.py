"""What auth-link hears and says."""

from accounting_link.contracts.connections import ConnectionEstablished, ConnectionLost
from accounting_link.contracts.event import Event

CONSUMES: tuple[type[Event], ...] = ()
PUBLISHES: tuple[type[Event], ...] = (ConnectionEstablished, ConnectionLost)
