"""A thing that was pointed at, and what is done about it: where the likeliest operation has no place for it, the one that has.

"the tea one, how often was it used?" is asked of a promotion, whatever else words of use are asked of; "did he pay?" of his order.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from planner.choose.decisions import Ask, Decision, Decline, Desk, Step
from planner.choose.focus import GOODS, NOBODYS, referred
from planner.choose.index import Tool
from planner.choose.settle import complete, filling
from planner.converse.things import REFERENCE, shown_whole
from planner.read import mood
from planner.read.acts import Act
from planner.read.fields import Kind

TRIED = 8  # of the likeliest operations, those of which one is looked for that has a place for the thing
CERTAIN = 0.6  # of a probability: from here on an operation is asked for, whatever was pointed at
LEAST = 0.1  # of the probability of such a one
LEAST_CHANGE = 0.35  # of that of a change
MOST_OF = 0.6  # of the probabilities of all that take the thing: a change that has so much is wished
PLACES = ("warehouse", "user", "carrier", "supplier")  # of which a row says where, with whom or by whom something is
NOT_MEANT = (*NOBODYS, "user")  # what a row refers to, and nobody means by it
UNLIKELY = 0.3  # of the likeliest reader's probability: an operation below it is not what was asked for


def uses(decision: Decision, things: Sequence[str]) -> bool:
    """Whether what was pointed at has a place in what is to be done."""
    match decision:
        case Decline():
            return False
        case Ask():
            told = str(decision.pending.get("args", decision.pending.get("steps", "")))
            return any(thing in told for thing in things)
        case _:
            return any(thing in f"{step.args}{step.people}" for step in decision for thing in things)


def _placed(decision: Decision, things: Sequence[str], desk: Desk) -> bool:
    """Whether what was pointed at stands where such a thing belongs, and not among words to search for."""
    if not isinstance(decision, list):
        return isinstance(decision, Ask) and uses(decision, things)
    calls = [{"tool": step.tool, "args": step.args} for step in decision]
    named = {value for call in calls for _, value in referred(call, desk.index)}
    return any(thing in named or any(thing in str(step.people) for step in decision) for thing in things)


def instead(decision: Decision, text: str, things: Sequence[str], desk: Desk) -> Decision:
    """The decision, or that for the likeliest operation which takes the thing, or what belongs to it: the buyer of an order.

    `text` has the thing's reference in it. A change is put where nothing else was understood, and it
    is the likeliest by far of those that take such a thing, and told whole.
    """
    if uses(decision, things) or not _kinds(things, desk) - {*NOBODYS}:
        return decision
    asks, told = _asks(text, desk), _told(things, desk)
    unheard = not mood.forbidden(text) and (
        isinstance(decision, Ask) or (isinstance(decision, Decline) and decision.why == "unclear")
    )
    ranked = [(one, desk.index.tools[one.name]) for one in desk.wished(text, TRIED) if one.score >= LEAST]
    taking = [(one, tool, ref) for one, tool in ranked for ref in told if _takes(tool, _kinds([ref], desk))]
    scores = {one.name: one.score for one, _, _ in taking}
    for one, tool, reference in taking:
        said = text if reference in things else text.replace(things[0], reference)
        likely = one.score >= max(LEAST_CHANGE, MOST_OF * sum(scores.values()))
        if tool.entry.writes == asks or (tool.entry.writes and not (unheard and likely and _whole(tool, said, desk))):
            continue
        other = complete(tool, said, desk)
        if _placed(other, [*things, reference], desk):
            return other
    return decision


def _whole(tool: Tool, text: str, desk: Desk) -> bool:
    """Whether a change has a place for all that was said, and lacks nothing."""
    filled = filling(tool, desk.reading(desk.english(text)), desk)
    return not (filled.missing or filled.unplaced or filled.strange or filled.doubts or filled.which)


def _told(things: Sequence[str], desk: Desk) -> list[str]:
    """The things, and of a row that is meant alone what it refers to beside itself."""
    rows = [row for row in shown_whole(desk.talk) if row.reference == things[0]] if len(things) == 1 else []
    beside = [value for row in rows[:1] for kind, value in row.refers.items() if kind not in NOT_MEANT]
    return list(dict.fromkeys([*things, *beside]))


def likelier(decision: Decision, said: str, text: str, things: Sequence[str], desk: Desk) -> Decision:
    """The look-up, or the one that is much likelier by what was said alone, where that can be told by the thing: his order."""
    if not isinstance(decision, list) or len(decision) != 1 or desk.index.tools[decision[0].tool].entry.writes:
        return decision
    best = next(iter(desk.wished(said, 1)), None)
    if best is None or desk.index.tools[best.name].entry.writes:
        return decision
    if desk.wishes(said)[decision[0].tool] >= UNLIKELY * best.score:
        return decision
    for reference in _told(things, desk) if best.score >= CERTAIN else things[:1]:
        other = complete(desk.index.tools[best.name], text.replace(things[0], reference), desk)
        if isinstance(other, list) and (_placed(other, [*things, reference], desk) or _about_a_record(other, desk)):
            return other
    return decision


def _about_a_record(steps: Sequence[Step], desk: Desk) -> bool:
    """Whether it is known of which record: of the order that is in hand, where "he" is its buyer."""
    return any(referred({"tool": step.tool, "args": step.args}, desk.index, required=True) for step in steps)


def shown(decision: Decision, text: str, things: Sequence[str], desk: Desk) -> Decision:
    """The decision, or the thing itself, where nothing better is known of a question about it; `text` is the question."""
    if not _asks(text, desk) or not _poor(decision, text, desk):
        return decision
    steps = [step for thing in things for step in opened(thing, desk)]
    return steps or decision


def of_row(decision: Decision, text: str, things: Sequence[str], desk: Desk) -> Decision:
    """The decision, of the row that was told; where it has no place for it, the row itself, if something is asked."""
    steps = decision if isinstance(decision, list) else []
    kinds = _kinds(things, desk)
    for nth, step in enumerate(steps if len(things) == 1 else ()):
        fields = [f for f in desk.index.tools[step.tool].fields if f.kind is Kind.reference and f.reference in kinds]
        if f := next((f for f in fields if f.name in step.people), None):
            people = {name: said for name, said in step.people.items() if name != f.name}
            return [
                *steps[:nth],
                replace(step, args={**step.args, f.name: things[0]}, people=people),
                *steps[nth + 1 :],
            ]
    records = not kinds & {*PLACES, *GOODS} and not any(desk.index.tools[step.tool].entry.writes for step in steps)
    return ([one for thing in things for one in opened(thing, desk)] or decision) if records else decision


def _poor(decision: Decision, text: str, desk: Desk) -> bool:
    """Whether it does nothing, asks for what it needs, or looks up something that is not certainly asked for."""
    match decision:
        case Decline():
            return True
        case Ask():
            return decision.pending["kind"] == "slots"
        case _:
            reads = not any(desk.index.tools[step.tool].entry.writes for step in decision)
            return reads and max(desk.wishes(text).get(step.tool, 0.0) for step in decision) < CERTAIN


def opened(thing: str, desk: Desk) -> list[Step]:
    """The call that shows a thing: its own, or the list of its kind with nothing else in it."""
    for kind in _kinds([thing], desk):
        for name in (f"get_{kind}", f"list_{kind}s"):
            fields = desk.index.tools[name].fields if name in desk.offered else ()
            own = [f for f in fields if f.kind is Kind.reference and f.reference == kind and not f.many]
            if own:
                return [Step(name, {own[0].name: thing})]
    return []


def _kinds(things: Sequence[str], desk: Desk) -> frozenset[str]:
    """What they are, by their references; names of categories tell nothing."""
    prefixes = desk.index.vocabulary.prefixes
    named = {prefixes.get(thing.partition("-")[0], "variant") for thing in things if thing == thing.upper()}
    named -= {"variant"} if any(REFERENCE.fullmatch(thing) for thing in things) else set()
    return frozenset(named | {*GOODS} if named & {*GOODS} else named)


def _takes(tool: Tool, kinds: Collection[str]) -> bool:
    return any(f.kind is Kind.reference and f.reference in kinds for f in tool.fields)


def _asks(text: str, desk: Desk) -> bool:
    return mood.asks(text, desk.english(text)) or Act.of(text).asks or text.startswith("show ")
