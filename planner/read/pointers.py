"""The words that point at what was shown or spoken of before, as patterns of all languages: `data/pointers.json`."""

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast

GAP = r"(?:(?<=['’])\s*|\s+)"  # behind an article: "them" is no "the m"
PARTICIPLE = r"(?-i:(?:ge|be|ver)[a-zäöüß]+(?:t|en)\b)"  # "die zweite benutzt"


@lru_cache(maxsize=1)
def words() -> dict[str, Any]:
    """The tables."""
    return json.loads(files("planner.data").joinpath("pointers.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=16)
def plain(name: str) -> re.Pattern[str]:
    """One of the lists of words that stand by themselves."""
    after = "(?!['’]s)" if name == "it" else ""
    return re.compile(rf"(?<![\w-])(?:{words()[name]})(?![\w-]){after}", re.I)


@lru_cache(maxsize=3)
def placed(name: str) -> re.Pattern[str]:
    """The word, and what says that a row is meant, or, after an article, the end of the phrase: "last one", "le dernier, …"."""
    told = words()
    word = "|".join(sorted(cast(dict[str, str], told[name]).values(), key=len, reverse=True))
    apart = rf"(?=\s*(?:[,.;:?!)]|$)|\s+(?:{told['goes_on']})(?!\w)|\s+{PARTICIPLE})"
    return re.compile(
        rf"(?<![\w-])(?P<article>(?:{told['articles']})\s*)?(?P<word>{word})(?!\w)"
        rf"(?:(?P<one>(?:\s+(?:{told['one']})(?!\w))+)|(?(article){apart}|(?!)))",
        re.I,
    )


def key(name: str, said: str) -> str:
    """Which place or measure a word stands for."""
    return next(key for key, words in words()[name].items() if re.fullmatch(words, said, re.I))


def owned(said: str) -> bool:
    """Whether a word can only mean somebody, or what is somebody's: "her"."""
    return any(plain(name).fullmatch(said) for name in ("owner", "person"))


def tells_place(said: str) -> bool:
    """Whether words can only mean a row of a list: "the second one"."""
    return any(placed(name).fullmatch(said) for name in ("ordinals", "extremes"))


def tells_row(said: str) -> bool:
    """Whether words can only mean a row by what it has: "the one from Lille"."""
    return re.match(rf"(?:{words()['row']})(?![\w-])", said, re.I) is not None and having().match(said) is not None


@lru_cache(maxsize=1)
def having() -> re.Pattern[str]:
    """ "the one in Lyon", "celui de Montpellier"."""
    told = words()
    lead = rf"(?:{told['having_leads']})"
    return re.compile(rf"(?<![\w-])(?:{told['having']})\s+{lead}\s*(?:the\s+|la\s+|le\s+)?(?P<what>[^?!.,;]+)", re.I)


@lru_cache(maxsize=64)
def around(said: str) -> re.Pattern[str]:
    """A name with the words that make it point at a row: "the tea one", "celui de Benali", "von Becker", "Baumann's"."""
    told = words()
    before = rf"(?:(?:(?:{told['having']})\s+)?(?:{told['having_leads']})\s*|(?:{told['articles']})\s*)?"
    return re.compile(rf"(?<![\w-]){before}{re.escape(said)}(?:['’]s)?(?:\s+(?:{told['one']}))?(?![\w-])", re.I)


@lru_cache(maxsize=1)
def single() -> re.Pattern[str]:
    """ "the medium one", "die rote"."""
    told = words()
    apart = rf"(?=\s*(?:[,.;:?!)]|$)|\s+(?:{told['goes_on']})(?!\w))"
    return re.compile(rf"(?<![\w-])(?:{told['articles']}){GAP}(?P<what>[^\W_][\w/-]*)(?:\s+ones?(?!\w)|{apart})", re.I)


@lru_cache(maxsize=1)
def amount() -> re.Pattern[str]:
    """ "the 35,80", "celle à 35,80 €"."""
    told = words()
    lead = rf"(?:(?:{told['having']}|{told['articles']})\s+)(?:(?:{told['having_leads']}|zu|über)\s+)?"
    return re.compile(rf"(?<![\w-]){lead}(?P<what>\d+[.,]\d\d)(?![\d%])(?:\s?(?:€|eur\b))?", re.I)


@lru_cache(maxsize=1)
def named_one() -> re.Pattern[str]:
    """ "spring one", said without an article."""
    return re.compile(r"(?<![\w-])(?P<what>[^\W\d_][\w-]*)\s+ones?(?![\w-])", re.I)


@lru_cache(maxsize=1)
def named_so() -> re.Pattern[str]:
    """ "the maison verte one"."""
    word = r"[^\W\d_][\w'’-]*"
    return re.compile(
        rf"(?<![\w-])(?:{words()['articles']}){GAP}(?P<what>{word}(?:\s+{word}){{1,2}}?)\s+ones?(?![\w-])", re.I
    )


def points() -> re.Pattern[str]:
    """Any word that stands for something that was spoken of before."""
    return plain("points")


@lru_cache(maxsize=1)
def nouns() -> re.Pattern[str]:
    """ "the customer", "cette commande", "der Kunde": a thing by what it is."""
    told = words()
    named = "|".join(f"(?P<{kind}>{said})" for kind, said in told["nouns"].items())
    apart = rf"(?=\s*(?:[,.;:?!)]|$)|\s+(?:{told['goes_on']})(?!\w))"
    return re.compile(
        rf"(?<![\w-])(?:{told['articles']}|ce|cette|cet|diese[nrsm]?)\s*(?:{named})(?![\w-]){apart}", re.I
    )
