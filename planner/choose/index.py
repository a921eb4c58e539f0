"""The index over tools: which of them a sentence asks for, by meaning and by words.

The reader says so. Tools that it was not trained on have a head on the embeddings of their own example phrasings, beside cues of
form and a correction for what the sentence names and the tool can't use, or needs and lacks: where an index has no reader, that
alone decides. Ranks tools for every model, and routes requests to rooms.
"""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from planner import phrases
from planner.read import clauses, cues, entities, fields, goods, habits, head, learned, rows, signals, unopened
from planner.read.embedder import shared
from planner.read.entities import Vocabulary
from planner.read.fields import Field, Kind
from planner.read.language import to_english
from planner.read.learned import Asked
from planner.read.reader import NOTHING, Begin, Beside, Mention, Reader
from planner.read.rows import Condition
from planner.read.words import FILLER, TRADE, stem, tokens

SMALL_TALK, HELP, BEYOND = "~hello", "~help", "~beyond"
NO_TOOL = {SMALL_TALK: phrases.SMALL_TALK, HELP: phrases.HELP, BEYOND: phrases.BEYOND}
_log = logging.getLogger(__name__)
LIKELY = 0.4  # of the probability of a tool that changes something; whether it is meant is asked where another is near
SURE = 0.75  # of a room's probability: from here on no language model is asked where to go
TRADE_STEMS = frozenset(stem(word) for word in TRADE | set(signals.DEED_OF))


@dataclass(frozen=True)
class Entry:
    """One tool, as the application hands it in."""

    name: str
    room: str
    summary: str
    description: str
    writes: bool
    schema: Mapping[str, Any]
    examples: Sequence[str]


@dataclass(frozen=True)
class Elsewhere:
    """An operation that is not done here: its room is not open yet, or it is for people alone."""

    name: str
    room: str
    sentence: str
    planned: bool
    reads: bool


@dataclass(frozen=True)
class Ranked:
    """A tool with its share of the probability (0 to 1, over all tools and none) and its lead in it over the next."""

    name: str
    room: str
    score: float
    margin: float


@dataclass(frozen=True)
class Route:
    """Where a request goes: rooms in order; whether their parts can be done apart; whether this is certain."""

    rooms: tuple[str, ...]
    independent: bool
    sure: bool
    smalltalk: bool


@dataclass(frozen=True)
class Tool:
    """An entry with its schema read."""

    entry: Entry
    fields: tuple[Field, ...]
    takes: Mapping[str, bool]
    words: frozenset[str]  # stems of what its name, summary, fields and examples say

    @property
    def title(self) -> str:
        """`cancel_order` is "Cancel order"."""
        return self.entry.name.replace("_", " ").capitalize()

    @property
    def required(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.required)


class Needs(NamedTuple):
    """The kinds of records that a tool can't be called without, and those by which such records are found: a payment's order."""

    records: frozenset[str]
    owners: frozenset[str]


class Index:
    """Built once at start-up; every method is a pure function of its arguments and safe to share between threads."""

    def __init__(
        self,
        tools: Mapping[str, Tool],
        trained: head.Head,
        reader: Reader | None = None,
        elsewhere: Mapping[str, Elsewhere] | None = None,
    ) -> None:
        self.tools = tools
        self.reader = reader
        self.elsewhere = elsewhere or {}
        self.planned = {name: one for name, one in self.elsewhere.items() if one.planned}
        self.vocabulary = _vocabulary(tools.values())
        self.openers = _openers([example for tool in tools.values() for example in tool.entry.examples])
        self.lexicon = TRADE_STEMS | {
            stem(word) for tool in tools.values() for word in _described(tool.entry, tool.fields)
        }
        self.ordinary = goods.Ordinary(self.lexicon)
        self.needs = {name: needs for name, tool in tools.items() if (needs := _needs(tool, tools)).records}
        self._trained = trained
        self._names = (*tools, *NO_TOOL)
        self._reading = frozenset(name for name, tool in tools.items() if not tool.entry.writes)
        self._scored = lru_cache(maxsize=512)(self._score)
        self._wished = lru_cache(maxsize=512)(self._wish)

    @classmethod
    def build(
        cls, entries: Sequence[Entry], reader: Reader | None = None, elsewhere: Sequence[Elsewhere] = ()
    ) -> "Index":
        """Trains on the entries' names, summaries and examples, which takes seconds."""
        tools = {entry.name: _tool(entry) for entry in entries}
        trained = learned.train(_asked(tools), _vocabulary(tools.values()))
        return cls(tools, trained, reader, {one.name: one for one in elsewhere})

    @classmethod
    def shipped(
        cls,
        entries: Sequence[Entry],
        data: Path = learned.DATA,
        reader: Reader | None = None,
        elsewhere: Sequence[Elsewhere] = (),
    ) -> "Index":
        """With the head that was trained before. Where it is not current, says so and trains now: never silently wrong."""
        tools = {entry.name: _tool(entry) for entry in entries}
        kept = learned.kept(learned.fingerprint(_asked(tools), _vocabulary(tools.values())), data)
        if kept is not None:
            return cls(tools, kept, reader, {one.name: one for one in elsewhere})
        _log.warning(
            "The planner was trained on other tools or phrasings than these; it is trained now. Run `make index`."
        )
        return cls.build(entries, reader, elsewhere)

    def ship(self, data: Path = learned.DATA) -> None:
        """Keep what was learned as package data."""
        learned.keep(self._trained, learned.fingerprint(_asked(self.tools), self.vocabulary), data)

    def rank(self, text: str, *, among: Collection[str] | None = None, limit: int = 18) -> list[Ranked]:
        """The tools that a text asks for, best first. `among` narrows the choice, not the scores."""
        return self.ranked(self.scores(text), among, limit)

    def ranked(self, scores: Mapping[str, float], among: Collection[str] | None, limit: int) -> list[Ranked]:
        """The tools of `among` by their scores, best first."""
        names = [name for name in scores if name in self.tools and (among is None or name in among)]
        names.sort(key=lambda name: -scores[name])
        following = [*(scores[name] for name in names[1:]), 0.0]
        return [
            Ranked(name, self.tools[name].entry.room, scores[name], scores[name] - after)
            for name, after in zip(names[:limit], following, strict=False)
        ]

    def scores(self, text: str) -> Mapping[str, float]:
        """The probability of each tool, and of `~hello`, `~help`, `~beyond`, where nothing stands before."""
        return self.wishes(text) if self.reader else self._scored(text)

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """What the words of a text name; nothing without a trained reader."""
        return self.reader.read(text).mentions if self.reader else ()

    def names(self, text: str) -> bool:
        """Whether a text may name somebody or something of the shop."""
        english = to_english(text)
        spans = entities.find(english, self.vocabulary, learned.TIMELESS)
        return bool(goods.phrases(english, spans, self.mentions(english), self.ordinary, thing="it"))

    def route(self, text: str) -> Route:
        """The rooms that a request needs, in the order in which it speaks of them."""
        parts = clauses.split(text, self.scores, self.begins)
        rooms: list[str] = []
        certain: list[float] = []
        for part in parts:
            shares = self._rooms(part.text)
            room = max(shares, key=lambda name: shares[name])
            certain.append(shares[room])
            rooms += [found for found in (room, *self._readers_first(part.text, room)) if found not in rooms]
        smalltalk = len(parts) == 1 and rooms[0] in NO_TOOL
        here = {tool.entry.room for tool in self.tools.values()}
        named = tuple(room for room in rooms if room in here)
        apart = len(parts) > 1 and not any(part.leans for part in parts) and not self._any_writes(parts)
        return Route(named, apart, not smalltalk and min(certain) >= SURE, smalltalk)

    def wishes(self, text: str, beside: Beside = NOTHING) -> Mapping[str, float]:
        """How likely each operation is asked for, those that are done elsewhere or by people among them: by it the planner decides.

        Whether it is open here at all, single words have a say in, too.
        """
        return self._wished(text, beside)

    def _wish(self, text: str, beside: Beside) -> Mapping[str, float]:
        if self.reader is None:
            return cues.weighed(text, self._scored(text), self._reading)
        read = self._read(text, beside)
        known = {name: read.get(name, 0.0) for name in (*self._names, *self.elsewhere)}
        whole = sum(known.values()) or 1.0
        scores = unopened.weighed(text, {name: score / whole for name, score in known.items()}, self.planned)
        return cues.weighed(text, scores, self._reading)

    def _read(self, text: str, beside: Beside = NOTHING) -> Mapping[str, float]:
        """The reader's word, weighed by what is asked for often: of another language the mean of its words and the English ones."""
        reader = cast(Reader, self.reader)
        told, english = reader.read(text, beside).scores, to_english(text)
        if english != text:
            other = reader.read(english, beside).scores
            told = {name: (score + other[name]) / 2 for name, score in told.items()}
        return habits.kept().weighed(told, beside.after, self.planned)

    def goes_on(self, text: str, beside: Beside) -> float:
        """How likely a text goes on with the operation before, in its own words or in English."""
        if self.reader is None:
            return 0.0
        return max(self.reader.read(said, beside).goes_on for said in {text, to_english(text)})

    def begins(self, text: str, beside: Beside = NOTHING) -> Sequence[Begin]:
        """How likely another wish begins with each piece of a text."""
        if self.reader is None:
            return clauses.by_form(text)
        return self.reader.read(text, beside).begins

    def heard(self, name: str) -> frozenset[str]:
        """What the reader was taught that may be asked of a tool's rows, "field=value"."""
        return frozenset(rows.kept().conditions.get(name, ())) if self.reader else frozenset()

    def asked(self, text: str, said: str, beside: Beside = NOTHING) -> Mapping[str, Condition]:
        """What a text asks of rows; where it was said in another language, as much as both ways make likely."""
        if self.reader is None:
            return {}
        english = self.reader.read(text, beside).asked
        if said == text:
            return english
        other, nowhere = self.reader.read(said, beside).asked, Condition(0.0, 0, 0)
        both = {name: (english.get(name, nowhere), other.get(name, nowhere)) for name in (*english, *other)}
        return {name: one._replace(likely=(one.likely + also.likely) / 2) for name, (one, also) in both.items()}

    def agreed(self, text: str, name: str, beside: Beside = NOTHING) -> bool:
        """Whether the reader holds a tool likely, or words say it: else no change."""
        return self.reader is None or cues.names(text, name) or self.wishes(text, beside).get(name, 0.0) >= LIKELY

    def similar(self, said: str, options: Sequence[str]) -> list[float]:
        """How alike some words are to each of some phrases, by cosine."""
        vectors = shared().encode([said, *options])
        return [float(score) for score in vectors[1:] @ vectors[0]]

    def _rooms(self, text: str) -> dict[str, float]:
        shares: dict[str, float] = {}
        for name, score in self.scores(text).items():
            room = self._room(name)
            shares[room] = shares.get(room, 0.0) + score
        return shares

    def _room(self, name: str) -> str:
        """Of a tool or of what is done elsewhere; small talk is a room of its own."""
        if name in self.tools:
            return self.tools[name].entry.room
        return self.elsewhere[name].room if name in self.elsewhere else name

    def _readers_first(self, text: str, room: str) -> list[str]:
        """The customers' room too, where a person is named whom the chosen tool needs by reference."""
        best = self.rank(text, limit=1)
        found = signals.signals(text, entities.find(text, self.vocabulary, learned.TIMELESS))
        if not best or best[0].room != room or not found & {"named", "email"}:
            return []
        lacking = [
            field.reference
            for field in self.tools[best[0].name].required
            if field.kind is Kind.reference and f"reference:{field.reference}" not in found
        ]
        finders = [
            self.tools[f"list_{reference}s"]
            for reference in ("customer",)
            if lacking and f"list_{reference}s" in self.tools
        ]
        return [finder.entry.room for finder in finders if finder.entry.room != room]

    def _any_writes(self, parts: "Sequence[clauses.Clause]") -> bool:
        return any(self.tools[ranked.name].entry.writes for part in parts for ranked in self.rank(part.text, limit=1))

    def _score(self, text: str) -> Mapping[str, float]:
        features, found = learned.features([to_english(text)], self.vocabulary)
        logits = self._trained.logits(features)[0]
        misfits = [
            signals.misfit(found[0], dict(self.tools[name].takes)) if name in self.tools else 0.0
            for name in self._names
        ]
        scores = head.softmax(logits - np.array(misfits, dtype=np.float32))
        return dict(zip(self._names, map(float, scores), strict=True))


def _needs(tool: Tool, tools: Mapping[str, Tool]) -> Needs:
    records = frozenset(f.reference for f in tool.required if f.kind is Kind.reference)
    lists = [tools[name] for kind in records if (name := f"list_{kind}s") in tools]
    return Needs(records, frozenset(f.reference for one in lists for f in one.fields if f.kind is Kind.reference))


def _tool(entry: Entry) -> Tool:
    read = fields.read(entry.schema)
    said = [word for example in entry.examples for word in tokens(example)]
    return Tool(entry, read, signals.takes(read), frozenset(stem(word) for word in [*said, *_described(entry, read)]))


def _described(entry: Entry, read: Sequence[Field]) -> list[str]:
    """The words of a tool's name, summary, fields and their values: domain words, never a customer's or a product's name."""
    labels = [
        text for field in _all(read) for text in (field.label, *(p for choice in field.choices for p in choice.phrases))
    ]
    return tokens(" ".join([entry.name.replace("_", " "), entry.summary, *labels]))


def _openers(examples: Sequence[str]) -> frozenset[str]:
    """The words that requests begin with. A word that is always capitalised is a name, though examples begin with it."""
    small = (
        {word for example in examples for word in re.findall(r"(?<![\w@.-])[a-z']+(?![\w@.-])", example)}
        | TRADE
        | FILLER
        | set(signals.DEED_OF)
    )
    return frozenset(first for example in examples if (first := example.split()[0].lower().strip(",:")) in small)


def _vocabulary(tools: Collection[Tool]) -> Vocabulary:
    return Vocabulary(
        {
            field.prefix.upper(): field.reference
            for tool in tools
            for field in _all(tool.fields)
            if field.prefix and field.reference
        }
    )


def _all(found: Sequence[Field]) -> list[Field]:
    return [field for top in found for field in (top, *_all(top.parts))]


def _asked(tools: Mapping[str, Tool]) -> list[Asked]:
    """The classes of the head, in the order of its columns: each tool, then the wishes that no tool is for."""
    entries = [tool.entry for tool in tools.values()]
    told = [Asked(list(e.examples) or [e.summary], [e.name.replace("_", " "), e.summary]) for e in entries]
    return [*told, *(Asked(list(texts)) for texts in NO_TOOL.values())]
