"""The training itself: some epochs of AdamW over both losses. The same seed gives the same weights on the same machine."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from planner.read.pieces import cut
from planner.training.corpus import Lesson
from planner.training.e5 import Pretrained
from planner.training.encoder import Told, Weights, forward, pretrained
from planner.training.variations import Variations
from planner.training.words import tokenizer

LENGTHS = (10, 14, 18, 24, 32, 48, 64, 96)  # a batch is as long as the first of these that its texts fit into
BATCH = 32
EPOCHS = 3
RATE, HEAD_RATE = 1e-4, 5e-3
SMOOTHED = 0.05
TAGS_WEIGH, BEGINS_WEIGH = 1.2, 0.5
UNMARKED = -1
FRESH = ("head.", "tag.", "begin.", "beside")  # what was no part of the pretrained weights


class Row(NamedTuple):
    """A lesson in tokens, what each of them names, and where another wish begins."""

    ids: list[int]
    tags: list[int]
    begins: int


class Wanted(NamedTuple):
    """What is right of a batch."""

    operations: NDArray[np.int64]
    tags: NDArray[np.int32]
    begins: NDArray[np.float32]


@dataclass
class Student:
    """An encoder that learns: from what it begins, which pieces of words it keeps, what it can tell apart, and its weights."""

    e5: Pretrained
    pieces: Sequence[int]
    operations: Sequence[str]
    kinds: Sequence[str]
    beside: Sequence[str]  # what may be known beside a text: the operation before it, the kinds of what it names
    tuned: Weights = field(default_factory=dict[str, Any])
    still: Weights = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.tokens = tokenizer([self.e5.pieces[n] for n in self.pieces], self.e5.scores[list(self.pieces)].tolist())
        self.words = self.e5.words(self.pieces)
        known = [self.tokens.encode(name.replace("_", " "), add_special_tokens=False).ids for name in self.beside]
        operations, tags = len(self.operations), 1 + 2 * len(self.kinds)
        self.tuned, self.still = pretrained(
            self.e5, self.words.floats(), operations=operations, tags=tags, beside=known
        )
        self._seen = jax.jit(lambda tuned, still, told: forward(tuned, still, told))

    def read(self, lessons: Sequence[Lesson]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """The operations' scores of each text with what is known beside it, and the tags' of each of its tokens."""
        rows = [self.row(lesson) for lesson in lessons]
        order = sorted(range(len(rows)), key=lambda n: len(rows[n].ids))
        wanted: list[Any] = [None] * len(rows)
        tagged: list[Any] = [None] * len(rows)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            batch_of = batch + batch[-1:] * (BATCH - len(batch))
            told = self.told([rows[n] for n in batch_of], [lessons[n] for n in batch_of])
            scores, tags, _ = map(np.array, self._seen(self.tuned, self.still, told))
            for place, n in enumerate(batch):
                wanted[n], tagged[n] = scores[place], tags[place, : len(rows[n].ids)]
        return np.array(wanted), tagged

    def row(self, lesson: Lesson) -> Row:
        """A lesson's tokens, for each its tag: 0 for nothing, then "begins" and "goes on" for each kind; and the token that begins
        another wish, or -1."""
        ids, places = cut(self.tokens, lesson.text, LENGTHS[-1])
        tags = [UNMARKED if lesson.spans is None else 0] * len(ids)
        for span in lesson.spans or ():
            within = [n for n, (a, b) in enumerate(places) if a < b and a >= span.start and b <= span.end]
            for nth, n in enumerate(within):
                tags[n] = 1 + 2 * self.kinds.index(span.kind) + (nth > 0)
        begins = [n for n, (a, b) in enumerate(places) if a < b and a >= lesson.begins >= 0]
        return Row(ids, tags, begins[0] if begins else -1)

    def told(self, rows: Sequence[Row], lessons: Sequence[Lesson]) -> Told:
        """Rows as arrays of one length."""
        length = next(enough for enough in LENGTHS if max(len(row.ids) for row in rows) <= enough)
        ids, mask = np.zeros((len(rows), length), np.int32), np.zeros((len(rows), length), np.float32)
        for n, row in enumerate(rows):
            ids[n, : len(row.ids)], mask[n, : len(row.ids)] = row.ids, 1
        return Told(ids, mask, self.known(lessons))

    def known(self, lessons: Sequence[Lesson]) -> NDArray[np.float32]:
        """For each lesson a one for each thing that is known beside it."""
        found = np.zeros((len(lessons), len(self.beside)), np.float32)
        for n, lesson in enumerate(lessons):
            found[n, [self.beside.index(one) for one in lesson.beside]] = 1
        return found

    def wanted(self, rows: Sequence[Row], lessons: Sequence[Lesson], length: int) -> Wanted:
        """What is right of each: the operation of its wish, or of both; its tokens' tags; where another wish begins."""
        first = [self.operations.index(lesson.operation) for lesson in lessons]
        also = [self.operations.index(lesson.also or lesson.operation) for lesson in lessons]
        tags, begins = np.full((len(rows), length), UNMARKED, np.int32), np.zeros((len(rows), length), np.float32)
        for n, row in enumerate(rows):
            tags[n, : len(row.ids)] = row.tags
            begins[n, [row.begins] * (row.begins >= 0)] = 1
        return Wanted(np.array([first, also]), tags, begins)


def _loss(tuned: Weights, still: Weights, told: Told, wanted: Wanted, key: Any) -> tuple[Any, Any]:
    scores, tagged, begun = forward(tuned, still, told, key)
    count = scores.shape[-1]
    targets = jax.nn.one_hot(wanted.operations, count).mean(0) * (1 - SMOOTHED) + SMOOTHED / count
    asked = -(targets * jax.nn.log_softmax(scores)).sum(-1).mean()
    marked = (wanted.tags >= 0) * told.mask
    likely = jnp.take_along_axis(jax.nn.log_softmax(tagged), jnp.maximum(wanted.tags, 0)[..., None], -1)[..., 0]
    named = -(likely * marked).sum() / jnp.maximum(marked.sum(), 1)
    began = (optax.sigmoid_binary_cross_entropy(begun, wanted.begins) * told.mask).sum(-1).mean()
    return asked + TAGS_WEIGH * named + BEGINS_WEIGH * began, (asked, named, began)


def _optimizer(tuned: Weights, steps: int) -> Any:
    def rate(highest: float) -> Any:
        return optax.warmup_cosine_decay_schedule(0.0, highest, steps // 10, steps, highest * 0.02)

    encoder = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate(RATE), weight_decay=0.01))
    parts = {name: "heads" if name.startswith(FRESH) else "encoder" for name in tuned}
    return optax.multi_transform({"heads": optax.adamw(rate(HEAD_RATE), weight_decay=0.01), "encoder": encoder}, parts)


def teach(
    student: Student, taught: Sequence[Lesson], *, seed: int, epochs: int = EPOCHS, say: Callable[[str], None] = print
) -> None:
    """Tunes the student's weights."""
    chance, key = random.Random(seed), jax.random.PRNGKey(seed)
    variations = Variations(taught, chance)
    optimizer = _optimizer(student.tuned, epochs * (len(variations) // BATCH + 1))
    state = optimizer.init(student.tuned)

    @jax.jit
    def step(tuned: Weights, state: Any, still: Weights, batch: tuple[Told, Wanted], key: Any) -> Any:
        (_, losses), slopes = jax.value_and_grad(_loss, has_aux=True)(tuned, still, *batch, key)
        change, state = optimizer.update(slopes, state, tuned)
        return optax.apply_updates(tuned, change), state, losses

    began = time.monotonic()
    for epoch in range(epochs):
        losses = np.zeros(3)
        batches = _batches(student, list(variations.epoch()), chance)
        for batch in batches:
            key, drawn = jax.random.split(key)
            student.tuned, state, told = step(student.tuned, state, student.still, batch, drawn)
            losses += np.array([float(loss) for loss in told])
        asked, named, begun = losses / len(batches)
        spent = time.monotonic() - began
        say(f"epoch {epoch + 1} of {epochs}: losses {asked:.3f}, {named:.3f} and {begun:.3f}, {spent:.0f} s")


def _batches(student: Student, lessons: list[Lesson], chance: random.Random) -> list[tuple[Told, Wanted]]:
    """Lessons of about one length together, the batches in any order."""
    rows = [(student.row(lesson), lesson) for lesson in lessons]
    rows.sort(key=lambda row: len(row[0].ids) + chance.random() * 4)
    groups = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    groups[-1] = (groups[-1] + rows[:BATCH])[:BATCH]
    chance.shuffle(groups)
    batches: list[tuple[Told, Wanted]] = []
    for group in groups:
        some, of = [row for row, _ in group], [lesson for _, lesson in group]
        told = student.told(some, of)
        batches.append((told, student.wanted(some, of, told.ids.shape[1])))
    return batches
