"""A page that is no JSON, cut into its records: one of them may be at fault, and the others can be read."""

import re
from collections.abc import Iterator

# Texts count as one token, so that brackets in them are none of the page's.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def split(body: bytes, name: str) -> tuple[bytes, list[bytes]] | None:
    """The page with that list empty, and the list's records as they came. None where brackets or texts do not close:
    then nobody can say where a record ends."""
    key, depth, inside, begin = b'"%s"' % name.encode(), 0, 0, 0
    records: list[bytes] = []
    last: bytes = b""
    for token, start, end in _tokens(body):
        if token in (b"[", b"{"):
            depth += 1
            if not inside and token == b"[" and depth == 2 and last == key:
                inside = end
            elif inside and depth == 3:
                begin = start
        elif token in (b"]", b"}"):
            depth -= 1
            if inside and depth == 2:
                records.append(body[begin:end])
            elif inside and depth == 1:
                return body[:inside] + body[start:], records
        last = token
    return None


def text(record: bytes, name: str) -> str:
    """The first text of that name, of a record that is no JSON; empty where there is none."""
    found = re.search(rb'"%s"\s*:\s*"([\w-]+)"' % name.encode(), record)
    return found[1].decode() if found else ""


def _tokens(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    return ((found[0], found.start(), found.end()) for found in _TOKEN.finditer(body))
