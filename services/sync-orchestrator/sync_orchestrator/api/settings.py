"""/api/v1/settings: what is synced of a connection, and how often."""

from flask_smorest import Blueprint

from accounting_link.chassis.callers import ADMIN, MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.chassis.web import allowed, caller, reference
from accounting_link.contracts.words import Suppliers
from sync_orchestrator.api import schemas
from sync_orchestrator.api.parts import parts
from sync_orchestrator.preferences import Frequency, Preferences

blueprint = Blueprint("Settings", __name__, url_prefix="/api/v1/settings", description="Sync settings of a connection.")


@blueprint.get("/<connection_id>")
@blueprint.etag
@blueprint.response(200, schemas.SavedSettingsSchema)
@allowed(ADMIN, MEMBER, NO_MONEY)
def get_settings(connection_id: str) -> Document:
    """The settings of a connection; the defaults where none were saved."""
    account_id, store = caller().account_id, parts().store
    parts().desk.connection(account_id, connection_id)
    return schemas.shown_settings(store.preferences(account_id, connection_id), store.due_of(account_id, connection_id))


@blueprint.put("/<connection_id>")
@allowed(ADMIN)
@blueprint.arguments(schemas.SettingsSchema)
@blueprint.response(200, schemas.SavedSettingsSchema)
def save_settings(wanted: Document, connection_id: str) -> Document:
    """Save Settings. The next sync runs under them; a wider choice makes it read everything once."""
    preferences = Preferences(
        frequency=Frequency(wanted["frequency"]),
        suppliers=Suppliers(wanted["suppliers"]),
        selected_suppliers=tuple(wanted["selected_suppliers"]),
    )
    due = parts().desk.save(caller(), connection_id, preferences, reference())
    return schemas.shown_settings(preferences, due)
