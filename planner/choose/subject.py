"""The record in hand: the order, ticket, transfer … that the conversation is about, and a turn that is about it without saying so.

"add a note: she calls back" names no order, and "has it been paid?" no payment: read beside what was shown or changed last,
"ORD-1042, add a note …", they are requests like any other. A turn that is certain by itself, or names something, is left alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from planner.choose import about
from planner.choose.decisions import Ask, Decision, Decline, Desk
from planner.choose.focus import NOBODYS, PEOPLE, referred
from planner.choose.index import NO_TOOL
from planner.choose.pointing import Pointed
from planner.read import mood, pointers
from planner.read.acts import Act
from planner.read.fields import Kind
from planner.read.words import tokens

SHORT = 7  # words of a question that is about the record in hand, if about anything
BACK = 3  # answers that a record stays in hand for
TRIED = 4  # records that a turn is read beside
CERTAIN = 0.6  # of a probability: from here on a turn says by itself what is wished
POSSIBLE = 0.4  # of the probability of an operation beside the record
HOLDING = ("order", "purchase_order", "transfer", "shipment", "pick_list", "return")
INSIDE = re.compile(
    r"\b(?:is|are|was|were|what(?:['’]?s)?|how many\b.{1,40})\s+(?:\w+\s+){0,3}(?:on|in|inside)\s+(?:it|there|that one)\b"
    r"|\b(?:dr(?:in|auf)|darin|darauf)\b|\b(?:dedans|dessus|à l['’]intérieur)\b",
    re.I,
)
UNHEARD = ("unclear", "elsewhere", "pointing", "planned", "people", *NO_TOOL)


@dataclass(frozen=True)
class Beside:
    """A record in hand, and what a turn asks for when it is read beside it."""

    reference: str
    text: str
    operation: str
    score: float


def in_hand(desk: Desk) -> list[str]:
    """The records that were spoken of last, the surest first; of a kind only where it is the one and only."""
    found: dict[str, str] = {}
    for did, _ in zip(desk.talk.did(), range(BACK), strict=False):
        told: dict[str, list[str]] = {}
        for kind, value in _spoken_of(did, desk):
            told.setdefault(kind, []).append(value)
        for kind, values in told.items():
            found.setdefault(kind, values[0] if len(set(values)) == 1 else "")
    return [value for kind, value in found.items() if value and kind not in NOBODYS]


def _spoken_of(did: Mapping[str, Any], desk: Desk) -> list[tuple[str, str]]:
    """What one answer changed, looked up, or showed alone; and what that belongs to."""
    put, calls, shown = (cast(list[dict[str, Any]], did.get(name) or []) for name in ("put", "calls", "shown"))
    own = [one for call in put for one in referred(call, desk.index)]
    own += [one for call in calls for one in referred(call, desk.index, required=True)]
    rows = [one for one in shown if not one.get("inner")]
    refers = [(kind, str(value), value == row["reference"]) for row in rows for kind, value in row["refers"].items()]
    # Who has a pick list is not its subject.
    own += [(kind, value) for kind, value, itself in refers if itself or kind != "user"]
    return own or [one for call in calls for one in referred(call, desk.index)]


def instead(
    decision: Decision, said: str, pointed: Pointed, desk: Desk, decided: Callable[[str], Decision]
) -> Decision:
    """The decision, or the one for the turn beside the record in hand, where that makes more of it."""
    hand = in_hand(desk)[:TRIED]
    if (inside := _inside(hand, said, desk)) is not None:
        return inside
    if not hand or _sure(decision, said, pointed, desk, hand[0]) or _names_something(said, desk):
        return decision
    one = next((one for one in _read_beside(said, hand, desk) if _likely(one, said, desk)), None)
    if one is None and isinstance(decision, Decline) and decision.why == "unclear" and Act.of(said).asks:
        return _shown(hand[0], said, desk) or decision
    if one is None or one.score < 0.9 * _score(decision, pointed.text, desk):
        return decision
    other = decided(one.text)
    return other if _uses(other, one.reference) else decision


def _inside(hand: Sequence[str], said: str, desk: Desk) -> Decision | None:
    """A look into the record in hand, of which it is asked what, or how much of a thing, is in it."""
    asks = Act.of(said).asks or mood.asks(said, desk.english(said))
    if not (asks and INSIDE.search(said)) or _names_something(said, desk):
        return None
    for reference in hand:
        if _kind(reference, desk) in HOLDING and (steps := about.opened(reference, desk)):
            return steps
    return None


def _shown(reference: str, said: str, desk: Desk) -> Decision | None:
    """A look at the record, where a short question says of nothing else what it is about: "can it still be cancelled?"."""
    short = len(tokens(said)) <= SHORT and not desk.reading(desk.english(said)).grounds
    return (about.opened(reference, desk) or None) if short and _kind(reference, desk) not in PEOPLE else None


def _kind(reference: str, desk: Desk) -> str:
    return desk.index.vocabulary.prefixes.get(reference.partition("-")[0], "")


def _likely(one: Beside, said: str, desk: Desk) -> bool:
    """A change must be likely, and not asked about; so must a look at the record be where nothing was asked: it was just shown."""
    asked = mood.asks(said, desk.english(said)) or Act.of(said).asks
    return not desk.index.tools[one.operation].entry.writes if asked else one.score >= CERTAIN


def _sure(decision: Decision, said: str, pointed: Pointed, desk: Desk, main: str) -> bool:
    """Whether something can be made of the turn as it stands."""
    match decision:
        case Decline():
            return decision.why not in UNHEARD
        case Ask():
            wanted = decision.pending.get("missing") or ()
            if decision.pending["kind"] == "pick":
                return _score(decision, said, desk) >= CERTAIN
            if decision.pending["kind"] != "slots":
                return decision.pending["kind"] in ("confirm", "point", "vague")
            tool = desk.index.tools[decision.pending["tool"]]
            lacking = [one for f in tool.fields if f.name in wanted for one in (f, *f.parts)]
            return not any(f.kind is Kind.reference and f.required for f in lacking)
        case _:
            if any(step.people for step in decision) or any(_is_record(thing, desk) for thing in pointed.things):
                return True
            of_somebody = bool(pointed.things) and _is_record(main, desk)  # "did he pay" is asked of the order
            return not of_somebody and _score(decision, pointed.text, desk) >= CERTAIN


def _score(decision: Decision, text: str, desk: Desk) -> float:
    """How likely what is decided is by itself."""
    wishes = desk.wishes(text)
    match decision:
        case Decline():
            return 0.0
        case Ask():
            missing = bool(decision.pending.get("missing")) and decision.pending["kind"] == "slots"
            return 0.0 if missing else wishes.get(str(decision.pending.get("tool")), 0.0)
        case _:
            return max((wishes.get(step.tool, 0.0) for step in decision), default=0.0)


def _is_record(thing: str, desk: Desk) -> bool:
    """Whether it is no person."""
    return desk.index.vocabulary.prefixes.get(thing.partition("-")[0], "") not in PEOPLE


def _names_something(said: str, desk: Desk) -> bool:
    """Whether a turn has a subject of its own: a reference, an address, somebody's name."""
    reading = desk.reading(desk.english(said))
    return bool(reading.free("reference", "foreign", "email") or reading.named("customer", "person", "supplier"))


def _read_beside(said: str, hand: Sequence[str], desk: Desk) -> Iterator[Beside]:
    """The likeliest operation of each of the records in hand, the main one first."""
    plain = desk.wishes(said)
    alone = max((score for name, score in plain.items() if name not in NO_TOOL), default=0.0)
    for reference in hand:
        text = f"{reference}, {said}"
        wishes = desk.wishes(text)
        best = max(wishes, key=lambda name: wishes[name])
        if best in desk.offered and wishes[best] >= POSSIBLE and wishes[best] > (0.0 if _points(said) else alone / 2):
            yield Beside(reference, text, best, wishes[best])


def _points(said: str) -> bool:
    return pointers.plain("points").search(said) is not None


def _uses(decision: Decision, reference: str) -> bool:
    """Whether the record has its place in what is to be done."""
    match decision:
        case Decline():
            return False
        case Ask():
            return reference in f"{decision.pending.get('args', '')}{decision.pending.get('steps', '')}"
        case _:
            return any(reference in f"{step.args}{step.people}" for step in decision)
