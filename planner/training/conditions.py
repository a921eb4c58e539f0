"""`python -m planner.training.conditions` teaches a head over the shipped reader's own states what sentences ask of rows.

The encoder stays as it is, so this takes minutes, and can be done when a list gains a filter. Each condition looks at the pieces of
a sentence in its own way, and is as likely as what it sees there (label-wise attention: https://arxiv.org/abs/1802.05695).
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
SELDOM = 3.0  # what each score begins below nothing
DROPPED = 0.3  # of the states, by lot
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


def teach(taught: Lessons, chance: np.random.Generator) -> rows.Weights:
    """What each condition looks for, and what it makes of that."""
    width, count = taught.states[0].shape[1], taught.puts.shape[1]
    looks = jnp.array(chance.normal(0, 0.02, (width, count)), jnp.float32)
    head, key = rows.Weights(looks, jnp.zeros((width, count)), jnp.full(count, -SELDOM)), jax.random.PRNGKey(SEED)
    optimizer = optax.adamw(
        optax.cosine_decay_schedule(RATE, EPOCHS * (len(taught.states) // BATCH)), weight_decay=0.01
    )
    state = optimizer.init(head)

    @jax.jit
    def step(head: Any, state: Any, key: Any, batch: tuple[Any, ...]) -> Any:
        lost, slopes = jax.value_and_grad(_loss)(head, key, *batch)
        change, state = optimizer.update(slopes, state, head)
        return optax.apply_updates(head, change), state, lost

    for epoch in range(EPOCHS):
        order, lost = chance.permutation(len(taught.states)), 0.0
        for start in range(0, len(order) - BATCH + 1, BATCH):
            some = order[start : start + BATCH]
            key, drawn = jax.random.split(key)
            batch = (*_together([taught.states[n] for n in some]), taught.puts[some], taught.counted[some])
            head, state, loss = step(head, state, drawn, batch)
            lost += float(loss) / (len(order) // BATCH)
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {lost:.3f}")
    return rows.Weights(*map(np.array, head))


def _loss(head: Any, key: Any, states: Any, mask: Any, puts: Any, counted: Any) -> Any:
    states = states * jax.random.bernoulli(key, 1 - DROPPED, states.shape) / (1 - DROPPED)
    seen = jax.nn.softmax(jnp.where(mask[..., None] > 0, states @ head.looks, -1e9), axis=1)
    scores = (seen * (states @ head.says)).sum(1) + head.more
    return (optax.sigmoid_binary_cross_entropy(scores, puts) * counted).sum(-1).mean()


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
    rows.keep(rows.Head(has, teach(learned, np.random.default_rng(SEED)), conditions.fingerprint()))
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
