"""What goods are called, in three languages, and which pieces of a sentence may be names in the shop.

A lexicon of everyday goods, colours, materials and sizes (`data/goods.tsv`, written for no shop in particular) turns German and
French words into English ones, compounds included, and tells a word for a thing from the talk around it. Whether a shop has the
thing is the shop's to say: `search_shop` is asked for the pieces, once a turn.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple

from planner.read import embedder, places
from planner.read.entities import Span
from planner.read.reader import Mention
from planner.read.words import FILLER, TRADE, fold, stem, words_of

GERMAN, FRENCH = "de", "fr"
ADJECTIVES = ("colours", "sizes")  # of these a capital letter makes a name: Julie Blanc, Herr Klein
SHORTEST = 3  # letters of a name
LONGEST = 5  # words of a name
MEASURE = (
    r"\d+(?:[.,]\d+)?\s?-?(?:cm|mm|ml|cl|dl|litres?|liters?|l|kg|g|gr|grams?|kilos?|inch)(?![\w-])|\d+\s?[x×]\s?\d+(?:\s?cm)?(?!\w)"
    r"|(?<![\w-])\d\d[-–]\d\d(?![\w-])|(?<![\w-])(?:A[2-6]|X{1,2}[SL]|half (?:a )?lit(?:re|er))(?![\w-])"
    r"|(?<![\w-])(?:(?:in\s+)?(?:size|taille|größe)\s+[SML]|in\s+(?-i:[SML]))(?![\w'’-])"
)
TOKEN = re.compile(rf"(?P<measure>{MEASURE})|(?P<word>[^\W\d_](?:[\w’']|-(?=\w))*)", re.I)
HOLDS = ("email", "reference", "foreign", "code", "money", "percent", "period", "url", "phone", "quoted")  # not names
LETTERED = re.compile(r"^(?:in\s+)?(?:(?:size|taille|größe)\s+)?(?=[SML]$)", re.I)  # "in size M" is "M"
QUALIFYING = ("adjective", "measure")
POSSESSIVE = re.compile(r"(?<=\w)['’]s$")
ONES = re.compile(r"\s+ones?\b", re.I)
EXCEPTED = re.compile(r"\bnot\s+(?:the\s+|in\s+)?$", re.I)
TITLE = re.compile(r"(?<=[a-z,;:] )(?P<first>[A-Z][a-zà-ÿ]+) (?P<second>[a-zà-ÿ]{3,})")
MOST_TITLES = 2
BEFORE = re.compile(r"([^\W\d_]+) $")
NO_GOODS = ("vas", "coup")  # "vas-y" is no vase, and "du coup" no cup
CODED = re.compile(
    r"(?P<before>[\w'’-]+(?: [\w'’-]+){0,2}) (?:code|promo(?:tion)?|coupon|voucher|campaign|discount|offer)\b"
    r"|\b(?:promo(?:tion)?|code|campaign) (?P<after>[\w'’-]+(?: [\w'’-]+){1,2})",
    re.I,
)
OF_GOODS = ("product", "category", "tag")
OF_PEOPLE = ("customer", "person")
OF_OTHERS = (*OF_PEOPLE, "place", "warehouse")
OF_SHOP = ("product", "code", "supplier", "carrier")  # what may be called by everybody's words: "Tea time"
MOST = 12
IN_IE = frozenset(("beanies", "brownies", "cookies", "genies", "hoodies", "onesies", "smoothies"))


class Everyday(NamedTuple):
    """Words of everyday talk, by language as data (`everyday.json`)."""

    ordinary: frozenset[str]  # nobody's name, and no thing's, though English has them not among its most frequent
    weak: frozenset[str]  # names of things that are more often said for something else: "book", "top"
    standing: frozenset[str]  # for a thing that was spoken of: "the small one", "the big bag"


@lru_cache(maxsize=1)
def everyday() -> Everyday:
    """As they are shipped."""
    told: dict[str, Any] = json.loads(files("planner.data").joinpath("everyday.json").read_text(encoding="utf-8"))
    ordinary: Iterable[str] = told["ordinary"].values()
    return Everyday(words_of(" ".join(ordinary)), words_of(told["weak"]), words_of(told["standing"]))


class Phrase(NamedTuple):
    """A piece of a text that may be a name, and how the shop is asked for it."""

    start: int
    end: int
    asked: str
    goods: bool
    standing: bool = False  # said of what was named before: "the small ones"


@dataclass(frozen=True)
class Lexicon:
    """English words for goods, and German and French names by the roots of their words."""

    english: frozenset[str]
    nouns: frozenset[str]
    foreign: Mapping[str, Mapping[tuple[str, ...], str]]
    adjectives: frozenset[str]
    siblings: Mapping[str, tuple[str, ...]]  # "blanket" and what else a Decke may be

    def qualifies(self, words: str) -> bool:
        """Whether words only tell goods from others that are called the same: a red teapot, but no yoga mat."""
        return all(singular(word) in self.adjectives or not word.isalpha() for word in words.split())


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """As it is shipped."""
    foreign: dict[str, dict[tuple[str, ...], str]] = {GERMAN: {}, FRENCH: {}}
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    english: set[str] = set()
    nouns: set[str] = set()
    adjectives: set[str] = set()
    section = ""
    for line in files("planner.data").joinpath("goods.tsv").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            section = line.strip("# ")
            continue
        own, german, french = line.split("\t")
        english |= {singular(word) for word in own.split()} - FILLER
        (adjectives if section in ADJECTIVES else nouns).add(singular(own))
        for language, said in ((GERMAN, german), (FRENCH, french)):
            for name in said.split(", "):
                key = tuple(root(word, language) for word in words_in(name))
                foreign[language].setdefault(key, own)
                alike.setdefault((language, key), []).append(own)
    siblings = {names[0]: tuple(names[1:3]) for names in alike.values() if len(names) > 1}
    return Lexicon(frozenset(english), frozenset(nouns), foreign, frozenset(adjectives), siblings)


def means_something(word: str) -> bool:
    """Whether it is a word for goods, or for what they are like: no shop's own name."""
    said = singular(word)
    return said in lexicon().english or said in lexicon().adjectives or not said.isalpha()


def words_in(text: str) -> list[str]:
    """The words of a name; what an apostrophe or a hyphen joins stands apart."""
    return re.findall(r"[^\W\d_]+", text)


def singular(word: str) -> str:
    """An English word for things as it stands in the lexicon."""
    said = word.casefold()
    if len(said) > 4 and said.endswith(("sses", "shes", "ches", "xes")):
        return said[:-2]
    if len(said) > 4 and said.endswith("ies"):
        return said[:-1] if said in IN_IE else f"{said[:-3]}y"
    return said[:-1] if len(said) > 3 and said.endswith("s") and not said.endswith("ss") else said


def root(word: str, language: str) -> str:
    """A German or French word without its endings, folded: "Tücher" and "Tuch" meet, "grise" and "gris" do."""
    said = fold(word.replace("ß", "ss")).replace("œ", "oe")
    if language == FRENCH:
        said = re.sub(r"(?<!e)aux$", "al", said)  # "bocaux" of a bocal, and not "plateaux"
        return re.sub(r"(?<=\w{3})(?:ees?|es|e|s|x)$", "", said)
    return re.sub(r"(?<=\w{3})(?:em|en|er|es|e|n|(?<!s)s)$", "", said)


def guessed(text: str, names: Collection[str] = ()) -> str:
    """A text of no certain language with the goods that only German or French has a word for: "Hausschuhe?"."""

    def kept(word: str) -> bool:
        return word in names or _english(word)

    return translated(translated(text, GERMAN, unless=kept), FRENCH, unless=kept)


def told_by(text: str, language: str) -> int:
    """How many words name goods in a language and are no English ones: by them a text shows its language, too."""
    known = lexicon().foreign[language]
    return sum(not _english(word) and (root(word, language),) in known for word in words_in(text))


def _english(word: str) -> bool:
    return len(word) < 5 or singular(word) in lexicon().english or embedder.english(word)


def translated(text: str, language: str, unless: Callable[[str], bool] = lambda _: False) -> str:
    """The text with its goods, colours and sizes in English words. Words of which `unless` holds stay as they are."""
    known = lexicon().foreign[language]
    found = list(re.finditer(r"[^\W\d_]+", text))
    pieces: list[str] = []
    position = at = 0
    while at < len(found):
        length = next(
            (
                n
                for n in range(min(LONGEST, len(found) - at), 0, -1)
                if _names(found[at : at + n], text, known, language)
            ),
            0,
        )
        english = _names(found[at : at + length], text, known, language) if length else ""
        english = english or _compound(found[at][0], known, language)
        follows = bool(pieces) and not text[position : found[at].start()].strip()
        if english and not unless(found[at][0]) and not _proper(found[at], english, text, language, follows):
            pieces += [text[position : found[at].start()], english]
            at += max(length, 1)
            position = found[at - 1].end()
        else:
            at += 1
    return "".join([*pieces, text[position:]])


def _names(found: Sequence[re.Match[str]], text: str, known: Mapping[tuple[str, ...], str], language: str) -> str:
    if len(found) == 1 and found[0][0].lower() in NO_GOODS:
        return ""
    together = all(re.fullmatch(r"[ '’-]", text[one.end() : other.start()]) for one, other in pairwise(found))
    return known.get(tuple(root(one[0], language) for one in found), "") if together else ""


def _compound(word: str, known: Mapping[tuple[str, ...], str], language: str) -> str:
    """ "Wollsocken" is wool and socks."""
    if language != GERMAN or len(word) < 7:
        return ""
    whole = root(word, GERMAN)
    for cut in range(3, len(whole) - 2):
        right = known.get((root(whole[cut:], GERMAN),)) or known.get((whole[cut:],))
        left = known.get((root(whole[:cut], GERMAN),)) or known.get((whole[:cut],))
        if left and right:
            return f"{left} {right}"
    return ""


def _proper(found: re.Match[str], english: str, text: str, language: str, follows: bool) -> bool:
    """Whether a capital letter makes another word of it: "Julie Blanc", "Herr Klein", "alle Größen"; not "Halter Messing"."""
    before = text[: found.start()].rstrip()
    if not found[0][0].isupper() or not before or before[-1] in ".!?:":
        return False
    return language == FRENCH or (
        english in lexicon().adjectives and not follows and not before.endswith((" in", " aus"))
    )


def phrases(
    text: str, spans: Sequence[Span], mentions: Sequence[Mention], ordinary: "Ordinary", thing: str = ""
) -> list[Phrase]:
    """The pieces of an English text that may be names, those of goods first. `thing` is what was spoken of: "the small ones"."""
    runs = [run for run in _runs(text, spans, mentions, ordinary) if not _excepted(text, run)]
    goods: list[Phrase] = []
    others: list[Phrase] = []
    for run in runs:
        said = " ".join(token.said for token in run)
        named = run[-1].kind in QUALIFYING and run[0].kind not in QUALIFYING  # "carafes small one": of itself
        leaning = all(token.kind in QUALIFYING for token in run) or (not named and ONES.match(text[run[-1].end :]))
        if leaning and thing:
            goods.append(Phrase(run[0].start, run[-1].end, f"{said} {thing}", goods=True, standing=True))
        elif not leaning and any(token.kind != "name" for token in run):
            goods.append(Phrase(run[0].start, run[-1].end, said, goods=True))
            thing = _head(run) or thing
        others += _parts(run)
    found: dict[str, Phrase] = {}
    named = (*goods, *others, *_called(text, mentions), *_titled(text, ordinary), *_coded(text))
    for phrase in (one for one in named if len(one.asked) > 1):  # "M. Müller"
        found.setdefault(phrase.asked.casefold(), phrase)
    return list(found.values())[:MOST]


def _called(text: str, mentions: Sequence[Mention]) -> Iterator[Phrase]:
    """What the reader hears named, as it was said ("the tea time discount"), people without the "s" of "anna wagners", too."""
    for one in mentions:
        said = text[one.start : one.end]
        if one.kind in OF_PEOPLE and " " in said:  # "bas de vries"
            yield Phrase(one.start, one.end, said, goods=False)
        if one.kind in OF_PEOPLE and re.search(r"\w{3}s$", said):
            yield Phrase(one.start, one.end, said[:-1], goods=False)
        if one.kind in OF_SHOP and " " in said:
            yield Phrase(one.start, one.end, said, goods=False)
        before = BEFORE.search(text[: one.start]) if one.kind == "category" and " " not in said else None
        if before and before[1].casefold() not in FILLER:  # "gift sets", of which only the second word was heard
            yield Phrase(before.start(1), one.end, text[before.start(1) : one.end], goods=False)


def _titled(text: str, ordinary: "Ordinary") -> Iterator[Phrase]:
    """A name of everybody's words, told by its capital letter: "the Spring cleaning code"."""
    found = [one for one in TITLE.finditer(text) if one["first"] in ordinary and one["second"] not in FILLER]
    for one in found if len(found) <= MOST_TITLES else ():  # in German all things have one
        yield Phrase(one.start(), one.end(), one[0], goods=False)


def _coded(text: str) -> Iterator[Phrase]:
    """What a promotion may be called: "the tea time code", "la promo spring cleaning"."""
    for found in CODED.finditer(text):
        side = "before" if found["before"] else "after"
        words = list(re.finditer(r"\S+", found[side]))
        cuts = (words[-1:], words[-2:], words[-3:]) if side == "before" else (words[:2], words[:3])
        for cut in (cut for cut in cuts if cut[0][0].lower() not in FILLER | TRADE):
            start = found.start(side)
            said = found[side][cut[0].start() : cut[-1].end()]
            yield Phrase(start + cut[0].start(), start + cut[-1].end(), said, goods=False)


class Token(NamedTuple):
    """A word of a run, and what it seems to be."""

    start: int
    end: int
    said: str
    kind: str  # "noun", "adjective", "measure"; "called" so by the reader's word; "name", "weak"


class Ordinary:
    """Which words are everybody's: those of talk and trade, of the tools' own texts (`known`, by stem), the most frequent ones."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = known

    def __contains__(self, word: object) -> bool:
        return self.talk(str(word)) or embedder.frequent(_plain(str(word)))

    def talk(self, word: str) -> bool:
        """Whether it is a word of talk or trade; else a name may still be one of the most frequent words: "fiona hughes"."""
        said = _plain(word)
        return said in FILLER or said in TRADE or said in everyday().ordinary or stem(said) in self._known


def _plain(word: str) -> str:
    return re.sub(r"['’].*$", "", word.casefold())


def _runs(text: str, spans: Sequence[Span], mentions: Sequence[Mention], ordinary: Ordinary) -> Iterator[list[Token]]:
    taken = [(span.start, span.end) for span in spans if span.kind in HOLDS]
    run: list[Token] = []
    for m in TOKEN.finditer(text):
        kind = "" if any(start < m.end() and m.start() < end for start, end in taken) else _kind(m, mentions, ordinary)
        if not kind and m["word"] and ONES.match(text[m.end() :]) and re.search(r"\d\s+$", text[: m.start()]):
            kind = "name"  # "and 20 bear ones"
        if not kind and run and _surname(run[-1], m, text):
            kind = "name"
        if not kind and run and f"{run[-1].said} {singular(m[0])}".casefold() in lexicon().nouns:
            kind = "noun"  # "watering cans"
        if run and kind and not _goes_on(text[run[-1].end : m.start()], run[-1].kind, kind):
            yield _trimmed(run)
            run = []
        if kind:
            owner = POSSESSIVE.sub("", m[0]) if kind == "name" else m[0]  # "Mercier's complaint"
            said = places.local(owner) if kind == "name" else LETTERED.sub("", owner)
            run.append(Token(m.start(), m.start() + len(owner), said, kind))
    if run:
        yield _trimmed(run)


def _surname(before: Token, m: re.Match[str], text: str) -> bool:
    """Whether an everyday word is somebody's second name: "Emre Wolf"."""
    both = before.said[:1].isupper() and m[0][:1].isupper()
    return before.kind == "name" and both and re.fullmatch(r"[ -]", text[before.end : m.start()]) is not None


def _trimmed(run: list[Token]) -> list[Token]:
    """Without the word at its end that goes with what follows, "put velvet cushions down 15 %"; a "breton top" is a whole."""
    if len(run) < 2 or run[-1].said.casefold() not in ("down", "clear", "top", "book"):
        return run
    return run if f"{run[-2].said} {run[-1].said}".casefold() in lexicon().nouns else run[:-1]


def _goes_on(between: str, before: str, kind: str) -> bool:
    """Whether a word belongs to the name before it: "vase in white", "chai blend (the big bag)"."""
    if re.fullmatch(r"[\s-]+", between):
        return True
    joint = r"\s+(?:(?:in|of|with)(?:\s+the)?|to\s+the)\s+|\s*\((?:the\s+)?" if kind in QUALIFYING else r"\s+of\s+"
    return before != "name" and kind != "name" and re.fullmatch(joint, between, re.I) is not None


def _kind(m: re.Match[str], mentions: Sequence[Mention], ordinary: Ordinary) -> str:
    if m["measure"]:
        return "measure"
    word, known = singular(m[0]), lexicon()
    named = next((one.kind for one in mentions if one.start <= m.start() and m.end() <= one.end), "")
    if named in OF_OTHERS and (m[0][0].isupper() or (len(word) >= SHORTEST and not ordinary.talk(m[0]))):
        return "name"
    if word in known.adjectives or re.sub(r"(?:er|est)$", "", word) in known.adjectives:
        return "adjective"
    if word in everyday().weak and named not in OF_GOODS:
        return "weak"
    if word in known.english:
        return "noun"
    if len(word) < SHORTEST or m[0] in ordinary:
        return ""
    return "called" if named in OF_GOODS else "name"


def _excepted(text: str, run: Sequence[Token]) -> bool:
    """ "Not the small one"; a word alone that is more often another ("book"), or that only stands for a thing ("the bag")."""
    if all(token.kind == "weak" or singular(token.said) in everyday().standing for token in run):
        return True
    return all(token.kind in QUALIFYING for token in run) and EXCEPTED.search(text[: run[0].start]) is not None


def _head(run: Sequence[Token]) -> str:
    """What "ones" stands for: "night lights" after "fox night lights"."""
    return " ".join([token.said for token in run if token.kind not in QUALIFYING][-2:])


def _parts(run: Sequence[Token]) -> Iterator[Phrase]:
    """The names in a run: each by itself, and those that stand together."""
    names = [token for token in run if token.kind in ("name", "called")]
    if not names:
        return
    for size in range(len(names), 0, -1):
        for at in range(len(names) - size + 1):
            some = names[at : at + size]
            yield Phrase(some[0].start, some[-1].end, " ".join(token.said for token in some), goods=False)
