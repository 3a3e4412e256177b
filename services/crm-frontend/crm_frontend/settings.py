"""All that crm-frontend can be told from outside. Nothing else reads the environment."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from accounting_link.chassis.env import Reader, reading
from accounting_link.chassis.web import WebSettings
from crm_frontend.people import PEOPLE, Person
from crm_frontend.sign_in import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    gateway_url: str
    public_url: str  # empty: the address that the browser asked for
    xero_deep_link_url: str
    signing_key: SigningKey
    auto_sign_in: Person | None
    web: WebSettings

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read and check all of it; one SettingsError names every problem at once."""
        with reading(env) as read:
            return cls(
                gateway_url=read.text("GATEWAY_URL", "where the APIs are, such as http://gateway:8080").rstrip("/"),
                public_url=read.text("PUBLIC_URL", "what browsers see; https makes the cookie Secure", default=""),
                xero_deep_link_url=read.text(
                    "XERO_DEEP_LINK_URL",
                    "where Open in Xero leads",
                    default="https://go.xero.com/organisationlogin/default.aspx",
                ),
                auto_sign_in=_person(read),
                web=_web(read),
                signing_key=_signing_key(read),  # last, for it raises
            )


def _signing_key(read: Reader) -> SigningKey:
    # One line in an env file has its line ends written out.
    pem = read.secret("SIGN_IN_KEY", "PEM of an EC P-256 private key that signs the development sign-in")
    return SigningKey.from_pem(pem.replace("\\n", "\n"))


def _person(read: Reader) -> Person | None:
    chosen = read.choice(
        "AUTO_SIGN_IN",
        "who is signed in on the first page without asking; for demos only",
        among=tuple(PEOPLE),
        default="",
    )
    return PEOPLE.get(chosen)


def _web(read: Reader) -> WebSettings:
    level = read.choice("LOG_LEVEL", "least severe log line", among=("DEBUG", "INFO", "WARNING"), default="INFO")
    # No view here takes an X-Caller: a key that nobody knows refuses every one.
    return WebSettings(caller_key=secrets.token_hex(), log_level=level)
