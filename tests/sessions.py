"""Sessions as the CRM's sign-in gives them, of any account: on a shared Platform each suite has its own."""

from datetime import UTC, datetime

import jwt

from crm_frontend.people import PEOPLE
from crm_frontend.sign_in import ALGORITHM, AUDIENCE, ISSUER, LIVES, SigningKey
from deploy.local.crm import Crm
from deploy.local.run import Platform


def session_of(platform: Platform, who: str) -> str:
    """``who`` as ``account:role``. The reference frontend greets only people it knows, so it is one of them."""
    account_id, _, role = who.partition(":")
    person = PEOPLE[f"legrand:{role}"]
    key, now = SigningKey.from_pem(platform.folder.secrets()["SIGN_IN_KEY"]), datetime.now(UTC)
    whose = {"sub": person.user_id, "account_id": account_id, "name": person.name, "roles": person.roles}
    claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + LIVES, **whose}
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})


def entered(platform: Platform, who: str) -> Crm:
    crm = Crm(platform.public_url)
    crm.enter(session_of(platform, who))
    return crm


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
