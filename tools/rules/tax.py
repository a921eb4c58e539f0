"""Tax: which rate holds where, and how much of an amount it is. Rates are fractions: 0.2000 is 20 %."""

from collections.abc import Sequence
from decimal import Decimal

from pydantic import ConfigDict

from db.exact import Exact
from db.money import Rounding, rounded, share
from db.text import fold

STANDARD = "standard"
UNTAXED = Decimal(0)


class Rate(Exact):
    """The rate of a tax class in a country, or in one of its regions alone."""

    model_config = ConfigDict(frozen=True)

    country: str
    region: str | None
    tax_class: str
    rate: Decimal


def rate_for(rates: Sequence[Rate], tax_class: str, country: str, region: str | None) -> Decimal:
    """The rate of a class of goods at a destination.

    A region's own rate goes before its country's. A class without a rate of its own is taxed as `standard`; a country without
    rates is not taxed: the shop is not registered there.
    """
    here = [
        rate
        for rate in rates
        if rate.country == country
        and rate.tax_class in (tax_class, STANDARD)
        and (rate.region is None or fold(rate.region) == fold(region or ""))
    ]
    best = max(here, key=lambda rate: (rate.tax_class == tax_class, rate.region is not None), default=None)
    return best.rate if best else UNTAXED


def taxes(amounts: Sequence[int], rates: Sequence[Decimal], *, included: bool, rounding: Rounding) -> list[int]:
    """The tax of each amount, in minor units; `included` where the amounts contain it.

    Amounts of one rate are taxed together and rounded once, as an invoice has to (EN 16931, BR-CO-17), and their tax is split
    by largest remainder: the parts always sum to the tax of their rate.
    """
    found = [0] * len(amounts)
    for rate in set(rates):
        places = [place for place, of in enumerate(rates) if of == rate]
        weights = [amounts[place] for place in places]
        whole = sum(weights) * rate / (1 + rate) if included else sum(weights) * rate
        for place, part in zip(places, share(rounded(whole, rounding), weights), strict=True):
            found[place] = part
    return found
