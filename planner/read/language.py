"""French and German requests in English words.

The embedding model knows English alone. Word by word from a small glossary is enough for the usual requests of a shop;
what the glossary lacks stays as it was said.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

from planner.read import embedder, goods, spelling
from planner.read.words import fold

NEGATED = re.compile(
    r"\b(?:have|has|had|is|are|was|were)(?:n['’]?t| not)\s+(?:yet\s+)?(?:been\s+)?(?:yet\s+)?"
    r"|\b(?:has (?:nobody|no[ -]?one)|(?:nobody|no[ -]?one) has)\s+(?:yet\s+|ever\s+)?"
    r"(?=(?:paid|answered|finished|shipped|sent|closed|received)\b)"
    r"|\b(?:waiting|still|yet|remaining|left) to be\s+",
    re.I,
)
SHORT = {  # as people type it; and where a word alone would be taken for goods
    "wk": "week", "wks": "weeks", "wkend": "weekend", "mth": "month", "mths": "months", "qtr": "quarter", "yr": "year",
    "yrs": "years", "hrs": "hours", "yday": "yesterday", "tmrw": "tomorrow", "tmr": "tomorrow", "tomorow": "tomorrow",
    "aov": "average order value", "average basket": "average order value",
}  # fmt: skip
SHORTENED = re.compile(rf"(?<![\w@.-])(?:{'|'.join(SHORT)})(?![\w@-])", re.I)
LETTERED = re.compile(r"\b(last|past|next|within)( \d+) ?([dwm])\b", re.I)  # "last 30d"
LETTERS = {"d": "days", "w": "weeks", "m": "months"}
PRONOUNS = {"le": "it", "la": "it", "les": "them", "lui": "him", "leur": "them"}  # of an order: "remboursez-le"
TOLD = re.compile(r"(?<=[ezsrt])-(le|la|les|lui|leur)\b")
ARROW = re.compile(r"\s*(?:[-=]+>|[→⇒])\s*")  # "lyon -> lille"
APART = 4  # words, at most, by which a text and its English differ
SPELT = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}
# Other words, without their accents.
HOMOGRAPHS = frozenset(["a", "ca", "des", "du", "fur", "la", "mochte", "ou", "passe", "schon", "sur", "uber"])
ENOUGH = 2  # words that only this language has, before a text is taken for it


@lru_cache(maxsize=512)
def to_english(text: str, spoken: str = "", names: frozenset[str] = frozenset()) -> str:
    """The request in English words, "haven't been paid" as "not paid", "this wk" whole; a plain English text comes back as it is.

    `spoken` is the language of the conversation, where a few words show none: "et en octobre ?"; `names` are words that are
    people's, and no goods: "Lena Krüger".
    """
    text = ARROW.sub(" to ", _whole(NEGATED.sub("not ", text)))
    words = re.findall(r"[^\W\d_]+", text.lower())
    told = {language: _told(words, language) for language in _languages()}
    language = spoken if spoken in told else max(told, key=lambda one: told[one])
    if language != spoken and told[language] < min(ENOUGH, max(1, len(words) - 1)):
        return goods.guessed(spelling.mended(text), names)
    text = TOLD.sub(lambda said: f" {PRONOUNS[said[1]]}", text) if language == "fr" else text
    pieces, at = list[str](), 0
    for phrase in _phrases(language).finditer(text):  # whole: "panier moyen" is no basket
        pieces += [
            _word_by_word(text[at : phrase.start()], language, names),
            _languages()[language][2][phrase[0].lower()],
        ]
        at = phrase.end()
    return "".join([*pieces, _word_by_word(text[at:], language, names)])


def _word_by_word(text: str, language: str, names: frozenset[str]) -> str:
    _, pattern, glossary = _languages()[language]
    translated = goods.translated(text, language, unless=names.__contains__)
    return pattern.sub(lambda match: _said(match, glossary, language), translated)


def _told(words: Sequence[str], language: str) -> int:
    """How many words show a language."""
    signs, _, glossary = _languages()[language]
    left = [word for word in words if not (word in signs or _tells(word, glossary))]
    return len(words) - len(left) + goods.told_by(" ".join(left), language)


def _whole(text: str) -> str:
    """Spans of time in whole words."""
    text = LETTERED.sub(lambda said: f"{said[1]}{said[2]} {LETTERS[said[3].lower()]}", text)
    return SHORTENED.sub(lambda said: SHORT[said[0].lower()], text)


@lru_cache(maxsize=1)
def _languages() -> dict[str, tuple[frozenset[str], re.Pattern[str], dict[str, str]]]:
    stored = json.loads(files("planner.data").joinpath("glossary.json").read_text(encoding="utf-8"))
    talk = _talk()
    words = {
        language: _typed(talk[language] | talk.get(f"{language} nouns", {}) | _as_told(known["words"]))
        for language, known in stored.items()
    }
    return {
        language: (frozenset(known["signs"].split()), _pattern(words[language]), words[language])
        for language, known in stored.items()
    }


def _tells(word: str, glossary: Mapping[str, str]) -> bool:
    """Whether a word shows the language: it has it, and English has not."""
    return len(word) > 3 and word in glossary and glossary[word] != word and not embedder.english(word)


def _said(match: re.Match[str], known: Mapping[str, str], language: str) -> str:
    """A word in English; as it stands, where a capital letter makes a name of it: "Frau Lang", "Mme Petit"."""
    word = match[0].lower()
    before = match.string[: match.start()].rstrip()
    inside = bool(before) and before[-1] not in ".!?:…"
    return match[0] if inside and match[0][0].isupper() and word in _plain(language) else known[word]


@lru_cache(maxsize=1)
def _talk() -> dict[str, dict[str, str]]:
    """Words of everyday talk by language (`talk.tsv`); German nouns apart, for these are written with a capital letter."""
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in files("planner.data").joinpath("talk.tsv").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            section = sections.setdefault(line[2:], {})
        else:
            word, _, english = line.partition("\t")
            section[word] = english
    return sections


@lru_cache(maxsize=2)
def _plain(language: str) -> frozenset[str]:
    """Those that no capital letter begins within a sentence."""
    return frozenset(_typed(_talk()[language]))


def _typed(words: Mapping[str, str]) -> dict[str, str]:
    """With what keyboards without accents make of them: "coute", "fuer", "zurueck"."""
    bare = {fold(word): english for word, english in words.items()}
    spelt = {re.sub("[äöüß]", lambda sign: SPELT[sign[0]], word): english for word, english in words.items()}
    return {word: english for word, english in (bare | spelt).items() if word not in HOMOGRAPHS} | dict(words)


@lru_cache(maxsize=2)
def _phrases(language: str) -> re.Pattern[str]:
    """Those of several words: no word of them is taken for goods."""
    return _pattern({said: english for said, english in _languages()[language][2].items() if " " in said})


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
