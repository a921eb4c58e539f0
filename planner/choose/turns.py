"""What a turn is within its conversation, before it is read as a request of its own.

In this order: it goes back to something that was left open; it replies to a question; it agrees to, or corrects, a change that was
put to the person; it goes on from what was looked up; it asks for something new, about what was spoken of or not.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from planner.choose import about, correcting, named, pointing, resume, subject, vague, written
from planner.choose.decide import REPORTS, decide
from planner.choose.decisions import Ask, Decision, Decline, Desk, Step
from planner.choose.edit import edited
from planner.choose.focus import focus
from planner.choose.following import carried, follow_up, of_record, picks_some, told_otherwise
from planner.choose.index import NO_TOOL
from planner.choose.settle import ask_for, complete
from planner.converse.memory import Call
from planner.converse.things import last_list, shown
from planner.read import acts, clauses, mood, pointers
from planner.read.acts import Act
from planner.read.fields import ORDERLY, Kind
from planner.read.goods import OF_PEOPLE
from planner.read.grounds import PARTNERS, SURE
from planner.read.words import content, fold, stem, tokens

LIKELY = 0.8  # of a probability: from here on a few words are a wish of their own
FEWEST = 2  # words with meaning of a request of its own after a question
NOT_ON = 0.2  # of the probability that a turn goes on with what was asked: below it, it does not
CLEAR = 0.4  # of the probability of another wish, where a turn certainly does not go on and holds more than what was asked for
NOWHERE = 0.15  # of the probability that a turn goes on: it certainly does not
FEW = 4  # words, at most, of a fragment that says nothing by itself
PRICE = re.compile(r"(?<![\w-])\d+(?:[.,]\d{1,2})?\s?(?:€|eur(?:os?)?\b|$)", re.I)
MAKING = re.compile(
    r"\W*(?:make|set|put|mets?|mettez|mach|setz)\s+(?:the|le|la|die|den|das)\s+", re.I
)  # "make the medium 29"
PIECES = re.compile(r"\s*[,;]\s+|\s+(?:and then|and|et puis|et|und dann|und)\s+", re.I)
WAITING = re.compile(rf"[\s,.;:?!]+((?:{acts.conditions()})(?!\w).*)$", re.I | re.S)
CODE = r"[A-Z][A-Z0-9]*-[A-Z0-9-]+"
ALSO = re.compile(
    rf"\s*,?\s+(?:and|et|und)\s+(?=(?:also\s+|auch\s+|aussi\s+)?(?:(?:that\s+)?of|for|de|pour|von|für)?\s*{CODE}\s+\S+\s+\d)"
)
ALL = {stem(word) for word in ("all", "every", "everything", "any", "total")}
IMPERSONAL = ("it", "es", "il")
OF_ITS_OWN = 4  # words with meaning, beyond which what opens a conversation says all itself: "this weekend, against the one before"
NO_SUBJECT = (Kind.period_start, Kind.period_end, Kind.limit, Kind.flag)
MOST_ROWS = 10  # rows that are offered to choose from
# Questions that a question beside them does not close.
KEPT_OPEN = (
    "point",
    "slots",
    "confirm",
    "wish",
    "pick",
    "choice",
)


@dataclass(frozen=True)
class Meant:
    """Each wish of a turn and what to do about it; a question that stays open beside it; changes that are done already."""

    decisions: Sequence[tuple[str, Decision]]
    open: Mapping[str, Any] | None = None
    done: Sequence[Call] = ()


def understand(text: str, desk: Desk) -> Meant:
    """What the turn means, given what stands before it."""
    act, pending = Act.of(text), desk.talk.pending
    dropped = _dropped(text, desk)
    if dropped is not None:
        return dropped
    returned = _returned(act, desk) if act.returns else None
    if returned is not None:
        return returned
    if pending is not None and not _of_its_own(act, pending, desk):
        replies = pending.get("kind") == "point" and not mood.asks(act.said, desk.english(act.said))
        named = resume.named(act, pending, desk) if replies else None
        if named is not None:
            return Meant(_decided(named, desk), open=pending.get("before"))
        reply = resume.resume(act, pending, desk)
        if reply is not None:
            return Meant([("", reply)], open=pending.get("before"))
    else:
        about = _about_deeds(act, desk)
        if about is not None:
            return about
    stays = pending if pending and pending.get("kind") in KEPT_OPEN and _changes(pending, desk) else None
    return replace(_anew(act, desk), open=stays)


def _dropped(text: str, desk: Desk) -> Meant | None:
    """ "leave it, he keeps it": what stood open is dropped. What is wished beside it is done; what is only told is its reason."""
    rest = acts.dropped(text)
    if rest is None or desk.talk.begins:
        return None
    own, english = Act.of(rest), desk.english(rest)
    if (own.corrects and len(content(rest)) < FEWEST + 1) or acts.narrows(rest):
        return None
    wished = own.asks or mood.mood(rest, english) is not mood.Mood.statement
    return Meant([("", Decline("left")), *(_decided(rest, desk) if wished else ())])


def _of_its_own(act: Act, pending: Mapping[str, Any], desk: Desk) -> bool:
    """Whether a turn after a question is certainly a request for something else, and no answer."""
    answers = act.agrees or act.declines or act.corrects
    if answers and pending.get("kind") == "confirm":
        return False
    if not answers and _of_another_kind(act.said, pending, desk):
        return True
    said = act.rest if answers else act.said  # "then give her 300 points instead"
    if len([word for word in content(said) if word.isalpha()]) < FEWEST:
        return False
    wishes, on = desk.wishes(said), desk.goes_on(said)
    best = max(wishes, key=lambda name: wishes[name])
    asked = {one.get("tool") for one in (pending, *pending.get("steps", ()), *pending.get("options", ()))}
    if best in asked | {*NO_TOOL} or on >= NOT_ON:
        return False
    clear = wishes[best] >= CLEAR and on < NOWHERE
    wished = not answers and mood.mood(act.rest, desk.english(act.rest)) in (mood.Mood.order, mood.Mood.wish)
    return wishes[best] >= LIKELY or (clear and (wished or not resume.takes(act, pending, desk)))


def _of_another_kind(said: str, pending: Mapping[str, Any], desk: Desk) -> bool:
    """ "and the order from today?", while it is asked which parcel."""
    tool = desk.index.tools.get(str(pending.get("tool")))
    wanted = [f.reference for f in tool.fields if f.name in pending.get("missing", ())] if tool else []
    looks_up = pending.get("kind") == "pick" and tool is not None and not tool.entry.writes and len(wanted) == 1
    return looks_up and bool(of_record(desk.english(said), wanted[0], desk))


def _changes(pending: Mapping[str, Any], desk: Desk) -> bool:
    """Whether what is asked about changes something; a look-up that was dropped for something else is not waited for."""
    calls = [
        pending,
        *(one for name in ("steps", "options") for one in cast(list[Mapping[str, Any]], pending.get(name, []))),
    ]
    named = [desk.index.tools[one["tool"]] for one in calls if one.get("tool") in desk.index.tools]
    return not named or any(tool.entry.writes for tool in named)


def _anew(act: Act, desk: Desk) -> Meant:
    """A turn that answers nothing: it goes on from what was looked up, or asks for something new."""
    if act.alone and act.declines:
        return Meant([(act.said, Decline("left"))])
    if act.alone and act.agrees and not _small(act.said):
        return Meant([(act.said, Decline("nothing_open", act.said))])
    if acts.courteous(act.said) and not desk.talk.begins:
        return Meant([(act.said, Decline("fine", act.said))])
    pointed = pointing.resolved(act.said, (), desk)
    said_figure = _figure_for(act, pointed.things, desk) if desk.talk.pending is None else ""
    if said_figure:
        return Meant([(act.said, _decide(said_figure, desk, []))])
    alone = not pointed.things or acts.narrows(act.said) or picks_some(act.said)
    followed = follow_up(act, desk) if alone else None
    if followed is not None and not (pointed.things and isinstance(followed, Decline)):
        return Meant([(act.said, followed)])
    kind = of_record(desk.english(act.said), desk.before, desk) if desk.before and acts.goes_on(act.said) else ""
    if kind and not pointed.things and len(content(act.said)) <= FEW:
        return Meant([(act.said, complete(desk.index.tools[f"get_{kind}"], desk.english(act.said), desk))])
    if _from_nothing(act.said, desk):
        return Meant([(act.said, Decline("pointing", act.said))])
    said = act.rest if act.rest and any((act.agrees, act.declines, act.aside, act.corrects)) else act.said
    return Meant(_decided(said, desk))


def _figure_for(act: Act, things: Sequence[str], desk: Desk) -> str:
    """ "make it 9.90" of something that has a price, said whole; "" for anything else."""
    making = MAKING.match(act.rest)
    said = act.rest[making.end() :] if making else acts.cleaned(act.rest)
    figure = PRICE.search(said)
    wished = act.corrects or making
    if not wished or figure is None or len(tokens(said)) > FEW or not (things or _shows_price(desk)):
        return ""
    priced = list(things) or focus(desk.talk, desk.index, ("variant", "product"))
    own = {word for thing in priced[:1] for word in fold(thing).split("-")}  # "make the medium 29"
    if {*content(said.replace(figure[0], " "))} - own:
        return ""
    return f"change the price of {priced[0]} to {figure[0].strip()}" if len(priced) == 1 else ""


def _shows_price(desk: Desk) -> bool:
    """Whether a price stands in the latest answer."""
    latest = next(desk.talk.did(), dict[str, Any]())
    return any("price" in name for one in latest.get("shown") or () for name in one.get("figures", ()))


def _from_nothing(said: str, desk: Desk) -> bool:
    """ "and a month ago?", where nothing was looked up that it could go on from."""
    goes_on = re.match(r"(?:and|et|und)\b", said, re.I) is not None or acts.narrows(said)
    bare = len(tokens(said)) <= FEW and not desk.reading(said).free("reference", "code", "email", "number")
    return goes_on and bare and desk.talk.last_call() is None and not desk.talk.begins


def _small(said: str) -> bool:
    """ "ok" and "great" end a matter as often as they agree to one."""
    return acts.leads_alone(said)


# ---- changes that were put to the person ----------------------------------------------------------------------------------


def _about_deeds(act: Act, desk: Desk) -> Meant | None:
    """Agreement to, or correction of, the changes that the person was shown last; None where the turn is about something else."""
    deeds, fresh = desk.talk.deeds()
    deeds = [deed for deed in deeds if deed.call.tool in desk.offered]
    if not deeds:
        return None
    done = [deed.call for deed in deeds if deed.became == "done"]
    undone = [deed for deed in deeds if deed.became not in ("done", "failed")]
    if act.agrees and act.alone:
        if undone:
            return Meant([("", [Step(d.call.tool, d.call.args) for d in undone])])
        return Meant([], done=done) if fresh and done else None
    if act.declines and act.alone:
        return Meant([(act.said, Decline("left"))])
    only = correcting.only_these(act, undone) if fresh else []
    if only:
        return Meant([("", only)])
    asks = act.agrees and mood.asks(act.rest, desk.english(act.rest))  # "yes. how many of those have we then?"
    corrected = None if asks else correcting.corrected(act, deeds, desk, fresh=fresh)
    if isinstance(corrected, Decline) and corrected.why == "not_carried":  # "mets-la en attente": a wish of its own
        wish, hand = _wish(act.said, (), [], desk), subject.in_hand(desk)
        about_it = isinstance(wish, list) and any(set(hand) & set(map(str, step.args.values())) for step in wish)
        corrected = wish if about_it else corrected
    if corrected is not None:
        return Meant([("", corrected)])
    if act.agrees and fresh and not act.corrects:
        return Meant(_decided(act.rest, desk), done=done)
    return None


# ---- back to something that was left open -----------------------------------------------------------------------------------


def _returned(act: Act, desk: Desk) -> Meant | None:
    """ "back to the purchase order, put 10 december as expected date and go ahead"."""
    what, *rest = re.split(r"\s*[,;:]\s*|\.\s+", act.rest, maxsplit=1)
    kept = [one for one in _left_open(desk) if one["tool"] in desk.offered]
    named = [one for one in kept if _named(one, what, desk)] or (kept if len(kept) == 1 else [])
    if not named:
        return None
    one = named[0]
    tool = desk.index.tools[one["tool"]]
    chosen = complete(tool, str(one["text"]), desk) if "text" in one else None  # of two readings that were offered
    known = chosen.pending if isinstance(chosen, Ask) else vars(chosen[0]) if isinstance(chosen, list) else one
    step, further = Step(one["tool"], known.get("args", {}), known.get("people", {})), list[tuple[str, Decision]]()
    for piece in PIECES.split(rest[0]) if rest else []:
        own = Act.of(piece)
        if own.alone and (own.agrees or not piece.strip()):
            continue
        found = None if own.asks else edited(Call(step.tool, step.args), desk.english(acts.bare(own.rest)), desk)
        if found is None:
            further += _decided(piece, desk)
        else:
            step = replace(found.step, people={**step.people, **found.step.people})
    missing = [f for f in tool.required if f.name not in step.args and f.name not in step.people]
    first: Decision = ask_for(tool, missing, step.args, step.people) if missing else [step]
    return Meant([("", first), *further])


def _left_open(desk: Desk) -> list[dict[str, Any]]:
    """Calls that were asked about or put to the person and never made, the latest first."""
    found: list[dict[str, Any]] = []
    for kept in desk.talk.kept():
        pending = cast(dict[str, Any], kept.get("pending") or {})
        within = [one for name in ("steps", "options") for one in cast(list[dict[str, Any]], pending.get(name, []))]
        found += [{"args": {}, **one} for one in [pending, *within] if "tool" in one]
        put = cast(list[dict[str, Any]], cast(dict[str, Any], kept.get("did") or {}).get("put") or [])
        found += [one for one in put if one["became"] != "done"]
    return found


def _named(one: Mapping[str, Any], what: str, desk: Desk) -> bool:
    said = {stem(word) for word in content(desk.english(what))}
    own = f"{one['tool'].replace('_', ' ')} {one['args']} {one.get('people', '')}"
    return bool(said & {stem(word) for word in tokens(own)})


# ---- requests ---------------------------------------------------------------------------------------------------------------


def _decided(text: str, desk: Desk) -> list[tuple[str, Decision]]:
    """Each clause, and the decision for it. A wish that depends on an answer waits until the answer is there."""
    waits = WAITING.search(text)
    now = text[: waits.start()] if waits else text
    decisions: list[tuple[str, Decision]] = []
    steps: list[Step] = []
    for clause in clauses.split(now, desk.wishes, desk.begins):
        said, *others = ALSO.split(clause.text)
        if clause.leans and decisions and isinstance(decisions[-1][1], Decline):
            said = f"{decisions.pop()[0]}, {said}"  # what happened, then what to do about it
        decision = _wish(said, [text for text, _ in decisions], steps, desk)
        decision = _each_other(decision, others, desk) if others else decision
        decision = [_of_that_time(step, steps, desk) for step in decision] if isinstance(decision, list) else decision
        decisions.append((said, decision))
        steps += decision if isinstance(decision, list) else []
    if any(isinstance(decision, Ask) and decision.look for _, decision in decisions):
        decisions = [one for one in decisions if not isinstance(one[1], Decline)]  # "…, fix it"
    return [*decisions, (waits[1], Decline("waits", waits[1]))] if waits else decisions


def _of_that_time(step: Step, before: Sequence[Step], desk: Desk) -> Step:
    """A report of the time that was said for the report before it: "what did we take in November, and how much went back?"."""
    if not (before and step.tool.endswith(REPORTS) and before[-1].tool.endswith(REPORTS)) or _has_period(step, desk):
        return step
    kinds = (Kind.period_start, Kind.period_end)
    said = {
        f.kind: before[-1].args[f.name] for f in desk.index.tools[before[-1].tool].fields if f.name in before[-1].args
    }
    own = {f.name: said[f.kind] for f in desk.index.tools[step.tool].fields if f.kind in kinds and f.kind in said}
    return replace(step, args={**step.args, **own})


def _each_other(decision: Decision, others: Sequence[str], desk: Desk) -> Decision:
    """ "set MUG-BLUE to 12 and MUG-RED to 13": the same for each further thing, with its own figure."""
    if not isinstance(decision, list):
        return decision
    steps = list(decision)
    for said in others:
        found = edited(Call(steps[-1].tool, steps[-1].args), desk.english(said), desk)
        steps += [found.step] if found else []
    return steps


def _wish(said: str, earlier: Sequence[str], steps: list[Step], desk: Desk) -> Decision:
    """The decision for one clause, as it stands or beside the record in hand."""
    pointed = pointing.resolved(said, earlier, desk)
    decision = _as_it_stands(said, pointed, earlier, steps, desk)
    if earlier or (pointed.row and about.uses(decision, pointed.things)):
        return decision
    return subject.instead(decision, said, pointed, desk, lambda text: _decide(text, desk, steps))


def _as_it_stands(
    said: str, pointed: pointing.Pointed, earlier: Sequence[str], steps: list[Step], desk: Desk
) -> Decision:
    """The decision for one clause, with what it points at put in the place of the words."""
    then = pointers.plain("then").search(said)
    if then and (dated := _of_then(f"{said[: then.start()]}{said[then.end() :]}".strip(), steps, desk)):
        return dated
    if pointed.lost and _is_here(said, pointed.lost, desk):
        pointed = replace(pointed, lost="")
    row = (
        pointers.tells_place(pointed.lost)
        or pointers.tells_row(pointed.lost)
        or pointers.plain("other").fullmatch(pointed.lost)
    )
    if row and shown(desk.talk):
        return _which(said, pointed.lost, desk)
    decision = _for_each(_decide(pointed.text, desk, steps), pointed.things)
    if row and not (isinstance(decision, list) and any(_tells(step, desk) and not step.people for step in decision)):
        return _which(said, pointed.lost, desk)  # "to 35 euros until we sell the last ones" points at no row
    if pointed.things:
        decision = _about(decision, said, pointed, steps, desk)
    # Nothing was shown that it could point at.
    opens = desk.talk.begins and len(content(said)) > OF_ITS_OWN
    if pointers.owned(pointed.lost) and not opens and _about_nothing(decision, desk):
        return _which(said, pointed.lost, desk)  # nor what was narrowed before about "her"
    scoped = pointers.plain("points").search(said) is not None or acts.goes_on(said) or _once_more(decision, said, desk)
    beside = pointed.things and about.uses(decision, pointed.things)
    if not beside and not earlier and isinstance(decision, list):
        decision = [carried(step, desk) if scoped else told_otherwise(step, desk) for step in decision]
    if pointed.lost and isinstance(decision, Decline) and decision.why in ("unclear", *NO_TOOL):
        rains = decision.why == "~beyond" and pointed.lost.lower() in IMPERSONAL and not shown(desk.talk)
        return decision if rains or opens else _which(said, pointed.lost, desk)  # "will it rain?" points at nothing
    if pointed.lost and not opens and _about_nothing(decision, desk):
        # a list of everything is no answer about "it", but of that time
        return _dated(decision, desk) or _which(said, pointed.lost, desk)
    return decision


def _of_then(said: str, steps: list[Step], desk: Desk) -> list[Step] | None:
    """What is asked "on those two days": of the period that the last look-up was of; None where it was of none."""
    return _dated(_decide(said, desk, steps), desk)


def _dated(decision: Decision, desk: Desk) -> list[Step] | None:
    """Look-ups of the period that was spoken of last; None where one of them has its own, or takes none, or none was spoken of."""
    steps = decision if isinstance(decision, list) else []
    kept = [carried(step, desk) for step in steps if not _has_period(step, desk)]
    return kept if steps and len(kept) == len(steps) and all(_has_period(step, desk) for step in kept) else None


def _has_period(step: Step, desk: Desk) -> bool:
    return any(f.kind is Kind.period_start and f.name in step.args for f in desk.index.tools[step.tool].fields)


def _about(decision: Decision, said: str, pointed: pointing.Pointed, steps: list[Step], desk: Desk) -> Decision:
    """The decision about what was pointed at; as it was said, where a pronoun stood for another kind of thing."""
    meant = about.instead(decision, pointed.text, pointed.things, desk)
    if about.uses(meant, pointed.things):
        return about.likelier(meant, said, pointed.text, pointed.things, desk)
    plain = _decide(said, desk, steps)
    if pointed.row:
        return about.of_row(plain, said, pointed.things, desk)
    return about.shown(meant if isinstance(plain, Decline) else plain, said, pointed.things, desk)


def _is_here(said: str, lost: str, desk: Desk) -> bool:
    """Whether what is pointed at stands in the text itself: "the rugs: 14 of the smallest ones", "Ana Torres wants her points"."""
    reading, words = desk.reading(desk.english(said)), desk.english(lost)
    start = reading.text.find(words)
    named = [one for one in reading.grounds if one.goods or one.of(*PARTNERS, fits=SURE)]
    goods = any(start <= one.start < start + len(words) for one in named if one.goods)
    goods = goods or (
        lost.lower() in IMPERSONAL and any(one.end <= start for one in named)
    )  # "that code, how often was it used"
    people = any(one.end <= start for one in reading.mentions if one.kind in OF_PEOPLE) and pointers.owned(lost)
    return start >= 0 and (goods or people)


def _decide(text: str, desk: Desk, steps: list[Step]) -> Decision:
    """As it was said, else in English words: of what hangs together with what was said before, either may be understood."""
    english = desk.english(text)
    decision = decide(english, desk, before=steps, said=text)
    if english != text and isinstance(decision, Decline) and decision.why in ("unclear", *NO_TOOL):
        decision = decide(english, desk, before=steps)
    decision = named.instead(vague.instead(decision, english, text, desk), english, desk)
    return decision if english == text else written.kept(decision, text, desk)


def _which(said: str, lost: str, desk: Desk) -> Decision:
    """Which of the things that were shown the words mean; where nothing was, that it is not known."""
    labels = {thing.reference: thing.label or thing.reference for thing in shown(desk.talk)}
    if len(labels) < 2:  # "the other one", of those of which one was opened
        labels = {
            one.reference: one.label or one.reference for one in last_list(desk.talk) if one.reference not in labels
        }
    rows = (
        pointing.offered_people(desk)
        or [{"value": reference, "label": label} for reference, label in labels.items()]
        or _offered(desk)
    )
    if not 1 < len(rows) <= MOST_ROWS:
        return Decline("pointing", lost)
    return Ask({"kind": "point", "text": said, "lost": lost, "options": rows})


def _offered(desk: Desk) -> list[dict[str, Any]]:
    """The records that the last question offered to choose from."""
    pending = desk.talk.pending or {}
    return list(pending["options"]) if pending.get("kind") == "pick" and pending.get("frame") == "found_none" else []


def _for_each(decision: Decision, things: Sequence[str]) -> Decision:
    """A call that takes one of several things that were pointed at, once for each of them."""
    if not isinstance(decision, list) or len(decision) != 1 or len(things) < 2:
        return decision
    name = next((name for name, value in decision[0].args.items() if value in things), "")
    notes = tuple(note for note in decision[0].notes if note not in things)
    each = [replace(decision[0], args={**decision[0].args, name: one}, notes=notes) for one in things]
    return each if name else decision


def _once_more(decision: Decision, said: str, desk: Desk) -> bool:
    """Whether a few words ask the same look-up of nothing in particular: "when more", of what was asked about before."""
    last = desk.talk.last_call()
    same = isinstance(decision, list) and last is not None and [step.tool for step in decision] == [last.tool]
    words = {stem(word) for word in tokens(desk.english(said))}
    own = {stem(word) for word in (last.tool if last else "").split("_")} | ALL
    return same and len(words) <= FEW and not words & own and _about_nothing(decision, desk)


def _about_nothing(decision: Decision, desk: Desk) -> bool:
    """Whether a look-up was told nothing of what it is about."""
    if isinstance(decision, Ask):
        asked = decision.pending
        return asked["kind"] == "slots" and not (asked["args"] or asked["people"])
    return isinstance(decision, list) and not any(_tells(step, desk) for step in decision)


def _narrows(look_up: Mapping[str, Any], desk: Desk) -> bool:
    """Whether a record is looked for by more than that it is open, or the newest."""
    return _tells(Step(look_up["tool"], look_up["args"], look_up["people"]), desk)


def _tells(step: Step, desk: Desk) -> bool:
    """Whether a call has more than when, how many and in which order: "the last order" of nobody is no order of hers."""
    tool = desk.index.tools[step.tool]
    if step.people:
        return any(
            not isinstance(said, dict) or _narrows(cast(Mapping[str, Any], said), desk) for said in step.people.values()
        )
    if tool.entry.writes:
        return True
    subject = {f.name for f in tool.fields if f.kind not in NO_SUBJECT and f.name not in ORDERLY}
    return bool(subject & set(step.args))
