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
LIKELIER, SURELY = 20, 400  # the second where the words can mean nothing else: those marked with "!"
FAINT = 0.005  # of a probability that whatever is named has


def names(text: str, operation: str) -> bool:
    """Whether the words name an operation."""
    return operation in _named(text)


def weighed(text: str, scores: Mapping[str, float], reads: Collection[str]) -> Mapping[str, float]:
    """The probabilities, with what the words name made likelier. An order is none of those that `reads`."""
    found = {name: weight for name, weight in _named(text).items() if name in scores}
    if found and mood.orders(to_english(text)):
        found = {name: weight for name, weight in found.items() if name not in reads}
    if not found:
        return scores
    told = {name: (score + FAINT) * found[name] if name in found else score for name, score in scores.items()}
    whole = sum(told.values())
    return {name: score / whole for name, score in told.items()}


@lru_cache(maxsize=512)
def _named(text: str) -> Mapping[str, int]:
    """How much likelier the operations are that the words name."""
    said = "\n".join(dict.fromkeys(fold(one).replace("’", "'") for one in (text, to_english(text))))
    found = [(name, weight) for weight, each in _patterns().items() for name, one in each.items() if one.search(said)]
    return dict(found)


@lru_cache(maxsize=1)
def _patterns() -> Mapping[int, Mapping[str, re.Pattern[str]]]:
    """By how much they tell, the surest last."""
    told = cast(Mapping[str, list[str]], json.loads(files("planner.data").joinpath("cues.json").read_text("utf-8")))
    plain = {name: [one for one in each if not one.startswith("!")] for name, each in told.items()}
    sure = {name: [one[1:] for one in each if one.startswith("!")] for name, each in told.items()}
    return {LIKELIER: _compiled(plain), SURELY: _compiled(sure)}


def _compiled(told: Mapping[str, list[str]]) -> Mapping[str, re.Pattern[str]]:
    return {name: re.compile(rf"(?<!\w)(?:{'|'.join(each)})") for name, each in told.items() if each}
