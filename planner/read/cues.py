"""Words that mostly name one operation: "stock value", "Lagerwert", "who supplies".

A sentence embedding has little to hold on to in two words, and less where they are French or German; these are data.
"""

import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import cast

from planner.read import mood
from planner.read.language import to_english
from planner.read.words import fold

# Times what was learned, where the words name it: they decide where that is undecided, and not against it.
LIKELIER = 20
FAINT = 0.005  # of a probability that whatever is named has


def names(text: str, operation: str) -> bool:
    """Whether the words name an operation."""
    return operation in _named(text)


def weighed(text: str, scores: Mapping[str, float], reads: Collection[str]) -> Mapping[str, float]:
    """The probabilities, with what the words name made likelier. An order is none of those that `reads`."""
    found = _named(text) & scores.keys()
    if found and mood.orders(to_english(text)):
        found -= frozenset(reads)
    if not found:
        return scores
    told = {name: (score + FAINT) * LIKELIER if name in found else score for name, score in scores.items()}
    whole = sum(told.values())
    return {name: score / whole for name, score in told.items()}


@lru_cache(maxsize=512)
def _named(text: str) -> frozenset[str]:
    said = fold(text).replace("’", "'")
    return frozenset(name for name, pattern in _patterns().items() if pattern.search(said))


@lru_cache(maxsize=1)
def _patterns() -> Mapping[str, re.Pattern[str]]:
    told = json.loads(files("planner.data").joinpath("cues.json").read_text("utf-8"))
    return {
        name: re.compile(rf"(?<!\w)(?:{'|'.join(each)})") for name, each in cast(Mapping[str, list[str]], told).items()
    }
