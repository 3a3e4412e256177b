"""Bars, as numbers for inline SVG: places and widths are attributes, for the policy allows no inline style."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

WIDTH = 600


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch of a bar, in the units of a picture that is WIDTH wide."""

    name: str
    value: Decimal
    x: float
    width: float


def stacked(parts: Mapping[str, Decimal | int], least: float = 4.0) -> list[Piece]:
    """One bar as wide as the sum. What is there at all is at least ``least`` wide, enough to be seen; nothing else is
    drawn."""
    shown = {name: Decimal(value) for name, value in parts.items() if value > 0}
    total = sum(shown.values(), Decimal(0))
    widths = {name: max(float(value / total) * WIDTH, least) for name, value in shown.items()}
    shrink = WIDTH / sum(widths.values()) if widths else 1.0
    pieces, x = [], 0.0
    for name, value in shown.items():
        width = round(widths[name] * shrink, 2)
        pieces.append(Piece(name, value, round(x, 2), width))
        x += width
    return pieces
