"""What a sentence points at: "cancel it", "her addresses", "the second one", "le plus cher", "die anderen beiden".

Its reference takes the words' place, where only one thing can be meant. Words that point and find nothing are reported: a list
of everything is no answer about "it". The words are data (`data/pointers.json`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from planner.choose import ground
from planner.choose.decisions import READ_ON, Desk
from planner.choose.focus import NOBODYS, PEOPLE, focus, listed, one_by_one
from planner.converse.things import Figure, Thing, last_list, shown, shown_whole
from planner.read import places, pointers
from planner.read.entities import countries
from planner.read.language import to_english
from planner.read.periods import Period
from planner.read.reading import Reading
from planner.read.words import FILLER, fold

CERTAIN = ("it", "this one", "that one", "its", "her", "his")  # words that point, whatever stands beside them
ENCLITIC = re.compile(r"(?<=[a-zé])-(le|la|les|lui|leur)(?![\w-])", re.I)  # "annule-la"
STANDS_FOR = {"le": "celui-là", "la": "celle-là", "les": "ceux-là", "lui": "lui", "leur": "leur"}
SPOKEN = ("en", "fr", "de")
# That tell rows apart.
NAMES = (
    "customer",
    "person",
    "place",
    "product",
    "supplier",
    "carrier",
    "category",
    "reason",
    "text",
)
MOST = 6  # things that one word may stand for
TO_A_DAY = re.compile(r"\b(?:to|on|by|until|till|from|since|before|after)\s*$", re.I)  # "move it to the 2nd"
ALONE = re.compile(r"^(?:and|what about|how about|only|just|et|und)?\s*[A-Z][\w-]*\W*$")
WHOLE = re.compile(
    r"^\W*(?:and|und|et|only|just|nur|seulement)?\s*(?P<what>[\w/-]+(?: [\w/-]+){0,2}?)(?: ones?)?\W*$", re.I
)
NUMBER = re.compile(
    r"(?<![\w.,€$£-])#?(\d{3,6})(?![\w%€$£-]|[.,]\d|\s*(?:%|€|eur|units?|pieces?|pcs|stück|pièces|g\b|kg|ml))", re.I
)
PRICES = ("price", "cost", "amount", "total", "value")
BEGUN = ("created", "opened", "placed", "requested", "ordered", "left", "shipped")
TIMES = (*BEGUN, "_at", "_on", "date", "time", "expected", "due", "promised")
WEIGHTS = ("weight", "grams")
DAYS = ("days", "lead_time", "duration", "weeks")
SOLD = ("revenue", "net", "sold", "units", "quantity", "score")
SIZES = (
    "total",
    "percent",
    "amount",
    "revenue",
    "net",
    "spend",
    "value",
    "units",
    "quantity",
    "available",
    "on_hand",
    "points",
    "stock",
)
LAST_OF_ALL = ("",)  # whatever figure comes first
EXTREMES: Mapping[str, tuple[Callable[..., Any], Sequence[str]]] = {
    "dearest": (max, PRICES),
    "cheapest": (min, PRICES),
    "newest": (max, TIMES),
    "oldest": (min, TIMES),
    "best": (max, SOLD),
    "worst": (min, (*SOLD, "expected", "due", "promised")),
    "biggest": (max, SIZES),
    "smallest": (min, SIZES),
    "heaviest": (max, WEIGHTS),
    "lightest": (min, WEIGHTS),
    "slowest": (max, DAYS),
    "quickest": (min, DAYS),
}


@dataclass(frozen=True)
class Pointed:
    """The text with references for the words that point; `lost` are words that point at nothing that is certain.

    `row`: it was told which of several, as one does it of rows that were shown: "the big one".
    """

    text: str
    lost: str = ""
    things: tuple[str, ...] = ()
    row: bool = False


def resolved(text: str, earlier: Sequence[str], desk: Desk) -> Pointed:
    """The text with the references that it points to, where that is certain; as it is, where it names something itself."""
    text = _placed(ENCLITIC.sub(lambda found: f" {STANDS_FOR[found[1].lower()]}", text), desk)
    reading = _read(text, desk)
    if reading.free("reference", "foreign", "code") or any(reading.free("email")):
        return Pointed(text)
    named = [span.value for said in earlier for span in _read(said, desk).free("reference")]
    picked = None if named else _numbered(text, desk) or _picked(text, desk)
    if picked:
        return picked
    return _meant(text, named, desk)


def _numbered(text: str, desk: Desk) -> Pointed | None:
    """With the record of which only the number was said: "who is on 1021?", where PCK-1021 was shown."""
    things = shown_whole(desk.talk)
    own = {thing.reference for thing in things}
    beside = {value for thing in things for value in thing.refers.values()} - own
    for found in NUMBER.finditer(text):
        meant = [[one for one in ones if one.endswith(f"-{found[1]}")] for ones in (own, beside)]
        if len(one := meant[0] or meant[1]) == 1:
            return Pointed(f"{text[: found.start()]}{one[0]}{text[found.end() :]}", things=(one[0],))
    return None


def _placed(text: str, desk: Desk) -> str:
    """With the place that the last look-up was narrowed to for "from there"."""
    found, last = pointers.plain("thence").search(text), desk.talk.last_call()
    fields = desk.index.tools[last.tool].fields if found and last and last.tool in desk.index.tools else ()
    places = [last.args[f.name] for f in fields if last and f.reference == "warehouse" and f.name in last.args]
    if found is None or len(places) != 1:
        return text
    return f"{text[: found.start()]}from {places[0]}{text[found.end() :]}"


# ---- rows that were shown ------------------------------------------------------------------------------------------------


def _picked(text: str, desk: Desk) -> Pointed | None:
    """With one of the rows that were shown, told by its place, by what it has most of, or by what it has and no other row."""
    things = shown(desk.talk)
    inner = [thing for thing in shown_whole(desk.talk) if thing.inner]
    before = last_list(desk.talk) if len(things) <= 1 else things  # the list that the one thing was opened from
    rows = inner if len(things) <= 1 and inner else before or things
    nth = pointers.placed("ordinals").search(text)
    a_day = nth and nth["word"][0].isdigit() and not nth["one"] and TO_A_DAY.search(text[: nth.start()])
    if nth and not a_day and (rows or nth["one"]):
        place = int(pointers.key("ordinals", nth["word"]))
        return _told(text, nth, [rows[place]] if -len(rows) <= place < len(rows) else [])
    most = pointers.placed("extremes").search(text)
    if most and most["one"] and not rows:
        return Pointed(text, lost=most[0])
    if most and len(rows) == 1:
        return _told(text, most, rows)
    if most and rows:
        return _told(text, most, _extreme(pointers.key("extremes", most["word"]), _summed(rows)), whole=False)
    if of_amount := _of_amount(text, before or rows):
        return of_amount
    one = pointers.having().search(text)
    if one and rows:
        of_then = _of_then(one["what"], rows, desk)
        return _told(text, one, of_then) if of_then else _with_words(text, one, rows)
    several = pointers.plain("others").search(text)
    others, among = several or pointers.plain("other").search(text), before if len(before) > 1 else rows
    if others and len(among) > 1:
        return _told(text, others, _others(among, desk, several=several is not None))
    told = (_such(text, some) or _called(text, some) or _by_name(text, some, desk) for some in (rows, before))
    return next(filter(None, told), None) or _of_its_kind(text, rows)


def _of_its_kind(text: str, rows: Sequence[Thing]) -> Pointed | None:
    """ "the big one", of rows that are not called so: the one that has most of it, if one alone has."""
    said = pointers.placed("adjectives").search(text) if len(rows) > 1 else None
    having = _extreme(pointers.key("adjectives", said["word"]), _summed(rows)) if said else []
    return _told(text, said, having) if said and len(having) == 1 else None


def _of_then(said: str, rows: Sequence[Thing], desk: Desk) -> list[Thing]:
    """The one row of the days that words tell: "the one from yesterday"; none where they tell none, or several rows are of them."""
    spans = _read(desk.english(said), desk).free("period")
    if len(spans) != 1 or spans[0].value.start is None or spans[0].value.end is None:
        return []
    for names in (BEGUN, TIMES):
        then = [row for row in rows if any(_during(spans[0].value, row, name, desk) for name in names)]
        if then:
            return then if len(then) == 1 else []
    return []


def _during(period: Period, row: Thing, name: str, desk: Desk) -> bool:
    """Whether a time of a row, by what its column is called, lies in a period."""
    zone = desk.talk.setting.zone
    told = [value for column, value in row.figures.items() if name in column and isinstance(value, str)]
    times = [datetime.fromisoformat(value) for value in told]
    local = [(time.astimezone(zone) if time.tzinfo else time).replace(tzinfo=None) for time in times]
    return any(cast(datetime, period.start) <= time < cast(datetime, period.end) for time in local)


def _with_words(text: str, one: re.Match[str], rows: Sequence[Thing]) -> Pointed | None:
    """The row that has the words, or the first of them: "die nach Köln bitte"."""
    words = one["what"].split()
    for end in range(len(words), 0, -1):
        having = [thing for thing in rows if has(thing, " ".join(words[:end]), inside=True)]
        if having:
            left = " ".join(words[end:])
            found = _told(text, one, having) if len(having) == 1 else None
            return replace(found, text=f"{found.text} {left}".strip()) if found else None
    return Pointed(text, lost=one[0].strip()) if pointers.tells_row(one[0]) and len(rows) > 1 else None


def _told(text: str, found: re.Match[str], things: Sequence[Thing], *, whole: bool = True) -> Pointed | None:
    """With the things in place of the words; None where none is certain and the words may mean something else."""
    if not 0 < len(things) <= MOST:
        return Pointed(text, lost=found[0].strip()) if whole else None
    names = [thing.reference for thing in things]
    said = (
        f"{text[: found.start()]}{' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}{text[found.end() :]}"
    )
    said = re.sub(r"\s{2,}", " ", said)
    return Pointed(f"show {said.strip(' ?!.')}" if ALONE.search(said) else said, things=tuple(names), row=True)


def _summed(rows: Sequence[Thing]) -> list[Thing]:
    """Each thing once, with the sum of its figures where several rows are its own: of a variant in three warehouses."""
    each: dict[str, list[Thing]] = {}
    for row in rows:
        each.setdefault(row.reference, []).append(row)
    return [own[0] if len(own) == 1 else replace(own[0], figures=_sums(own)) for own in each.values()]


def _sums(rows: Sequence[Thing]) -> dict[str, Figure]:
    names = [name for name, value in rows[0].figures.items() if not isinstance(value, str)]
    return {name: sum(float(row.figures.get(name, 0.0)) for row in rows) for name in names}


def _extreme(which: str, things: Sequence[Thing]) -> list[Thing]:
    """The one thing that has the most, or the least, of what the word measures; where several have as much, all of them."""
    take, measures, tied = *EXTREMES[which], list[Thing]()
    if which in ("biggest", "smallest") and (sizes := [_size(thing) for thing in things]) and None not in sizes:
        return [thing for thing, size in zip(things, sizes, strict=True) if size == take(sizes)]
    for measure in (*measures, *(LAST_OF_ALL if which in ("biggest", "smallest") else ())):
        columns = [next((name for name in thing.figures if measure in name), "") for thing in things]
        values = [thing.figures[name] for thing, name in zip(things, columns, strict=True) if name]
        if len(values) == len(things) and len({type(value) for value in values}) == 1 and len(set(values)) > 1:
            best: Figure = take(values)
            found = [thing for thing, value in zip(things, values, strict=True) if value == best]
            if len(found) == 1:  # of orders to one supplier of one day, the one that is due first
                return found
            tied = tied or found
    return tied


def _size(thing: Thing) -> float | None:
    """What size the words of a variant say: small before large, 36-37 before 38-39."""
    if "variant" not in thing.refers:
        return None
    parts = re.split(r"[-/ ]+", fold(thing.reference))
    sizes = cast(list[str], pointers.words()["sizes"])
    words = [sizes.index(part) for part in parts if part in sizes]
    figures = [float(m[0]) for part in parts[1:] if (m := re.match(r"\d+", part))]
    return (-1000.0 + words[-1]) if words else figures[0] if figures else None


def _others(things: Sequence[Thing], desk: Desk, *, several: bool) -> list[Thing]:
    """All but what was last put to the person or asked about."""
    spoken = {value for kind in {kind for thing in things for kind in thing.refers} for value in _last(desk, kind)}
    spoken -= set[str].intersection(
        *({*thing.refers.values()} for thing in things)
    )  # whose all of them are, tells none
    left = [thing for thing in things if not spoken & {thing.reference, *thing.refers.values()}]
    return left if len(left) < len(things) and (several or len(left) == 1) else []


def _last(desk: Desk, kind: str) -> list[str]:
    found = focus(desk.talk, desk.index, (kind,))
    return found if len(found) == 1 else []


def _such(text: str, things: Sequence[Thing]) -> Pointed | None:
    """ "the medium one", "the navy", "die rote": a word after an article that one of several rows has, and no other."""
    if len(things) < 2:
        return None
    patterns = (pointers.single(), pointers.named_one(), pointers.named_so(), WHOLE)
    for found in (found for pattern in patterns for found in pattern.finditer(text)):
        figure = re.match(r"[.,]\d", text[found.end() :])  # "the 35" of "the 35,80"
        # "The mugs" are goods, "the mugs one" is a row that has some.
        one = re.search(r"\bones?\W*$", found[0]) is not None
        having = [] if figure else [thing for thing in things if has(thing, found["what"], inside=one)]
        alone = len(having) == 1 and [thing.reference for thing in things].count(having[0].reference) == 1
        if alone:  # of what lies in three warehouses, "and lille?" tells the place and not the thing
            return _told(text, found, having)
    return None


def _of_amount(text: str, things: Sequence[Thing]) -> Pointed | None:
    """ "the 35,80": the one row that has the amount."""
    found = pointers.amount().search(text)
    minor = float(re.sub(r"\D", "", found["what"])) if found else None
    having = [thing for thing in things if minor in thing.figures.values()]
    return _told(text, found, having) if found and len({thing.reference for thing in having}) == 1 else None


def _called(text: str, things: Sequence[Thing]) -> Pointed | None:
    """ "turn off tea time": the row that alone is called so, by two words of its name or more."""
    things = [thing for thing in things if thing.called]
    said = list(re.finditer(r"[\w-]+", text)) if things else []
    for most in range(len(said), 1, -1):
        for first in range(len(said) - most + 1):
            name = text[said[first].start() : said[first + most - 1].end()]
            called = [thing for thing in things if _word(fold(name), thing.called)]
            alone = len({thing.reference for thing in called}) == 1
            if alone and (found := pointers.around(name).search(text)):
                return _told(text, found, called[:1])
    return None


def _by_name(text: str, things: Sequence[Thing], desk: Desk) -> Pointed | None:
    """ "das von Becker", "approve the tumblers one": a name that one of several rows has, where it is not narrowed by."""
    if len(things) < 2 or desk.goes_on(text) >= READ_ON:
        return None
    for named in desk.index.mentions(text):
        said = text[named.start : named.end]
        having = [thing for thing in things if has(thing, said)] if named.kind in NAMES else []
        alone = len({thing.reference for thing in having}) == 1
        if alone and (found := pointers.around(said).search(text)):
            return _told(text, found, having[:1])
    return None


def has(thing: Thing, said: str, *, inside: bool = False) -> bool:
    """Whether a thing has all the words, as they were said or in English; or what is `inside` of it."""
    own = f"{thing.said} {fold(thing.reference).replace('-', ' ')} {thing.inside if inside else ''}"
    words = [word for word in fold(said).split() if word not in FILLER]
    return bool(words) and all(_of_country(word, own) or any(_word(one, own) for one in _said(word)) for word in words)


def _said(word: str) -> Iterator[str]:
    yield from (fold(to_english(word, spoken)) for spoken in SPOKEN)
    yield fold(places.local(word))  # "the cologne one"


def _of_country(word: str, own: str) -> bool:
    """Whether a row is of the country: "the belgian one", of which it has the code."""
    codes = {code for said in _said(word) if (code := countries().get(said))}
    return any(re.search(rf"(?<!\w){code.lower()}(?!\w)", own) for code in codes)


def _word(word: str, own: str) -> bool:
    stem = re.escape(word[:-1] if len(word) > 4 and word[-1] in "es" else word)
    return re.search(rf"(?<!\w){stem}\w?\w?(?!\w)", own) is not None


# ---- pronouns ------------------------------------------------------------------------------------------------------------


def _meant(text: str, named: Sequence[str], desk: Desk) -> Pointed:
    """With what "it", "her", "them" and "the customer" stand for: what the sentence before named, else what was last spoken of."""
    several = pointers.plain("all").search(text)
    if several and not named and not _named_before(text, several, desk):
        if several_ones := _all(several[0], desk):
            return replace(_told(text, several, several_ones) or Pointed(text), row=False)
        if goods := _only(focus(desk.talk, desk.index, ("variant", "product"))):  # "how many of them"
            return Pointed(f"{text[: several.start()]}{_of(several[0])}{goods}{text[several.end() :]}", things=(goods,))
        if (spoken := ground.spoken_of(desk.talk)) and _of(several[0]):
            return Pointed(f"{text[: several.start()]}of {spoken}{text[several.end() :]}")
        if re.match(
            r"(?:all |both )?of\b|davon|von\b|d['’]entre|les? \w+|the \w+|those \w+|these \w+", several[0], re.I
        ):
            return Pointed(text, lost=several[0])
    offered = offered_people(desk)
    for found, people in _pronouns(text):
        owns = found.re is pointers.plain("owner")
        if people and offered and not named:
            return Pointed(text, lost=found[0])
        meant = _only(_candidates(named, desk, people=people))
        if meant:
            said = f"{meant}'s" if owns else meant
            return Pointed(f"{text[: found.start()]}{said}{text[found.end() :]}", things=(meant,))
        if found[0].lower() in CERTAIN:
            return Pointed(text, lost=found[0])
    noun = pointers.nouns().search(text)
    if noun and noun.lastgroup and not named:
        meant = _only(focus(desk.talk, desk.index, (noun.lastgroup,)))
        return (
            Pointed(f"{text[: noun.start()]}{meant}{text[noun.end() :]}", things=(meant,)) if meant else Pointed(text)
        )
    return Pointed(text)


def _named_before(text: str, pointing: re.Match[str], desk: Desk) -> bool:
    """Whether the text itself names goods for which the word stands: "84 of the tea boxes came. book them"."""
    grounds = desk.reading(text).grounds
    return any(one.goods and one.end <= pointing.start() for one in grounds) and not _of(pointing[0])


def _of(said: str) -> str:
    return "of " if re.match(r"(?:all |both )?of\b|davon|von\b", said, re.I) else ""


def _pronouns(text: str) -> Iterator[tuple[re.Match[str], bool]]:
    """The pronouns of a text, and whether each stands for a person."""
    for name, people in (("it", False), ("owner", True), ("person", True), ("perhaps", False), ("perhaps", True)):
        found = pointers.plain(name).search(text)
        if found and (name != "owner" or re.match(r"\s+(?!\w+ing\b|not?\b|the\b|an?\b|too\b)\w", text[found.end() :])):
            yield found, people and found[0].lower() != "its"


def _all(said: str, desk: Desk) -> list[Thing]:
    """What "those two" and "them" are: what the last change was about, else the rows that were shown; as many as were said.

    Else as many as were shown one after the other.
    """
    count = next(
        (int(n) for n, words in pointers.words()["counted"].items() if re.search(rf"\b(?:{words})\b", said, re.I)), 0
    )
    latest = next(desk.talk.did(), dict[str, Any]())
    put = [Thing(value, {}, "") for call in latest.get("put") or () for value in listed(call, desk.index)]
    for things in (put, list({thing.reference: thing for thing in shown(desk.talk)}.values())):
        if 1 < len(things) <= MOST and len(things) == (count or len(things)):
            return things
    return [Thing(one, {}, "") for one in one_by_one(desk.talk, desk.index, count)] if count else []


def _candidates(named: Sequence[str], desk: Desk, *, people: bool) -> list[str]:
    prefixes = desk.index.vocabulary.prefixes
    said = [value for value in named if (prefixes.get(value.partition("-")[0], "") in PEOPLE) == people]
    kinds = [kind for kind in {*prefixes.values(), "variant"} if (kind in PEOPLE) == people and kind not in NOBODYS]
    if people and "user" not in desk.before:  # who picks a list is not the one whose teapot it is
        kinds = [kind for kind in kinds if kind != "user"]
    return said or focus(desk.talk, desk.index, kinds) or focus(desk.talk, desk.index, NOBODYS)


def offered_people(desk: Desk) -> list[dict[str, Any]]:
    """The people of whom it was just asked which is meant."""
    pending = desk.talk.pending or {}
    options = cast(list[dict[str, Any]], pending.get("options", [])) if pending.get("kind") == "pick" else []
    prefixes = desk.index.vocabulary.prefixes
    return (
        options
        if options and all(prefixes.get(str(one["value"]).partition("-")[0]) == "customer" for one in options)
        else []
    )


def _only(values: Sequence[str]) -> str | None:
    return values[0] if len(set(values)) == 1 else None


def _read(text: str, desk: Desk) -> Reading:
    return Reading.of(text, desk.index.vocabulary, desk.talk.setting)
