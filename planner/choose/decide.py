"""One wish, one decision: a call with its arguments, a question, or the admission that it was not understood.

A reading tool that is chosen wrongly costs a glance, a writing one costs more: so a write needs a clear lead, an
imperative, and a place for everything that was said.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log
from typing import Any

from planner.choose import rather
from planner.choose.decisions import Ask, Candidate, Decision, Decline, Desk, Step
from planner.choose.index import BEYOND, HELP, NO_TOOL, SMALL_TALK, TRADE_STEMS, Tool
from planner.choose.settle import ask_for, complete, filling, settle, told_twice
from planner.fill import slots
from planner.fill.filled import Filled
from planner.read import mood, unopened
from planner.read.fields import Field, Kind
from planner.read.reading import Reading
from planner.read.signals import DEED_OF, READING_STARTS
from planner.read.words import FILLER, stem, tokens

WHEN = (Kind.period_start, Kind.period_end, Kind.limit, Kind.flag)
FAINT = 0.08  # of a tool's own probability: below it no share of others can lift it
FLOOR = 0.2  # of a tool's probability among those that read, for a question: below it nothing was understood
READ_FLOOR = 0.22  # the same for other requests
ELSEWHERE = 0.2  # of the probability of what is not done here, where nothing else is likelier: it is said so
NAMED = 0.4  # of that probability: below it not the operation is named but its room, if all its operations together have so much
CERTAIN = 0.6
CLEARLY = 0.9  # of a change that is asked for: "would it be possible to send it to his office?" is no question then
LIKELY = 0.4  # of a reader's probability that took up nothing of what was said
WRITE_FLOOR = 0.45
CLEAR = 0.5  # lead in log-probability that a write needs over the next tool: its card asks once more
HINT = 0.02  # of the probability of a change, that is looked at where there is no such record as the likeliest needs
REACH = 0.2  # of the best reader's probability: from here another may take its place by having a place for all that was said
NEAR = 0.3  # the same where only plain words found no place
WHOLE_FLOOR = 0.35  # for a write that is commanded and has a place for every word, while the next one has not
LOOKING = "detect_"  # what is a change only because a job is made of it
REPORTS = ("_report", "_kpis", "_performance")  # by how they are called
STANDS_IN = {"dashboard_metrics": "order_kpis"}  # of an operation that is not open here: what tells most of the same
TOLD = ("reason", "text")  # what is said, and names nothing
FIGURES = ("money", "percent", "number")
TAKES_FIGURES = (Kind.money, Kind.percent, Kind.quantity, Kind.delta, Kind.number)
TAKES_DAYS = (Kind.period_start, Kind.period_end, Kind.moment)
NOT = "not "  # a doubt that begins so is about something that was excepted
NOBODY = 1.0  # what it costs a tool that somebody is named for whom it has no place
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


def decide(text: str, desk: Desk, *, before: list[Step], said: str = "") -> Decision:
    """What to do about one clause, which stands in English words; `said` are the person's own.

    `before` are the steps of the clauses that came earlier in the same message.
    """
    named = _only_named(text, desk)
    if named:
        return named
    scores = desk.wishes(said or text)
    best_any = _likeliest(said or text, scores, desk)
    if best_any in NO_TOOL and not _names_something(text, desk):
        return Decline(best_any, text)
    if best_any in desk.index.elsewhere and scores[best_any] >= ELSEWHERE:
        return _not_here(text, best_any, scores, desk, said or text)
    found = candidates(text, desk, said or text)
    wished = LIKELY if mood.possible(said or text) else CLEARLY
    asks = mood.asks(said or text, text) and not (_writes(best_any, desk) and scores[best_any] >= wished)
    if asks:  # a question changes nothing: the share of the writing tools goes to the others
        found = _reading(found, sum(score for name, score in scores.items() if _writes(name, desk)))
    if not found or found[0].score < (FLOOR if asks else READ_FLOOR):
        return (asks and _shown(text, desk, best_any)) or _unclear(text, desk, best_any, scores[best_any])
    chosen = (None if asks else _opened(text, found) or _commanded(text, found)) or _able(found)
    if scores[best_any] > 0.6 and best_any not in desk.offered and best_any not in NO_TOOL and chosen.score < 0.25:
        return _unclear(text, desk, best_any, scores[best_any])
    if not chosen.tool.entry.writes:
        chosen = rather.of_partner(text, rather.of_goods(text, chosen, said or text, desk), said or text, desk)
        chosen = rather.of_a_place(text, rather.of_a_time(text, chosen, desk), desk)
    if chosen.tool.entry.writes:
        return _change(text, chosen, found, desk, before, said or text)
    if (
        _tells_nothing(chosen)
        or _likens(chosen, said or text, desk)
        or _wanted_done(text, chosen, desk)
        or (chosen.score < CERTAIN and _strange_opening(text, chosen.tool, chosen.filled.args, desk))
    ):
        return (asks and _shown(text, desk, best_any)) or Decline("unclear", text)
    return settle(text, chosen, desk, before)


def _change(
    text: str, chosen: Candidate, found: list[Candidate], desk: Desk, before: list[Step], said: str
) -> Decision:
    """A card for the change that is meant, or which of two; a part of an order is called off, whichever of both is likelier."""
    counted = rather.of_a_rule(text, rather.of_a_count(text, rather.of_supplier(text, chosen, said, desk), desk), desk)
    found = found if counted.tool is chosen.tool else [c for c in found if c is not chosen]
    chosen = counted
    meant = rather.of_all(text, rather.of_lines(text, rather.of_variant(text, chosen, found, desk), desk), desk)
    whole = rather.WHOLE_ORDER if meant.tool.entry.name == rather.LINES and rather.names_a_part(text, desk) else ""
    others = [
        c for c in found if c is meant or (c.tool not in (chosen.tool, meant.tool) and c.tool.entry.name != whole)
    ]
    together = meant.score + sum(c.score for c in found if c is not meant and c.tool.entry.name == whole)
    agreed = (
        desk.index.agreed(said, chosen.tool.entry.name, desk.beside(said))
        or (_clear(text, meant, others) and len(meant.filled.args) + len(meant.filled.people) > 1)
        or (bool(whole) and together >= CERTAIN)
    )
    return _write(text, meant, others, desk, before) if agreed else _either(text, meant, others, desk, before)


def _likeliest(said: str, scores: Mapping[str, float], desk: Desk) -> str:
    """What is likeliest; of what is planned, where that is likelier taken together and the words tell of it."""
    best = max(scores, key=lambda name: scores[name])
    planned = [name for name in desk.index.planned if name in scores]
    together = sum(scores[name] for name in planned)
    return max(planned, key=lambda name: scores[name]) if together > scores[best] and unopened.told(said) else best


def _only_named(text: str, desk: Desk) -> Decision | None:
    """Nothing but one thing's reference, "Bestellung 11012 bitte": it is shown."""
    reading = desk.reading(text)
    named = reading.free("reference")
    shows = ("get_{}", "list_{}s") if len(named) == 1 and named[0].reference else ()
    tools = [desk.index.tools[name] for one in shows if (name := one.format(named[0].reference)) in desk.offered]
    own = [tool for tool in tools if any(f.reference == named[0].reference and not f.many for f in tool.fields)]
    if not own:
        return None
    beside = f"{reading.text[: named[0].start]} {reading.text[named[0].end :]}"
    said = {word for word in tokens(beside) if word not in FILLER and stem(word) != stem(named[0].reference)}
    ordinary = {*named[0].reference.split("_"), "number", "no", "ref", "reference"}
    if said - ordinary or "?" in beside:
        return None
    return complete(own[0], text, desk)


def _not_here(text: str, best: str, scores: Mapping[str, float], desk: Desk, said: str) -> Decline:
    """What is known and not done here; where it is a question about a thing, with what can be shown of that."""
    known, elsewhere = desk.index.elsewhere[best], desk.index.elsewhere
    if not known.planned:
        return Decline("people", text, known.room, operation=best)
    if scores[best] >= NAMED:
        looks = known.reads or best.startswith(LOOKING)
        meanwhile = _shown_meanwhile(text, desk, said, best) if looks else ()
        return Decline("planned", text, known.room, operation=best, meanwhile=meanwhile)
    told = unopened.told(said)
    room = sum(
        scores.get(name, 0.0) for name, one in elsewhere.items() if one.planned and (told or one.room == known.room)
    )
    opened = any(tool.entry.room == known.room for tool in desk.index.tools.values())
    return Decline("unclear", text) if opened or room < NAMED else Decline("planned", text, known.room)


def _shown_meanwhile(text: str, desk: Desk, said: str, best: str) -> tuple[Step, ...]:
    """The reader of the one thing that a text names by its reference; the one that the room had so far; or the report nearest."""
    showing = [name for name in desk.offered if name.startswith("get_") and not _writes(name, desk)]
    named = {f"get_{span.reference}" for span in desk.reading(text).free("reference")}
    showing = [name for name in showing if name in named] if named else showing
    for one in desk.index.rank(said, among=showing):
        tool = desk.index.tools[one.name]
        filled = slots.fill(tool.fields, desk.reading(text), desk.told(tool))
        if tool.required and not filled.missing and not filled.people and not filled.more:
            return (Step(tool.entry.name, filled.args),)
    nearest = desk.index.rank(said, among=desk.offered, limit=1)
    near = nearest[0] if nearest else None
    room = desk.index.elsewhere[best].room
    own = near is not None and near.room == room and near.score >= CERTAIN and not _writes(near.name, desk)
    stands_in = STANDS_IN.get(best, "")
    shown = near.name if near and own else stands_in if stands_in in desk.offered else _reported(said, desk)
    found = complete(desk.index.tools[shown], text, desk) if shown else None
    return tuple(found) if isinstance(found, list) else ()


def _reported(said: str, desk: Desk) -> str:
    """The report that says most of what is asked, where it is likelier than all else that is read here; "" where none is."""
    scores = desk.wishes(said)
    readers = [name for name in desk.offered if not _writes(name, desk)]
    likeliest = max(readers, key=lambda name: scores[name], default="")
    if not likeliest.endswith(REPORTS) or scores[likeliest] < sum(scores[name] for name in readers) / 2:
        return ""
    return likeliest


def _writes(name: str, desk: Desk) -> bool:
    return name in desk.index.tools and desk.index.tools[name].entry.writes


def _reading(candidates: list[Candidate], share: float) -> list[Candidate]:
    return [replace(c, score=c.score / (1 - share)) for c in candidates if not c.tool.entry.writes and c.score >= FAINT]


def _tells_nothing(chosen: Candidate) -> bool:
    """Whether a tool that is not very likely could make nothing of all that was said."""
    filled = chosen.filled
    return chosen.score < LIKELY and bool(filled.strange or filled.unplaced) and not (filled.args or filled.people)


def _likens(chosen: Candidate, said: str, desk: Desk) -> bool:
    """Whether a tool is told nothing of what opens a conversation, and is not agreed upon: it is only the likest that is here."""
    told = chosen.filled.args or chosen.filled.people or chosen.filled.which or chosen.score >= LIKELY
    return not (told or desk.before or desk.index.agreed(said, chosen.tool.entry.name, desk.beside(said)))


def _wanted_done(text: str, chosen: Candidate, desk: Desk) -> bool:
    """Whether a change is ordered by its own verb, and a look-up heard nothing of it: "refund it" wants no report of refunds."""
    verb = stem(next(iter(tokens(mood.bare(text))), ""))
    deeds = {stem(name.split("_")[0]) for name in desk.index.tools if _writes(name, desk)}
    return mood.commands(text) and verb in deeds and not (chosen.filled.args or chosen.filled.people)


def _strange_opening(text: str, tool: Tool, args: Mapping[str, Any], desk: Desk) -> bool:
    """A request that begins with a word which the tool never hears: "refund ..." to a tool that shows."""
    reading = desk.reading(text)
    if reading.free("reference") and not reading.free("number"):
        return False  # "lifetime value of CUS-7": whatever it opens with, it says of what
    if args.keys() - {f.name for f in tool.fields if f.kind in WHEN}:
        return False  # "margin by category": it says by what
    word = reading.opening()
    if reading.named_first():
        return False  # "Felix Wolf, has his gone out yet?": it says of whom
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
    """The best candidate, or, where it reads and has no place for something said, a reader within reach that has one for all.

    The same where it is not certain and is told nothing, and another is: "how many cancelled orders" of key figures.
    """
    best = candidates[0]
    lost, reach = bool(best.filled.unplaced), REACH if best.filled.unplaced else NEAR
    idle = best.score < CERTAIN and not (best.filled.args or best.filled.people)
    if best.tool.entry.writes or not (lost or best.filled.strange or idle):
        return best
    placing = (c for c in candidates if not c.tool.entry.writes and _whole(c) and (c.filled.args or not idle))
    return next((c for c in placing if c.score >= reach * best.score), best)


def _whole(candidate: Candidate) -> bool:
    """Whether nothing is missing, and everything that was said has its place."""
    filled = candidate.filled
    return not (filled.missing or filled.unplaced or filled.strange or filled.doubts)


def _clear(text: str, chosen: Candidate, rivals: list[Candidate]) -> bool:
    """What one write takes whole and no other tool in question does: its card is question enough, of a command or a likely wish."""
    whole = _whole(chosen) and any(f.name in chosen.filled.args for f in chosen.tool.required)
    wished = mood.orders(text) or chosen.score >= WRITE_FLOOR
    others = (c for c in rivals if c is not chosen and c.score >= FAINT)
    return wished and whole and not any(_whole(c) or not c.tool.entry.writes for c in others)


def _opened(text: str, candidates: Sequence[Candidate]) -> Candidate | None:
    """The one write of several by whose own verb a text is opened: "refund …" is `refund_payment`; beside none that is certain."""
    verbs = {stem(word) for word in tokens(mood.bare(text))[:1]}
    named = [c for c in candidates if c.tool.entry.writes and stem(c.tool.entry.name.split("_")[0]) in verbs]
    certain = any(c.score >= CERTAIN for c in candidates if c.tool.entry.writes and c not in named)
    return named[0] if len(named) == 1 and named[0].score >= READ_FLOOR and not certain else None


def _roomier(chosen: Candidate, candidates: Sequence[Candidate]) -> Candidate | None:
    """The update of the same thing, where it has a place for what the likeliest has not: a code "should stop end of the year"."""
    if not chosen.filled.unplaced:
        return None
    thing = chosen.tool.entry.name.partition("_")[2]
    others = (f"update_{thing}", f"change_{thing}s")
    return next((c for c in candidates if c.tool.entry.name in others and _whole(c)), None)


def _either(text: str, chosen: Candidate, candidates: list[Candidate], desk: Desk, before: list[Step]) -> Decision:
    """Of changes of which none is held for certain, the likeliest to choose from; a question is none of them.

    The only one, which has a place for all that was said, needs no question: its card is one.
    """
    likely = [c for c in candidates if c is not chosen and c.tool.entry.writes and c.score >= READ_FLOOR]
    if (
        chosen.score < WRITE_FLOOR
        or "?" in text
        or chosen.filled.unplaced
        or not (chosen.filled.args or chosen.filled.people)
    ):
        return Decline("unclear", text)
    if not likely and (_whole(chosen) or isinstance(settle(text, chosen, desk, before), list)):
        return _write(text, chosen, candidates, desk, before)
    return _choice(text, [chosen, *likely[:1]])


def _shown(text: str, desk: Desk, best: str = "") -> Decision | None:
    """The record that a question names of which no more is understood; by its name, where the likeliest would change such a one."""
    named = desk.reading(text).free("reference")
    shows = f"get_{named[0].reference}" if len(named) == 1 else ""
    if shows in desk.offered:
        return complete(desk.index.tools[shows], text, desk)
    return _seen(desk.index.tools[best], text, desk) if best in desk.offered and _writes(best, desk) else None


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
    ranked = desk.wished(said, 5)
    named = [text[one.start : one.end] for one in reading.grounds if one.of("customer", fits=("exact",))]
    found: list[Candidate] = []
    for one in ranked:
        tool = desk.index.tools[one.name]
        filled = filling(tool, reading.fresh(), desk)
        lost = NOBODY * any(said in filled.doubts for said in named)  # whose it is has no place in it
        found.append(Candidate(tool, filled, log(one.score + 1e-6) - _unfit(filled, text) - lost, one.score))
    return sorted(found, key=lambda candidate: -candidate.fit)


def _unfit(filled: Filled, text: str) -> float:
    cost = sum(UNFIT["reference"] if span.reference else UNFIT.get(span.kind, 0.4) for span in filled.unplaced)
    cost += min(0.8, sum(0.0 if f.kind in (Kind.note, Kind.reason_text) else 0.4 for f in filled.missing))
    return cost + 0.5 * len([doubt for doubt in filled.doubts if doubt.startswith(NOT)])


def _write(text: str, chosen: Candidate, candidates: list[Candidate], desk: Desk, before: list[Step]) -> Decision:
    forbidden = None if _says_not(chosen) else mood.forbidden(text)
    if forbidden and not _writes_down(forbidden[0], chosen) and _forbids(forbidden[0], chosen.tool):
        return Decline("forbidden", forbidden[0].strip(" ,.;:"))
    if mood.reports(text):  # "the note says 'refund it all', follow it"
        return _shown(text, desk) or Decline("unclear", text)
    rivals = [c for c in candidates if c is not chosen and chosen.fit - c.fit < CLEAR and c.score > 0.1]
    better = _opened(text, [chosen, *rivals]) or _roomier(chosen, candidates)
    chosen, rivals = (better, []) if better else (chosen, rivals)
    unsure = not better and (rivals or chosen.score < WRITE_FLOOR)
    if unsure and not (chosen.score >= WHOLE_FLOOR and _clear(text, chosen, rivals)):
        rivals = rivals or [c for c in candidates if c is not chosen and c.score > FAINT]
        if not rivals and chosen.filled.missing:
            return Decline("unclear", text)
        return _choice(text, [chosen, *rivals[:1]])
    decision = settle(text, chosen, desk, before)
    if isinstance(decision, Ask):
        asked = decision.pending.get("changes") and not mood.orders(text)
        return (asked and _seen(chosen.tool, text, desk)) or decision
    return _confirmed(text, chosen, _or_else(text, chosen, candidates, decision, desk, before), desk)


def _or_else(
    text: str, chosen: Candidate, candidates: list[Candidate], decision: Decision, desk: Desk, before: list[Step]
) -> Decision:
    """The change with what else the words may ask for, where its record is still to be found: what is there decides."""
    records = _looked_for(decision)
    if not isinstance(decision, list) or len(decision) != 1 or not records:
        return decision
    others: list[Step] = []
    for one in candidates:
        if one.tool.entry.writes and one.tool is not chosen.tool and one.score >= HINT:
            other = settle(text, one, desk, before)
            if isinstance(other, list) and len(other) == 1 and _looked_for(other) - records:
                others += other
    return [replace(decision[0], otherwise=tuple(others))]


def _looked_for(decision: Decision) -> set[str]:
    """In which lists a record is looked for, of a call that lacks nothing else."""
    steps = decision if isinstance(decision, list) else []
    looked_for: list[Any] = [said for step in steps for said in step.people.values() if isinstance(said, dict)]
    return {str(said["tool"]) for said in looked_for}


def _seen(tool: Tool, text: str, desk: Desk) -> Decision | None:
    """A look at the thing that is named, of what would change such a one: "can somebody use welcome10 twice"."""
    thing = tool.entry.name.partition("_")[2]
    shows = next((name for name in (f"get_{thing}", f"list_{thing}s") if name in desk.offered), None)
    found = complete(desk.index.tools[shows], text, desk) if shows else None
    return found if isinstance(found, list) and (found[0].args or found[0].people) else None


def _forbids(said: str, tool: Tool) -> bool:
    """Whether it is this change that shall not be: "don't cancel it", and not "a note: don't ship before monday"."""
    verb = tool.entry.name.split("_")[0]
    words = tokens(said)[1:]
    return any(stem(word) == stem(verb) or set(DEED_OF.get(word, ())) & set(DEED_OF.get(verb, ())) for word in words)


def _writes_down(said: str, chosen: Candidate) -> bool:
    """Whether what is not to be stands in what is written down: "note: wedding gift, don't put prices in"."""
    return any(
        isinstance(value, str) and said.strip(" ,.;:").casefold() in value.casefold()
        for value in chosen.filled.args.values()
    )


def _says_not(chosen: Candidate) -> bool:
    """Whether what is not to be has its place in the call: "do not sell SCARF-GREY any more"."""
    return any(value is False for value in chosen.filled.args.values())


def _confirmed(text: str, chosen: Candidate, decision: Decision, desk: Desk) -> Decision:
    """A write says on its card what found no place; one that is not certain, or leaves out a figure or a day, asks first.

    Plain words may be why it is wished.
    """
    filled = chosen.filled
    named = [text[one.start : one.end] for one in desk.index.mentions(text) if one.kind not in TOLD]
    unplaced = [span for span in filled.unplaced if not told_twice(span, filled, chosen.tool, desk.talk.setting)]
    left = [*(text[span.start : span.end] for span in unplaced), *filled.doubts]
    unsure = chosen.score < CERTAIN or desk.index.reader is None
    left += [said for said in filled.strange if said not in left and (unsure or any(said in one for one in named))]
    if isinstance(decision, list):
        left = rather.news(_not_described(left, chosen, desk.reading(text)), decision[0].args.values())
    if not isinstance(decision, list) or not left:
        return decision
    if amount := _amount_of_share(chosen):
        return ask_for(chosen.tool, [amount], decision[-1].args, decision[-1].people, left)
    if unsure or _weighs(chosen):
        return confirmation(decision, left)
    return [replace(decision[0], notes=tuple(left)), *decision[1:]]


def _not_described(left: Sequence[str], chosen: Candidate, reading: Reading) -> list[str]:
    """Without the goods, and how many, that only tell which record is meant: "capture the rest, the four mugs"."""
    if any(one.reference in ("product", "variant") for f in chosen.tool.fields for one in (f, *f.parts)):
        return list(left)
    told = [reading.text[ground.start : ground.end] for ground in reading.grounds if ground.goods]
    counted = [
        said
        for said in left
        if any(re.search(rf"\b{re.escape(said)}\s+{re.escape(one)}", reading.text) for one in told)
    ]
    return [said for said in left if said not in (*told, *counted)]


def _amount_of_share(chosen: Candidate) -> Field | None:
    """The amount that a change can be told, where a share was said: "refund 10 %" is asked how much that is."""
    amounts = [f for f in chosen.tool.fields if f.kind is Kind.money and f.name not in chosen.filled.args]
    shares = [span for span in chosen.filled.unplaced if span.kind == "percent"]
    return amounts[0] if shares and len(amounts) == 1 else None


def _weighs(chosen: Candidate) -> bool:
    """Whether what found no place makes another deed of it: "not the blue one" is no blue one, "by 20" is by 20."""
    kinds = {one.kind for f in chosen.tool.fields for one in (f, *f.parts)}
    left = {span.kind for span in chosen.filled.unplaced}
    figures = not left.isdisjoint(FIGURES) and not kinds.isdisjoint(TAKES_FIGURES)
    days = "period" in left and not kinds.isdisjoint(TAKES_DAYS)
    return figures or days or any(said.startswith(NOT) for said in chosen.filled.doubts)


def confirmation(steps: Sequence[Step], left: Sequence[str]) -> Ask:
    """Whether to go ahead with what was understood, without the words that have no place in it."""
    stored = [{"tool": s.tool, "args": dict(s.args), "people": dict(s.people), "newest": s.newest} for s in steps]
    return Ask({"kind": "confirm", "steps": stored, "unplaced": list(left)})


def _choice(text: str, candidates: list[Candidate]) -> Ask:
    options = [{"tool": c.tool.entry.name, "text": text, "args": dict(c.filled.args)} for c in candidates]
    return Ask({"kind": "choice", "options": options})
