"""The ways a call can fail, each with what follows from it."""

from datetime import timedelta


class XeroError(Exception):
    """Base: ``what`` happened, in words for a person."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Throttled(XeroError):  # noqa: N818
    """429: wait as told. The permits know until when."""

    def __init__(self, what: str, retry_after: timedelta) -> None:
        super().__init__(what)
        self.retry_after = retry_after


class Unavailable(XeroError):  # noqa: N818
    """A timeout, a broken connection, a 5xx, an answer that is no JSON: may be tried again."""


class TokenExpired(XeroError):  # noqa: N818
    """401 of a token that was good a moment ago, or 403 of one that a consent has overtaken: ask for a new one."""


class ConnectionGone(XeroError):  # noqa: N818
    """Only a person can mend it, by connecting again."""

    def __init__(self, what: str, authorisation: int = 0) -> None:
        super().__init__(what)
        self.authorisation = authorisation


class OrderRefused(XeroError):  # noqa: N818
    """400 HighVolume: this organisation is too large for the order or the filter that was asked for."""


class Refused(XeroError):  # noqa: N818
    """Any other 4xx: asking the same again cannot help."""


class Missing(Refused):
    """404: there is none."""


class NotGranted(Refused):
    """401 that no newer token mends: the person who connected did not allow this."""


class NotValid(Refused):
    """What was sent is against Xero's rules: nothing of it was written. ``messages`` are Xero's own words."""

    def __init__(self, what: str, messages: tuple[str, ...]) -> None:
        super().__init__(what)
        self.messages = messages
