"""One message, several wishes: "What is running low, and what did we sell last week?" """

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.read import mood
from planner.read.signals import READING_STARTS, WRITING_STARTS
from planner.read.words import content

ALWAYS = re.compile(r"(?<=[.?!;])\s+(?=\S)|\s*\n+\s*")
PERHAPS = re.compile(
    r"\s*,?\s+(?:and then|and also|then|and|also|plus)\s+(?:also\s+|then\s+|please\s+)?|\s*,\s+(?:please\s+)?", re.I
)
CLOSED = re.compile(
    r"\b(?:because|since|as|saying|says|that|so that)\b|:\s|[\"“«]", re.I
)  # what follows belongs to what stands before
LEANING = re.compile(
    r"^(?:then\b|after that)|\b(?:it|them|that one|this one|those|he|she|they|him|her|his|their|the same)\b", re.I
)
SOMEBODY = re.compile(
    r"[A-ZÀ-Þ][\w’'-]+(?: [A-ZÀ-Þ][\w’'-]+)+(?:,? (?:in|from|of|at|de|à|aus|von)? ?[\w’'-]+)?"
)  # "Ana Torres in lyon"
ABBREVIATION = re.compile(r"\b(?:no|nr|str|st|approx|e\.g|i\.e|mr|mrs|dr|vs|incl|max|min)\.$", re.I)
AND = re.compile(r"^(?:and|et|und)\s+", re.I)
OPENERS = READING_STARTS | WRITING_STARTS
WHOLE, ANOTHER = 0.85, 0.75  # of the best tool of a whole message, and of that of a piece that asks for something else
CONFIDENT = 0.35  # of the best tool: a piece below it is no request of its own, and stays with its neighbour


@dataclass(frozen=True)
class Clause:
    """One wish, and whether it leans on an earlier one ("... and cancel it")."""

    text: str
    leans: bool = False


Judge = Callable[[str], Mapping[str, float]]  # the probability of each operation that a text may ask for


def split(text: str, judge: Judge) -> list[Clause]:
    """The wishes of a message in order; a single one for most messages."""
    sentences = _sentences(text)
    pieces = [piece for sentence in sentences for piece in _pieces(sentence)]
    joined = _join_context([piece for piece in pieces if piece.strip(" ,.;?!")], judge)
    joined = [text.strip()] if len(joined) > 1 and _one_wish(text, joined, judge) else joined
    return [Clause(piece, n > 0 and LEANING.search(piece) is not None) for n, piece in enumerate(joined)] or [
        Clause(text)
    ]


def _sentences(text: str) -> list[str]:
    sentences: list[str] = []
    for piece in ALWAYS.split(text.strip()):
        closed = sentences and CLOSED.search(sentences[-1]) and '"' not in sentences[-1] and not _asks(piece)
        if sentences and (closed or ABBREVIATION.search(sentences[-1])):
            sentences[-1] += " " + piece
        else:
            sentences.append(piece)
    return sentences


def _pieces(sentence: str) -> list[str]:
    """Cuts where a new request could begin: at "and" or a comma, before a word that requests begin with."""
    pieces: list[str] = []
    start = 0
    closed = CLOSED.search(sentence)
    for cut in PERHAPS.finditer(sentence):
        following = re.match(r"[\w']+", sentence[cut.end() :])
        opens = following and following[0].lower() in OPENERS
        if cut.start() > start and opens and not (closed and closed.start() < cut.start()):
            pieces.append(sentence[start : cut.start()])
            start = cut.end()
    return [*pieces, sentence[start:]]


def _join_context(pieces: list[str], judge: Judge) -> list[str]:
    """A piece that asks for nothing by itself is context, and goes to the wish after it, or before it at the end."""
    wishes: list[str] = []
    context = ""
    for piece in pieces:
        piece = f"{context} {piece}".strip()
        thin = len(content(piece)) < 2 and not LEANING.search(piece)  # "how much is free": of what stands before
        thin = thin and not (_commands(piece) and re.search(r"\d", piece))  # but "hold 1042"
        thin = thin or SOMEBODY.fullmatch(piece.strip(" ,.;:!")) is not None
        if len(pieces) > 1 and (thin or (_best(piece, judge) < CONFIDENT and not _asks(piece))):
            context = piece
            continue
        context = ""
        wishes.append(piece)
    if context and wishes:
        wishes[-1] = f"{wishes[-1]} {context}"
    return wishes or [" ".join(pieces)]


def _one_wish(text: str, pieces: list[str], judge: Judge) -> bool:
    """Whether a story has one wish for certain, and none of its pieces another: "she called, she'd like two, she pays later".

    Several commands are several wishes, "hold 1042, put a note on it that he rang", and so is a question after something else.
    """
    likely = judge(text)
    wish = max(likely, key=lambda name: likely[name])
    each = [judge(piece) for piece in pieces]
    commands = [max(own, key=lambda n: own[n]) for own, piece in zip(each, pieces, strict=True) if _commands(piece)]
    if len({*commands}) > 1 or (_asks(pieces[-1]) and not _asks(pieces[0])):
        return False
    others = [score for scores in each for name, score in scores.items() if name != wish and not name.startswith("~")]
    return likely[wish] >= WHOLE and max(others) < ANOTHER


def _asks(piece: str) -> bool:
    """ "… and what did she buy?" is no part of the note before it."""
    return piece.rstrip().endswith("?") and mood.asks(AND.sub("", piece))


def _commands(piece: str) -> bool:
    first = re.match(r"\W*([\w']+)", piece)
    return first is not None and first[1].lower() in WRITING_STARTS


def _best(text: str, judge: Judge) -> float:
    return max((score for name, score in judge(text).items() if not name.startswith("~")), default=0.0)
