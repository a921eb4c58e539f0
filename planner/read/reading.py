"""A request while its words are being handed to arguments: what was found in it, and what nobody has claimed yet."""

import re
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from planner.read import entities
from planner.read.entities import Span, Vocabulary
from planner.read.grounds import FITS, Ground
from planner.read.reader import Mention
from planner.read.rows import Condition
from planner.read.words import FILLER, stem, words_of

NOT_NAMES = words_of(
    """i api vat po pos kpi kpis sku skus rma url csv pdf id ok eu monday tuesday wednesday thursday friday saturday sunday january
    february march april may june july august september october november december please mr mrs ms dr
    order orders customer customers product products stock"""
)
IN_THE_SHOP = ("customer", "person", "place", "warehouse", "product", "category", "tag")  # kinds of names
CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w’'&.-]*"
NAME = re.compile(rf"{CAPITAL}(?:\s+(?:(?:de|du|la|van|von|der|den|da|di|el|al|bin|of|and|&)\s+)?{CAPITAL})*")


@dataclass(frozen=True)
class Setting:
    """What the system message tells: the time of now, in the merchant's zone, and the home currency."""

    now: datetime  # aware, in `zone`
    zone: ZoneInfo
    currency: str

    @property
    def local(self) -> datetime:
        """Now by the merchant's wall clock, naive."""
        return self.now.replace(tzinfo=None)


def _as_named(span: Span, before: str, mentions: tuple[Mention, ...], vocabulary: Vocabulary) -> Span:
    """A number that may be several things is what the word before it, or the reader, says that it names."""
    if span.kind == "number" and entities.POSTAL.search(before):
        return replace(span, reference="")
    if span.kind not in ("number", "foreign") or (span.kind == "number" and span.value != int(span.value)):
        return span
    named = next((one.kind for one in mentions if one.start <= span.start and span.end <= one.end), "")
    value = str(int(span.value)) if span.kind == "number" else str(span.value)
    if named in ("order", "customer") and re.search(r"\d{3}", value):
        own = value.isdigit() and len(value) <= 6
        return replace(
            span, kind="reference", value=f"{vocabulary.prefix(named)}-{value}" if own else value, reference=named
        )
    if named in ("product", "code") and re.fullmatch(r"\d{4,}", value):
        return replace(span, kind="code", value=value, reference="")
    return replace(span, reference="") if named in ("quantity", "number", "money", "percent", "place") else span


@dataclass
class Reading:
    """A text, its spans, and the places that an argument has claimed."""

    text: str
    spans: list[Span]
    mentions: tuple[Mention, ...] = ()
    claimed: list[tuple[int, int]] = field(default_factory=lambda: list[tuple[int, int]]())
    grounds: tuple[Ground, ...] = ()  # what its pieces are in the shop
    grounded: bool = False  # whether the shop is asked for names: an ordinary word is none
    ordinary: Container[str] = ()
    asked: Mapping[str, Condition] = field(default_factory=lambda: dict[str, Condition]())  # of rows, "field=value"

    @classmethod
    def of(cls, text: str, vocabulary: Vocabulary, setting: Setting, mentions: tuple[Mention, ...] = ()) -> "Reading":
        spans = entities.find(text, vocabulary, setting.local)
        return cls(text, [_as_named(span, text[: span.start], mentions, vocabulary) for span in spans], mentions)

    def fresh(self) -> "Reading":
        """The same text with nothing claimed: each tool tries for itself."""
        return replace(self, claimed=[])

    def free(self, *kinds: str) -> list[Span]:
        """The spans of these kinds that nobody has claimed, in order."""
        return [span for span in self.spans if span.kind in kinds and self.open(span.start, span.end)]

    def named(self, *kinds: str) -> list[Mention]:
        """What the words name, by the reader's word, where nobody has claimed it; the surest first."""
        found = [one for one in self.mentions if one.kind in kinds and self.open(one.start, one.end)]
        if self.grounded:
            found = [one for one in found if one.kind not in IN_THE_SHOP or not self._ordinary(one.start, one.end)]
        return sorted(found, key=lambda one: -one.score)

    def open(self, start: int, end: int) -> bool:
        return all(end <= taken[0] or taken[1] <= start for taken in self.claimed)

    def claim(self, start: int, end: int) -> None:
        self.claimed.append((start, end))

    def take(self, span: Span) -> Span:
        self.claim(span.start, span.end)
        return span

    def search(self, pattern: str, *, group: int = 1, flags: int = re.I) -> re.Match[str] | None:
        """The first match whose group stands on unclaimed ground."""
        return next((m for m in re.finditer(pattern, self.text, flags) if self.open(*m.span(group))), None)

    def before(self, position: int, words: int = 3) -> str:
        """The few words before a place, lower case."""
        return " ".join(self.text[:position].lower().split()[-words:])

    def rest(self) -> str:
        """The text with claimed places and spans blanked, every position kept."""
        letters = list(self.text)
        for start, end in [*self.claimed, *((span.start, span.end) for span in self.spans)]:
            letters[start:end] = "\n" * (end - start)
        return "".join(letters)

    def blanked(self, *kinds: str) -> str:
        """The text with the spans of these kinds blanked, every position kept."""
        letters = list(self.text)
        for span in self.spans:
            if span.kind in kinds:
                letters[span.start : span.end] = "\n" * (span.end - span.start)
        return "".join(letters)

    def names(self, openers: Collection[str] = ()) -> Iterator[tuple[int, int]]:
        """Unclaimed runs of capitalised words that can be names, leaving out the word that opens a sentence."""
        rest = self.rest()
        for m in NAME.finditer(rest):
            start, end = m.span()
            first = re.match(r"[\w’'-]+", m[0])
            opens = not re.search(r"[\w\n,:]\s*$", rest[:start].replace("\n", "x"))
            if first and (
                first[0].lower() in NOT_NAMES or (opens and (first[0].lower() in openers or first[0].lower() in FILLER))
            ):
                start += len(first[0])
                start += len(rest[start:end]) - len(rest[start:end].lstrip())
            said = re.sub(r"(?:['’]s?|[.,])$", "", rest[start:end])
            if (
                len(said) > 1
                and said.lower() not in NOT_NAMES
                and not (opens and start == m.start() and " " not in said)
                and not (self.grounded and self._ordinary(start, start + len(said)))
            ):
                yield start, start + len(said)

    def _ordinary(self, start: int, end: int) -> bool:
        """Whether a name would be made of everybody's words alone: "ahead", "the rest", "Betrag"."""
        return all(word in self.ordinary for word in re.findall(r"[^\W\d_][\w’'-]*", self.text[start:end]))

    def somebody(self, start: int, end: int) -> bool:
        """Whether words are a customer's name in the shop, and no place's: "the parcel of anna"."""
        covering = [one for one in self.grounds if one.start <= start and end <= one.end]
        return any(one.of("customer") and not one.of("city", "warehouse", fits=FITS) for one in covering)

    def somewhere(self, start: int, end: int) -> bool:
        """Whether words are a town or a warehouse of the shop, and nobody's name: "the one from Lille"."""
        covering = [one for one in self.grounds if one.start <= start and end <= one.end]
        return any(one.of("city", "warehouse", fits=FITS[:1]) and not one.of("customer") for one in covering)

    def take_ground(self, ground: Ground) -> None:
        """Claims what is a thing of the shop, wherever it is said."""
        for start, end in ((ground.start, ground.end), *ground.also):
            self.claim(start, end)

    def named_first(self) -> bool:
        """Whether the text opens with somebody's name, or a thing's."""
        first = re.search(r"\w", self.text)
        return first is not None and any(
            one.start <= first.start() < one.end for one in (*self.mentions, *self.grounds)
        )

    def opening(self) -> str:
        """The first word, lower case, when it is a plain one: no name, figure or reference."""
        m = re.match(
            r"\W*(?:(?:please|pls|hey|hi|hello|ok|so|can you|could you|would you)[,\s]+)*([^\W\d_]+)", self.rest(), re.I
        )
        return m[1].lower() if m and (m.start(1) == 0 or m[1].islower()) else ""

    def unknown(self, known: Collection[str]) -> list[tuple[int, int]]:
        """Unclaimed runs of words that carry meaning and that a tool's own words do not hold."""
        runs: list[tuple[int, int]] = []
        for m in re.finditer(r"[^\W_][\w'’-]*", self.rest()):
            word = m[0].lower()
            parts = re.split(r"['’-]", word)
            if all(len(part) < 2 or part in FILLER or stem(part) in known or part.isdigit() for part in parts):
                continue
            if self.grounded and word in self.ordinary:
                continue
            if runs and re.fullmatch(r"[ ]+", self.text[runs[-1][1] : m.start()]):
                runs[-1] = (runs[-1][0], m.end())
            else:
                runs.append(m.span())
        return runs
