"""What words and forms say about a request beside its meaning: is it a question, what does it name, what deed does it ask?

A sentence embedding blurs these; a classifier that sees both is right more often (README.md has the figures).
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.read.entities import Span
from planner.read.fields import Field, Kind
from planner.read.words import tokens, words_of

DEEDS = {
    "make": "create add new register enter make put save store draft give",
    "change": "change update edit correct modify rename fix move turn switch set adjust make",
    "stop": "cancel delete remove archive drop release void stop kill end retire discontinue scrap free undo abort call",
    "find": "find search look looking anything carry",
    "show": "show list open pull display see give tell which",
    "count": "much many",
    "hold": "reserve hold keep block earmark aside back",
    "trace": "why who when history happened changed",
    "own": "our we us",
    "report": "report revenue sales turnover sold sell best top most per average",
}
DEED_OF = {
    word: [deed for deed, words in DEEDS.items() if word in words.split()]
    for word in {word for words in DEEDS.values() for word in words.split()}
}
READING_STARTS = words_of(
    """show list what which who whose how where when why is are was were do does did has have had can could find search look
    open give tell pull any anything overview see let walk compare"""
)
WRITING_STARTS = frozenset(" ".join(DEEDS[deed] for deed in ("make", "change", "stop", "hold")).split()) - {
    "call",
    "give",
}
ASKING = words_of("what which who how where when why")
FORMS = ("code", "email", "money", "percent", "period", "number", "quoted", "country", "duration")
CUES = (*FORMS, "named", "asked", "reads", "interrogative", "several", "commands", *DEEDS)
NAMED = re.compile(r"(?<=[\w,:] )[A-ZÀ-Þ][\w'’-]+ [A-ZÀ-Þ][\w'’-]+")
SEVERAL = re.compile(
    r"\b(?:orders|customers|products|users|approvals|requests|addresses|rates|settings|keys|movements|items)\b", re.I
)


def signals(text: str, spans: Sequence[Span]) -> frozenset[str]:
    """The cues that a text gives, and `reference:order` and the like for what it names."""
    found = {span.kind for span in spans if span.kind in FORMS}
    found |= {f"reference:{span.reference or 'order'}" for span in spans if span.kind in ("reference", "foreign")}
    if any(span.kind == "number" and span.reference for span in spans):
        found.add("bare")  # a number that may be an order's
    words = tokens(text)
    found.update(deed for word in words for deed in DEED_OF.get(word, ()))
    first = words[0] if words else ""
    tests = {
        "asked": text.rstrip().endswith("?"),
        "reads": first in READING_STARTS,
        "interrogative": first in ASKING,
        "commands": first in WRITING_STARTS,
        "several": SEVERAL.search(text) is not None,
        "named": NAMED.search(text) is not None,
    }
    return frozenset(found | {cue for cue, holds in tests.items() if holds})


def vector(found: frozenset[str], references: Sequence[str]) -> NDArray[np.float32]:
    """The cues as numbers, in a fixed order."""
    order = (*CUES, *(f"reference:{reference}" for reference in references))
    return np.array([cue in found for cue in order], dtype=np.float32)


def takes(fields: Iterable[Field], *, required: bool = True) -> dict[str, bool]:
    """Which of the named things a tool can be told, and whether it must be."""
    found: dict[str, bool] = {}
    for field in fields:
        must = field.required and required
        if field.kind is Kind.parts:
            for cue, needed in takes(field.parts, required=must).items():
                found[cue] = found.get(cue, False) or needed
        for cue in _cues_of(field):
            found[cue] = found.get(cue, False) or (must and cue != "code")
    return found


def _cues_of(field: Field) -> tuple[str, ...]:
    if field.kind is Kind.reference:
        return (f"reference:{field.reference}", *(["code"] if field.reference in ("variant", "product") else []))
    if field.kind in (Kind.period_start, Kind.period_end, Kind.moment):
        return ("period",)
    if field.kind in (Kind.search, Kind.sku):
        return ("code",)
    if field.kind in (Kind.note, Kind.text, Kind.reason_text):
        return ("words",)
    return (str(field.kind),) if field.kind in (Kind.email, Kind.money, Kind.percent) else ()


def misfit(found: frozenset[str], taken: dict[str, bool]) -> float:
    """How badly what a text names fits what a tool takes: 1 for each thing it can't use or lacks, less where that is usual."""
    named = [
        cue for cue in found if cue.startswith("reference:") or cue in ("code", "email", "money", "percent", "period")
    ]
    useless = [cue for cue in named if cue not in taken and ("words" not in taken or cue.startswith("reference:"))]
    cost = sum(0.5 if cue == "period" else 1.0 for cue in useless)
    return cost + sum(_lack(cue, found) for cue, must in taken.items() if must and cue not in found)


def _lack(cue: str, found: frozenset[str]) -> float:
    if cue.startswith("reference:") and "bare" in found:
        return 0.2
    if cue == "reference:variant" and "code" in found:
        return 0.0
    if cue == "reference:customer" and found & {"email", "named"}:
        return 0.0
    return 0.3 if cue == "reference:product" else 1.0  # products are mostly called by name
