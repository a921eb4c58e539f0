"""French and German requests in English words.

The embedding model knows English alone. Word by word from a small glossary is enough for the usual requests of a shop;
what the glossary lacks stays as it was said.
"""

import json
import re
from functools import lru_cache
from importlib.resources import files

from planner.read import goods

NEGATED = re.compile(
    r"\b(?:have|has|had|is|are|was|were)(?:n['’]?t| not)\s+(?:yet\s+)?(?:been\s+)?(?:yet\s+)?"
    r"|\b(?:waiting|still|yet|remaining|left) to be\s+",
    re.I,
)
SHORT = {  # as people type it
    "wk": "week", "wks": "weeks", "wkend": "weekend", "mth": "month", "mths": "months", "qtr": "quarter", "yr": "year",
    "yrs": "years", "hrs": "hours", "yday": "yesterday", "tmrw": "tomorrow", "tmr": "tomorrow", "tomorow": "tomorrow",
}  # fmt: skip
SHORTENED = re.compile(rf"(?<![\w@.-])(?:{'|'.join(SHORT)})(?![\w@-])", re.I)
LETTERED = re.compile(r"\b(last|past|next|within)( \d+) ?([dwm])\b", re.I)  # "last 30d"
LETTERS = {"d": "days", "w": "weeks", "m": "months"}
PRONOUNS = {"le": "it", "la": "it", "les": "them", "lui": "him", "leur": "them"}  # of an order: "remboursez-le"
TOLD = re.compile(r"(?<=[ezsrt])-(le|la|les|lui|leur)\b")
APART = 4  # words, at most, by which a text and its English differ
ENOUGH = 2  # words that only this language has, before a text is taken for it


@lru_cache(maxsize=512)
def to_english(text: str, spoken: str = "", names: frozenset[str] = frozenset()) -> str:
    """The request in English words, "haven't been paid" as "not paid", "this wk" whole; a plain English text comes back as it is.

    `spoken` is the language of the conversation, where a few words show none: "et en octobre ?"; `names` are words that are
    people's, and no goods: "Lena Krüger".
    """
    text = _whole(NEGATED.sub("not ", text))
    words = re.findall(r"[^\W\d_]+", text.lower())
    for language, (signs, pattern, glossary) in _languages().items():
        told = sum(word in signs for word in words) + goods.told_by(text, language)
        if language == spoken or told >= min(ENOUGH, max(1, len(words) - 1)):
            text = TOLD.sub(lambda said: f" {PRONOUNS[said[1]]}", text) if language == "fr" else text
            translated = goods.translated(text, language, unless=names.__contains__)
            return pattern.sub(lambda match, known=glossary: known[match[0].lower()], translated)
    return goods.guessed(text, names)


def _whole(text: str) -> str:
    """Spans of time in whole words."""
    text = LETTERED.sub(lambda said: f"{said[1]}{said[2]} {LETTERS[said[3].lower()]}", text)
    return SHORTENED.sub(lambda said: SHORT[said[0].lower()], text)


@lru_cache(maxsize=1)
def _languages() -> dict[str, tuple[frozenset[str], re.Pattern[str], dict[str, str]]]:
    stored = json.loads(files("planner.data").joinpath("glossary.json").read_text(encoding="utf-8"))
    words = {language: _as_told(known["words"]) for language, known in stored.items()}
    return {
        language: (frozenset(known["signs"].split()), _pattern(words[language]), words[language])
        for language, known in stored.items()
    }


def _as_told(words: dict[str, str]) -> dict[str, str]:
    """With what is told to somebody, where the glossary has the verb: "enlevez" beside "enlever"."""
    return {
        word.removesuffix("er") + "ez": said for word, said in words.items() if re.fullmatch(r"\w{2,}er", word)
    } | words


def _pattern(words: dict[str, str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    parts = [re.escape(word) + ("" if word.endswith("'") else r"(?![\w-])") for word in longest_first]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(parts)})", re.I)


def as_said(text: str, english: str, spoken: str = "") -> str:
    """The words of a text that became those English ones: what is to be kept as it was said. `spoken` as in `to_english`."""
    wanted, words = english.split(), list(re.finditer(r"\S+", text))
    spoken = spoken or next((each for each in _languages() if to_english(text, each) == to_english(text)), "")
    for last in range(len(words), 0, -1):
        for first in range(max(0, last - len(wanted) - APART), min(last, last - len(wanted) + APART)):
            piece = text[words[first].start() : words[last - 1].end()]
            if to_english(piece, spoken).split() == wanted:
                return piece
    return english
