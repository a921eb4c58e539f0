"""One message, several wishes: "What is running low, and what did we sell last week?"

A story is one wish, however many sentences it takes; where another begins, the reader was taught to hear.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from planner.read import mood
from planner.read.reader import Begin
from planner.read.signals import WRITING_STARTS
from planner.read.words import content

JOINED = (
    r"(?:and then|and also|then|and|also|plus|&|et puis|et aussi|et|puis|und dann|und auch|und|dann)"
    r"\s+(?:also\s+|then\s+|please\s+|auch\s+|bitte\s+|aussi\s+)?"
)
# Where a wish may begin: a new sentence, or what stands after "and" or a comma.
PERHAPS = re.compile(rf"(?<=[.?!;])\s+(?={JOINED}|\S)|\s*\n+\s*|\s*,?\s+(?={JOINED})|\s*,\s+|\s+[-–—]\s+", re.I)
LED = re.compile(rf"^[\s,;–—-]*(?:{JOINED})?", re.I)
LEANING = re.compile(
    r"^(?:then\b|after that)|\b(?:it|them|that one|this one|those|he|she|they|him|her|his|their|the same)\b"
    r"|\w-(?:le|la|les|lui|leur)\b|\b(?:lui|ihm|ihr|ihnen|ihn|damit|davon|dafür)\b|\w (?:le|la|les|es|sie)$",
    re.I,
)
ABBREVIATION = re.compile(
    r"\b(?:no|nr|str|st|approx|e\.g|i\.e|mr|mrs|dr|vs|incl|max|min|m|mme|mlle|hr|fr|ca|bzw|evtl)\.$", re.I
)
QUOTED = re.compile(r"[\"“«„][^\"”»“]*(?:[\"”»“]|$)")  # what is to be written, or was
# "Write him that …, and then the ticket can be closed": that is not for him.
CLOSING = re.compile(
    r",?\s+(?:and then|and|then)\s+(?:(?:please\s+)?close (?:it|the ticket|this|that)|(?:the ticket|it|this) can be closed?)\W*$",
    re.I,
)
TOO = re.compile(
    r"\b(?:too|as well|also|aussi|également|auch|ebenfalls)(?:\W+(?:actually|please|pls|bitte|svp|stp|then|yes))*\W*$",
    re.I,
)
MOST_TOO = 4  # words with meaning
ANSWER = "reply_to_ticket"
# Of the probability that another wish begins: it does; it is not ruled out; the same of what points at something before it.
CUT, FAINT, LEANT = 0.4, 0.002, 0.006
LIKELY, CERTAIN = 0.5, 0.85  # of the probability of an operation: a wish in form is one, and what is only told


@dataclass(frozen=True)
class Clause:
    """One wish, and whether it leans on an earlier one ("... and cancel it")."""

    text: str
    leans: bool = False


Judge = Callable[[str], Mapping[str, float]]  # the probability of each operation that a text may ask for
Hear = Callable[[str], Sequence[Begin]]  # how likely another wish begins with each piece of a text


def split(text: str, judge: Judge, hear: Hear) -> list[Clause]:
    """The wishes of a message in order; a single one for most messages."""
    closing = CLOSING.search(text)
    if closing and closing.start() and _answers(text[: closing.start()], judge):
        return [*split(text[: closing.start()], judge, hear), Clause("close the ticket", leans=True)]
    cuts = [0, *_heard(text, judge, hear(text)), len(text)]
    pieces = [text[start:end].strip() for start, end in pairwise(cuts)]
    wishes = [pieces[0], *(LED.sub("", piece) for piece in pieces[1:])]
    found = [wish for wish in wishes if wish.strip(" ,.;?!")]
    return [Clause(wish, n > 0 and LEANING.search(wish) is not None) for n, wish in enumerate(found)] or [Clause(text)]


def _answers(text: str, judge: Judge) -> bool:
    said = judge(text)
    return bool(said) and max(said, key=lambda name: said[name]) == ANSWER


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Where a wish may begin, and where its own words do: after "and then"."""
    quoted = [m.span() for m in QUOTED.finditer(text)]
    for cut in PERHAPS.finditer(text):
        inside = any(start < cut.start() < end for start, end in quoted)
        if cut.start() and not inside and not ABBREVIATION.search(text[: cut.start()]):
            led = LED.match(text[cut.end() :])
            yield cut.start(), cut.end() + (led.end() if led else 0)


def _heard(text: str, judge: Judge, begins: Sequence[Begin]) -> list[int]:
    """The places where the reader hears another wish begin, or does not rule it out and both sides are wishes in form and sense."""
    found: list[int] = []
    for at, own in _places(text):
        likely = max((one.likely for one in begins if at <= one.start <= own), default=0.0)
        before, piece = LED.sub("", text[found[-1] if found else 0 : at]), text[own:]
        faint = LEANT if LEANING.search(piece) else FAINT
        if not _more(piece) and (likely >= CUT or (likely >= faint and _another(before, piece, judge))):
            found.append(at)
    return found


def _more(piece: str) -> bool:
    """ "And gift sets too": it only names more of what is wished; not "1043 too", which is done apart."""
    few = len(content(piece)) <= MOST_TOO and not LEANING.search(piece)
    return few and TOO.search(piece) is not None and not re.search(r"\d", piece)


def _another(wish: str, piece: str, judge: Judge) -> bool:
    """Whether a piece begins as a wish does, and certainly asks for another operation than what stands before it."""
    if not _wishes(piece):
        return False
    each = [judge(one) for one in (wish, piece)]
    first, second = (max(scores, key=lambda name: scores[name], default="") for scores in each)
    certain = each[0].get(first, 0.0) >= (LIKELY if _wishes(wish) else CERTAIN)
    return first != second and certain and each[1].get(second, 0.0) >= LIKELY


def by_form(text: str) -> list[Begin]:
    """The same by the words that wishes begin with, where there is no reader to hear it."""
    return [Begin(own, len(text), 1.0) for _, own in _places(text) if _wishes(text[own:])]


def _wishes(piece: str) -> bool:
    """Whether it begins as a question or a command does."""
    first = re.match(r"\W*([\w']+)", piece)
    return mood.begins(piece) or (first is not None and first[1].lower() in WRITING_STARTS)
