"""What the rows of a list or a report are asked to be, as the reader hears it: "what nobody sent yet" says `open` by no one word.

Of the values that the reader was taught with an operation it decides; of the others the words of their phrases do.
"""

import re
from collections.abc import Sequence
from typing import Any

from planner.fill.filled import Filled, Told
from planner.read.fields import Field, Kind
from planner.read.reading import Reading
from planner.read.rows import Condition

EXCEPTING = re.compile(
    r"(?:\bnot(?: counting| including)?|\bexcept(?: for)?|\bexcluding|\bother than|\bwithout|\bbut not|n't|\bno)\s+"
    r"(?:the\s+|yet\s+|be\s+|been\s+|by\s+)?$",
    re.I,
)
LIKELY = 0.5  # of a value: it is asked for
UNLIKELY = 0.2  # it is not, whatever single words say
NOWHERE = (0, 0)
ONE = 1  # row is shown beside the counts: they are what was asked for


def fill(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    """The values that are likelier asked for than not; the words that say them are used up. A word says what it says most."""
    heard = _heard([f for f in fields if f.name not in filled.args], reading, told)
    said_by: dict[tuple[int, int], str] = {}
    for f, value, one in heard:
        word = (one.start, one.end)
        if word != NOWHERE and said_by.setdefault(word, f.name) != f.name:
            continue
        if f.name not in filled.args:
            filled.args[f.name] = [value] if f.many else value
        elif f.many:
            filled.args[f.name].append(value)
        if f.kind is Kind.apart:
            filled.args |= {one.name: ONE for one in fields if one.kind is Kind.limit}
    for word in said_by:
        if reading.open(*word):
            reading.claim(*word)


def _heard(fields: Sequence[Field], reading: Reading, told: Told) -> list[tuple[Field, Any, Condition]]:
    """The values that are likelier than not, the likeliest first."""
    known = told.heard & reading.asked.keys()
    heard = [
        (f, value, reading.asked[_key(f, value)]) for f in fields for value in _values(f) if _key(f, value) in known
    ]
    likely = [one for one in heard if one[2].likely >= LIKELY and not _excepted(*one, reading)]
    return sorted(likely, key=lambda one: -one[2].likely)


def _excepted(f: Field, value: Any, one: Condition, reading: Reading) -> bool:
    """Whether the value's own word stands behind one that leaves it out: "without the cancelled ones"."""
    word = reading.text[one.start : one.end].lower()
    own = {phrase.lower() for choice in f.choices if choice.value == value for phrase in choice.phrases}
    return word in own and EXCEPTING.search(reading.text[: one.start]) is not None


def unlikely(f: Field, value: Any, reading: Reading, told: Told) -> bool:
    """Whether the reader, which knows the value, does not hear it."""
    key = _key(f, value)
    return key in told.heard and (key not in reading.asked or reading.asked[key].likely < UNLIKELY)


def _values(f: Field) -> list[Any]:
    if f.kind is Kind.flag and not f.choices:
        return [True, False]
    return [choice.value for choice in f.choices] if f.kind in (Kind.choice, Kind.apart, Kind.flag) else []


def _key(f: Field, value: Any) -> str:
    return f"{f.name}={str(value).lower() if isinstance(value, bool) else value}"
