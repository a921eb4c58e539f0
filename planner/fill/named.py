"""Arguments that are names: a city, a customer, a product, a reason, by what the reader says that the words name."""

import re
from collections.abc import Sequence

from planner.fill.filled import Filled
from planner.fill.spoken import words
from planner.read import places
from planner.read.fields import Field, Kind
from planner.read.goods import OF_PEOPLE
from planner.read.grounds import FITS, GOODS
from planner.read.reader import Mention
from planner.read.reading import NAME, Reading
from planner.read.words import TRADE

REFERENCED = {
    "customer": OF_PEOPLE,
    "user": ("person",),
    "product": ("product",),
    "variant": ("product",),
    "category": ("category",),
    "warehouse": ("warehouse", "place"),
    "carrier": ("carrier",),
    "supplier": ("supplier",),
}
NEW = ("text", "category", "product", "warehouse", "supplier", "carrier", "person", "tag")
LOOKED_UP = ("customer", "user", "product", "variant")  # by a reader, for a name is no reference
WORDED = {
    Kind.city: ("place", "warehouse"),
    Kind.reason_text: ("reason",),
    Kind.note: ("text",),
    Kind.phone: ("phone",),
    Kind.postcode: ("code", "number"),
    Kind.search: ("product", "text", "customer", "person", "category"),
}
# Only after the words that lead to one: the reader knows no suppliers, and takes their names for those of buyers or places.
SUPPLIED_BY = re.compile(
    rf"(?<![\w-])(?i:from|supplier|vendor|chez|fournisseur|bei|lieferanten?)\s+(?!\S*\d)(?P<name>{NAME.pattern})"
)
# What stands between an article and a name belongs to it ("the travel mug sage"), and so do capitalised words ("Emre Brandt").
BEGUN = re.compile(
    r"\b(?:the|our|my|la|les?|der|die|das|den)\s+(?P<rest>(?!(?:last|first|best|next|new|old|customer|client|kunde|person|product|produit"
    r"|produkt|article|artikel|item|variant|order|supplier|warehouse|category|shelf|brand|city|user|tag)\b)[a-zà-ÿ]{3,}\s+)$"
)
GIVEN = re.compile(r"(?<=[a-zà-ÿ]\s)(?P<rest>(?:[A-ZÀ-Þ][a-zà-ÿ’'-]+\s+){1,2})$")
WHO_WRITES = re.compile(
    r"\b(?:we|i)(?:['’](?:re|m|ll|ve)|\s+(?:are|am|will|have))?\s+$", re.I
)  # "answer her we're sorry"
TAGS = re.compile(r"\btags?\b", re.I)
ARTICLE = re.compile(r"^(?:the|a|an|my|our|le|la|les|der|die|das|den|dem)\s+", re.I)


def fill(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    """What is open yet and named, what the tool cannot do without first, and products before their variants.

    Some references may be told in words; who or what else is named has to be looked up.
    """
    for f in sorted(fields, key=lambda f: (not f.required, not f.worded)):
        if f.name in filled.args or f.name in filled.people:
            continue
        if f.kind is Kind.reference and f.reference in LOOKED_UP and not f.worded:
            _look_up(f, reading, filled)
        elif f.kind is Kind.reference:
            _put(f, REFERENCED.get(f.reference, ()), reading, filled)
        elif f.kind in WORDED:
            theirs = f.kind is not Kind.search or any(of_people(one) for one in fields)
            _put(f, [kind for kind in WORDED[f.kind] if theirs or kind not in OF_PEOPLE], reading, filled)
            if f.kind is Kind.reason_text and f.required and f.name not in filled.args:
                _text(f, reading, filled)
    _tags(fields, reading, filled)


def of_people(f: Field) -> bool:
    """Whether a list that has such a field is about people, or what is theirs: nobody's name is searched for among goods."""
    return f.reference in ("customer", "user") or f.kind in (Kind.email, Kind.city, Kind.phone)


def _text(f: Field, reading: Reading, filled: Filled) -> None:
    """Words that the reader takes for a text: all from the first to the last of them, if they are more than a word."""
    told = sorted(reading.named("text"), key=lambda one: one.start)
    start, end = (told[0].start, max(one.end for one in told)) if told else (0, 0)
    opened = WHO_WRITES.search(reading.text[:start])
    start = opened.start() if opened and reading.open(opened.start(), start) else start
    if len(reading.text[start:end].split()) > 2 and reading.open(start, end):
        filled.args[f.name] = _said(reading, start, end)


def _tags(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    """Tags go where tags are told; of several such fields, to the one that adds, or that takes away."""
    wanted = [f for f in fields if f.many and f.kind is Kind.text and TAGS.search(f"{f.label} {f.description}")]
    tags = [one for one in reading.mentions if one.kind == "tag" and reading.open(one.start, one.end)]
    if not wanted or not tags or any(f.name in filled.args for f in wanted):
        return
    away = re.search(rf"\b(?:{words()['untag']})\b", reading.text, re.I) is not None
    fitting = [f for f in wanted if f.name.endswith("remove" if away else "add")] or wanted
    filled.args[fitting[0].name] = [_said(reading, one.start, one.end) for one in tags]


def new(reading: Reading) -> str | None:
    """The name of a new thing, whatever the reader takes that for: the shop knows it by no name yet."""
    found = [one for one in reading.mentions if one.kind in NEW and reading.open(one.start, one.end)]
    return _said(reading, found[0].start, found[0].end) if found else None


def groups(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    """Whose price it is, "the wholesale price", ahead of all who would take the word for talk: else it would be everybody's."""
    said = reading.search(rf"\b({words()['groups']})(?=(?:\s+customers?)?(?:'s?)?\s+prices?\b|\s+customers?\b)")
    f = next((f for f in fields if f.name == "customer_group"), None)
    if said and f:
        reading.claim(*said.span(1))
        filled.args[f.name] = said[1]


def suppliers(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    """A supplier by name, ahead of all who would take it for a warehouse or a buyer."""
    for f in fields:
        named = next((m for m in SUPPLIED_BY.finditer(reading.text) if reading.open(*m.span("name"))), None)
        if named and f.kind is Kind.reference and f.reference == "supplier":
            at = named.start("name")
            known = next((one for one in reading.grounds if one.start <= at < one.end and one.of("supplier")), None)
            if known is None:  # else it is taken whole, with all that is known of it
                filled.args[f.name] = _said(reading, *named.span("name"))


def _look_up(f: Field, reading: Reading, filled: Filled) -> None:
    """A name that is no reference or code in another's eyes."""
    spans = reading.free("reference", "foreign", "code", "email")
    for one in reading.named(*REFERENCED[f.reference]):
        known = known_otherwise(f, one.start, one.end, reading)
        if not known and not any(span.start < one.end and one.start < span.end for span in spans):
            filled.people[f.name] = _said(reading, one.start, one.end)
            return


def _put(f: Field, kinds: Sequence[str], reading: Reading, filled: Filled) -> None:
    found = reading.named(*kinds)
    if f.kind is Kind.postcode:
        found = [one for one in found if re.search(r"\d", reading.text[one.start : one.end])]
    if f.kind is Kind.reference:
        found = [one for one in found if not known_otherwise(f, one.start, one.end, reading)]
    if f.reference == "warehouse":  # "6 Teile"
        found = [one for one in found if not re.search(r"\d", reading.text[one.start : one.end])]
    if f.kind is Kind.city:  # "the parcel of anna"
        found = [one for one in found if not reading.somebody(one.start, one.end)]
    if found and not (f.kind is Kind.reason_text and _ordinary(reading.text[found[0].start : found[0].end])):
        whole = _beside(found[0], found, reading) if f.kind is Kind.search else (found[0].start, found[0].end)
        said = _said(reading, *whole)
        said = places.local(said) if f.kind is Kind.city else said
        filled.args[f.name] = [said] if f.many else said


def _beside(one: Mention, found: Sequence[Mention], reading: Reading) -> tuple[int, int]:
    """With the words for things right beside it: "waterproof cams" is looked for whole, whatever the reader takes each word for."""
    start, end = one.start, one.end
    things = sorted((other for other in found if other.kind not in OF_PEOPLE), key=lambda other: other.start)
    for other in things if one in things else ():
        end = other.end if other.start >= end and not reading.text[end : other.start].strip() else end
    for other in reversed(things) if one in things else ():
        start = other.start if other.end <= start and not reading.text[other.end : start].strip() else start
    return start, end


def known_otherwise(f: Field, start: int, end: int, reading: Reading) -> bool:
    """Whether the shop knows the name, and as nothing that the field takes: Namur is a town, and no warehouse."""
    kinds = GOODS if f.reference in GOODS else (f.reference,)
    covering = [one for one in reading.grounds if one.start <= start and end <= one.end]
    return bool(covering) and not any(row.kind in kinds for one in covering for row in one.rows)


def _ordinary(said: str) -> bool:
    """Whether it is one word of the trade: "customer" is no reason."""
    return said.strip().lower() in TRADE


def _said(reading: Reading, start: int, end: int) -> str:
    start, end = _as_known(reading, _whole(reading, start), end)
    reading.claim(start, end)
    return ARTICLE.sub("", reading.text[start:end]).strip()


def _as_known(reading: Reading, start: int, end: int) -> tuple[int, int]:
    """All of somebody's name, of which the reader found a part: the shop knows it."""
    whole = next(
        (g for g in reading.grounds if g.start <= start and end <= g.end and g.of("customer", fits=FITS)), None
    )
    return (whole.start, whole.end) if whole and reading.open(whole.start, whole.end) else (start, end)


def _whole(reading: Reading, start: int) -> int:
    """Where a name begins whose end the reader found: after its article, or with the names before it."""
    before = reading.text[:start]
    led = BEGUN.search(before) or GIVEN.search(before)
    return led.start("rest") if led and reading.open(led.start("rest"), start) else start
