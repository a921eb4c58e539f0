"""What a request asks for and what it names: an encoder that was tuned on `prompts/voices`, where every operation of the catalogue
is asked for in several voices and languages, those of rooms that are not open yet among them.

One pass of a six-layer MiniLM (int8) gives a probability to each operation, and a kind to each word that names something.
`planner/training` has how it is trained; `make planner` does it, and its page data carries the hash of what it was trained on.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from planner.read import embedder
from planner.read.head import softmax

DATA = Path(__file__).parents[1] / "data"
LONGEST = 96  # tokens; the corpus has no longer ones, and what a person wants stands at the beginning
WHOLE = re.compile(r"[\w@#€$£%][\w@#€$£%'’./+-]*")  # what is named or not as a whole, though the encoder cuts it

NOUN = re.compile(
    r"\b(?:the\s+)?(?:order|customer|product|sku|shipment|payment|return)\s+(?=#?[A-Z]{2,4}-\d)", re.I
)  # before its reference

Scores = NDArray[np.float32]


class Mention(NamedTuple):
    """A piece of the text that names something: where it stands, its kind (`prompts.voices.KINDS`), and how sure that is."""

    start: int
    end: int
    kind: str
    score: float


class Read(NamedTuple):
    """The probability of each operation and of `~hello`, `~help`, `~beyond`; and what the text names, in order."""

    scores: Mapping[str, float]
    mentions: tuple[Mention, ...]


class About(NamedTuple):
    """What stands beside the weights."""

    operations: tuple[str, ...]
    kinds: tuple[str, ...]
    temperature: float  # by which the scores are divided, so that they are right as often as they say
    corpus: str  # SHA-256 of what it was trained on

    @classmethod
    def of(cls, file: Path) -> "About":
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return cls(tuple(told["operations"]), tuple(told["kinds"]), told["temperature"], told["corpus"])


class Reader:
    """Loads on first use; safe to share between threads."""

    def __init__(self, data: Path = DATA) -> None:
        self.about = About.of(data / "reader.json")
        self._weights = data / "reader.onnx"
        self._loaded: tuple[Any, embedder.Session] | None = None
        self.read = lru_cache(maxsize=1024)(self._read)

    def _read(self, text: str) -> Read:
        encoding, scores, tagged = self._run(text or " ")
        shorter = NOUN.sub("", text)
        if shorter != text:  # "refund order ORD-1042" is "refund ORD-1042": what both ways make likely
            scores = (scores + self._run(shorter)[1]) / 2
        return Read(
            dict(zip(self.about.operations, map(float, scores), strict=True)),
            tuple(mentions(text, encoding.offsets, softmax(tagged), self.about.kinds)),
        )

    def _run(self, text: str) -> tuple[Any, Scores, Scores]:
        tokenizer, session = self._load()
        encoding = tokenizer.encode(text)
        wanted, tagged = session.run(None, {"ids": np.array([encoding.ids], dtype=np.int64)})
        return encoding, softmax(wanted[0] / np.float32(self.about.temperature)), tagged

    def _load(self) -> tuple[Any, embedder.Session]:
        if self._loaded is None:
            tokenizer = cast(Any, embedder.tokenizer(LONGEST))
            self._loaded = (tokenizer, embedder.session(self._weights))
        return self._loaded


@lru_cache(maxsize=1)
def shipped() -> Reader:
    """The reader of this process: the weights are needed once."""
    return Reader()


def mentions(text: str, offsets: Sequence[tuple[int, int]], tags: Scores, kinds: Sequence[str]) -> list[Mention]:
    """Whole words from the tags of their pieces: column 0 is "names nothing", then "begins" and "goes on" for each kind."""
    found: list[Mention] = []
    for word in WHOLE.finditer(text):
        pieces = [
            n for n, (start, end) in enumerate(offsets) if start < end and start < word.end() and word.start() < end
        ]
        if not pieces:
            continue
        shares = tags[pieces].mean(axis=0)
        by_kind = shares[1::2] + shares[2::2]
        kind = int(by_kind.argmax())
        if by_kind[kind] <= shares[0]:
            continue
        goes_on = found and found[-1].kind == kinds[kind] and not text[found[-1].end : word.start()].strip(" '’")
        if goes_on and tags[pieces[0]][2 + 2 * kind] >= tags[pieces[0]][1 + 2 * kind]:
            found[-1] = found[-1]._replace(end=word.end(), score=min(found[-1].score, float(by_kind[kind])))
        else:
            found.append(Mention(*word.span(), kinds[kind], float(by_kind[kind])))
    return [_bare(text, mention) for mention in found]


def _bare(text: str, mention: Mention) -> Mention:
    """Without the full stop, the comma or the "'s" at its end."""
    said = re.sub(r"(?:['’]s?|[.,/'’+-]+)$", "", text[mention.start : mention.end])
    return mention._replace(end=mention.start + len(said)) if said else mention
