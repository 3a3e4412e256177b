"""Names by what people type, as MongoDB's regular expressions over the folded name (``name_key``)."""

import re
import unicodedata

from accounting_link.chassis.mongo import Document
from crm_writer.mapping.names import folded

LONGEST = 200  # characters; MongoDB takes patterns of up to 32,764 bytes, and one letter with its accents is 150
_MARKS = "[\u0300-\u036f]*"  # accents on their own, as some systems write them


def with_words(text: str) -> Document:
    """Names that hold each of these words or parts of words: in whatever order, since people are kept by their last
    name; in whatever case, with their accents or without; signs mean themselves."""
    patterns = [_loosely(word) for word in folded(text).split()]
    return {"$and": [{"name_key": {"$regex": pattern}} for pattern in patterns]} if patterns else {}


def beginning(text: str) -> Document:
    """Names that begin with just this, whatever the case; this one can use the index."""
    return {"name_key": {"$regex": "^" + re.escape(_held(folded(text)))}} if text.strip() else {}


def _loosely(word: str) -> str:
    return "".join(_letter(sign) for sign in unicodedata.normalize("NFC", _held(word)) if not _is_mark(sign))


def _held(text: str) -> str:
    """MongoDB takes no pattern with a null in it, and no name holds one."""
    return text.replace("\0", "\ufffd")


def _letter(sign: str) -> str:
    base = _base(sign)
    if not base.isalpha():
        return re.escape(sign)
    return f"[{base}{_ACCENTED.get(base, '')}]{_MARKS}"


def _base(sign: str) -> str:
    """Without its accents, where that is what it is made of."""
    parts = unicodedata.normalize("NFD", sign)
    return parts[0] if all(map(_is_mark, parts[1:])) else sign


def _is_mark(sign: str) -> bool:
    return "\u0300" <= sign <= "\u036f"


def _accented() -> dict[str, str]:
    """The letters that are each letter with accents: Latin, Greek and Cyrillic ones."""
    found: dict[str, str] = {}
    for sign in map(chr, (*range(0xC0, 0x530), *range(0x1E00, 0x2000))):
        if sign.casefold() == sign and (base := _base(sign)) != sign:
            found[base] = found.get(base, "") + sign
    return found


_ACCENTED = _accented()
