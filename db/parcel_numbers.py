"""Numbers of parcels after the Universal Postal Union's S10: two letters, eight digits, a check digit, a country."""

import re

_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_SHAPE = re.compile(r"[A-Z]{2}(\d{8})(\d)[A-Z]{2}")
LAST = 99_999_999


def parcel_number(prefix: str, serial: int, country: str) -> str:
    """`parcel_number("CO", 47312482, "FR")` is CO473124829FR; beyond eight digits serials begin anew."""
    digits = f"{serial % (LAST + 1):08d}"
    return f"{prefix}{digits}{check_digit(digits)}{country}"


def check_digit(digits: str) -> int:
    rest = 11 - sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=True)) % 11
    return {10: 0, 11: 5}.get(rest, rest)


def is_parcel_number(text: str) -> bool:
    """Whether it is shaped so and its check digit is right: what was typed wrong is seen."""
    found = _SHAPE.fullmatch(text.replace(" ", "").upper())
    return bool(found) and check_digit(found[1]) == int(found[2])
