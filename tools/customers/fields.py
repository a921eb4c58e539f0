"""What is said of a customer, and how it is written down."""

import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from tools.contract import words
from tools.contract.context import Context
from tools.contract.errors import Invalid
from tools.contract.fields import Hint, Untrusted


def dialled(written: str) -> str:
    """A phone number as it is dialled: `+33 6 12-34 56 78` is `+33612345678`. Raises ValueError with fewer than 3 digits."""
    digits = re.sub(r"\D", "", written)
    if len(digits) < 3:
        raise ValueError("A phone number has at least 3 digits.")
    return f"+{digits}" if written.lstrip().startswith("+") else digits


def each_once(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))


def email_key(email: str | None) -> str | None:
    """An address as it is compared: no two customers of a shop have the same."""
    return email.casefold() if email is not None else None


Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Phone = Annotated[str, StringConstraints(max_length=40), AfterValidator(dialled), Hint("phone")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=50, to_lower=True, strip_whitespace=True)]
Tags = Annotated[list[Tag], AfterValidator(each_once)]
Postcode = Annotated[str, StringConstraints(min_length=1, max_length=20), Hint("postcode")]
Said = Annotated[str, Untrusted()]  # written by the customer, or about them
MADE_AHEAD = timedelta(minutes=5)  # by which somebody's clock may be ahead of ours


class NotYet(Invalid):
    """What is recorded has happened already."""

    hint = "Give a moment that is over, or leave it out: then it is now."


def in_the_past(ctx: Context, at: datetime | None) -> datetime:
    """When something happened; now, unless said. Raises `NotYet`."""
    if at and at > ctx.now() + MADE_AHEAD:
        raise NotYet(f"{words.moment(at, ctx.merchant.zone)} is yet to come.")
    return min(at, ctx.now()) if at else ctx.now()
