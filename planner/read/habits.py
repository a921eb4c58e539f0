"""What people at shops ask for often, and what after what: "which are late?" of the orders before, or of the tickets.

The reader learned every operation of the catalogue from about as many phrasings, the seldom ones like the frequent ones, and knows
of what was answered before only what it met in them. How often each is asked for in `prompts/voices/days`, and after which, is kept
in `data/habits.json` by `make index`. Its probabilities are weighed by that, as Bayes' rule has it for a change of how frequent
classes are (Saerens, Latinne, Decaestecker 2002, https://doi.org/10.1162/089976602753284446), with powers below one: who wrote the
days saw to it that there is something of everything.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).parents[1] / "data" / "habits.json"
ALONE, AFTER = 0.4, 0.4  # the powers of how often it is asked for at all, and after what was answered
SAME_ROOM = 3.0  # by how much likelier another operation of the room is, beside that
UNSEEN = 0.5  # times that each is taken to have been asked for beside those that were counted
OF_ROOM, OF_ALL = 30.0, 10.0  # requests that what is asked for after any of the room, and at all, count for


class Asked(NamedTuple):
    """Something that was asked for, and the operation that was answered before it; "" after none."""

    operation: str
    after: str = ""


class Counts(NamedTuple):
    """The room of each operation; how often it was asked for, after what. `of` is the mark of what was counted."""

    rooms: Mapping[str, str]
    asked: Mapping[str, Mapping[str, int]]
    of: str


def counted(rooms: Mapping[str, str], asked: Sequence[Asked]) -> Counts:
    """The counts of what was asked for."""
    by = {
        after: Counter(one.operation for one in asked if one.after == after)
        for after in sorted({one.after for one in asked})
    }
    return Counts(rooms, {after: dict(sorted(numbers.items())) for after, numbers in by.items()}, mark(asked))


def mark(asked: Sequence[Asked]) -> str:
    """By which it is seen that the file is of today's days."""
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def keep(counts: Counts, data: Path = DATA) -> None:
    """Write the file."""
    data.write_text(json.dumps(counts._asdict(), indent=0) + "\n", encoding="utf-8")


class Habits:
    """What is asked for often, by counts of what was."""

    def __init__(self, counts: Counts) -> None:
        self.of = counts.of
        self._place = {name: n for n, name in enumerate(counts.rooms)}
        self._rooms = tuple(counts.rooms.values())
        self._counted = np.zeros((len(self._place), len(self._place)))
        self._first = np.zeros(len(self._place))
        for after, asked in counts.asked.items():
            row = self._counted[self._place[after]] if after else self._first
            row[[self._place[name] for name in asked]] = list(asked.values())

    def weighed(self, scores: Mapping[str, float], after: str = "", apart: Collection[str] = ()) -> Mapping[str, float]:
        """The probabilities of operations, those likelier that are asked for often: at all, or after this one.

        Of what opens a conversation those that are `apart` keep their share as a whole: whether something is open here, habit
        does not say.
        """
        weights = self._after[self._place[after]] if after in self._place else self._alone
        seldom = float(weights.min())
        weighed = {
            n: score * (float(weights[self._place[n]]) if n in self._place else seldom) for n, score in scores.items()
        }
        groups = [[*weighed]] if after else [[n for n in weighed if (n in apart) is within] for within in (True, False)]
        told: dict[str, float] = {}
        for group in groups:
            left = sum(scores[name] for name in group) / (sum(weighed[name] for name in group) or 1.0)
            told |= {name: weighed[name] * left for name in group}
        return told

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """How often each is asked for, of all."""
        asked = self._counted.sum(0) + self._first + UNSEEN
        return asked / asked.sum()

    @cached_property
    def _alone(self) -> NDArray[np.float64]:
        return self._shares**ALONE

    @cached_property
    def _after(self) -> NDArray[np.float64]:
        """For each that was answered, the weight of each after it."""
        within = np.array(
            [[room == one for one in dict.fromkeys(self._rooms)] for room in self._rooms], dtype=np.float64
        )
        of_room = _smoothed(within.T @ self._counted, OF_ALL, self._shares)
        of_each = _smoothed(self._counted, OF_ROOM, within @ of_room)
        return of_each**AFTER * SAME_ROOM ** (within @ within.T)


def _smoothed(counted: NDArray[np.float64], weight: float, by: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of what was counted in each row, as if so many more had been counted in the shares that are given."""
    return (counted + weight * by) / (counted.sum(1, keepdims=True) + weight)


@lru_cache(maxsize=1)
def kept() -> Habits:
    """What was counted."""
    return Habits(Counts(**json.loads(files("planner.data").joinpath("habits.json").read_text(encoding="utf-8"))))
