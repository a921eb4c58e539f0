"""One wish, one decision: a call with its arguments, a question, or the admission that it was not understood.

A reading tool that is chosen wrongly costs a glance, a writing one costs more: so a write needs a clear lead, an
imperative, and a place for everything that was said.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log
from typing import Any

from planner.choose import belonging, ground
from planner.choose.focus import focus
from planner.choose.index import BEYOND, HELP, NO_TOOL, SMALL_TALK, TRADE_STEMS, Index, Tool
from planner.converse import things
from planner.converse.memory import Conversation
from planner.fill import slots
from planner.fill.filled import Filled, Told, Which
from planner.fill.versus import other_period
from planner.read import goods, grounds, mood, pointers
from planner.read.fields import Choice, Field, Kind
from planner.read.language import to_english
from planner.read.reading import Reading
from planner.read.signals import READING_STARTS, WRITING_STARTS
from planner.read.spoken import language_of
from planner.read.words import FILLER, content, fold, stem, tokens

FAINT = 0.08  # of a tool's own probability: below it no share of others can lift it
FLOOR = 0.2  # of a tool's probability among those that read, for a question: below it nothing was understood
READ_FLOOR = 0.22  # the same for other requests
ELSEWHERE = 0.2  # of the probability of what is not done here, where nothing else is likelier: it is said so
NAMED = 0.4  # of that probability: below it not the operation is named but its room, if all its operations together have so much
CERTAIN = 0.6
LIKELY = 0.4  # of a reader's probability that took up nothing of what was said
WRITE_FLOOR = 0.45
CLEAR = 1.0  # lead in log-probability that a write needs over the next tool
REACH = 0.2  # of the best reader's probability: from here another may take its place by having a place for all that was said
NEAR = 0.3  # the same where only plain words found no place
WHOLE_FLOOR = 0.35  # for a write that is commanded and has a place for every word, while the next one has not
UNFIT = {
    "reference": 1.2,
    "foreign": 1.2,
    "code": 1.0,
    "email": 1.0,
    "percent": 0.7,
    "money": 0.7,
    "number": 0.5,
    "period": 0.6,
}
# With no word for what: of what was shown.
OF_GOODS = re.compile(r"^(?:and |so )?how many (?:are|were|is|was|have|did|do)\b", re.I)
NEWEST = re.compile(r"\b(?:last|latest|newest|most recent)\s+(?:\w+\s+)?(?:order|return|address|purchase|one)\b", re.I)
ALIKE = 0.62  # cosine from which leftover words are taken for the value of an enum


@dataclass(frozen=True)
class Step:
    """A call to make; `people` are references that a reader must find first: by name, e-mail, or what they belong to."""

    tool: str
    args: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    people: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any]())
    newest: bool = False
    notes: tuple[str, ...] = ()


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
        read = Reading.of(text, self.index.vocabulary, self.talk.setting, self.index.mentions(text))
        if ground.SEARCH not in self.index.tools:
            return read
        placed = grounds.placed(self.phrases(read), self.known) if self.known else ()
        return replace(read, grounds=placed, grounded=True, ordinary=self.index.ordinary)

    def phrases(self, read: Reading) -> list[goods.Phrase]:
        """The pieces of a text of which the shop is asked what they are."""
        return goods.phrases(read.text, read.spans, read.mentions, self.index.ordinary, ground.spoken_of(self.talk))

    @cached_property
    def known(self) -> Mapping[str, Sequence[grounds.Row]] | None:
        """What the shop was asked in this turn, and said."""
        return ground.told(self.talk)

    def english(self, text: str) -> str:
        """A text in English words; a few words that show no language are in the conversation's."""
        return to_english(text, self.talk.language if language_of(text) in (None, self.talk.language) else "")

    def told(self, tool: Tool) -> Told:
        return Told(self.talk.setting, self.index.lexicon, self.index.openers, tool.words, tool.entry.writes)


def decide(text: str, desk: Desk, *, before: list[Step], said: str = "") -> Decision:
    """What to do about one clause, which stands in English words; `said` are the person's own.

    `before` are the steps of the clauses that came earlier in the same message.
    """
    named = _only_named(text, desk)
    if named:
        return named
    scores = desk.index.wishes(said or text)
    best_any = max(scores, key=lambda name: scores[name])
    if best_any in NO_TOOL and not _names_something(text, desk):
        return Decline(best_any, text)
    if best_any in desk.index.elsewhere and scores[best_any] >= ELSEWHERE:
        return _not_here(text, best_any, scores, desk, said or text)
    found = candidates(text, desk, said or text)
    asks = mood.asks(said or text, text)
    if asks:  # a question changes nothing: the share of the writing tools goes to the others
        found = _reading(found, sum(score for name, score in scores.items() if _writes(name, desk)))
    if not found or found[0].score < (FLOOR if asks else READ_FLOOR):
        return _unclear(text, desk, best_any, scores[best_any])
    chosen = (None if asks else _commanded(text, found)) or _able(found)
    if scores[best_any] > 0.6 and best_any not in desk.offered and best_any not in NO_TOOL and chosen.score < 0.25:
        return _unclear(text, desk, best_any, scores[best_any])
    if chosen.tool.entry.writes:
        agreed = desk.index.agreed(said or text, chosen.tool.entry.name)
        return _write(text, chosen, found, desk, before) if agreed else Decline("unclear", text)
    own = desk.index.scores(said or text)[chosen.tool.entry.name]
    if _tells_nothing(chosen) or (max(chosen.score, own) < CERTAIN and _strange_opening(text, chosen.tool, desk)):
        return Decline("unclear", text)
    return _settle(text, chosen, desk, before)


def _only_named(text: str, desk: Desk) -> Decision | None:
    """Nothing but one thing's reference, "Bestellung 11012 bitte": it is shown."""
    reading = desk.reading(text)
    named = reading.free("reference")
    if len(named) != 1 or not named[0].reference or f"get_{named[0].reference}" not in desk.offered:
        return None
    beside = f"{reading.text[: named[0].start]} {reading.text[named[0].end :]}"
    said = {word for word in tokens(beside) if word not in FILLER and stem(word) != stem(named[0].reference)}
    ordinary = {*named[0].reference.split("_"), "number", "no", "ref", "reference"}
    if said - ordinary or "?" in beside:
        return None
    return complete(desk.index.tools[f"get_{named[0].reference}"], text, desk)


def _not_here(text: str, best: str, scores: Mapping[str, float], desk: Desk, said: str) -> Decline:
    """What is known and not done here; where it is a question about a thing, with what can be shown of that."""
    known, elsewhere = desk.index.elsewhere[best], desk.index.elsewhere
    if not known.planned:
        return Decline("people", text, known.room, operation=best)
    if scores[best] >= NAMED:
        meanwhile = _shown_meanwhile(text, desk, said, known.room) if known.reads else ()
        return Decline("planned", text, known.room, operation=best, meanwhile=meanwhile)
    room = sum(score for name, score in scores.items() if name in elsewhere and elsewhere[name].room == known.room)
    opened = any(tool.entry.room == known.room for tool in desk.index.tools.values())
    return Decline("unclear", text) if opened or room < NAMED else Decline("planned", text, known.room)


def _shown_meanwhile(text: str, desk: Desk, said: str, room: str) -> tuple[Step, ...]:
    """The reader of the one thing that a text names by its reference; or the one that the room had for such requests so far."""
    showing = [name for name in desk.offered if name.startswith("get_") and not _writes(name, desk)]
    for one in desk.index.rank(said, among=showing):
        tool = desk.index.tools[one.name]
        filled = slots.fill(tool.fields, desk.reading(text), desk.told(tool))
        if tool.required and not filled.missing and not filled.people and not filled.more:
            return (Step(tool.entry.name, filled.args),)
    nearest = desk.index.rank(said, among=desk.offered, limit=1)
    if not nearest or nearest[0].room != room or nearest[0].score < CERTAIN or _writes(nearest[0].name, desk):
        return ()
    found = complete(desk.index.tools[nearest[0].name], text, desk)
    return tuple(found) if isinstance(found, list) else ()


def _writes(name: str, desk: Desk) -> bool:
    return name in desk.index.tools and desk.index.tools[name].entry.writes


def _reading(candidates: list[Candidate], share: float) -> list[Candidate]:
    return [replace(c, score=c.score / (1 - share)) for c in candidates if not c.tool.entry.writes and c.score >= FAINT]


def _tells_nothing(chosen: Candidate) -> bool:
    """Whether a tool that is not very likely could make nothing of all that was said."""
    filled = chosen.filled
    return chosen.score < LIKELY and bool(filled.strange or filled.unplaced) and not (filled.args or filled.people)


def _strange_opening(text: str, tool: Tool, desk: Desk) -> bool:
    """A request that begins with a word which the tool never hears: "refund ..." to a tool that shows."""
    reading = desk.reading(text)
    if reading.free("reference") and not reading.free("number"):
        return False  # "lifetime value of CUS-7": whatever it opens with, it says of what
    word = reading.opening()
    return (
        bool(word) and word not in FILLER and stem(word) not in tool.words | TRADE_STEMS and word not in READING_STARTS
    )


def _commanded(text: str, candidates: list[Candidate]) -> Candidate | None:
    """The write that was clearly asked for, though much is missing: showing something instead would look like an answer."""
    writes = [candidate for candidate in candidates if candidate.tool.entry.writes]
    if not writes:
        return None
    likeliest = max(writes, key=lambda candidate: candidate.score)
    return likeliest if likeliest.score >= (0.2 if mood.orders(text) else 0.5) else None


def _able(candidates: list[Candidate]) -> Candidate:
    """The best candidate, or, where it reads and has no place for something said, a reader within reach that has one for all."""
    best = candidates[0]
    lost, reach = bool(best.filled.unplaced), REACH if best.filled.unplaced else NEAR
    if best.tool.entry.writes or not (lost or best.filled.strange):
        return best
    placing = (c for c in candidates if not c.tool.entry.writes and _whole(c))
    return next((c for c in placing if c.score >= reach * best.score), best)


def _whole(candidate: Candidate) -> bool:
    """Whether nothing is missing, and everything that was said has its place."""
    filled = candidate.filled
    return not (filled.missing or filled.unplaced or filled.strange or filled.doubts)


def _clear(text: str, chosen: Candidate, rivals: list[Candidate]) -> bool:
    """A command that one write takes whole and no other tool in question does: its card is question enough."""
    whole = _whole(chosen) and any(f.name in chosen.filled.args for f in chosen.tool.required)
    return mood.orders(text) and whole and not any(_whole(c) or not c.tool.entry.writes for c in rivals)


def _unclear(text: str, desk: Desk, best: str, score: float) -> Decline:
    if best in desk.index.tools and best not in desk.offered and score > 0.4:
        entry = desk.index.tools[best].entry
        return Decline("elsewhere", text, entry.room, entry.writes)
    return Decline(best if best in (HELP, SMALL_TALK, BEYOND) else "unclear", text)


def _names_something(text: str, desk: Desk) -> bool:
    reading = desk.reading(text)
    return bool(reading.free("reference", "foreign", "code", "email"))


def candidates(text: str, desk: Desk, said: str) -> list[Candidate]:
    """The likeliest tools with their arguments, those that fit best first."""
    reading = desk.reading(text)
    ranked = desk.index.wished(said, among=desk.offered, limit=5)
    found: list[Candidate] = []
    for one in ranked:
        tool = desk.index.tools[one.name]
        filled = filling(tool, reading.fresh(), desk)
        found.append(Candidate(tool, filled, log(one.score + 1e-6) - _unfit(filled, text), one.score))
    return sorted(found, key=lambda candidate: -candidate.fit)


def filling(tool: Tool, reading: Reading, desk: Desk) -> Filled:
    """The arguments of one tool from one text, and how a record that is not named is to be found."""
    filled = slots.fill(tool.fields, reading, desk.told(tool))
    belonging.fill(tool, filled, reading, belonging.lists(desk.index, desk.offered), desk.told)
    return filled


def _unfit(filled: Filled, text: str) -> float:
    cost = sum(UNFIT["reference"] if span.reference else UNFIT.get(span.kind, 0.4) for span in filled.unplaced)
    cost += min(0.8, sum(0.0 if f.kind in (Kind.note, Kind.reason_text) else 0.4 for f in filled.missing))
    return cost + 0.5 * len([doubt for doubt in filled.doubts if doubt.startswith("not ")])


def _write(text: str, chosen: Candidate, candidates: list[Candidate], desk: Desk, before: list[Step]) -> Decision:
    forbidden = mood.forbidden(text)
    if forbidden and set(tokens(forbidden[0])[1:]) & (WRITING_STARTS | desk.index.openers):
        return Decline("forbidden", forbidden[0].strip(" ,.;:"))
    rivals = [c for c in candidates if c is not chosen and chosen.fit - c.fit < CLEAR and c.score > 0.1]
    unsure = rivals or chosen.score < WRITE_FLOOR
    if unsure and not (chosen.score >= WHOLE_FLOOR and _clear(text, chosen, rivals)):
        rivals = rivals or [c for c in candidates if c is not chosen and c.score > FAINT]
        if not rivals and chosen.filled.missing:
            return Decline("unclear", text)
        return _choice(text, [chosen, *rivals[:1]])
    decision = _settle(text, chosen, desk, before)
    if isinstance(decision, Ask):
        return decision
    return _confirmed(text, chosen, decision)


def _confirmed(text: str, chosen: Candidate, decision: Decision) -> Decision:
    """A write goes ahead only when everything that was said has found its place."""
    filled = chosen.filled
    left = [*(text[span.start : span.end] for span in filled.unplaced), *filled.doubts]
    left += [said for said in filled.strange if said not in left]
    if not isinstance(decision, list) or not left:
        return decision
    return confirmation(decision, left)


def confirmation(steps: Sequence[Step], left: Sequence[str]) -> Ask:
    """Whether to go ahead with what was understood, without the words that have no place in it."""
    stored = [{"tool": s.tool, "args": dict(s.args), "people": dict(s.people), "newest": s.newest} for s in steps]
    return Ask({"kind": "confirm", "steps": stored, "unplaced": list(left)})


def _choice(text: str, candidates: list[Candidate]) -> Ask:
    options = [{"tool": c.tool.entry.name, "text": text, "args": dict(c.filled.args)} for c in candidates]
    return Ask({"kind": "choice", "options": options})


def complete(tool: Tool, text: str, desk: Desk) -> Decision:
    """The decision for a tool that the person has chosen."""
    filled = filling(tool, desk.reading(text), desk)
    return _settle(text, Candidate(tool, filled, 0.0, 1.0), desk, [])


def _settle(text: str, chosen: Candidate, desk: Desk, before: list[Step]) -> Decision:
    """Fills what the conversation knows, asks for what is missing, and says what it left out."""
    tool, filled = chosen.tool, chosen.filled
    _by_likeness(tool, filled, desk)
    _point_back(text, tool, filled, desk, before)
    _of_what_was_shown(filled, desk)
    if filled.which:
        return which_goods(tool, filled)
    _of_the_message(tool, filled, desk)
    belonging.spoken_of(text, tool, filled, belonging.lists(desk.index, desk.offered), desk.talk, desk.index)
    missing = [f for f in tool.required if f.name not in filled.args and f.name not in filled.people]
    if missing:
        return ask_for(tool, missing, filled.args, filled.people)
    if _changes_nothing(tool, filled):
        return _ask_what(tool, filled)
    notes = () if tool.entry.writes else tuple(_left_out(text, filled, tool))
    step = Step(tool.entry.name, filled.args, filled.people, NEWEST.search(text) is not None, notes)
    others = [{name: value} for name, values in filled.more.items() for value in values]
    against = other_period(text, tool.fields, filled, desk.talk.setting)
    if against:
        kept = tuple(note for note in step.notes if note != against.said)
        return [replace(step, notes=kept), replace(step, args={**step.args, **against.args}, notes=())]
    return [step, *(replace(step, args={**filled.args, **other}) for other in others)]


def _of_the_message(tool: Tool, filled: Filled, desk: Desk) -> None:
    """The goods that are missing here and that another clause names, if only one does: "grey socks, what do they cost?"."""
    wanted = [f for f in tool.required if f.reference in ("product", "variant") and f.kind is Kind.reference]
    open_ones = [f for f in wanted if f.name not in filled.args and f.name not in filled.people]
    named = desk.reading(desk.english(desk.talk.request)).grounds if open_ones else ()
    named = [one for one in named if one.goods and not one.lacks]
    if len(named) == 1 and len(rows := named[0].variants if len(named[0].variants) == 1 else named[0].products) == 1:
        row, f = rows[0], open_ones[0]
        if f.reference == "product" or row.kind == "variant":
            filled.args[f.name] = row.name if row.kind == "variant" else row.reference


def _of_what_was_shown(filled: Filled, desk: Desk) -> None:
    """ "the mug", of an order that has one: where a name fits several goods, the one of them that was shown is meant."""
    shown = {thing.reference: thing for thing in things.shown_whole(desk.talk) if "variant" in thing.refers}
    for name, which in list(filled.which.items()):
        titles = [fold(label.split(" / ")[0]) for _, label in which.options]
        values = {value for value, _ in which.options}
        fitting = [ref for ref, thing in shown.items() if ref in values or any(one in thing.said for one in titles)]
        if len(fitting) == 1 and not which.lacks:
            filled.args[name] = _with(filled.args.get(name), which, fitting[0])
            del filled.which[name]


def which_goods(tool: Tool, filled: Filled) -> Ask:
    """Which of the goods that a name fits; or what there is instead of those that nothing fits."""
    name, which = next(iter(filled.which.items()))
    told = {key: value for key, value in filled.args.items() if key != name}
    pending: dict[str, Any] = {"kind": "pick", "tool": tool.entry.name, "args": told, "people": dict(filled.people)}
    options = [{"value": _with(filled.args.get(name), which, value), "label": label} for value, label in which.options]
    asked = {"noun": which.noun, "said": which.said, "choices": which.choices, "options": options, "missing": [name]}
    return Ask({**pending, **asked, "frame": "comes_in" if which.lacks else "which_goods", "lacks": which.lacks})


def _with(lines: Any, which: Which, value: str) -> Any:
    """An option as the argument: the reference, or the lines with it in the place of the one that is asked about."""
    if which.at is None:
        return value
    return [
        {key: value if said == "" else said for key, said in line.items()} if nth == which.at else line
        for nth, line in enumerate(lines)
    ]


def _changes_nothing(tool: Tool, filled: Filled) -> bool:
    """An update that names what to change, but not how."""
    told = [f for f in tool.fields if f.name in filled.args and not (f.required and f.kind is Kind.reference)]
    return (
        tool.entry.name.startswith(("update_", "change_", "edit_", "adjust_"))
        and not told
        and any(not f.required for f in tool.fields)
    )


def _ask_what(tool: Tool, filled: Filled) -> Ask:
    open_ones = [f for f in tool.fields if not f.required and f.kind is not Kind.skip]
    pending = {
        "kind": "slots",
        "tool": tool.entry.name,
        "args": filled.args,
        "people": filled.people,
        "missing": [f.name for f in open_ones],
    }
    return Ask({**pending, "changes": True})


def ask_for(tool: Tool, missing: list[Field], args: Mapping[str, Any], people: Mapping[str, Any]) -> Ask:
    """The question for required arguments."""
    pending = {
        "kind": "slots",
        "tool": tool.entry.name,
        "args": dict(args),
        "people": dict(people),
        "missing": [f.name for f in missing],
    }
    return Ask(pending)


def _left_out(text: str, filled: Filled, tool: Tool) -> list[str]:
    """What a reading tool could not use, except what it is used to hear: "today" to a tool that tells today's figures."""
    spans = [text[span.start : span.end].strip() for span in filled.unplaced if span.kind != "number" or span.reference]
    spans = [said for said in spans if not all(stem(word) in tool.words for word in content(said))]
    return list(dict.fromkeys([*spans, *filled.doubts, *(said for said in filled.strange if said in filled.unused)]))


def _by_likeness(tool: Tool, filled: Filled, desk: Desk) -> None:
    """Words that nothing took, held against the values of enums that are still open: "bounced" is near "declined"."""
    open_choices = [
        (f, choice) for f in tool.fields if f.kind is Kind.choice and f.name not in filled.args for choice in f.choices
    ]
    for said in filled.unused[:2] if open_choices else []:
        phrases = [phrase for _, choice in open_choices for phrase in choice.phrases]
        owners = [(f, choice) for f, choice in open_choices for _ in choice.phrases]
        alike = desk.index.similar(said, phrases)
        best = max(range(len(alike)), key=lambda n: alike[n])
        if alike[best] >= ALIKE:
            _take_likeness(owners[best], filled, said)
            return


def _take_likeness(owner: tuple[Field, Choice], filled: Filled, said: str) -> None:
    f, choice = owner
    filled.args[f.name] = [choice.value] if f.many else choice.value
    filled.unused.remove(said)


def _point_back(text: str, tool: Tool, filled: Filled, desk: Desk, before: list[Step]) -> None:
    """ "it", "her", "the order": the one that was spoken of last, when only one fits."""
    for f in tool.fields:
        if f.kind is not Kind.reference or f.name in filled.args or f.name in filled.people:
            continue
        noun = re.search(rf"\b(?:the|this|that|same)\s+{re.escape(f.reference.replace('_', ' '))}\b", text, re.I)
        goods = f.reference in ("product", "variant") and OF_GOODS.search(text) is not None
        if (
            not noun
            and not goods
            and not (pointers.plain("points").search(text) and (f.required or f.reference == "customer"))
        ):
            continue
        for step in reversed(before):
            if f.name in step.people:
                filled.people[f.name] = step.people[f.name]
                return
        same = [str(step.args[f.name]) for step in before if f.name in step.args]
        found = same or focus(desk.talk, desk.index, (f.reference,))
        if len(set(found)) == 1:
            filled.args[f.name] = found[0]
