"""The vault: tokens are encrypted before they are stored, with keys that only the environment holds."""

import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pymongo.errors import DuplicateKeyError

from accounting_link.chassis.mongo import Db

_KNOWN = "what is encrypted can be read"


class VaultKeyError(Exception):
    """The keys given cannot read what is stored."""


class Vault:
    """Encrypts with the first key, reads with any. How to change keys: :mod:`~auth_link.rotate`."""

    def __init__(self, keys: Sequence[str]) -> None:
        each = [Fernet(key) for key in keys]
        self._newest, self._fernet = each[0], MultiFernet(each)

    def seal(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def is_newest(self, sealed: bytes) -> bool:
        """Was it sealed with the first key?"""
        try:
            self._newest.decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def open(self, sealed: bytes) -> str:
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise VaultKeyError(
                "VAULT_KEYS holds none of the keys that the tokens in database `auth_link` are encrypted with: "
                "put back the key that was in use before, behind the new one. Is it gone for good, then empty the "
                "collections vault_check, token_sets and oauth_states; every connection must be made again"
            ) from None


def check(db: Db, vault: Vault) -> None:
    """Raises VaultKeyError when these keys are others than those of the first start. Run it before anything else:
    a service with a wrong key would lose each token it refreshes for every other."""
    found = db.vault_check.find_one({"_id": "vault"})
    if found is None:
        try:
            db.vault_check.insert_one({"_id": "vault", "sealed": vault.seal(_KNOWN)})
        except DuplicateKeyError:  # another started at the same moment, maybe with another key
            check(db, vault)
        return
    vault.open(found["sealed"])


def fingerprint(refresh_token: str) -> str:
    """Tells two token sets apart without telling the token: 64 bits of the hash of 256 random ones."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()[:16]
