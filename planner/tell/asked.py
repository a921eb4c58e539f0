"""What kind of answer a question wants: a count, a sum, a yes or no, the first of a ranking, or one fact, such as the price."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from planner.tell.voice import words


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

    @classmethod
    def of(cls, text: str) -> "Asked":
        found = [(m.start(), topic) for pattern, topic in _topics() if (m := pattern.search(text))]
        topics = tuple(topic for _, topic in sorted(found, key=lambda one: one[0]))
        counts, sums, closed, best = (bool(pattern.search(text)) for pattern in _forms())
        return cls(text, counts, sums, closed, best, topics)

    def about(self, *names: str) -> bool:
        return any(topic.name in names for topic in self.topics)


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
    return [_whole(forms["counts"]), _whole(forms["sums"]), re.compile(forms["closed"], re.I), _whole(forms["best"])]


def _whole(cues: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{cues})(?![\w-])", re.I)
