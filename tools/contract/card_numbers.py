"""Card numbers: none is ever stored, told to a model, or logged. What looks like one is refused, or hidden where it stands."""

import re

_LIKE_ONE = re.compile(r"(?<![\d])(?:\d[ -]?){12,18}\d(?![\d])")
_FIRST = re.compile(r"(?:4|5[1-5]|2[2-7]|3[47]|6)")  # Visa, Mastercard, American Express, Discover and Maestro


def hidden(text: str) -> str:
    """The text with the last four digits alone of each card number in it."""
    return _LIKE_ONE.sub(
        lambda found: f"[card ending {_digits(found[0])[-4:]}]" if _is_one(found[0]) else found[0], text
    )


def has_one(text: str) -> bool:
    return any(_is_one(found[0]) for found in _LIKE_ONE.finditer(text))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _is_one(text: str) -> bool:
    digits = _digits(text)
    return bool(_FIRST.match(digits)) and _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
