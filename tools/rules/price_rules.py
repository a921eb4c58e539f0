"""New prices from old ones: by per cent or an amount, rounded as shops round, never under a floor. Pure functions."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from enum import StrEnum

from db.money import exponent


class Ending(StrEnum):
    ends_95 = "ends_95"
    ends_99 = "ends_99"
    whole = "whole"


_CENTS = {Ending.ends_95: 95, Ending.ends_99: 99, Ending.whole: 0}


@dataclass(frozen=True)
class Rule:
    """One of `percent`, `by` and `to` says what becomes of a price; `ending` which prices there are."""

    currency: str
    percent: Decimal | None = None
    by: int | None = None
    to: int | None = None
    ending: Ending | None = None

    def price(self, amount: int) -> int:
        """What a price becomes, half a minor unit upwards; it may be below zero."""
        if self.to is not None:
            return self._ended(Decimal(self.to), ROUND_HALF_UP)
        moved = amount * (1 + self.percent / 100) if self.percent is not None else Decimal(amount + (self.by or 0))
        return self._ended(moved, ROUND_HALF_UP)

    def at_least(self, floor: Decimal) -> int:
        """The lowest price that is not under the floor."""
        return self._ended(floor, ROUND_CEILING)

    def _ended(self, amount: Decimal, rounding: str) -> int:
        """The nearest price of the ending, in the direction of the rounding: the first is 0.95, 0.99, or a whole 1."""
        unit = 10 ** exponent(self.currency)
        if self.ending is None:
            return int(amount.quantize(Decimal(1), rounding=rounding))
        cents = _CENTS[self.ending] * unit // 100
        whole = int(((amount - cents) / unit).quantize(Decimal(1), rounding=rounding))
        return max(whole, 0 if cents else 1) * unit + cents


def floor_of(cost: Decimal, margin: Decimal, tax_rate: Decimal) -> Decimal:
    """The cost with so many per cent of it on top, and the tax that the price contains."""
    return cost * (1 + margin / 100) * (1 + tax_rate)
