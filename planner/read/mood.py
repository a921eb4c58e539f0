"""What kind of sentence it is, before it is asked which operation it means: a question changes nothing, "can we" is a wish,
"show me first, don't do anything yet" asks for the card that every change shows anyway.

Said in English, French or German; the words are data (`moods.json`).
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum, auto
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast

from planner.read.signals import WRITING_STARTS
from planner.read.words import tokens

AFTER_ALL = re.compile(  # "the tea one, how often was it used"
    r"(?:[^,]{1,40},|.{0,40}\bone\b|[A-Z]{2,4}-\d+|[A-Z]{3,}\d[\w-]*(?: [^\W\d]+){0,3})\s*"
    r"(?:how|what|when|where|who|which|why|combien|comment|quand|où|pourquoi|wie|was|wann|wo|wer|warum)\b",
    re.I,
)
AT_THE_END = re.compile(
    r"\b(?:c['’]est|est|is it|is that|ist das|ist die) (?:quand|combien|où|wann|wo|wieviel|when|how much)\W*$", re.I
)
REPORTED = re.compile(
    r"^(?!\W*(?:add|put|write|leave|note|make)\b)[^'\"“‘«„:]{0,60}\b(?:note|mail|e-?mail|message|comment|ticket|review|text)\s+"
    r"(?:says|said|reads|states|tells \w+|asks)\b\s*:?\s*['\"“‘«„]",
    re.I,
)
SENTENCES = re.compile(r"(?<=[.!?])\s+")


class Mood(StrEnum):
    """A question wants to know, an order wants something done, a wish asks whether it can be; the rest tells something."""

    question = auto()
    order = auto()
    wish = auto()
    statement = auto()


def mood(said: str, english: str = "") -> Mood:
    """The mood of one clause. `english` is the same in English words, where it was said in another language.

    What is told first and wished for at the end is a wish: "she would like two mugs. Can you put that in for me?" What is asked
    and then told is asked: "when does the sale begin? It should not be in December."
    """
    whole, sentences = _mood(said, english or said), SENTENCES.split(said)
    if whole in (Mood.order, Mood.wish) or len(sentences) == 1:
        return whole
    own = [_mood(sentence, sentence) for sentence in sentences]
    wished = next((one for one in own[1:] if one in (Mood.order, Mood.wish)), whole)
    return Mood.question if wished is Mood.statement and Mood.question in own else wished


def _mood(said: str, english: str) -> Mood:
    if _matches("asked_to", said):
        return Mood.question if _shows_after("asked_to", said) else Mood.order
    if _matches("modal", said):
        return Mood.wish
    if _matches("shows", said) or _matches("questions", said):
        return Mood.question
    if orders(english):
        return Mood.order
    asked = said.rstrip().endswith("?") or AFTER_ALL.match(said) or AT_THE_END.search(said)
    return Mood.question if asked else Mood.statement


def asks(said: str, english: str = "") -> bool:
    """Whether it is a plain question, or only wants to be shown something: no change passes."""
    return mood(said, english) is Mood.question


def orders(english: str) -> bool:
    """Whether it begins with a word by which things are changed."""
    return bool(tokens(bare(english))[:1]) and tokens(bare(english))[0] in WRITING_STARTS


def begins(text: str) -> bool:
    """Whether a wish may begin with it: a question, or a word by which something is wanted done, in whichever language."""
    return commands(text) or any(_matches(kind, text) for kind in ("questions", "shows"))


def commands(text: str) -> bool:
    """Whether it begins with a word by which something is wanted done."""
    return _matches("begins", text)


def wants_shown(text: str) -> bool:
    """Whether it begins with a word by which something is wanted told: "tell me", "show"."""
    return _matches("shows", text)


def bare(text: str) -> str:
    """Without what a sentence begins with before it begins: "btw", "sorry, other thing:", "ok thx."."""
    return _patterns()["asides"].sub("", text.lstrip(), count=1)


def ungreeted(text: str) -> str:
    """The text without the greeting before it: "good morning, how did yesterday go?"; a greeting alone as it is."""
    return _patterns()["greets"].sub("", text, count=1)


def without_preview(text: str) -> tuple[str, bool]:
    """The text without the wish to see it first, and whether that stood there: the card is what shows it."""
    left = _patterns()["previews"].sub(" ", text)
    if left == text or not re.search(r"\w{3}", left):
        return text, False
    return re.sub(r"\s*[,;:–-]\s*(?=[.!?]|$)|(?<=[.!?])\s*[.!?]+", "", re.sub(r"\s+", " ", left)).strip(), True


def forbidden(text: str) -> re.Match[str] | None:
    """What a text says not to do."""
    return _patterns()["forbids"].search(text)


def reports(text: str) -> bool:
    """Whether it tells what a note or a mail says, in quotes: nothing is wished by that, whatever stands in them."""
    return REPORTED.search(text) is not None


def possible(said: str) -> bool:
    """Whether it only asks whether what it wishes can be done: "…, still possible?"."""
    return _patterns()["possible"].search(said) is not None


def complains(said: str) -> bool:
    """Whether something is said to be wrong, or asked to be settled, without what it is."""
    return _patterns()["complaints"].search(said) is not None


def unpriced(said: str) -> bool:
    """Whether a price is to go up or down, without how far."""
    return _patterns()["unpriced"].search(said) is not None


def _matches(kind: str, said: str) -> bool:
    return _patterns()[kind].match(bare(said)) is not None


def _shows_after(kind: str, said: str) -> bool:
    found = _patterns()[kind].match(bare(said))
    return found is not None and _matches("shows", bare(said)[found.end() :])


@lru_cache(maxsize=1)
def _patterns() -> dict[str, re.Pattern[str]]:
    told = cast(Mapping[str, Any], json.loads(files("planner.data").joinpath("moods.json").read_text("utf-8")))
    fronted = str(told["fronted"])
    built = {
        kind: f"(?:{'|'.join(told[kind].values())})" for kind in ("modal", "asked_to", "questions", "shows", "begins")
    }
    built = {kind: f"{fronted}?{each}" if kind == "modal" else each for kind, each in built.items()}
    built |= {kind: str(told[kind]) for kind in ("previews", "forbids", "complaints", "unpriced", "possible")}
    return {
        "asides": re.compile(rf"^\W*{told['asides']}", re.I),
        "greets": re.compile(rf"^\W*{told['greets']}", re.I),
        **{kind: re.compile(pattern, re.I) for kind, pattern in built.items()},
    }
