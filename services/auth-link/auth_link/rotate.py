"""Changes the vault's key while everything runs: ``python -m auth_link.rotate``.

Everything sealed with an older key is sealed anew with the first of VAULT_KEYS, each document by compare-and-set on
what was read, so a token that is refreshed at that moment is not put back. Before this, restart every process twice:
with the new key behind the old one, so that each can read it, then with the new one first, so that each writes it. When
this has ended, the older keys may go.
"""

import os
import sys

from pymongo.collection import Collection

from accounting_link.chassis import env, logs, mongo
from accounting_link.chassis.mongo import Db, Document
from auth_link.settings import Rotation
from auth_link.vault import Vault, VaultKeyError

log = logs.logger()

SEALED = {"token_sets": ("access", "refresh"), "oauth_states": ("verifier",), "vault_check": ("sealed",)}


def rotate(db: Db, vault: Vault) -> int:
    """How many documents were sealed anew. Again until a pass finds none: others write meanwhile. Raises
    VaultKeyError when a document can be read with none of the keys; those before it are done."""
    total = 0
    while turned := sum(_pass(db[name], names, vault) for name, names in SEALED.items()):
        total += turned
    return total


def _pass(collection: "Collection[Document]", names: tuple[str, ...], vault: Vault) -> int:
    return sum(_turn(collection, document, names, vault) for document in collection.find())


def _turn(collection: "Collection[Document]", document: Document, names: tuple[str, ...], vault: Vault) -> bool:
    """A dead token set holds nothing sealed any more."""
    old = {name: document[name] for name in names if name in document and not vault.is_newest(document[name])}
    if not old:
        return False
    fresh = {name: vault.seal(vault.open(sealed)) for name, sealed in old.items()}
    return bool(collection.update_one({"_id": document["_id"], **old}, {"$set": fresh}).modified_count)


def main() -> int:
    logs.start("auth-link-rotate")
    try:
        settings = Rotation.from_env(os.environ)
        with mongo.database(settings.mongo_uri, "auth_link") as db:
            turned = rotate(db, Vault(settings.vault_keys))
    except (env.SettingsError, VaultKeyError) as error:
        log.error("the vault's key was not changed", problem=str(error))
        return 1
    log.info("everything is sealed with the newest key", documents=turned)
    return 0


if __name__ == "__main__":
    sys.exit(main())
