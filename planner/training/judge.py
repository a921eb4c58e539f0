"""How well a student reads what it was not taught: by voice, with a temperature that makes its probabilities true."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.training.corpus import Lesson
from planner.training.fit import UNMARKED, Student

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Verdict:
    """Of some unseen lessons: shares that are right first and among three, of names that are found, and the scores themselves."""

    first: float
    among_three: float
    names: float  # F1 over whole names
    scores: Scores
    wanted: NDArray[np.int64]


def judge(student: Student, unseen: Sequence[Lesson]) -> Verdict:
    scores, tags = student.read(unseen)
    wanted = np.array([student.operations.index(lesson.operation) for lesson in unseen])
    places = (scores > scores[np.arange(len(wanted)), wanted][:, None]).sum(1)
    return Verdict(
        float((places == 0).mean()), float((places < 3).mean()), _names(student, unseen, tags), scores, wanted
    )


def _names(student: Student, unseen: Sequence[Lesson], tags: Sequence[Scores]) -> float:
    right = found = there = 0
    for lesson, told in zip(unseen, tags, strict=True):
        labels = student.row(lesson).tags
        if UNMARKED in labels:
            continue
        said, meant = _runs(list(told.argmax(-1))), _runs(labels)
        right, found, there = right + len(said & meant), found + len(said), there + len(meant)
    return 2 * right / max(1, found + there)


def _runs(tags: Sequence[int]) -> set[tuple[int, int, int]]:
    """Names as first token, last token and kind."""
    runs: list[tuple[int, int, int]] = []
    for place, tag in enumerate(tags):
        kind = (tag - 1) // 2
        if tag > 0 and tag % 2 == 0 and runs and runs[-1][1:] == (place - 1, kind):
            runs[-1] = (runs[-1][0], place, kind)
        elif tag > 0:
            runs.append((place, place, kind))
    return set(runs)


def temperature(scores: Scores, wanted: NDArray[np.int64]) -> float:
    """The one by which the right operations are likeliest (https://arxiv.org/abs/1706.04599)."""
    tried = np.geomspace(0.3, 3.0, 61)
    return float(min(tried, key=lambda heat: _surprise(scores / heat, wanted)))


def _surprise(scores: Scores, wanted: NDArray[np.int64]) -> float:
    shifted = scores - scores.max(-1, keepdims=True)
    return float(-(shifted[np.arange(len(wanted)), wanted] - np.log(np.exp(shifted).sum(-1))).mean())


def reliability(scores: Scores, wanted: NDArray[np.int64], heat: float) -> list[tuple[float, float, int]]:
    """In ten bins of the best one's probability: what was said on average, what was right, how many."""
    powers = np.exp((scores - scores.max(-1, keepdims=True)) / heat)
    likely = (powers / powers.sum(-1, keepdims=True)).max(-1)
    right = scores.argmax(-1) == wanted
    bins = np.minimum((likely * 10).astype(int), 9)
    found: list[tuple[float, float, int]] = []
    for n in range(10):
        within = bins == n
        count = int(within.sum())
        found.append((float(likely[within].mean()), float(right[within].mean()), count) if count else (0.0, 0.0, 0))
    return found
