"""Arguments that are made of several: addresses, lines of an order, a first variant with its price."""

import re
from collections.abc import Sequence
from typing import Any

from planner.fill import grounded, texts, values
from planner.fill.filled import Filled, Told, Which
from planner.fill.spoken import words
from planner.read.entities import Span
from planner.read.fields import Field, Kind
from planner.read.grounds import PARTNERS, SHELVES
from planner.read.reading import Reading
from planner.read.words import NUMBER, number

TAKES_CODES = {"variant", "product", "promotion"}

LEADING = {  # to a list of lines, where a tool has several
    "add": r"\b(?:add\w*|put|plus|extra|more|on top|also|ajout\w*|rajout\w*|hinzu\w*|dazu|noch)\b",
    "swaps": r"\b(?:swap\w*|exchang\w*|replac\w*|in place of|échang\w*|remplac\w*|tausch\w*|ersetz\w*|statt)\b"
    rf"|\binstead\b(?!\s+of\s+{NUMBER}\b)",
    "remove": r"\b(?:remov\w*|cancel\w*|take|drop|without|delete|enl[eè]v\w*|retir\w*|supprim\w*|entfern\w*|streich\w*|raus)\b"
    r"|\b(?:does ?n[o'’]?t|do ?n[o'’]?t|no longer|not) (?:want|need)|\bne veut (?:plus|pas)\b",
}
# A number and its thing.
COUNTING = re.compile(r"\s*(?:x|×|units?|pieces?|pcs|of|more|\w+)?\s*(?:of\s+)?(?:the\s+|our\s+|your\s+)?", re.I)
AFTER_IT = r"\s*[x×*,:(]?\s*(?:(?:all|to|be)\s+)?"  # between a thing and how many of it: "make it all three"
OF_SO_MANY = re.compile(
    r"[\s,]*(?:out of|of|instead of|in place of|not|sur|von|statt|au lieu de)\s+(?:the\s+|les\s+|den\s+)?", re.I
)
NOT_SO_MANY = re.compile(
    r"[\s,]*(?:and |und |et )?(?:instead of|not|rather than|statt|anstatt|au lieu de|pas|nicht)\s+", re.I
)
ONE = re.compile(r"\b(?:an?|one|eine?[nrs]?|une?|only|just|nur|seulement)\s+(?:[^\W\d]+\s+)?$", re.I)
CAPITALS = r"(?<![\w@./-])((?=[A-Z0-9]*[A-Z])[A-Z0-9]{4,50})(?![\w@-])"


def capitals(reading: Reading) -> str | None:
    """A word in capitals, as codes of promotions are written: SPRING10, FREESHIP."""
    m = reading.search(CAPITALS, flags=0)
    if m is None:
        return None
    reading.claim(*m.span(1))
    return m[1]


def addresses(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    for f in fields:
        if f.parts and not f.many and any(part.kind is Kind.city for part in f.parts):
            claimed = list(reading.claimed)
            found = texts.address(f.parts, reading)
            if found and all(part.name in found for part in f.parts if part.required):
                filled.args[f.name] = found
            else:
                reading.claimed[:] = claimed
    if any(re.match(r"line_?1|street", f.name) for f in fields):
        filled.args |= texts.address(tuple(fields), reading) or {}


def lines(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    """Lists of things and how many: "2 MUG-BLUE and one TSH-BLK-M". Of several lists, the one that its words lead to."""
    lists = [f for f in fields if f.many and any(part.kind is Kind.reference for part in f.parts)]
    led = _led(fields, reading.text)
    if led and not led[0].parts:
        return  # what is taken out whole has no number: its name is found like any other
    for f in led or lists:
        items = [part for part in f.parts if part.kind is Kind.reference]
        count = next((part for kind in (Kind.quantity, Kind.number) for part in f.parts if part.kind is kind), None)
        found: list[dict[str, Any]] = []
        if len(items) > 1:
            found = _swap(items, count, reading)
        elif items and count:
            found = _lines(items[0], count, reading, filled, f.name)
        if len(found) == 1:
            found[0] |= values.fill([part for part in f.parts if part.kind is Kind.money], reading, told.setting)
            found[0] |= _beside([part for part in f.parts if part is not count], reading)
        if found:
            filled.args[f.name] = found


def _led(fields: Sequence[Field], text: str) -> list[Field]:
    """The lists that the words lead to, in their order: "remove it, she wants no more" adds nothing first."""
    found = [
        (m.start(), f) for f in fields if f.many and f.name in LEADING if (m := re.search(LEADING[f.name], text, re.I))
    ]
    return [f for _, f in sorted(found, key=lambda one: one[0])]


def _swap(items: Sequence[Field], count: Field | None, reading: Reading) -> list[dict[str, Any]]:
    """One thing for another: "swap MUG-BLUE for MUG-RED", "MUG-RED instead of MUG-BLUE"."""
    things = [(s.start, s.end, str(s.value)) for s in reading.free("code", "reference") if names(s, items[0])]
    sure = [g for g in reading.grounds if len(g.variants) == 1 and not g.lacks and reading.open(g.start, g.end)]
    things = sorted([*things, *((g.start, g.end, g.variants[0].name) for g in sure)])
    if len(things) != 2:
        return []
    before, between = reading.text[: things[0][0]], reading.text[things[0][1] : things[1][0]]
    if re.search(rf"\b(?:{words()['instead']})\b", between, re.I) or (
        re.search(rf"\b(?:{words()['wanted']})\b", before, re.I)
        and re.search(rf"\b(?:{words()['given_for']})\b", between, re.I)
    ):
        things.reverse()
    number = count_of(things[0][0], things[0][1], reading)
    for start, end, _ in things:
        reading.claim(start, end)
    swapped = {items[0].name: things[0][2], items[1].name: things[1][2]}
    return [swapped | ({count.name: int(reading.take(number).value)} if count and number else {})]


def _lines(item: Field, count: Field, reading: Reading, filled: Filled, name: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for span in [s for s in reading.free("code", "reference", "foreign") if names(s, item)]:
        number = count_of(span.start, span.end, reading, least=_least(count))
        lines.append({item.name: span.value, **_counted(count, number, reading)})
        reading.take(span)
    return [*lines, *_goods(item, count, reading, filled, name, len(lines))]


def _least(count: Field) -> int:
    """None of a thing may have come, or be counted; none of it is ordered."""
    return 1 if "quantity" in count.name else 0


def _counted(count: Field, number: Span | None, reading: Reading) -> dict[str, int]:
    """How many; one where nothing is said of goods that are ordered or sent, and nothing where they are counted."""
    if number:
        return {count.name: int(reading.take(number).value)}
    return {count.name: 1} if count.kind is Kind.quantity and "quantity" in count.name else {}


def _beside(counts: Sequence[Field], reading: Reading) -> dict[str, int]:
    """How many of a line fared otherwise: "40 came, 2 of them broken"."""
    found: dict[str, int] = {}
    for part in counts:
        cue = words()["fared"].get(part.name) if part.kind is Kind.number else None
        said = cue and reading.search(rf"\b{NUMBER}\s+(?:[^\W\d]+\s+){{0,4}}?(?:{cue})\b")
        if said:
            reading.claim(*said.span(1))
            found[part.name] = number(said[1])
    return found


def _goods(item: Field, count: Field, reading: Reading, filled: Filled, name: str, before: int) -> list[dict[str, Any]]:
    """Goods by their names, and how many of each: "two sage travel mugs and one chai blend". What is not certain is asked."""
    lines: list[dict[str, Any]] = []
    grounds = [ground for ground in reading.grounds if ground.goods and reading.open(ground.start, ground.end)]
    for ground in (grounded.measured(ground, reading) for ground in grounds):
        number = count_of(ground.start, ground.end, reading, least=_least(count))
        reading.take_ground(ground)
        certain = len(ground.variants) == 1 and not ground.lacks
        if not certain and name not in filled.which:
            filled.which[name] = Which.of(ground, item.reference, at=before + len(lines))
        value = ground.variants[0].name if certain else ""
        lines.append({item.name: value, **_counted(count, number, reading)})
    return lines


def items(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    """A required list of things with figures but no reference: one can be said, such as the only variant with its price."""
    for f in fields:
        prices = [part for part in f.parts if part.kind is Kind.money]
        plain = [*(part for part in f.parts if part.kind is Kind.sku), *prices[:1]]
        if not (f.many and f.required and plain) or f.name in filled.args:
            continue
        item = values.fill(plain, reading, told.setting)
        sku = next((part for part in plain if part.kind is Kind.sku), None)
        codes = reading.free("code") if sku else []
        if sku and codes:
            item[sku.name] = reading.take(codes[0]).value
        if all(part.name in item for part in f.parts if part.required):
            filled.args[f.name] = [item]


def count_of(start: int, end: int, reading: Reading, *, least: int = 1) -> Span | None:
    """How many of what stands there: the number before it, or after it."""
    numbers = [n for n in reading.free("number") if n.value >= least and (n.end <= start or n.start >= end)]
    before = [n for n in numbers if n.end <= start and COUNTING.fullmatch(reading.text[n.end : start])]
    after = [n for n in numbers if n.start >= end and re.fullmatch(AFTER_IT, reading.text[end : n.start])]
    if len(numbers) > 1 and before and (first := _instead(before[-1], numbers, reading)):
        return first
    passed = next((n for n in numbers if n.start >= end and NOT_SO_MANY.fullmatch(reading.text[end : n.start])), None)
    if passed and (before or ONE.search(reading.text[:start])):
        reading.take(passed)
        return before[-1] if before else Span("number", start, start, 1)
    return before[-1] if before else after[0] if after else _only(numbers, reading)


def _only(numbers: Sequence[Span], reading: Reading) -> Span | None:
    """The one figure of a text that names one thing, where the reader takes it for a quantity: "200 chargers, SCARF-GREY"."""
    goods = [one for one in reading.grounds if one.goods and not one.of(*SHELVES, *PARTNERS, fits=("exact", "begins"))]
    if len(reading.free("code", "reference", "foreign")) + len(goods) != 1:
        return None
    heard = [one for one in reading.mentions if one.kind == "quantity"]
    counted = [n for n in numbers if any(one.start <= n.start and n.end <= one.end for one in heard)]
    if len(counted) == 2 and (first := _instead(counted[1], counted[:1], reading)):
        return first  # "its 3 not 1"
    return counted[0] if len(counted) == 1 else None


def _instead(of: Span, numbers: Sequence[Span], reading: Reading) -> Span | None:
    """The first of two numbers, "58 of 60", "180 instead of 200": what there was to be is told in passing."""
    said = next(
        (n for n in numbers if n.end <= of.start and OF_SO_MANY.fullmatch(reading.text[n.end : of.start])), None
    )
    if said:
        reading.take(of)
    return said


def names(span: Span, f: Field) -> bool:
    if span.kind in ("code", "perhaps_code"):
        return f.reference in TAKES_CODES
    return span.reference == f.reference or (f.reference == "product" and span.reference == "variant")
