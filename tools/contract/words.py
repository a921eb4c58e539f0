"""How values are written for people: money, times, counts, the words of an enum, and what changes from what to what.

One place, so that a card, a refusal and a table say the same thing in the same way.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal

from db.money import major

MOST = 5  # things that one sentence names; the rest is counted
LONGEST = 120  # characters of somebody's text in a sentence


def money(amount: int, currency: str) -> str:
    """Minor units as people write them: 123450 EUR is `1,234.50 EUR`, 1500 JPY `1,500 JPY`."""
    return f"{major(amount, currency)} {currency}"


def moment(at: datetime, zone: tzinfo | None) -> str:
    """An instant by the shop's clock, in a sentence: `2 December 2026 at 14:05 CET`."""
    local = at.astimezone(zone)
    return f"{day(local)} at {local:%H:%M %Z}"


def day(on: date) -> str:
    return f"{on.day} {on:%B %Y}"


def stamp(at: datetime, zone: tzinfo | None) -> str:
    """An instant in a table, where the zone is said below: `2026-12-02 14:05`."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def word(value: str) -> str:
    """A name of ours as a word: `customer_request` is `customer request`."""
    return value.replace("_", " ")


def percent(rate: Decimal) -> str:
    """`21.5 %` for 21.500."""
    return f"{rate.normalize():f} %"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 order`, `1,200 orders`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def are(number: int) -> str:
    return "is" if number == 1 else "are"


def grams(weight: int) -> str:
    """`800 g`, `1.5 kg`."""
    return f"{weight} g" if weight < 1000 else f"{Decimal(weight) / 1000:,f} kg"


def listed(parts: Iterable[str], most: int = MOST) -> str:
    """`A, B and C`; of many the first ones, `and 17 more`."""
    parts = list(parts)
    more = [f"{len(parts) - most + 1:,} more"] if len(parts) > most else []
    *first, last = [*parts[: most - 1], *more] if more else parts
    return f"{', '.join(first)} and {last}" if first else last


def quoted(text: str) -> str:
    """Somebody's text on one line, its end cut off where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"


def changed(what: str, whose: str, before: str | None, after: str | None) -> str:
    """What becomes of a value that people know by its name: "The brand of Blue mug changes from Luna to Terra."."""
    several = what.endswith("s") and not what.endswith("ss")
    if not before:
        return f"The {what} of {whose} {'are' if several else 'is'} {after} from now on (until now: none)."
    if not after:
        return f"The {what} of {whose} {'are' if several else 'is'} taken away (until now: {before})."
    return f"The {what} of {whose} {'change' if several else 'changes'} from {before} to {after}."


def repriced(what: str, whose: str, before: int, after: int, currency: str) -> str:
    """The same for an amount: "The price of MUG-BLUE rises from 12.00 to 14.00 EUR."."""
    moves = "rises" if after > before else "falls"
    return f"The {what} of {whose} {moves} from {major(before, currency)} to {money(after, currency)}."


def summed(sentences: Sequence[str], room: int = 200) -> str:
    """A card on one line: its first sentences, as many as there is room for, and how many more there are."""
    shown = sentences[:1]
    for sentence in sentences[1:]:
        if len(" ".join([*shown, sentence])) > room:
            break
        shown = [*shown, sentence]
    more = len(sentences) - len(shown)
    return " ".join([*shown, *([f"And {more} more."] if more else [])])
