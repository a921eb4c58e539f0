"""Money: an integer of minor units and its ISO 4217 currency, always together; never a float."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from db.exact import Exact

# ISO 4217, table A.1: the currencies whose minor unit is not a hundredth.
_EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}

Currency = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217 code, such as EUR.", examples=["EUR"])
]


class Rounding(StrEnum):
    """How a fraction of a minor unit becomes whole."""

    half_up = "half_up"
    half_even = "half_even"
    up = "up"
    down = "down"


_MODES = {
    Rounding.half_up: ROUND_HALF_UP,
    Rounding.half_even: ROUND_HALF_EVEN,
    Rounding.up: ROUND_CEILING,
    Rounding.down: ROUND_FLOOR,
}


class Money(Exact):
    """An amount of minor units of a currency: 1999 and EUR is 19.99 EUR; 1999 and JPY is 1999 JPY."""

    model_config = ConfigDict(frozen=True)

    amount: int = Field(description="Minor units: 1999 is 19.99 EUR.")
    currency: Currency = Field(description="ISO 4217 code, such as EUR.")

    def __str__(self) -> str:
        return f"{major(self.amount, self.currency)} {self.currency}"


def exponent(currency: str) -> int:
    """How many decimals a currency has (ISO 4217): EUR 2, JPY 0, KWD 3."""
    return _EXPONENTS.get(currency, 2)


def major(amount: int, currency: str) -> str:
    """Minor units written as people write them: 123450 EUR is `1,234.50`."""
    digits = exponent(currency)
    return f"{Decimal(amount).scaleb(-digits):,.{digits}f}"


def rounded(value: Decimal, mode: Rounding = Rounding.half_up) -> int:
    """A fraction of minor units as whole minor units."""
    return int(value.quantize(Decimal(1), rounding=_MODES[mode]))


def share(total: int, weights: Sequence[int]) -> list[int]:
    """Split minor units in proportion to the weights, by largest remainder: the parts always sum to the total.

    Ties go to the earlier part. Weights that are all zero count as equal. Raises ValueError without weights.
    """
    if not weights or min(weights) < 0:
        raise ValueError("Shares need at least one weight, and none below zero.")
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    sign = -1 if total < 0 else 1
    parts = [divmod(abs(total) * weight, whole) for weight in weights]
    left = abs(total) - sum(quotient for quotient, _ in parts)
    first = sorted(range(len(parts)), key=lambda i: -parts[i][1])[:left]
    return [sign * (quotient + (i in first)) for i, (quotient, _) in enumerate(parts)]
