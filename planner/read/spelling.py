"""English as it is typed in a hurry and dictated: "teh ordr" is "the order", "seventy-nine ninety" is 79.90.

A slip is mended where a word that English has not is one letter, or two that changed places, away from one word of a shop's
everyday talk. Names stay: what begins with a capital letter, and whatever is near to no such word.
"""

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

from planner.read import embedder
from planner.read.entities import ALSO_CALLED
from planner.read.signals import READING_STARTS, WRITING_STARTS
from planner.read.words import FILLER, NUMBERS, TRADE, words_of

WORD = re.compile(r"(?<![\w@.'’/:-])[a-z]{1,14}(?![\w@'’/°-]|\.\w)")
SHORTEST = 4  # letters of a word two of which changed places
SURE = 5  # of one with a letter that is another, lacks, or is too much
TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
UNITS = "one|two|three|four|five|six|seven|eight|nine"
BELOW = rf"(?:(?:{TENS})(?:[-\s](?:{UNITS}))?|{TEENS}|{UNITS})"  # a hundred
MORE_THAN_TEN = rf"(?:(?:{TENS})(?:[-\s](?:{UNITS}))?|{TEENS})"
MONEY = r"euros?|eur|€|pounds?|dollars?|cents?|per ?cent|percent|%|points?"
# "Seventy-nine ninety", "nineteen ninety".
PRICE = re.compile(rf"\b(?P<whole>{BELOW})\s+(?P<part>{MORE_THAN_TEN})\b(?!\s+(?:by|of|{MONEY})\b)", re.I)
# "At ten thirty", "in twenty twenty".
OF_TIME = re.compile(r"\b(?:in|at|until|till|by|before|after|around|since)\s+$", re.I)
SIDE = rf"(?:{UNITS})\s+{MORE_THAN_TEN}|(?:{UNITS}|a)\s+hundred(?:\s+(?:and\s+)?{BELOW})?|{MORE_THAN_TEN}"
SIDES = re.compile(rf"\b(?P<first>{SIDE})\s+by\s+(?P<second>{SIDE})\b", re.I)
HUNDREDS = re.compile(rf"\b(?P<many>{UNITS}|a)\s+hundred(?:\s+(?:and\s+)?(?P<more>{BELOW}))?\b", re.I)
COMPOUND = re.compile(
    rf"\b(?:{TENS})[-\s](?:{UNITS})\b|\b(?:thirteen|fourteen|sixteen|seventeen|eighteen|nineteen)\b", re.I
)
AMOUNT = re.compile(rf"\b{BELOW}(?=\s+(?:{MONEY})\b)", re.I)


def mended(text: str) -> str:
    """The text as it was meant."""
    return in_figures(WORD.sub(lambda said: _meant(said[0]), text))


@lru_cache(maxsize=1)
def _words() -> dict[str, Any]:
    """What is typed in a hurry and no slip, or too short to be mended; words of a shop that stand in no other list."""
    return json.loads(files("planner.data").joinpath("spelling.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=4096)
def _meant(word: str) -> str:
    if word in (hurried := _words()["hurried"]):
        return hurried[word]
    if len(word) < SHORTEST or word in _known() or embedder.english(word):
        return word
    near = {one for one in _near(word) if one in _known() and len(one) >= SHORTEST}
    if len(near) > 1 and word.endswith("d") and f"{word[:-1]}ed" in near:
        return f"{word[:-1]}ed"  # "answerd", whatever else it is near to
    return near.pop() if len(near) == 1 else word


def _near(word: str) -> set[str]:
    """What a word could be, of the same first letter: two changed places; in longer ones one is another, lacks, or is too much."""
    cuts = [(word[:at], word[at:]) for at in range(1, len(word) + 1)]
    swapped = {f"{a}{b[1]}{b[0]}{b[2:]}" for a, b in cuts if len(b) > 1}
    if len(word) < SURE:
        return swapped
    letters = "abcdefghijklmnopqrstuvwxyz"
    fewer = {f"{a}{b[1:]}" for a, b in cuts if b}
    other = {f"{a}{sign}{b[1:]}" for a, b in cuts if b for sign in letters}
    return swapped | fewer | other | {f"{a}{sign}{b}" for a, b in cuts for sign in letters}


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    """A shop's everyday talk."""
    called = {word for names in ALSO_CALLED.values() for name in names for word in name.split() if word.isalpha()}
    everyday = words_of(_words()["everyday"])
    return everyday | FILLER | TRADE | READING_STARTS | WRITING_STARTS | called


def in_figures(text: str) -> str:
    """Sizes, prices and other figures that were spelt out, as figures; small ones stay, which are often no figures."""
    text = SIDES.sub(lambda said: f"{_size(said['first'])}x{_size(said['second'])}", text)
    text = HUNDREDS.sub(lambda said: str(_of(said["many"]) * 100 + (_of(said["more"]) if said["more"] else 0)), text)
    text = PRICE.sub(lambda said: said[0] if OF_TIME.search(text[: said.start()]) else _price(said), text)
    text = AMOUNT.sub(lambda said: str(_of(said[0])), text)
    return COMPOUND.sub(lambda said: str(_of(said[0])), text)


def _price(said: re.Match[str]) -> str:
    return f"{_of(said['whole'])}.{_of(said['part'])}"


def _of(said: str) -> int:
    return sum(NUMBERS.get(word, 0) for word in re.split(r"[-\s]+", said.lower()))


def _size(said: str) -> int:
    """ "One forty" is 140."""
    words = re.split(r"[-\s]+(?:and\s+)?", said.lower())
    if "hundred" in words:
        return _of(words[0]) * 100 + _of(" ".join(words[2:]))
    first, *rest = words
    return _of(first) * 100 + _of(" ".join(rest)) if first in UNITS.split("|") and rest else _of(said)
