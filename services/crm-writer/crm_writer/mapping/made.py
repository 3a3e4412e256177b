"""What is made of a record, and the digest that tells whether making it again changed anything."""

from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from accounting_link.contracts.records import MAPPING

_KEY = str(MAPPING).encode()
_encode = msgspec.msgpack.encode


class Made(NamedTuple):
    """``content`` None: left out, for this reason; then ``digest`` is empty and ``name`` says whom."""

    digest: str
    content: Any = None
    reason: str = ""
    name: str = ""


def digest(content: Any) -> str:
    """Equal for equal content made by the same mapping. What only dates a copy does not belong in it."""
    return blake2b(_encode(content), digest_size=12, key=_KEY).hexdigest()
