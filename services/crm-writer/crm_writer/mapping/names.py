"""When two names are one."""


def folded(name: str) -> str:
    """Trimmed, inner space collapsed, case-folded. Empty for a name of white space only."""
    return " ".join(name.split()).casefold()


def tidy(name: str) -> str:
    """As a person would write it: trimmed, inner space collapsed."""
    return " ".join(name.split())
