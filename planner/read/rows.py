"""What a text asks of the rows of a list or a report: a head over the reader's states, taught by `planner.training.conditions`.

Each piece of the text says each condition more or less; all together make it likely, and the one that says it most tells the word.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.read import embedder

FILE = embedder.DATA / "rows.npz"
HARDLY = 0.02  # of a condition's probability: it is not meant
Floats = NDArray[np.float32]


class Condition(NamedTuple):
    """How likely it is that rows are asked to be so, and where the word stands that says it most."""

    likely: float
    start: int
    end: int


class Head(NamedTuple):
    """What can be asked of each operation's rows, "field=value"; weights `(width, conditions)`; their lessons' hash."""

    conditions: Mapping[str, Sequence[str]]
    weights: Floats
    more: Floats
    corpus: str


def columns(conditions: Mapping[str, Sequence[str]]) -> list[str]:
    """All conditions of all operations, in the weights' order: one of the same name is one."""
    return sorted({one for some in conditions.values() for one in some})


def keep(head: Head, file: Path = FILE) -> None:
    """As package data, in half precision."""
    told = json.dumps({"conditions": head.conditions, "corpus": head.corpus})
    np.savez_compressed(file, weights=head.weights.astype(np.float16), more=head.more, told=np.array(told))


@lru_cache(maxsize=1)
def kept(file: Path = FILE) -> Head:
    with np.load(file) as stored:
        told = json.loads(str(stored["told"]))
        return Head(told["conditions"], stored["weights"].astype(np.float32), stored["more"], told["corpus"])


def heard(head: Head, states: Floats, words: Sequence[tuple[int, int]]) -> dict[str, Condition]:
    """The conditions that are not out of the question; `words` says for each state of which word it is, (0, 0) where of none."""
    said = states @ head.weights + head.more
    highest = said.max(axis=0)
    likely = 1 / (1 + np.exp(-(highest + np.log(np.exp(said - highest).sum(axis=0)))))
    names = columns(head.conditions)
    return {
        names[n]: Condition(float(likely[n]), *words[int(said[:, n].argmax())]) for n in np.flatnonzero(likely > HARDLY)
    }
