"""The lessons of an epoch: phrasings in other names, cases and spellings, with what stood before them, and two in one message."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from planner.read.language import to_english
from planner.training.corpus import KNOWN, Lesson
from planner.training.several import Several
from prompts import voices
from prompts.voices import Span

SWAPPED = frozenset(
    (
        "order", "customer", "product", "quantity", "money", "percent", "place", "warehouse", "person", "category", "tag",
        "carrier", "supplier", "ref", "email", "phone", "code", "number", "channel",
    )
)  # fmt: skip
FOREIGN = {"french": "fr", "german": "de"}
TAKEN = 0.3  # of all that is no shop's day, by lot: so an epoch stays as long as it was before there were days
LETTERS = "abcdefghijklmnoprstuvwyzäéèü"
BEFORE = ("hi, ", "hello ", "please ", "could you ", "can you ", "hey ", "so ", "um ", "ok ", "quick one: ", "sorry, ")
AFTER = (" please", " pls", " thanks", " asap", " now", " for me", " if possible")


class Variations:
    """The lessons of an epoch, each a little otherwise than in the last one."""

    def __init__(self, taught: Sequence[Lesson], chance: random.Random) -> None:
        self.taught = taught
        self.chance = chance
        self.before = [one.name for one in voices.operations() if not one.name.startswith("~")]
        self.several = Several(taught, chance)
        self.names = defaultdict[str, list[str]](list)
        for lesson in taught:
            for span in lesson.spans or ():
                self.names[span.kind].append(lesson.text[span.start : span.end])

    def __len__(self) -> int:
        """How many lessons an epoch has, about."""
        days = sum(lesson.voice in voices.DAYS for lesson in self.taught)
        return round(days + TAKEN * (len(self.taught) - days))

    def epoch(self) -> Iterator[Lesson]:
        for lesson in self.taught:
            if lesson.voice not in voices.DAYS and self.chance.random() > TAKEN:
                continue
            both = self.several.pair(lesson)
            varied = self.several.joined(*map(self._varied, both)) if both else self._varied(lesson)
            yield varied._replace(beside=self._known(varied))

    def _varied(self, lesson: Lesson) -> Lesson:
        varied = self._in_english(lesson) or self._swapped(lesson)
        return self._spelt(varied) if self.chance.random() < 0.7 else varied

    def _known(self, lesson: Lesson) -> tuple[str, ...]:
        """What is known beside a text now and then: an operation before it that it has nothing to do with, what its names are."""
        chance, before = self.chance, lesson.beside
        opens = lesson.voice in voices.DAYS  # what opens a conversation there was said after nothing, however short
        if not before and not opens and chance.random() < 0.35:
            any_one = chance.choice(self.before)
            before = (any_one,) if any_one != lesson.operation else ()
        if chance.random() < 0.5:
            return before
        named = dict.fromkeys(span.kind for span in lesson.spans or () if span.kind in KNOWN and chance.random() < 0.85)
        if chance.random() < 0.08:
            named[chance.choice(KNOWN)] = None
        return (*before, *named)

    def _in_english(self, lesson: Lesson) -> Lesson | None:
        """Some of what is said in another language, word by word in English, as the planner reads it too."""
        language = FOREIGN.get(lesson.voice.removeprefix("onward_").split("_")[0])
        if language is None or self.chance.random() > 0.25:
            return None
        return lesson._replace(text=to_english(lesson.text, language), spans=None)

    def _swapped(self, lesson: Lesson) -> Lesson:
        """Half of the names are another's."""
        if not lesson.spans:
            return lesson
        text, place, spans = "", 0, list[Span]()
        for span in lesson.spans:
            name = lesson.text[span.start : span.end]
            if span.kind in SWAPPED and self.chance.random() < 0.5:
                name = self.chance.choice(self.names[span.kind])
            text += lesson.text[place : span.start]
            spans.append(Span(len(text), len(text) + len(name), span.kind))
            text += name
            place = span.end
        return lesson._replace(text=text + lesson.text[place:], spans=tuple(spans))

    def _spelt(self, lesson: Lesson) -> Lesson:
        """In small letters, with a slip of the finger, without its question mark, with a word of courtesy."""
        text, chance = lesson.text, self.chance
        if chance.random() < 0.25:
            text = text.lower()
        if chance.random() < 0.2 and text[-1:] in "?.!":
            text = text[:-1]
        if chance.random() < 0.1:
            text += chance.choice(AFTER)
        before = chance.choice(BEFORE) if chance.random() < 0.1 else ""
        moved = [Span(s.start + len(before), s.end + len(before), s.kind) for s in lesson.spans or ()]
        varied = lesson._replace(text=before + text, spans=None if lesson.spans is None else tuple(moved))
        return self._slipped(varied) if chance.random() < 0.25 else varied

    def _slipped(self, lesson: Lesson) -> Lesson:
        named = [place for span in lesson.spans or () for place in range(span.start, span.end)]
        places = [n for n, sign in enumerate(lesson.text) if sign.isalpha() and n not in named]
        if len(places) < 8:
            return lesson
        at = self.chance.choice(places)
        slip = self.chance.choice(("", lesson.text[at] * 2, self.chance.choice(LETTERS)))
        longer = len(slip) - 1
        moved = [
            Span(s.start + longer * (s.start > at), s.end + longer * (s.end > at), s.kind) for s in lesson.spans or ()
        ]
        text = lesson.text[:at] + slip + lesson.text[at + 1 :]
        return lesson._replace(text=text, spans=None if lesson.spans is None else tuple(moved))
