"""E5 in JAX, with heads over operations, over the kinds of what words name, and over where another wish begins
(BERT: https://arxiv.org/abs/1810.04805).

What is known beside a text (the operation before it, the kinds of things that it names) is a vector each, added to its first token.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from planner.training.e5 import Floats, Pretrained

PLACES = "embeddings.position_embeddings.weight"
LAYERS, HEADS, WIDTH = 12, 12, 384
LONGEST = 128  # pieces, of which the encoder knows the places
SCALE = 8.0  # of the unit vector that the operations' head sees
DROPPED = 0.1
Weights = dict[str, Any]


def pretrained(
    e5: Pretrained, words: Floats, *, operations: int, tags: int, beside: Sequence[Sequence[int]]
) -> tuple[Weights, Weights]:
    """The weights that are tuned, heads of zeros among them; and the embeddings, which stay.

    `words` are the vectors of the pieces that are kept; `beside` are the pieces of what may be known beside a text: each begins as
    the mean of its words.
    """
    stored = {name: jnp.array(value) for name, value in e5.weights.items()}
    still = {name: value for name, value in stored.items() if name.startswith("embeddings")}
    still["embeddings.word_embeddings.weight"] = jnp.array(words)
    still[PLACES] = still[PLACES][:LONGEST]
    tuned = {name: value for name, value in stored.items() if name not in still}
    for head, width in (("head", operations), ("tag", tags), ("begin", 1)):
        tuned |= {f"{head}.w": jnp.zeros((WIDTH, width)), f"{head}.b": jnp.zeros(width)}
    tuned["beside"] = jnp.array(np.stack([words[list(pieces)].mean(0) for pieces in beside]))
    return tuned, still


class Told(NamedTuple):
    """A batch's tokens, which of them are real, and what is known beside each text."""

    ids: Any
    mask: Any
    beside: Any


def forward(tuned: Weights, still: Weights, told: Told, key: Any = None) -> tuple[Any, Any, Any]:
    """Scores of the operations for each text, and for each of its tokens those of the tags, and that another wish begins there.

    With a key, some of it is dropped.
    """
    weights = {**still, **tuned}
    keys = iter([None] * (2 * LAYERS + 2) if key is None else jax.random.split(key, 2 * LAYERS + 2))
    states = _embedded(weights, told, next(keys))
    hidden = (1 - told.mask)[:, None, None, :] * -1e9
    for layer in range(LAYERS):
        states = _layer(weights, f"encoder.layer.{layer}.", states, hidden, next(keys), next(keys))
    pooled = (states * told.mask[:, :, None]).sum(1) / told.mask.sum(1, keepdims=True)
    meaning = _dropped(SCALE * pooled / jnp.linalg.norm(pooled, axis=-1, keepdims=True), next(keys))
    asked = meaning @ weights["head.w"] + weights["head.b"]
    tagged, begun = (states @ weights[f"{head}.w"] + weights[f"{head}.b"] for head in ("tag", "begin"))
    return asked, tagged, begun[..., 0]


def _embedded(weights: Weights, told: Told, key: Any) -> Any:
    words = weights["embeddings.word_embeddings.weight"][told.ids]
    places = weights[PLACES][: told.ids.shape[1]]
    whole = words + places + weights["embeddings.token_type_embeddings.weight"][0]
    whole = whole.at[:, 0].add(told.beside @ weights["beside"])
    return _dropped(_normed(whole, weights, "embeddings.LayerNorm"), key)


def _layer(weights: Weights, name: str, states: Any, hidden: Any, first: Any, second: Any) -> Any:
    rows, length, _ = states.shape

    def linear(values: Any, part: str) -> Any:
        return values @ weights[f"{name}{part}.weight"].T + weights[f"{name}{part}.bias"]

    def heads(part: str) -> Any:
        return (
            linear(states, f"attention.self.{part}").reshape(rows, length, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)
        )

    likeness = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.sqrt(WIDTH // HEADS)
    seen = (jax.nn.softmax(likeness + hidden, -1) @ heads("value")).transpose(0, 2, 1, 3).reshape(rows, length, WIDTH)
    attended = states + _dropped(linear(seen, "attention.output.dense"), first)
    states = _normed(attended, weights, f"{name}attention.output.LayerNorm")
    wide = jax.nn.gelu(linear(states, "intermediate.dense"), approximate=False)
    return _normed(states + _dropped(linear(wide, "output.dense"), second), weights, f"{name}output.LayerNorm")


def _normed(values: Any, weights: Weights, name: str) -> Any:
    mean = values.mean(-1, keepdims=True)
    spread = ((values - mean) ** 2).mean(-1, keepdims=True)
    return (values - mean) * jax.lax.rsqrt(spread + 1e-12) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _dropped(values: Any, key: Any) -> Any:
    return values if key is None else values * jax.random.bernoulli(key, 1 - DROPPED, values.shape) / (1 - DROPPED)
