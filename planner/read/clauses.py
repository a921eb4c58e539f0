"""One message, several wishes: "What is running low, and what did we sell last week?" """

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.read import mood
from planner.read.signals import READING_STARTS, WRITING_STARTS
from planner.read.words import content

ALWAYS = re.compile(r"(?<=[.?!;])\s+(?=\S)|\s*\n+\s*")
JOINED = (
    r"(?:and then|and also|then|and|also|plus|&|et puis|et aussi|et|puis|und dann|und auch|und|dann)"
    r"\s+(?:also\s+|then\s+|please\s+|auch\s+|bitte\s+|aussi\s+)?"
)
PERHAPS = re.compile(rf"\s*,?\s+(?P<joined>{JOINED})|\s*,\s+(?:please\s+)?", re.I)
LED = re.compile(rf"^[\s,]*(?:{JOINED})?", re.I)
# What follows belongs to what stands before.
CLOSED = re.compile(
    r"\b(?:because|(?:since|as) (?:he|she|it|they|we|i|you|the|his|her|their)|saying|says|that|so that)\b|:\s|[\"“«]",
    re.I,
)
# And so does the reason of a wish, but for what is to be told or shown: "… because of the address and tell me what runs low".
REASON = re.compile(r"because|since|as\b", re.I)
LEANING = re.compile(
    r"^(?:then\b|after that)|\b(?:it|them|that one|this one|those|he|she|they|him|her|his|their|the same)\b"
    r"|\w-(?:le|la|les|lui|leur)\b|\b(?:lui|ihm|ihr|ihnen|ihn|damit|davon|dafür)\b|\w (?:le|la|les|es|sie)$",
    re.I,
)
# "Ana Torres in lyon".
SOMEBODY = re.compile(r"[A-ZÀ-Þ][\w’'-]+(?: [A-ZÀ-Þ][\w’'-]+)+(?:,? (?:in|from|of|at|de|à|aus|von)? ?[\w’'-]+)?")
ABBREVIATION = re.compile(
    r"\b(?:no|nr|str|st|approx|e\.g|i\.e|mr|mrs|dr|vs|incl|max|min|m|mme|mlle|hr|fr|ca|bzw|evtl)\.$", re.I
)
# "And gift sets too": more of what stands before it.
TOO = re.compile(
    r"\b(?:too|as well|also|aussi|également|auch|ebenfalls)(?:\W+(?:actually|please|pls|bitte|svp|stp|then|yes))*\W*$",
    re.I,
)
MOST_TOO = 4  # words with meaning
OF_US = re.compile(r"\b(?:we|i|us|me)\b", re.I)  # "what did we sell": what it is about stands in it
# "Write him that …, and then the ticket can be closed": that is not for him.
CLOSING = re.compile(
    r",?\s+(?:and then|and|then)\s+(?:(?:please\s+)?close (?:it|the ticket|this|that)|(?:the ticket|it|this) can be closed?)\W*$",
    re.I,
)
ANSWER = "reply_to_ticket"
OPENERS = READING_STARTS | WRITING_STARTS
WHOLE, ANOTHER = 0.85, 0.75  # of the best tool of a whole message, and of that of a piece that asks for something else
FAINT = 0.1  # of the best tool of a whole message in a command: below it, that is no part of the same wish
CONFIDENT = 0.35  # of the best tool: a piece below it is no request of its own, and stays with its neighbour


@dataclass(frozen=True)
class Clause:
    """One wish, and whether it leans on an earlier one ("... and cancel it")."""

    text: str
    leans: bool = False


Judge = Callable[[str], Mapping[str, float]]  # the probability of each operation that a text may ask for


def split(text: str, judge: Judge) -> list[Clause]:
    """The wishes of a message in order; a single one for most messages."""
    closing = CLOSING.search(text)
    if (
        closing
        and closing.start()
        and (said := judge(text[: closing.start()]))
        and max(said, key=lambda n: said[n]) == ANSWER
    ):
        return [*split(text[: closing.start()], judge), Clause("close the ticket", leans=True)]
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
    """Cuts where a new request could begin: at "and" or a comma, before a word that requests begin with.

    After "and" that may be any question or command, after a comma one of the usual words alone: what stands there is more
    often what belongs to the request.
    """
    pieces: list[str] = []
    start = 0
    closed = CLOSED.search(sentence)
    for cut in PERHAPS.finditer(sentence):
        rest = sentence[cut.end() :]
        following = re.match(r"[\w']+", rest)
        opens = following and (following[0].lower() in OPENERS or (cut["joined"] and mood.begins(rest)))
        shut = closed and closed.start() < cut.start() and not (REASON.match(closed[0]) and mood.wants_shown(rest))
        if cut.start() > start and opens and not shut:
            pieces.append(sentence[start : cut.start()])
            start = cut.start()
    return [*pieces, sentence[start:]]


def _join_context(pieces: list[str], judge: Judge) -> list[str]:
    """A piece that asks for nothing by itself is context, and goes to the wish after it, or before it at the end."""
    wishes: list[str] = []
    context = ""
    for said in pieces:
        whole = _together(context, said)
        piece = LED.sub("", whole)
        wanted = _asks(piece) or mood.commands(piece)  # though it is not understood: then that is said
        if wishes and _more_of(wishes[-1], piece, judge):
            wishes[-1] = _together(wishes[-1], whole)
            context = ""
            continue
        thin = _is_thin(piece, judge, first=not wishes)
        if len(pieces) > 1 and (thin or (not wanted and _best(piece, judge) < CONFIDENT)):
            context = whole
            continue
        context = ""
        wishes.append(whole)
    if context and wishes:
        wishes[-1] = _together(wishes[-1], context)
    return [*wishes[:1], *(LED.sub("", wish) for wish in wishes[1:])] or [context]


def _more_of(wish: str, piece: str, judge: Judge) -> bool:
    """ "And gift sets too": whether a piece only names more of what is wished; not "1043 too", which is done apart."""
    if not TOO.search(piece) or len(content(piece)) > MOST_TOO or LEANING.search(piece) or re.search(r"\d", piece):
        return False
    alone, together = judge(wish), judge(_together(wish, piece))
    wished = max(alone, key=lambda name: alone[name])
    return not _asks(wish) and alone[wished] >= WHOLE and together[wished] >= WHOLE


def _is_thin(piece: str, judge: Judge, *, first: bool) -> bool:
    """Whether it belongs to a neighbour: "how much is free" to what stands before; not "hold 1042", nor "show me what is low"."""
    if SOMEBODY.fullmatch(piece.strip(" ,.;:!")):
        return True
    if len(content(piece)) > 1 or LEANING.search(piece) or (_commands(piece) and re.search(r"\d", piece)):
        return False
    sure = OF_US.search(piece) or ((first or mood.wants_shown(piece)) and _best(piece, judge) >= WHOLE)
    return not (sure and mood.asks(piece))


def _together(piece: str, following: str) -> str:
    """Two pieces as they were said, with what stood between them."""
    return f"{piece}{'' if following.startswith(',') else ' '}{following.strip()}".strip()


def _one_wish(text: str, pieces: list[str], judge: Judge) -> bool:
    """Whether a story has one wish for certain, and none of its pieces another: "she called, she'd like two, she pays later".

    Several commands are several wishes, "hold 1042, put a note on it that he rang", and so is a question after something else.
    """
    likely = judge(text)
    wish = max(likely, key=lambda name: likely[name])
    each = [judge(piece) for piece in pieces]
    told = [own for own, piece in zip(each, pieces, strict=True) if not _only_leans(piece)]
    commands = [max(own, key=lambda n: own[n]) for own, piece in zip(each, pieces, strict=True) if _commands(piece)]
    apart = any(mood.commands(piece) and own[wish] < FAINT for own, piece in zip(each[1:], pieces[1:], strict=True))
    if apart or len({*commands}) > 1 or (_asks(pieces[-1]) and not _asks(pieces[0])):
        return False
    others = [score for scores in told for name, score in scores.items() if name != wish and not name.startswith("~")]
    alone = len(told) == 1 and max(told[0], key=lambda name: told[0][name]) == wish  # the others only lean on it
    return (alone or likely[wish] >= WHOLE) and max(others, default=0.0) < ANOTHER


def _only_leans(piece: str) -> bool:
    """ "and what they cost" asks for more of what was asked for, whatever it would mean alone."""
    return LEANING.search(piece) is not None and len(content(piece)) <= 1 and not _commands(piece)


def _asks(piece: str) -> bool:
    """ "… and what did she buy?" is no part of the note before it."""
    return piece.rstrip().endswith("?") and mood.asks(LED.sub("", piece))


def _commands(piece: str) -> bool:
    first = re.match(r"\W*([\w']+)", piece)
    return first is not None and (first[1].lower() in WRITING_STARTS or mood.commands(piece))


def _best(text: str, judge: Judge) -> float:
    return max((score for name, score in judge(text).items() if not name.startswith("~")), default=0.0)
