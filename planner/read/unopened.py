"""Words that tell whether something is asked for that is not open here yet: "fraud", "article", "amazon".

How often each stands in the voices' phrasings of what is planned, against those of what is open, is kept in `data/unopened.json`
by `make index`. It is a second opinion beside the reader's, heard a little: where the reader's probability is shared among several
operations that are not open, or held by one that merely looks alike, the words decide.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from math import exp, log
from pathlib import Path
from typing import NamedTuple

from planner.read.language import to_english
from planner.read.words import stem, tokens

DATA = Path(__file__).parents[1] / "data" / "unopened.json"
HEARD = 0.2  # how much the words count beside the reader's probability, both as logarithms of odds
SELDOM = 5  # phrasings: a word that stands in fewer tells nothing
MOST = 6.0  # what all words together may weigh, for or against
CLEAR = 2.0  # of what all words weigh: from here on they tell clearly of what is planned
SURE = 0.001  # of a probability: nearer to none or all it is not taken


class Weights(NamedTuple):
    """Each word's weight: the logarithm of how much likelier it is said of what is planned. `of` is the mark of what it is from."""

    words: Mapping[str, float]
    of: str


def learned(phrasings: Sequence[tuple[str, bool]]) -> Weights:
    """From phrasings, each with whether what it asks for is planned only."""
    said = {True: Counter[str](), False: Counter[str]()}
    number = Counter[bool]()
    for text, planned in phrasings:
        said[planned].update(_words(text))
        number[planned] += 1
    common = sorted(word for word, count in (said[True] + said[False]).items() if count >= SELDOM)
    share = {planned: {word: (said[planned][word] + 1) / (number[planned] + 2) for word in common} for planned in said}
    weights = {word: round(log(share[True][word] / share[False][word]), 2) for word in common}
    return Weights(weights, mark(phrasings))


def mark(phrasings: Sequence[tuple[str, bool]]) -> str:
    """By which it is seen that the file is of today's phrasings and of what is open today."""
    return hashlib.sha256(json.dumps(phrasings).encode()).hexdigest()


def keep(weights: Weights, data: Path = DATA) -> None:
    """Write the file."""
    data.write_text(json.dumps(weights._asdict(), ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def weighed(text: str, scores: Mapping[str, float], planned: Collection[str]) -> Mapping[str, float]:
    """The probabilities, with more or less for what is planned as the words of the text tell."""
    share = min(max(sum(scores[name] for name in planned if name in scores), SURE), 1 - SURE)
    told = log(share / (1 - share)) + HEARD * _told(text)
    meant = 1 / (1 + exp(-told))
    by = {True: meant / share, False: (1 - meant) / (1 - share)}
    return {name: score * by[name in planned] for name, score in scores.items()}


def told(text: str) -> bool:
    """Whether the words tell clearly of what is planned."""
    return _told(text) >= CLEAR


@lru_cache(maxsize=512)
def _told(text: str) -> float:
    weights = kept().words
    return max(-MOST, min(MOST, sum(weights.get(word, 0.0) for word in _words(text))))


@lru_cache(maxsize=1)
def kept() -> Weights:
    """What was learned."""
    return Weights(**json.loads(files("planner.data").joinpath("unopened.json").read_text(encoding="utf-8")))


def _words(text: str) -> set[str]:
    """The stems of a text in English words."""
    return {stem(word) for word in tokens(to_english(text))}
