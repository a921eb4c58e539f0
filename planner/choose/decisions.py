"""What is decided about a wish, and what it is decided with."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from planner.choose import focus, ground
from planner.choose.index import Index, Needs, Ranked, Tool
from planner.converse.memory import Conversation
from planner.fill.filled import Filled, Told
from planner.read import goods, grounds
from planner.read.language import to_english
from planner.read.reader import Begin, Beside
from planner.read.reading import Reading
from planner.read.spoken import language_of

# how much likelier is what needs a record, where the conversation is about such a one, about what has such ones, or neither
AT_HAND, BELONGS, OUT_OF_HAND = 2.5, 1.5, 0.4
READ_ON = 0.5  # of the probability that a text goes on with what was answered: it is read so


@dataclass(frozen=True)
class Step:
    """A call to make; `people` are references that a reader must find first: by name, e-mail, or what they belong to.

    `otherwise` are the same words as other calls, for where there is no such record: no warranty claim of his, but a return.
    """

    tool: str
    args: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    people: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    newest: bool = False
    notes: tuple[str, ...] = ()
    otherwise: tuple["Step", ...] = ()

    def packed(self) -> dict[str, Any]:
        """As JSON."""
        others = [one.packed() for one in self.otherwise]
        return {
            **vars(self),
            "args": dict(self.args),
            "people": dict(self.people),
            "notes": list(self.notes),
            "otherwise": others,
        }

    @classmethod
    def unpacked(cls, stored: Mapping[str, Any]) -> "Step":
        others = tuple(cls.unpacked(one) for one in stored.get("otherwise", ()))
        return cls(stored["tool"], stored["args"], stored["people"], stored["newest"], tuple(stored["notes"]), others)


@dataclass(frozen=True)
class Ask:
    """A question, as what is known already, so that the answer completes the call; `tell.asking` puts it into words."""

    pending: Mapping[str, Any]
    look: tuple["Step", ...] = ()  # what is shown before it is asked


@dataclass(frozen=True)
class Decline:
    """Nothing to do: `~hello`, `~help`, `~beyond`, "unclear", "elsewhere", "forbidden", "pointing", "planned", "people".

    Of a turn within its conversation: "left", "waits" for an answer, "not_carried" into what was put, "nothing_open" to agree to.
    """

    why: str
    said: str = ""
    room: str = ""
    writes: bool = False
    operation: str = ""
    meanwhile: tuple[Step, ...] = ()  # what is known here of the thing that was asked about


Decision = list[Step] | Ask | Decline


@dataclass(frozen=True)
class Candidate:
    """A tool with its arguments filled, and how well both fit, in log-probability."""

    tool: Tool
    filled: Filled
    fit: float
    score: float


@dataclass(frozen=True)
class Desk:
    """What decisions are made with: the index, the offered tools, the conversation."""

    index: Index
    offered: Collection[str]
    talk: Conversation

    def reading(self, text: str) -> Reading:
        """What is found in a text, nothing of it claimed; of the same words it is found once in a turn."""
        if text not in self._read:
            self._read[text] = self._reading(text)
        return self._read[text].fresh()

    @cached_property
    def _read(self) -> dict[str, Reading]:
        return {}

    def _reading(self, text: str) -> Reading:
        read = Reading.of(text, self.index.vocabulary, self.talk.setting, self.index.mentions(text))
        read = replace(read, asked=self.index.asked(text, self._said.get(text, text), self.beside(text)))
        if ground.SEARCH not in self.index.tools:
            return read
        placed = grounds.placed([*self.phrases(read), *self._heard(text)], self.known) if self.known else ()
        heard = grounds.heard(placed, [(one.start, one.end) for one in read.mentions if one.kind == "product"])
        return replace(read, grounds=heard, grounded=True, ordinary=self.index.ordinary)

    @property
    def named(self) -> tuple[grounds.Ground, ...]:
        """What the message as a whole names of the shop."""
        return self.reading(self.english(self.talk.request)).grounds

    def phrases(self, read: Reading) -> list[goods.Phrase]:
        """The pieces of a text of which the shop is asked what they are."""
        return goods.phrases(read.text, read.spans, read.mentions, self.index.ordinary, ground.spoken_of(self.talk))

    def _heard(self, text: str) -> Iterator[goods.Phrase]:
        """People whose whole names were heard in the message, wherever they stand in a part of it: "bas de vries"."""
        for asked, rows in (self.known or {}).items():
            named = " " in asked and any(row.kind == "customer" for row in rows)
            for said in re.finditer(rf"(?<!\w){re.escape(asked)}(?!\w)", text, re.I) if named else ():
                yield goods.Phrase(said.start(), said.end(), said[0], goods=False)

    @cached_property
    def before(self) -> str:
        """The operation that the latest answer was about."""
        return self.talk.before()

    def wishes(self, text: str) -> Mapping[str, float]:
        """How likely each operation is asked for, after what was answered and with what the shop knows of the names.

        Of a text that names no record, what needs a record is likelier where the latest answers were about one such, and less
        likely where they were not.
        """
        if text not in self._told:
            told = self.index.wishes(text, self.beside(text))
            self._told[text] = told if not self.before or self._names_a_record(text) else self._fitting(told)
        return self._told[text]

    def wished(self, text: str, limit: int) -> list[Ranked]:
        """The offered tools that are wished for likeliest, best first."""
        return self.index.ranked(self.wishes(text), self.offered, limit)

    def _names_a_record(self, text: str) -> bool:
        return bool(self.reading(self.english(text)).free("reference", "foreign", "code", "email"))

    def _fitting(self, told: Mapping[str, float]) -> Mapping[str, float]:
        """The probabilities, with what needs a record by whether there is such a one at hand."""
        at_hand, needs = focus.at_hand(self.talk, self.index), self.index.needs
        fit = {name: score * (_fit(needs[name], at_hand) if name in needs else 1.0) for name, score in told.items()}
        left = sum(told.values()) / (sum(fit.values()) or 1.0)
        return {name: score * left for name, score in fit.items()}

    @cached_property
    def _told(self) -> dict[str, Mapping[str, float]]:
        """What was asked of the index already: it is, of the same words, several times in a turn."""
        return {}

    def goes_on(self, text: str) -> float:
        """How likely a text goes on with the operation before: narrows it, corrects it, asks it of something else."""
        return self.index.goes_on(text, self.beside(text)) if self.before else 0.0

    def begins(self, text: str) -> Sequence[Begin]:
        """How likely another wish begins with each piece of a text."""
        return self.index.begins(text, self.beside(text))

    def reads_on(self, text: str, tool: str) -> bool:
        """Whether a text is read as one that goes on with a call of this tool."""
        return self.before == tool and self.goes_on(text) >= READ_ON

    def beside(self, text: str) -> Beside:
        """What is known beside a text."""
        said = text.casefold()
        rows = [row for asked, found in (self.known or {}).items() if asked in said for row in found[:1]]
        named = {
            grounds.KINDS[row.kind]: None for row in rows if row.fits in grounds.SURE and row.kind in grounds.KINDS
        }
        return Beside(self.before, tuple(named))

    @cached_property
    def known(self) -> Mapping[str, Sequence[grounds.Row]] | None:
        """What the shop was asked in this turn, and said."""
        return ground.told(self.talk)

    def english(self, text: str) -> str:
        """A text in English words; a few words that show no language are in the conversation's."""
        spoken = self.talk.language if language_of(text) in (None, self.talk.language) else ""
        if to_english(text, spoken) == text:
            return text
        english = self._in_english(text, spoken)
        self._said[english] = text
        return english

    @cached_property
    def _said(self) -> dict[str, str]:
        """What texts in English words were said as."""
        return {}

    def _in_english(self, text: str, spoken: str) -> str:
        """But for the names of people."""
        people = (
            text[one.start : one.end]
            for one in self.index.mentions(text)
            if one.kind in goods.OF_PEOPLE
            and not text[: one.start].endswith((" in ", " aus ", " en "))  # "in Rosa" is pink
        )
        return to_english(text, spoken, frozenset(word for name in people for word in goods.words_in(name)))

    def told(self, tool: Tool) -> Told:
        writes, heard = tool.entry.writes, self.index.heard(tool.entry.name)
        return Told(self.talk.setting, self.index.lexicon, self.index.openers, tool.words, writes, heard)


def _fit(needs: Needs, at_hand: Collection[str]) -> float:
    if not needs.records.isdisjoint(at_hand):
        return AT_HAND
    return OUT_OF_HAND if needs.owners.isdisjoint(at_hand) else BELONGS
