"""What the index has learned, before it is shipped: the head that `make index` trains and keeps in `data/index.npz`.

The file carries the fingerprint of all that it was trained on: phrasings, names and summaries, the encoder, and the code that
turns a sentence into features. Where that is no longer what is asked for, the file is not used.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from planner.read import entities, head, signals
from planner.read.embedder import GRAPH, WEIGHTS_SHA256, Vectors, shared
from planner.read.entities import Vocabulary
from planner.read.head import Head

DATA = Path(__file__).parents[1] / "data" / "index.npz"
CODE = ("embedder", "entities", "fields", "head", "learned", "money", "periods", "signals", "words")  # makes features
CUE_WEIGHT = 0.5  # of a cue against a unit vector of meaning
TIMELESS = datetime(2000, 1, 1)  # ranking looks at whether a period is named, not at which  # noqa: DTZ001


@dataclass(frozen=True)
class Asked:
    """Something to be told from the others: how it is asked for, and what it is called."""

    phrasings: Sequence[str]
    titles: Sequence[str] = ()


def train(asked: Sequence[Asked], vocabulary: Vocabulary) -> Head:
    """Takes seconds; the same every time, for nothing is drawn. Weights have the precision in which they are kept."""
    rows: list[Vectors] = []
    classes: list[int] = []
    for number, one in enumerate(asked):
        told, _ = features(one.phrasings, vocabulary)
        rows.append(told)
        if one.titles:  # a name and a summary say no form: they get the usual one of the phrasings
            named = shared().encode(one.titles)
            usual = told[:, named.shape[1] :].mean(axis=0, keepdims=True)
            rows.append(np.concatenate([named, np.repeat(usual, len(named), axis=0)], axis=1))
        classes += [number] * (len(one.phrasings) + len(one.titles))
    fitted = head.fit(np.concatenate(rows), np.array(classes, dtype=np.int64), len(asked))
    return Head(fitted.weights.astype(np.float16).astype(np.float32))


def features(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[Vectors, list[frozenset[str]]]:
    """A row for each text: its meaning with single things masked, beside the cues of its form; and those cues by name."""
    spans = [entities.find(text, vocabulary, TIMELESS) for text in texts]
    found = [signals.signals(text, spans_) for text, spans_ in zip(texts, spans, strict=True)]
    meaning = shared().encode([entities.mask(text, spans_) for text, spans_ in zip(texts, spans, strict=True)])
    cues = np.stack([signals.vector(cues, vocabulary.references) for cues in found])
    return np.concatenate([meaning, CUE_WEIGHT * cues], axis=1), found


def fingerprint(asked: Sequence[Asked], vocabulary: Vocabulary) -> str:
    """Of all that a head depends on."""
    code = [Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in CODE]
    told = [[list(one.phrasings), list(one.titles)] for one in asked]
    graph = hashlib.sha256(GRAPH.read_bytes()).hexdigest()
    whole = [WEIGHTS_SHA256, graph, code, sorted(vocabulary.prefixes.items()), told]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def kept(mark: str, data: Path = DATA) -> Head | None:
    """The head that was trained on what has this fingerprint; None when the file is of something else, or not there."""
    try:
        with np.load(data) as stored:
            return Head(stored["weights"].astype(np.float32)) if str(stored["fingerprint"]) == mark else None
    except (FileNotFoundError, EOFError, BadZipFile, ValueError, KeyError):
        return None


def keep(trained: Head, mark: str, data: Path = DATA) -> None:
    """Write the file; it appears whole or not at all, and the same head gives the same bytes."""
    draft = data.with_suffix(".tmp.npz")
    np.savez_compressed(draft, weights=trained.weights.astype(np.float16), fingerprint=np.array(mark))
    draft.replace(data)
