"""What ``make xero-check`` is told: the app, and where Xero is when it is not Xero itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from accounting_link.chassis import env
from auth_link.settings import XeroApp

PORT = 8917


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    app: XeroApp
    api_url: str
    deep_link_url: str
    port: int
    folder: Path
    write: bool  # creates one contact and archives it
    burst: bool  # ten calls at once, to see one refused

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """With auth-link's own names, usual values and refusals. Raises SettingsError, which names every problem."""
        # Xero takes http for localhost only, by that name (developer.xero.com, OAuth 2.0).
        port = environ.get("XERO_CHECK_PORT") or str(PORT)
        here = f"http://localhost:{port}"
        with env.reading({**environ, "PUBLIC_URL": here}) as read:
            return cls(
                app=replace(XeroApp.read(read), redirect_uri=f"{here}/callback"),
                api_url=read.text("XERO_API_URL", "accounting API", default="https://api.xero.com/api.xro/2.0"),
                deep_link_url=read.text(
                    "XERO_DEEP_LINK_URL",
                    "where records open",
                    default="https://go.xero.com/organisationlogin/default.aspx",
                ),
                port=read.number("XERO_CHECK_PORT", "where the consent comes back", default=PORT, between=(1, 65535)),
                folder=Path(read.text("XERO_CHECK_FOLDER", "for the answers", default=".xero-check")),
                write=environ.get("WRITE") == "1",
                burst=environ.get("BURST") == "1",
            )
