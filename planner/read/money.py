"""Amounts of money as people write them."""

import re

EXPONENTS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "XAF": 0, "XOF": 0, "XPF": 0, "PYG": 0, "UGX": 0, "RWF": 0} | {
    "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3, "JOD": 3, "IQD": 3, "LYD": 3,
}  # fmt: skip
SIGNS = {
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "usd": "USD", "dollar": "USD", "dollars": "USD",
    "bucks": "USD", "£": "GBP", "gbp": "GBP", "pound": "GBP", "pounds": "GBP", "quid": "GBP", "¥": "JPY", "jpy": "JPY",
    "yen": "JPY", "chf": "CHF", "francs": "CHF", "sek": "SEK", "nok": "NOK", "dkk": "DKK", "pln": "PLN", "zloty": "PLN",
    "cad": "CAD", "aud": "AUD", "krw": "KRW", "won": "KRW",
}  # fmt: skip
SIGN = "|".join(re.escape(sign) + (r"\b" if sign.isalpha() else "") for sign in sorted(SIGNS, key=len, reverse=True))
FIGURE = r"\d+(?:[.,\u202f\u00a0 ]\d{3})*(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?"
AMOUNT = re.compile(
    rf"(?<![\w.-])(?:(?P<sign>{SIGN})\s?(?P<after>{FIGURE})|(?P<before>{FIGURE})\s?(?P<unit>{SIGN}))", re.I
)


CENTS = re.compile(
    r"(?<![\w.-])(\d+)\s?(?:cents?|ct|centimes?)(?!\w)", re.I
)  # hundredths of whatever is the shop's own


def exponent(currency: str) -> int:
    """How many decimals a currency has: 2 for EUR, 0 for JPY."""
    return EXPONENTS.get(currency.upper(), 2)


def figure(said: str) -> float:
    """1234.5 for "1,234.50", "1.234,50" and "1 234,5"."""
    said = re.sub(r"[\s\u202f\u00a0]", "", said)
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", said):
        return float(said.replace(",", ""))
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?", said):
        return float(said.replace(".", "").replace(",", "."))
    return float(said.replace(",", "."))


def minor_units(amount: float, currency: str) -> int:
    """1500 for 15.00 EUR, and for 1500 JPY."""
    return round(amount * 10 ** exponent(currency))


def written(minor: int, currency: str) -> str:
    """ "19.99 EUR" for 1999 minor units, with thousands set apart."""
    digits = exponent(currency)
    return f"{minor / 10**digits:,.{digits}f} {currency}"
