"""Arguments that are things of the shop: what `search_shop` said that the words of the sentence are.

Goods come as a product or as the variants that the words leave; where several are left, the narrow question is asked.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from planner.fill.filled import Filled, Told, Which
from planner.read.fields import Field, Kind
from planner.read.goods import OF_PEOPLE, singular
from planner.read.grounds import PARTNERS, Ground, Row
from planner.read.reading import Reading

GOODS = ("product", "variant")
NAMING = ("exact", "begins", "words", "near")
MOST = 3  # products of which a reader shows each; of more it is asked which
TOWN = (  # between a name and where its bearer lives
    r"\s*,?\s*\(?(?:(?:the one|that one|the lady|celle|celui|die|der|the)\s+)?"
    r"(?:(?:in|from|of|at|de|à|aus)\s+)?"
)
IN_TOWN = r"\s+\(?(?:in|from|of|de|à|aus)\s+([A-ZÀ-Þ][\w-]+(?: [A-ZÀ-Þ][\w-]+)?)"
FIGURES = re.compile(r"\d+(?:\.\d+)?")
MEASURE = re.compile(r"[\s,(]*(?:in\s+|the\s+|size\s+)*(?P<figure>\d+(?:[.,]\d+)?)(?![\w.,%€$£]*[\d%€$£])", re.I)
STANDING = re.compile(  # for what was named: "the 28", "of the 1.2"
    r"\bthe\s+(?P<figure>\d+(?:[.,]\d+)?)(?!\s*[%€$£]|[\w.,-]*\d)(?=\s*(?:[.,;:!?)]|$|(?:ones?|but|and|or|is|are|in|for|at|from|to|on|of|please|pls)\b))",
    re.I,
)
AFTER_FROM = re.compile(r"\b(?:from|out of|depuis|aus|ab)\s+(?:the\s+|our\s+)?$", re.I)
AFTER_TO = re.compile(r"\b(?:to|into|for|over to)\s+(?:the\s+|our\s+)?$", re.I)


def fill(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    """What is open yet and stands in the text as a thing of the shop."""
    if not reading.grounds:
        return
    for ground in _open(reading):
        if ground.goods or ground.of("category", "brand", "tag"):
            _goods(ground, fields, reading, told, filled)
    _partners(fields, reading, filled)
    _people(fields, reading, told, filled)
    _cities(fields, reading, told, filled)


def _open(reading: Reading) -> list[Ground]:
    return [ground for ground in reading.grounds if reading.open(ground.start, ground.end)]


def _wanted(fields: Sequence[Field], filled: Filled, *references: str) -> list[Field]:
    open_ones = [f for f in fields if f.kind is Kind.reference and f.reference in references]
    return [f for f in open_ones if f.name not in {**filled.args, **filled.people} and f.name not in filled.which]


def warehouses(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    """One warehouse, or two: from where, and to where."""
    grounds = [ground for ground in _open(reading) if ground.of("warehouse", fits=("exact", "begins", "near"))]
    wanted = _wanted(fields, filled, "warehouse")
    grounds = [ground for ground in grounds if any(f.required for f in wanted) or not _lives_there(ground, reading)]
    if len(wanted) > 1 and len(grounds) > 1:
        first, second = grounds[:2]
        to_first = AFTER_TO.search(reading.text[: first.start]) and not AFTER_TO.search(reading.text[: second.start])
        turned = to_first or AFTER_FROM.search(reading.text[: second.start])  # "send barcelona 4 from lyon"
        leaving = [f for f in wanted if f.name.startswith(("from", "source"))]
        order = [*leaving, *(f for f in wanted if f not in leaving)]
        for f, ground in zip(order, [second, first] if turned else [first, second], strict=False):
            filled.args[f.name] = _taken(ground, reading, "warehouse")
        return
    for ground in grounds[:1]:
        to = AFTER_TO.search(reading.text[: ground.start]) is not None
        fitting = [f for f in wanted if len(wanted) == 1 or f.name.startswith(("from", "source")) != to]
        if fitting:
            filled.args[fitting[0].name] = _taken(ground, reading, "warehouse")


def _lives_there(ground: Ground, reading: Reading) -> bool:
    """Whether a place stands right beside somebody's name: "manon chevalier lille" is no warehouse."""
    people = [one for one in _open(reading) if one.of("customer") and not one.of("warehouse", fits=("exact",))]
    return bool(ground.of("city")) and any(
        re.fullmatch(TOWN, reading.text[one.end : ground.start], re.I) for one in people
    )


def _taken(ground: Ground, reading: Reading, *kinds: str) -> str:
    reading.take_ground(ground)
    return ground.of(*kinds, fits=NAMING)[0].name


def _goods(ground: Ground, fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    shelf = _shelf(ground, fields, filled)
    if shelf:
        f, row = shelf
        filled.args[f.name] = list(dict.fromkeys([*filled.args.get(f.name, ()), row.name])) if f.many else row.name
        reading.take_ground(ground)
        return
    if ground.goods and not told.writes and _one_more(ground, fields, reading, filled):
        return
    variants = _wanted(fields, filled, "variant")
    products = _wanted(fields, filled, "product")
    if not ground.goods or not (variants or products):
        return
    reading.take_ground(ground)
    ground = measured(ground, reading) if variants else ground
    if ground.lacks and not told.writes and len(ground.variants) == 1:  # shown, and what it does not come in is said
        filled.args[(variants or products)[0].name] = ground.variants[0].name
        filled.doubts.append(ground.lacks)
        return
    if ground.lacks:
        filled.which[(variants or products)[0].name] = Which.of(ground, (variants or products)[0].reference)
        return
    if len(ground.variants) == 1 and (not ground.products or variants) and (variants or products):
        f = (variants or products)[0]
        filled.args[f.name] = [ground.variants[0].name] if f.many else ground.variants[0].name
    elif products and (len(ground.products) == 1 or (not told.writes and 1 < len(ground.products) <= MOST)):
        _products(products[0], ground, filled)
    elif variants and not products and not told.writes and 1 < len(ground.variants) <= MOST:
        first, *others = [row.name for row in ground.variants]
        filled.args[variants[0].name], filled.more[variants[0].name] = first, others
    elif variants and variants[0].many and len(ground.products) == 1 and ground.variants:  # "all the wool throws"
        filled.args[variants[0].name] = [row.name for row in ground.variants]
    else:
        f = (variants or products)[0]
        filled.which[f.name] = Which.of(ground, f.reference)


def _one_more(ground: Ground, fields: Sequence[Field], reading: Reading, filled: Filled) -> bool:
    """Whether it is a further thing beside the one that a look-up has: "the totes, and the spice rack" are looked up each."""
    takes = {f.reference: f for f in fields if f.kind is Kind.reference and f.reference in GOODS and not f.many}
    has = [f for f in takes.values() if f.name in filled.args]
    one = ground.variants if len(ground.variants) == 1 else ground.products
    if not has or len(one) != 1 or ground.lacks:
        return False
    field = takes.get(one[0].kind, has[0])
    value = one[0].name if one[0].kind == "variant" else one[0].reference
    if filled.args.get(field.name) != value:
        filled.more.setdefault(field.name, []).append(value)
    reading.take_ground(ground)
    return True


def measured(ground: Ground, reading: Reading) -> Ground:
    """The one variant that a figure of no unit tells: "frying pan 28", "house espresso, the 250", "40 carafes of the 1.2"."""
    beside = MEASURE.match(reading.text, ground.end)
    for said in filter(None, (beside, *STANDING.finditer(reading.text))):
        figure = said["figure"].replace(",", ".")
        fitting = [row for row in ground.variants if figure in FIGURES.findall(_own(row).replace(",", "."))]
        if len(fitting) == 1 < len(ground.variants) and reading.open(*said.span("figure")):
            reading.claim(*said.span("figure"))
            return replace(ground, rows=(fitting[0],))
    return ground


def _own(row: Row) -> str:
    """What tells a variant from the others of its product: "28 cm"."""
    return row.about.rpartition(" / ")[2]


def _products(f: Field, ground: Ground, filled: Filled) -> None:
    references = [row.reference for row in ground.products]
    filled.args[f.name] = references if f.many else references[0]
    if references[1:] and not f.many:
        filled.more[f.name] = references[1:]


def _shelf(ground: Ground, fields: Sequence[Field], filled: Filled) -> tuple[Field, Row] | None:
    """A category, a brand or a tag that is called so: before the products of which some are called so, too."""
    for kind in ("category", "brand", "tag"):
        rows = ground.of(kind, fits=("exact",)) or _in_the_plural(ground, kind)
        wanted = [f for f in fields if f.reference == kind or f.name in (kind, f"{kind}s")]
        wanted = [f for f in wanted if f.many or f.name not in filled.args]
        whole = kind != "category" or not any(row.name.casefold() == ground.said.casefold() for row in ground.products)
        if rows and wanted and whole:
            return wanted[0], rows[0]
    return None


def _in_the_plural(ground: Ground, kind: str) -> list[Row]:
    """ "lamp", where the shelf is called "Lamps"."""
    said = singular(ground.said.casefold())
    return [row for row in ground.rows if row.kind == kind and singular(row.name.casefold()) == said]


def _partners(fields: Sequence[Field], reading: Reading, filled: Filled) -> None:
    """A supplier, a carrier, a promotion, where one is wanted: by its reference if one alone is called so, else as it was said."""
    for kind in PARTNERS:
        for f in _wanted(fields, filled, kind):
            ground = next((ground for ground in _open(reading) if ground.of(kind, fits=NAMING)), None)
            if ground is not None:
                rows = ground.of(kind, fits=NAMING)
                reading.take_ground(ground)
                value = rows[0].reference if len(rows) == 1 else ground.said
                filled.args[f.name] = [value] if f.many else value


def _people(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    """Who is meant: by the reference where one is called so, else by name and town, to be looked up.

    A list that can be narrowed by words is, where several are called so: it names each of them, and nobody has to choose.
    """
    words = next((f for f in fields if f.kind is Kind.search and not f.required and not told.writes), None)
    for ground in _open(reading):
        rows = ground.of("customer")
        wanted = _wanted(fields, filled, "customer")
        if not rows or _named_otherwise(ground, reading):
            continue
        if not wanted and words and words.name not in filled.args and _finds_people(fields):
            reading.take_ground(ground)
            filled.args[words.name] = ground.said
        if not wanted or not reading.open(ground.start, ground.end):
            continue
        reading.take_ground(ground)
        town = _town(ground, reading)
        if len(rows) == 1 and not town:
            filled.args[wanted[0].name] = rows[0].reference
        elif words and not town and words.name not in filled.args:
            filled.args[words.name] = ground.said
        else:
            filled.people[wanted[0].name] = ", ".join(filter(None, [ground.said, town]))


def _finds_people(fields: Sequence[Field]) -> bool:
    """Whether a list is one of customers: it is told their mail, and no customer's."""
    return any(f.kind is Kind.email for f in fields) and not any(f.reference == "customer" for f in fields)


def _named_otherwise(ground: Ground, reading: Reading) -> bool:
    """Whether it is a place, or a thing, rather than a person: exactly that, where the reader does not take it for a person."""
    person = any(one.start < ground.end and ground.start < one.end for one in reading.named(*OF_PEOPLE))
    return not person and bool(ground.of("warehouse", "city", "category", fits=("exact",)))


def _town(ground: Ground, reading: Reading) -> str:
    """The town that stands beside a name: "Hélène Perrin in Bordeaux", "lefevre, nantes"."""
    for other in _open(reading):
        between = reading.text[ground.end : other.start]
        beside = other.start >= ground.end and re.fullmatch(TOWN, between, re.I)
        if beside and other.of("city", "warehouse"):
            return _taken(other, reading, "city", "warehouse")
    for other in _open(reading):  # "Hamburg Vogel"
        if other.end < ground.start and reading.text[other.end : ground.start] == " " and other.of("city"):
            return _taken(other, reading, "city")
    unknown = re.match(IN_TOWN, reading.text[ground.end :])
    if unknown and reading.open(ground.end + unknown.start(1), ground.end + unknown.end(1)):
        reading.claim(ground.end + unknown.start(1), ground.end + unknown.end(1))
        return unknown[1]
    return ""


def _cities(fields: Sequence[Field], reading: Reading, told: Told, filled: Filled) -> None:
    for f in fields:
        open_ones = sorted(_open(reading), key=lambda one: not one.of("city"))  # "stutgart", where no town is called so
        ground = next((one for one in open_ones if one.of("city", fits=NAMING)), None)
        if f.kind is Kind.city and f.name not in filled.args and ground:
            filled.args[f.name] = _taken(ground, reading, "city")
            further = [] if told.writes else [one for one in _open(reading) if one.of("city", fits=("exact",))]
            if further:  # "one in Lyon, one in Dijon"
                filled.more[f.name] = [_taken(one, reading, "city") for one in further]
