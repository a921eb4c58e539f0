"""The training itself: some epochs of AdamW over both losses. The same seed gives the same weights on the same machine."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from planner.read.pieces import cut
from planner.training.corpus import Lesson, Variations
from planner.training.e5 import Pretrained
from planner.training.encoder import Weights, forward, pretrained
from planner.training.words import tokenizer

LENGTHS = (10, 14, 18, 24, 32, 48, 64, 96)  # a batch is as long as the first of these that its texts fit into
BATCH = 32
EPOCHS = 3
RATE, HEAD_RATE = 1e-4, 5e-3
SMOOTHED = 0.05
TAGS_WEIGH = 1.2
UNMARKED = -1

Ints = NDArray[np.int32]


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
        self._seen = jax.jit(lambda tuned, still, ids, mask, beside: forward(tuned, still, ids, mask, beside))

    def read(self, lessons: Sequence[Lesson]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """The operations' scores of each text with what is known beside it, and the tags' of each of its tokens."""
        rows = [cut(self.tokens, lesson.text, LENGTHS[-1]).ids for lesson in lessons]
        order = sorted(range(len(rows)), key=lambda n: len(rows[n]))
        wanted: list[Any] = [None] * len(rows)
        tagged: list[Any] = [None] * len(rows)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            batch_of = batch + batch[-1:] * (BATCH - len(batch))
            ids, mask, _ = padded([rows[n] for n in batch_of])
            known = self.known([lessons[n] for n in batch_of])
            scores, tags = map(np.array, self._seen(self.tuned, self.still, ids, mask, known))
            for place, n in enumerate(batch):
                wanted[n], tagged[n] = scores[place], tags[place, : len(rows[n])]
        return np.array(wanted), tagged

    def known(self, lessons: Sequence[Lesson]) -> NDArray[np.float32]:
        """For each lesson a one for each thing that is known beside it."""
        found = np.zeros((len(lessons), len(self.beside)), np.float32)
        for n, lesson in enumerate(lessons):
            found[n, [self.beside.index(one) for one in lesson.beside]] = 1
        return found

    def labels(self, lesson: Lesson) -> tuple[list[int], list[int]]:
        """A lesson's tokens, and for each its tag: 0 for nothing, then "begins" and "goes on" for each kind."""
        ids, places = cut(self.tokens, lesson.text, LENGTHS[-1])
        tags = [UNMARKED if lesson.spans is None else 0] * len(ids)
        for span in lesson.spans or ():
            within = [n for n, (a, b) in enumerate(places) if a < b and a >= span.start and b <= span.end]
            for nth, n in enumerate(within):
                tags[n] = 1 + 2 * self.kinds.index(span.kind) + (nth > 0)
        return ids, tags


def padded(rows: Sequence[Sequence[int]], tags: Sequence[Sequence[int]] = ()) -> tuple[Ints, NDArray[np.float32], Ints]:
    """Tokens, which of them are real, and tags, as arrays of one length."""
    longest = max(map(len, rows))
    length = next(enough for enough in LENGTHS if longest <= enough)
    ids, mask = np.zeros((len(rows), length), np.int32), np.zeros((len(rows), length), np.float32)
    told = np.full((len(rows), length), UNMARKED, np.int32)
    for n, row in enumerate(rows):
        ids[n, : len(row)], mask[n, : len(row)] = row, 1
        if tags:
            told[n, : len(row)] = tags[n]
    return ids, mask, told


def _loss(tuned: Weights, still: Weights, batch: Any, key: Any) -> tuple[Any, Any]:
    ids, mask, beside, wanted, tags = batch
    scores, tagged = forward(tuned, still, ids, mask, beside, key)
    count = scores.shape[-1]
    targets = jax.nn.one_hot(wanted, count) * (1 - SMOOTHED) + SMOOTHED / count
    asked = -(targets * jax.nn.log_softmax(scores)).sum(-1).mean()
    marked = (tags >= 0) * mask
    likely = jnp.take_along_axis(jax.nn.log_softmax(tagged), jnp.maximum(tags, 0)[..., None], -1)[..., 0]
    named = -(likely * marked).sum() / jnp.maximum(marked.sum(), 1)
    return asked + TAGS_WEIGH * named, (asked, named)


def _optimizer(tuned: Weights, steps: int) -> Any:
    def rate(highest: float) -> Any:
        return optax.warmup_cosine_decay_schedule(0.0, highest, steps // 10, steps, highest * 0.02)

    encoder = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate(RATE), weight_decay=0.01))
    parts = {name: "heads" if name.startswith(("head.", "tag.", "beside")) else "encoder" for name in tuned}
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
    def step(tuned: Weights, state: Any, still: Weights, batch: Any, key: Any) -> Any:
        (_, told), slopes = jax.value_and_grad(_loss, has_aux=True)(tuned, still, batch, key)
        change, state = optimizer.update(slopes, state, tuned)
        return optax.apply_updates(tuned, change), state, told

    began = time.monotonic()
    for epoch in range(epochs):
        losses = np.zeros(2)
        batches = _batches(student, list(variations.epoch()), chance)
        for batch in batches:
            key, drawn = jax.random.split(key)
            student.tuned, state, told = step(student.tuned, state, student.still, batch, drawn)
            losses += np.array([float(loss) for loss in told])
        asked, named = losses / len(batches)
        say(f"epoch {epoch + 1} of {epochs}: losses {asked:.3f} and {named:.3f}, {time.monotonic() - began:.0f} s")


def _batches(student: Student, lessons: list[Lesson], chance: random.Random) -> list[Any]:
    """Lessons of about one length together, the batches in any order."""
    rows = [(*student.labels(lesson), student.operations.index(lesson.operation), lesson) for lesson in lessons]
    rows.sort(key=lambda row: len(row[0]) + chance.random() * 4)
    groups = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    groups[-1] = (groups[-1] + rows[:BATCH])[:BATCH]
    chance.shuffle(groups)
    batches: list[Any] = []
    for group in groups:
        ids, mask, tags = padded([row[0] for row in group], [row[1] for row in group])
        known = student.known([row[3] for row in group])
        batches.append((ids, mask, known, np.array([row[2] for row in group]), tags))
    return batches
