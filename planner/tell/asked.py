"""What kind of answer a question wants: a count, a sum, a yes or no, the first of a ranking, or one fact, such as the price."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from planner.read.spoken import language_of
from planner.tell.voice import words

WHAT = re.compile(r"\W*was\b", re.I)  # in German no "was it"


@dataclass(frozen=True)
class Topic:
    """A fact that people ask for: in which fields it stands, and what it is called."""

    name: str
    fields: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Asked:
    """What the words of a question ask for; topics in the order in which they are spoken of."""

    text: str
    counts: bool
    sums: bool
    closed: bool
    best: bool
    topics: tuple[Topic, ...]
    exists: bool = False

    @classmethod
    def of(cls, text: str) -> "Asked":
        asked = _question(text)
        found = [(m.start(), topic) for pattern, topic in _topics() if (m := pattern.search(asked))]
        topics = tuple(topic for _, topic in sorted(found, key=lambda one: one[0]))
        counts, sums, closed, best, exists = (bool(pattern.search(text)) for pattern in _forms())
        closed = closed and not (WHAT.match(text) and language_of(text) == "de")
        return cls(text, counts, sums, closed, best, topics, exists)

    def about(self, *names: str) -> bool:
        return any(topic.name in names for topic in self.topics)


def _question(text: str) -> str:
    """The sentences that ask, where others tell something beside it."""
    sentences = re.split(r"(?<=[.?!])\s+", text.strip())
    asking = [sentence for sentence in sentences if sentence.endswith("?")]
    return " ".join(asking) if asking else text


@lru_cache(maxsize=1)
def _topics() -> list[tuple[re.Pattern[str], Topic]]:
    told = cast(Mapping[str, Mapping[str, Any]], words()["topics"])
    return [
        (_whole(str(known["cues"])), Topic(name, fields, str(known.get("label", fields[0]))))
        for name, known in told.items()
        for fields in [tuple(cast(Sequence[str], known["fields"]))]
    ]


@lru_cache(maxsize=1)
def _forms() -> list[re.Pattern[str]]:
    forms = words()["asks"]
    closed, exists = (re.compile(forms[name], re.I) for name in ("closed", "exists"))
    return [_whole(forms["counts"]), _whole(forms["sums"]), closed, _whole(forms["best"]), exists]


def _whole(cues: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{cues})(?![\w-])", re.I)
