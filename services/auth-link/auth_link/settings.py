"""All that auth-link can be told from outside. Nothing else reads the environment."""

import ipaddress
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from cryptography.fernet import Fernet

from accounting_link.chassis import env
from accounting_link.chassis.web import WebSettings

CALLBACK = "/api/v1/oauth/xero/callback"

# The least that reading contacts, sales and payments and creating contacts needs. Apps made since 2026-03-02 know
# only these granular names (apideck.com/blog/xero-scopes); an older app may be told the broader ones.
LEAST_SCOPES = (
    "openid profile email offline_access accounting.contacts"
    " accounting.invoices.read accounting.payments.read accounting.settings.read"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class XeroApp:
    """Our app at Xero and where Xero is."""

    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    revoke_url: str
    connections_url: str
    redirect_uri: str
    scopes: tuple[str, ...]

    @property
    def plain_http(self) -> bool:
        """Is any address of Xero's without TLS? Only of a stand-in: see ``_address``."""
        called = (self.authorize_url, self.token_url, self.revoke_url, self.connections_url)
        return any(url.startswith("http://") for url in called)

    @classmethod
    def read(cls, read: env.Reader) -> "XeroApp":
        plain = read.text(
            "XERO_PLAIN_HTTP_HOSTS",
            "hosts of a stand-in for Xero that may be called without TLS, beside this machine's own",
            default="",
        )
        hosts = frozenset(host.strip() for host in plain.split(",") if host.strip())
        return cls(
            client_id=read.text("XERO_CLIENT_ID", "of the app at developer.xero.com"),
            client_secret=read.secret("XERO_CLIENT_SECRET", "of the app at developer.xero.com"),
            authorize_url=_address(
                read, "XERO_AUTHORIZE_URL", "https://login.xero.com/identity/connect/authorize", hosts
            ),
            token_url=_address(read, "XERO_TOKEN_URL", "https://identity.xero.com/connect/token", hosts),
            revoke_url=_address(read, "XERO_REVOKE_URL", "https://identity.xero.com/connect/revocation", hosts),
            connections_url=_address(read, "XERO_CONNECTIONS_URL", "https://api.xero.com/connections", hosts),
            redirect_uri=public_url(read) + CALLBACK,
            scopes=tuple(read.text("XERO_SCOPES", "what people are asked to allow", default=LEAST_SCOPES).split()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Whose sessions the gateway accepts."""

    jwks_url: str
    issuer: str
    audience: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """For the web service."""

    mongo_uri: str = field(repr=False)
    xero: XeroApp
    sign_in: SignIn
    public_url: str
    vault_keys: tuple[str, ...] = field(repr=False)
    service_key: str = field(repr=False)
    web: WebSettings = field(repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Web":
        """Reads and checks all of it; one SettingsError names every problem at once."""
        with env.reading(environ) as read:
            return cls(
                mongo_uri=_mongo_uri(read),
                xero=XeroApp.read(read),
                sign_in=SignIn(
                    jwks_url=read.text("SIGN_IN_JWKS_URL", "the public keys of the sign-in (JWKS)"),
                    issuer=read.text("SIGN_IN_ISSUER", "`iss` of its tokens", default="crm-development-sign-in"),
                    audience=read.text("SIGN_IN_AUDIENCE", "`aud` of its tokens", default="accounting-link"),
                ),
                public_url=public_url(read),
                vault_keys=_vault_keys(read),
                service_key=read.secret(
                    "AUTH_LINK_SERVICE_KEY", "lets xero-adapter ask for access tokens", at_least=32
                ),
                web=WebSettings.read(read),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """For the worker."""

    kafka_brokers: str
    mongo_uri: str = field(repr=False)
    status_bind: str
    xero: XeroApp
    vault_keys: tuple[str, ...] = field(repr=False)
    log_level: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Worker":
        """Reads and checks all of it; one SettingsError names every problem at once."""
        with env.reading(environ) as read:
            return cls(
                kafka_brokers=read.text("KAFKA_BROKERS", "where the broker is found at first: host:port,host:port"),
                mongo_uri=_mongo_uri(read),
                status_bind=read.text("STATUS_BIND", "host:port of /healthz, /readyz and /metrics"),
                xero=XeroApp.read(read),
                vault_keys=_vault_keys(read),
                log_level=read.choice(
                    "LOG_LEVEL", "least severe log line", among=("DEBUG", "INFO", "WARNING"), default="INFO"
                ),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """For the command that changes the vault's key."""

    mongo_uri: str = field(repr=False)
    vault_keys: tuple[str, ...] = field(repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Rotation":
        with env.reading(environ) as read:
            return cls(mongo_uri=_mongo_uri(read), vault_keys=_vault_keys(read))


def permit_plain_http(app: XeroApp, environ: MutableMapping[str, str]) -> None:
    """oauthlib refuses http:// unless this variable is set, and knows it for the whole process only.

    So which addresses may be without TLS is decided here, host by host, when settings are read: with a real Xero the
    variable is never set, and is taken away if somebody has set it.
    """
    if app.plain_http:
        environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    else:
        environ.pop("OAUTHLIB_INSECURE_TRANSPORT", None)


def public_url(read: env.Reader) -> str:
    url = read.text("PUBLIC_URL", "what browsers see: the gateway").rstrip("/")
    if url and not _is_web(urlsplit(url)):
        read.problems.append(f"PUBLIC_URL={url!r} is no http or https address: what browsers see, the gateway")
    return url


def origin_of(url: str) -> str:
    """As browsers write an Origin header (RFC 6454): lower case, without the scheme's own port."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port and parts.port != usual else "")


def _mongo_uri(read: env.Reader) -> str:
    return read.secret("MONGO_URI", "where the database `auth_link` lives")


def _vault_keys(read: env.Reader) -> tuple[str, ...]:
    text = read.secret("VAULT_KEYS", "Fernet keys that encrypt tokens, newest first, with commas between")
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if text and not keys:
        read.problems.append("VAULT_KEYS holds commas and no key")
    for place, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            read.problems.append(
                f"VAULT_KEYS: key {place} of {len(keys)} is no Fernet key (32 bytes in URL-safe base64); make one with "
                '`python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"`'
            )
    return keys


def _address(read: env.Reader, name: str, usual: str, plain_hosts: frozenset[str]) -> str:
    url = read.text(name, "an address of Xero's", default=usual)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not _is_web(parts) or (parts.scheme == "http" and not (_is_loopback(host) or host in plain_hosts)):
        read.problems.append(
            f"{name}={url!r} must be https: secrets are sent there. "
            "Only this machine and hosts named in XERO_PLAIN_HTTP_HOSTS, a stand-in's, may be http"
        )
    return url


def _is_web(parts: SplitResult) -> bool:
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
