"""`python -m planner.training.conditions` teaches a head over the shipped reader's own states what sentences ask of rows.

The encoder stays as it is, so this takes minutes, and can be done when a list gains a filter. A condition is said by some words or
others: its score is that of all pieces together, of which the highest tells most (log-sum-exp, as in multiple-instance learning:
https://arxiv.org/abs/1411.6228).
"""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from planner.read import rows
from planner.read.reader import Beside, Reader
from prompts import conditions
from prompts.conditions import Marked

BATCH, EPOCHS, RATE, SEED = 64, 20, 5e-3, 1
SELDOM = 6.0  # what each score begins below nothing
ENOUGH = 5  # sentences that put a condition to an operation's rows
PIECES = 64  # of a text, at most, that are learned from
Floats = NDArray[np.float32]


class Lessons(NamedTuple):
    """For each text its pieces' states, and for each condition whether it is put and whether the operation has it."""

    states: list[Floats]
    puts: Floats
    counted: Floats


def known(taught: Sequence[Marked]) -> dict[str, list[str]]:
    """What may be asked of the rows of each operation: all that is, by enough of its sentences. Of the rest words tell."""
    found = defaultdict[str, Counter[str]](Counter)
    for one in taught:
        found[one.operation].update(one.conditions)
    enough = {
        name: sorted(one for one, times in some.items() if times >= ENOUGH) for name, some in sorted(found.items())
    }
    return {name: some for name, some in enough.items() if some}


def lessons(taught: Sequence[Marked], has: dict[str, list[str]], reader: Reader, chance: random.Random) -> Lessons:
    """Each sentence as it is, and as it is typed in haste after an answer of the same operation."""
    columns = rows.columns(has)
    told = [(one, one.text, Beside()) for one in taught]
    told += [(one, one.text.lower().rstrip("?.!"), Beside(one.operation)) for one in taught if chance.random() < 0.5]
    puts, counted = np.zeros((2, len(told), len(columns)), np.float32)
    for n, (one, _, _) in enumerate(told):
        counted[n, [columns.index(name) for name in has.get(one.operation, ())]] = 1
        puts[n, [columns.index(name) for name in one.conditions if name in columns]] = 1
    return Lessons([reader.states(text, beside)[:PIECES] for _, text, beside in told], puts, counted)


def teach(taught: Lessons, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """The head's weights `(width, conditions)` and what is added to each score."""
    width, count = taught.states[0].shape[1], taught.puts.shape[1]
    head = jnp.zeros((width, count)), jnp.full(count, -SELDOM)
    steps = EPOCHS * (len(taught.states) // BATCH)
    optimizer = optax.adamw(optax.cosine_decay_schedule(RATE, steps), weight_decay=0.01)
    state = optimizer.init(head)

    @jax.jit
    def step(head: Any, state: Any, states: Any, mask: Any, puts: Any, counted: Any) -> Any:
        lost, slopes = jax.value_and_grad(_loss)(head, states, mask, puts, counted)
        change, state = optimizer.update(slopes, state, head)
        return optax.apply_updates(head, change), state, lost

    for epoch in range(EPOCHS):
        order, lost = chance.permutation(len(taught.states)), 0.0
        for start in range(0, len(order) - BATCH + 1, BATCH):
            some = order[start : start + BATCH]
            states, mask = _together([taught.states[n] for n in some])
            head, state, loss = step(head, state, states, mask, taught.puts[some], taught.counted[some])
            lost += float(loss) / (len(order) // BATCH)
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {lost:.3f}")
    return np.array(head[0]), np.array(head[1])


def _loss(head: Any, states: Any, mask: Any, puts: Any, counted: Any) -> Any:
    weights, more = head
    said = jnp.where(mask[..., None] > 0, states @ weights + more, -1e9)
    return (optax.sigmoid_binary_cross_entropy(jax.nn.logsumexp(said, axis=1), puts) * counted).sum(-1).mean()


def _together(states: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Of one length, and which pieces are real."""
    whole, mask = (
        np.zeros((len(states), PIECES, states[0].shape[1]), np.float32),
        np.zeros((len(states), PIECES), np.float32),
    )
    for n, one in enumerate(states):
        whole[n, : len(one)], mask[n, : len(one)] = one, 1
    return whole, mask


def main() -> None:
    began, taught, reader = time.monotonic(), conditions.marked(), Reader()
    has = known(taught)
    learned = lessons(taught, has, reader, random.Random(SEED))
    print(f"{len(learned.states)} sentences, {len(rows.columns(has))} conditions, {time.monotonic() - began:.0f} s")
    rows.keep(rows.Head(has, *teach(learned, np.random.default_rng(SEED)), conditions.fingerprint()))
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
