"""What a text asks of the rows of a list or a report: a head over the reader's states, taught by `planner.training.conditions`.

Each condition looks at some pieces of the text more than at others, and is as likely as what it sees there; the one that it looks
at most tells the word.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.read import embedder
from planner.read.head import softmax

FILE = embedder.DATA / "rows.npz"
HARDLY = 0.02  # of a condition's probability: it is not meant
Floats = NDArray[np.float32]


class Condition(NamedTuple):
    """How likely it is that rows are asked to be so, and where the word stands that says it most."""

    likely: float
    start: int
    end: int


class Weights(NamedTuple):
    """What each condition looks for in a piece, and what it makes of it, `(width, conditions)`; and what is added to its score."""

    looks: Floats
    says: Floats
    more: Floats


class Head(NamedTuple):
    """What can be asked of each operation's rows, "field=value", the weights, and their lessons' hash."""

    conditions: Mapping[str, Sequence[str]]
    weights: Weights
    corpus: str


def columns(conditions: Mapping[str, Sequence[str]]) -> list[str]:
    """All conditions of all operations, in the weights' order: one of the same name is one."""
    return sorted({one for some in conditions.values() for one in some})


def keep(head: Head, file: Path = FILE) -> None:
    """As package data, in half precision."""
    told = json.dumps({"conditions": head.conditions, "corpus": head.corpus})
    halves = {name: value.astype(np.float16) for name, value in head.weights._asdict().items()}
    np.savez_compressed(file, **halves, told=np.array(told))


@lru_cache(maxsize=1)
def kept(file: Path = FILE) -> Head:
    with np.load(file) as stored:
        told = json.loads(str(stored["told"]))
        weights = Weights(*(stored[name].astype(np.float32) for name in Weights._fields))
        return Head(told["conditions"], weights, told["corpus"])


def heard(head: Head, states: Floats, words: Sequence[tuple[int, int]]) -> dict[str, Condition]:
    """The conditions that are not out of the question; `words` says for each state of which word it is, (0, 0) where of none."""
    seen = softmax((states @ head.weights.looks).T).T
    scores = (seen * (states @ head.weights.says)).sum(axis=0) + head.weights.more
    likely = 1 / (1 + np.exp(-scores))
    names = columns(head.conditions)
    return {
        names[n]: Condition(float(likely[n]), *words[int(seen[:, n].argmax())]) for n in np.flatnonzero(likely > HARDLY)
    }
