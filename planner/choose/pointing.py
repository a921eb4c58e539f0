"""What a sentence points at: "cancel it", "her addresses", "the second one", "le plus cher", "the one in Lyon", "die anderen beiden".

Its reference takes the words' place, where only one thing can be meant. Words that point and find nothing are reported: a list
of everything is no answer about "it". The words are data (`data/pointers.json`).
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast

from planner.choose.decide import Desk
from planner.choose.focus import PEOPLE, focus
from planner.converse.things import Figure, Thing, shown, shown_whole
from planner.read.language import to_english
from planner.read.reading import Reading
from planner.read.words import FILLER, fold

MOST = 6  # things that one word may stand for
ALONE = re.compile(r"^(?:and|what about|how about|only|just|et|und)?\s*[A-Z][\w-]*\W*$")
WHOLE = re.compile(
    r"^\W*(?:and|und|et|only|just|nur|seulement)?\s*(?P<what>[\w/-]+(?: [\w/-]+){0,2}?)(?: ones?)?\W*$", re.I
)
PRICES, TIMES = ("price", "cost", "amount", "total", "value"), ("_at", "_on", "date", "time")
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
EXTREMES: Mapping[str, tuple[Callable[..., Any], Sequence[str]]] = {
    "dearest": (max, PRICES),
    "cheapest": (min, PRICES),
    "newest": (max, TIMES),
    "oldest": (min, TIMES),
    "best": (max, SOLD),
    "worst": (min, SOLD),
    "biggest": (max, SIZES),
    "smallest": (min, SIZES),
}


@dataclass(frozen=True)
class Pointed:
    """The text with references for the words that point; `lost` are words that point at nothing that is certain."""

    text: str
    lost: str = ""
    things: tuple[str, ...] = ()


def resolved(text: str, earlier: Sequence[str], desk: Desk) -> Pointed:
    """The text with the references that it points to, where that is certain; as it is, where it names something itself."""
    reading = _read(text, desk)
    if reading.free("reference", "foreign", "code") or any(reading.free("email")):
        return Pointed(text)
    named = [span.value for said in earlier for span in _read(said, desk).free("reference")]
    picked = None if named else _picked(text, desk)
    if picked:
        return picked
    return _meant(text, named, desk)


# ---- rows that were shown ------------------------------------------------------------------------------------------------


def _picked(text: str, desk: Desk) -> Pointed | None:
    """With one of the rows that were shown, told by its place, by what it has most of, or by what it has and no other row."""
    things = shown(desk.talk)
    inner = [thing for thing in shown_whole(desk.talk) if thing.inner]
    rows = inner if len(things) <= 1 and inner else things
    nth = _pattern("ordinals").search(text)
    if nth and rows:
        place = int(_key("ordinals", nth["word"]))
        return _told(text, nth, [rows[place]] if -len(rows) <= place < len(rows) else [])
    most = _pattern("extremes").search(text)
    if most and len(rows) > 1:
        return _told(text, most, _extreme(_key("extremes", most["word"]), rows), whole=False)
    one = _having().search(text)
    if one and rows:
        having = [thing for thing in rows if _has(thing, one["what"])]
        return _told(text, one, having) if len(having) == 1 else None
    others = _plain("others").search(text) or _plain("other").search(text)
    if others and len(rows) > 1:
        return _told(text, others, _others(rows, desk, several=_plain("others").search(text) is not None))
    return _such(text, rows)


def _told(text: str, found: re.Match[str], things: Sequence[Thing], *, whole: bool = True) -> Pointed | None:
    """With the things in place of the words; None where none is certain and the words may mean something else."""
    if not 0 < len(things) <= MOST:
        return Pointed(text, lost=found[0].strip()) if whole else None
    names = [thing.reference for thing in things]
    said = (
        f"{text[: found.start()]}{' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}{text[found.end() :]}"
    )
    said = re.sub(r"\s{2,}", " ", said)
    return Pointed(f"show {said.strip(' ?!.')}" if ALONE.search(said) else said, things=tuple(names))


def _extreme(which: str, things: Sequence[Thing]) -> list[Thing]:
    """The one thing that has the most, or the least, of what the word measures; none where several have."""
    take, measures = EXTREMES[which]
    if which in ("biggest", "smallest") and (sizes := [_size(thing) for thing in things]) and None not in sizes:
        return [thing for thing, size in zip(things, sizes, strict=True) if size == take(sizes)]
    for measure in measures:
        columns = [next((name for name in thing.figures if measure in name), "") for thing in things]
        values = [thing.figures[name] for thing, name in zip(things, columns, strict=True) if name]
        if len(values) == len(things) and len({type(value) for value in values}) == 1 and len(set(values)) > 1:
            best: Figure = take(values)
            return [thing for thing, value in zip(things, values, strict=True) if value == best]
    return []


def _size(thing: Thing) -> float | None:
    """What size the words of a variant say: small before large, 36-37 before 38-39."""
    parts = re.split(r"[-/ ]+", fold(thing.reference))
    sizes = cast(list[str], _words()["sizes"])
    words = [sizes.index(part) for part in parts if part in sizes]
    figures = [float(m[0]) for part in parts[1:] if (m := re.match(r"\d+", part))]
    return (-1000.0 + words[-1]) if words else figures[0] if figures else None


def _others(things: Sequence[Thing], desk: Desk, *, several: bool) -> list[Thing]:
    """All but what was last put to the person or asked about."""
    spoken = {value for kind in {kind for thing in things for kind in thing.refers} for value in _last(desk, kind)}
    left = [thing for thing in things if not spoken & {thing.reference, *thing.refers.values()}]
    return left if len(left) < len(things) and (several or len(left) == 1) else []


def _last(desk: Desk, kind: str) -> list[str]:
    found = focus(desk.talk, desk.index, (kind,))
    return found if len(found) == 1 else []


def _such(text: str, things: Sequence[Thing]) -> Pointed | None:
    """ "the medium one", "the navy", "die rote": a word after an article that one of several rows has, and no other."""
    if len(things) < 2:
        return None
    for found in [*_single().finditer(text), *WHOLE.finditer(text)]:
        having = [thing for thing in things if _has(thing, found["what"])]
        if len(having) == 1:
            return _told(text, found, having)
    return None


def _has(thing: Thing, said: str) -> bool:
    """Whether a thing has all the words, as they were said or in English."""
    own = f"{thing.said} {fold(thing.reference).replace('-', ' ')}"
    words = [word for word in fold(said).split() if word not in FILLER]
    return bool(words) and all(_word(word, own) or _word(fold(to_english(word, "fr")), own) for word in words)


def _word(word: str, own: str) -> bool:
    stem = re.escape(word[:-1] if len(word) > 4 and word[-1] in "es" else word)
    return re.search(rf"(?<!\w){stem}\w?\w?(?!\w)", own) is not None


# ---- pronouns ------------------------------------------------------------------------------------------------------------


def _meant(text: str, named: Sequence[str], desk: Desk) -> Pointed:
    """With what "it", "her" and "them" stand for: what the sentence before named, else what was last spoken of."""
    several = _plain("all").search(text)
    if several and not named:
        things = shown(desk.talk)
        if 1 < len(things) <= MOST and (found := _told(text, several, things)):
            return found
    for name, people in (("it", False), ("owner", True), ("person", True)):
        found = _plain(name).search(text)
        if found is None or (name == "owner" and not re.match(r"\s+\w", text[found.end() :])):
            continue
        its = found[0].lower() == "its"
        meant = _only(_candidates(named, desk, people=people and not its))
        if meant:
            owns = f"{meant}'s" if name == "owner" else meant
            return Pointed(f"{text[: found.start()]}{owns}{text[found.end() :]}", things=(meant,))
        if name == "it" or its or found[0].lower() in ("her", "his"):
            return Pointed(text, lost=found[0])
    return Pointed(text)


def _candidates(named: Sequence[str], desk: Desk, *, people: bool) -> list[str]:
    prefixes = desk.index.vocabulary.prefixes
    said = [value for value in named if (prefixes.get(value.partition("-")[0], "") in PEOPLE) == people]
    kinds = [kind for kind in {*prefixes.values(), "variant"} if (kind in PEOPLE) == people]
    alone = shown(desk.talk)
    if len(alone) == 1 and not people and not said and _last_showed(desk):
        return [alone[0].reference]
    return said or focus(desk.talk, desk.index, kinds)


def _last_showed(desk: Desk) -> bool:
    return bool(next(desk.talk.did(), {}).get("shown"))


def _only(values: Sequence[str]) -> str | None:
    return values[0] if len(set(values)) == 1 else None


def _read(text: str, desk: Desk) -> Reading:
    return Reading.of(text, desk.index.vocabulary, desk.talk.setting)


# ---- the words -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    return json.loads(files("planner.data").joinpath("pointers.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=16)
def _plain(name: str) -> re.Pattern[str]:
    after = "(?!['’]s)" if name == "it" else ""
    return re.compile(rf"(?<![\w-])(?:{_words()[name]})(?![\w-]){after}", re.I)


@lru_cache(maxsize=2)
def _pattern(name: str) -> re.Pattern[str]:
    """An article, the word, and either what says that a row is meant or the end of the phrase: "the last one", "le dernier, …"."""
    told = _words()
    word = "|".join(sorted(cast(dict[str, str], told[name]).values(), key=len, reverse=True))
    apart = rf"(?=\s*(?:[,.;:?!)]|$)|\s+(?:{told['goes_on']})(?!\w))"
    return re.compile(
        rf"(?<![\w-])(?:(?:{told['articles']})\s*)(?P<word>{word})(?!\w)(?:(?:\s+(?:{told['one']})(?!\w))+|{apart})",
        re.I,
    )


def _key(name: str, said: str) -> str:
    return next(key for key, words in _words()[name].items() if re.fullmatch(words, said, re.I))


@lru_cache(maxsize=1)
def _having() -> re.Pattern[str]:
    told = _words()
    lead = rf"(?:{told['having_leads']})"
    return re.compile(rf"(?<![\w-])(?:{told['having']})\s+{lead}\s*(?:the\s+|la\s+|le\s+)?(?P<what>[^?!.,;]+)", re.I)


@lru_cache(maxsize=1)
def _single() -> re.Pattern[str]:
    told = _words()
    apart = rf"(?=\s*(?:[,.;:?!)]|$)|\s+(?:{told['goes_on']})(?!\w))"
    return re.compile(rf"(?<![\w-])(?:{told['articles']})\s*(?P<what>[^\W_][\w/-]*)(?:\s+ones?(?!\w)|{apart})", re.I)


def points() -> re.Pattern[str]:
    """Any word that stands for something that was spoken of before."""
    return _plain("points")
