"""What a request asks for and what it names: an encoder that was tuned on `prompts/voices`, where every operation of the catalogue
is asked for in several voices and languages, those of rooms that are not open yet among them.

One pass of multilingual E5 (small, int8) gives a probability to each operation, a kind to each word that names something, and to
each condition on the rows of a list a probability, too (`rows`). What is known beside the text goes in with it: the operation that
was answered before ("only the unpaid ones"), and what the shop knows of the names in it (that "nordic wool" is a supplier).
`planner/training` has how it is trained; `make planner` does it, and its page data carries the hash of what it was trained on.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from planner.read import embedder, pieces, rows
from planner.read.head import softmax
from planner.read.rows import Condition

LONGEST = 96  # tokens, as in training: a story of seventy words
WHOLE = re.compile(r"[\w@#€$£%][\w@#€$£%'’./+-]*")  # what is named or not as a whole, though the encoder cuts it

# Before its reference.
NOUN = re.compile(r"\b(?:the\s+)?(?:order|customer|product|sku|shipment|payment|return)\s+(?=#?[A-Z]{2,4}-\d)", re.I)

ON = "~on"  # goes on with the operation before

Scores = NDArray[np.float32]


class Mention(NamedTuple):
    """A piece of the text that names something: where it stands, its kind (`prompts.voices.KINDS`), and how sure that is."""

    start: int
    end: int
    kind: str
    score: float


class Begin(NamedTuple):
    """A piece of the text, by where it stands, and how likely another wish begins with it."""

    start: int
    end: int
    likely: float


class Read(NamedTuple):
    """The probability of each operation and of `~hello`, `~help`, `~beyond`; what the text names, in order; where another wish may
    begin in it; how likely it goes on with the operation before; and what it may ask of rows, "field=value"."""

    scores: Mapping[str, float]
    mentions: tuple[Mention, ...]
    begins: tuple[Begin, ...] = ()
    goes_on: float = 0.0
    asked: Mapping[str, Condition] = {}


class Beside(NamedTuple):
    """What is known beside a text: the operation that was answered before, and what the names in it are (`About.beside`)."""

    after: str = ""
    named: tuple[str, ...] = ()


NOTHING = Beside()


class About(NamedTuple):
    """What stands beside the weights."""

    operations: tuple[str, ...]
    kinds: tuple[str, ...]
    beside: tuple[str, ...]
    temperature: float  # by which the scores are divided, so that they are right as often as they say
    corpus: str  # SHA-256 of what it was trained on

    @classmethod
    def of(cls, file: Path) -> "About":
        told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        operations, kinds, beside = (tuple(told[name]) for name in ("operations", "kinds", "beside"))
        return cls(operations, kinds, beside, told["temperature"], told["corpus"])


class _Run(NamedTuple):
    """Where the tokens stand in a text, how likely each operation is, what each token names, that it begins another wish, and what
    the encoder makes of it."""

    places: Sequence[tuple[int, int]]
    wanted: Scores
    tagged: Scores
    begun: Scores
    states: Scores


class Reader:
    """Loads on first use; safe to share between threads."""

    def __init__(self, data: Path = embedder.DATA) -> None:
        self.about = About.of(data / "reader.json")
        self._weights = data / "reader.onnx"
        self.read = lru_cache(maxsize=1024)(self._read)

    def _read(self, text: str, beside: Beside = NOTHING) -> Read:
        run = self._run(text or " ", beside)
        shorter, scores = NOUN.sub("", text), run.wanted
        if shorter != text:  # "refund order ORD-1042" is "refund ORD-1042": what both ways make likely
            scores = (scores + self._run(shorter, beside).wanted) / 2
        found = dict(zip(self.about.operations, map(float, scores), strict=True))
        goes_on = found.pop(ON)
        if beside.after in found:
            found[beside.after] += goes_on
        else:  # there is nothing to go on with
            left = sum(found.values()) or 1.0
            found, goes_on = {name: score / left for name, score in found.items()}, 0.0
        told = mentions(text, run.places, softmax(run.tagged), self.about.kinds)
        begins = [Begin(*place, float(likely)) for place, likely in zip(run.places, run.begun, strict=True)]
        asked = rows.heard(rows.kept(), run.states, _words(text, run.places))
        return Read(found, tuple(told), tuple(one for one in begins if one.start < one.end), goes_on, asked)

    def states(self, text: str, beside: Beside = NOTHING) -> Scores:
        """What the encoder makes of each piece of a text, `(pieces, 384)`."""
        return self._run(text or " ", beside).states

    def _run(self, text: str, beside: Beside) -> "_Run":
        ids, places = pieces.cut(pieces.vocabulary(), text, LONGEST)
        known = [self.about.beside.index(one) for one in (beside.after, *beside.named) if one in self.about.beside]
        given = {"ids": np.array([ids]), "known": np.array(known, dtype=np.int64)}
        wanted, tagged, begun, states = self._session.run(None, given)
        likely = (1 / (1 + np.exp(-begun[:, 0]))).astype(np.float32)
        return _Run(places, softmax(wanted[0] / np.float32(self.about.temperature)), tagged, likely, states)

    @cached_property
    def _session(self) -> embedder.Session:
        return embedder.session(self._weights)


@lru_cache(maxsize=1)
def shipped() -> Reader:
    """The reader of this process: the weights are needed once."""
    return Reader()


def _words(text: str, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of each piece the word that it is of, (0, 0) where it stands nowhere."""
    words = [word.span() for word in WHOLE.finditer(text)]
    return [
        next((word for word in words if start < end and start < word[1] and word[0] < end), (0, 0))
        for start, end in places
    ]


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
