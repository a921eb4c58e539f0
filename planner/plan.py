"""The turn: from the conversation to the next message.

State lives in the messages alone. `additional_kwargs` of an answer carries `pending` (a question's half-filled call) and
`did` (the calls of the turn); of a message that calls tools, `plan` (what is still to be done after the results).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage

from planner.choose import belonging, ground, on_order
from planner.choose.decisions import Ask, Decision, Decline, Desk, Step
from planner.choose.index import SMALL_TALK, Index
from planner.choose.lookup import (
    Found,
    first_call,
    following_call,
    found_in,
    latest_of_one,
    of_one_person,
    of_somebody_else,
    once_more,
    orders_first,
    row_of,
    whose,
    without_goods,
    without_unknown_goods,
)
from planner.choose.plans import Nothing, Plan
from planner.choose.rather import LINES
from planner.choose.turns import Meant, understand
from planner.choose.wider import known_of, wider
from planner.converse import things
from planner.converse.memory import Conversation, Result
from planner.read import acts, mood
from planner.read.fields import Field, Kind, read
from planner.read.words import content
from planner.tell import answer, asking, talk
from planner.tell.lists import COUNT
from planner.tell.unopened import not_open
from planner.tell.voice import Voice

WIDER = "expand_scope"
UNDERSTOOD_NOTHING = ("unclear", "elsewhere", "~beyond", "pointing", "not_narrowed", "not_carried")
GROUNDS = "grounds"  # what a look-up is awaited for that is made before anything is decided
LONGEST_NAME = 80
EXCHANGE, NOT_LEFT = "exchange_items", "None of it has left"


@dataclass(frozen=True)
class Turn:
    """One message to write: who asks, what is offered, and the number of the next call."""

    desk: Desk
    made: int
    wider: Mapping[str, Any] | None  # the function that opens another room, if it is offered

    @classmethod
    def of(cls, messages: Sequence[BaseMessage], functions: Mapping[str, Mapping[str, Any]], index: Index) -> "Turn":
        known = frozenset(name for name in functions if name in index.tools)
        made = sum(len(message.tool_calls) for message in messages if isinstance(message, AIMessage))
        return cls(Desk(index, known, Conversation.of(messages)), made, functions.get(WIDER))


def next_message(
    messages: Sequence[BaseMessage], functions: Mapping[str, Mapping[str, Any]], index: Index
) -> AIMessage:
    """The planner's next message: tool calls, an answer, or a question. `functions` are the offered ones by name."""
    turn = Turn.of(messages, functions, index)
    results = turn.desk.talk.results()
    grounded = GROUNDS in ((turn.desk.talk.plan or {}).get("awaiting") or {})
    if results and results[-1].call.tool != WIDER and not grounded:
        return _continue(turn, results)
    names = _names(turn) if turn.desk.known is None and ground.SEARCH in turn.desk.offered else []
    if names:
        return _calling(turn, [(ground.SEARCH, {"words": names})], Plan(awaiting={GROUNDS: True}))
    return _begin(turn, may_widen=turn.wider is not None and all(r.call.tool != WIDER for r in results))


def _names(turn: Turn) -> list[str]:
    """What may be somebody's name, or a thing's: the shop is asked before anything is decided."""
    desk = turn.desk
    english = desk.english(desk.talk.request)
    return [phrase.asked[:LONGEST_NAME] for phrase in desk.phrases(desk.reading(english))]


def _begin(turn: Turn, *, may_widen: bool) -> AIMessage:
    desk = turn.desk
    text, _ = mood.without_preview(mood.ungreeted(desk.talk.request))
    if not text:
        return AIMessage(talk.hint(desk))
    meant = understand(text, desk)
    return _carry_out(turn, _gather(meant, desk), may_widen=may_widen)


def _gather(meant: Meant, desk: Desk) -> Plan:
    """One plan out of the decisions for each clause; what was not understood is said, not dropped."""
    decisions, voice = meant.decisions, Voice.of(desk.talk)
    tools = desk.index.tools
    done = [voice.say("already_done", what=asking.called(tools[one.tool], one.args, voice)) for one in meant.done]
    steps = [
        step for _, decision in decisions for step in (decision if isinstance(decision, list) else _beside(decision))
    ]
    steps = [step for nth, step in enumerate(steps) if step not in steps[:nth] or _writes(step, desk)]  # looked up once
    questions = [decision for _, decision in decisions if isinstance(decision, Ask)]
    declined = [decision for _, decision in decisions if isinstance(decision, Decline)]
    if not steps and not questions and declined:
        known = known_of(desk) if all(d.why == "unclear" for d in declined) else None
        if known:
            return Plan([known[1]], leads=[*done, voice.say("unclear_of", name=known[0])], open=meant.open)
        decline = next((d for d in declined if d.why != SMALL_TALK), declined[0])
        return Nothing(decline=decline, leads=done, open=meant.open)
    unheard = [(said, d) for said, d in decisions if isinstance(d, Decline) and d.why in UNDERSTOOD_NOTHING]
    unheard = [
        (said, d) for said, d in unheard if d.why != "pointing" or content(said or d.said)
    ]  # "and who has them?"
    left = [voice.say("not_understood", said=said or d.said) for said, d in unheard]
    waiting = [d for d in declined if d.why == "waits"]
    left += [voice.say("waits", said=d.said) for d in waiting]
    left += [talk.closed(d, voice) for d in declined if d.why in ("planned", "people") and not d.meanwhile]
    unopened = [(d.operation, d.room) for d in declined if d.meanwhile and d.why == "planned"]
    unused = voice.not_used([said for step in steps for said in step.notes if not _writes(step, desk)])
    notes = [unused] if unused else []
    later = [said for said, decision in decisions if isinstance(decision, Ask)][1:]
    later = [voice.say("one_question", said=voice.quoted(later))] if later else []
    stays = {"kind": "wish", "text": acts.unconditioned(waiting[0].said)} if waiting else meant.open
    question = questions[0] if questions else None
    return Plan(steps, [*notes, *left, *later], question, leads=done, unopened=unopened, open=stays)


def _beside(decision: Decision) -> Sequence[Step]:
    """What is shown though it is not what was asked for: of what is not done here, and before a question."""
    return decision.meanwhile if isinstance(decision, Decline) else decision.look if isinstance(decision, Ask) else ()


def _carry_out(turn: Turn, plan: Plan, *, may_widen: bool = False) -> AIMessage:
    if isinstance(plan, Nothing):
        if plan.decline.why == "elsewhere" and may_widen:
            return _widen(turn, plan.decline)
        return _keep_open(_decline(turn, plan), plan, turn.desk)
    if plan.steps:
        return _next_calls(turn, plan)
    return _close(turn, plan, [])


def _decline(turn: Turn, plan: Nothing) -> AIMessage:
    """No wish that a tool is for: what could be asked today, which of two readings was meant, or that it can't be done."""
    decline = plan.decline
    frame, calls = talk.opening(decline, turn.desk)
    if calls:
        return _calling(turn, calls, Plan(opening=frame, open=plan.open))
    if frame:
        return AIMessage(talk.opened(frame, [], turn.desk))
    options = talk.choices(decline, turn.desk)
    if not options:
        return AIMessage(" ".join([*plan.leads, talk.declined(decline, turn.desk)]))
    voice = Voice.of(turn.desk.talk)
    lines = "\n".join(f"{n}. {option['label']}" for n, option in enumerate(options, 1))
    text = f"{voice.say('unclear')} {voice.say('did_you_mean')}\n\n{lines}"
    return AIMessage(text, additional_kwargs={"pending": {"kind": "choice", "options": options}})


def _widen(turn: Turn, decline: Decline) -> AIMessage:
    """Asks for the tools of another room; the request is read again when they are there."""
    told = read(cast(Mapping[str, Any], (turn.wider or {}).get("parameters", {})))
    named = next((f for f in told if f.required), told[0] if told else None)
    args: dict[str, Any] = {named.name: [decline.room] if named.many else decline.room} if named else {}
    args |= {f.name: True for f in told if f.name == "change" and decline.writes}
    return _calling(turn, [(WIDER, args)], Plan())


def _next_calls(turn: Turn, plan: Plan) -> AIMessage:
    """The next calls: reads together, a write alone, a look-up first where a reference is known by name only."""
    first, *others = plan.steps
    first = on_order.looked_up(first, turn.desk)
    if first.people:
        return _look_up(turn, replace(plan, steps=[first, *others]), first)
    if _writes(first, turn.desk):
        remark = _remark(first, Voice.of(turn.desk.talk))
        return _calling(turn, [(first.tool, first.args)], replace(plan, steps=others, awaiting=None), remark)
    reads = [first]
    for step in others:
        if step.people or _writes(step, turn.desk):
            break
        reads.append(step)
    left = replace(plan, steps=plan.steps[len(reads) :], awaiting=None)
    return _calling(turn, [(step.tool, _counting(step, turn.desk)) for step in reads], left)


def _writes(step: Step, desk: Desk) -> bool:
    return desk.index.tools[step.tool].entry.writes


def _remark(step: Step, voice: Voice) -> str:
    """What the card of a change has to say of what was told and has no place in it."""
    return voice.say("without", said=voice.quoted(step.notes)) if step.notes else ""


def _counting(step: Step, desk: Desk) -> Mapping[str, Any]:
    """A list's arguments, with the wish to count all that match: "57 late parcels" says more than that there are over 20."""
    fields = desk.index.tools[step.tool].fields
    countable = any(f.name == COUNT for f in fields)
    few = any(f.name in step.args for f in fields if f.kind is Kind.limit)  # of "the last three" not all are counted
    return {**step.args, COUNT: True} if countable and not few else step.args


def _look_up(turn: Turn, plan: Plan, step: Step) -> AIMessage:
    name, said = next(iter(step.people.items()))
    wanted = next(f for f in turn.desk.index.tools[step.tool].fields if f.name == name)
    call = first_call(wanted, said, step, turn.desk)
    if call is None:
        return _cannot_look_up(turn, plan, step, wanted, said)
    return _calling(turn, [(call.tool, call.args)], replace(plan, awaiting=call.awaiting))


def _cannot_look_up(turn: Turn, plan: Plan, step: Step, wanted: Field, said: str) -> AIMessage:
    tool = turn.desk.index.tools[step.tool]
    if not wanted.required:
        search = next((f for f in tool.fields if f.kind is Kind.search and f.name not in step.args), None)
        args = {**step.args, **({search.name: said} if search else {})}
        notes = [*plan.notes, *([] if search else [Voice.of(turn.desk.talk).not_used([said])])]
        return _next_calls(
            turn, replace(plan, steps=[replace(step, args=args, people={}), *plan.steps[1:]], notes=notes)
        )
    if not tool.entry.writes and wanted.reference == "product":
        return _next_calls(
            turn,
            replace(plan, steps=[replace(step, args={**step.args, wanted.name: said}, people={}), *plan.steps[1:]]),
        )
    asked = {"frame": "no_look_up", "noun": wanted.reference, "said": said}
    pending = {"kind": "slots", "tool": step.tool, "args": dict(step.args), "people": {}, "missing": [wanted.name]}
    return _close(turn, replace(plan, question=Ask({**pending, **asked})), [])


def _continue(turn: Turn, results: list[Result]) -> AIMessage:
    stored = turn.desk.talk.plan
    plan = Plan.unpacked(stored) if stored else Plan()
    last = results[-1]
    if plan.opening:
        return AIMessage(talk.opened(plan.opening, results, turn.desk))
    if plan.awaiting:
        return _after_look_up(turn, plan, last, results)
    failed = answer.problem(last.value) is not None
    if (instead := _before_it_left(last, turn.desk)) is not None:
        return _next_calls(turn, replace(plan, steps=[instead, *plan.steps]))
    if failed and plan.steps and turn.desk.index.tools[last.call.tool].entry.writes:
        voice = Voice.of(turn.desk.talk)
        undone = [asking.described(turn.desk.index.tools[step.tool], step.args, voice) for step in plan.steps]
        plan = replace(plan, steps=[], notes=[*plan.notes, *(voice.say("undone", what=what) for what in undone)])
    if plan.steps:
        return _next_calls(turn, plan)
    more = wider(last, turn.desk) if sum(not one.aside for one in results) == 1 and not plan.question else None
    if more:
        none = answer.compose([last], [], turn.desk)
        leads = [*plan.leads, f"{none} {Voice.of(turn.desk.talk).say('wider')}"]
        return _calling(turn, [(more.tool, more.args)], replace(plan, leads=leads, wider=True))
    if plan.wider and answer.nothing(last.value):  # the narrower question needs no answer of its own then
        plan = replace(plan, leads=plan.leads[:-1])
    return _close(turn, plan, results[-1:] if plan.wider else results)


def _before_it_left(result: Result, desk: Desk) -> Step | None:
    """What is exchanged before it has left is changed on the order."""
    error = answer.problem(result.value)
    if result.call.tool != EXCHANGE or LINES not in desk.offered or NOT_LEFT not in str((error or {}).get("message")):
        return None
    items = cast(Sequence[Mapping[str, Any]], result.call.args.get("items") or ())
    swaps = [{"to" if name == "new_sku" else name: value for name, value in item.items()} for item in items]
    return Step(LINES, {"order": result.call.args["order"], "swaps": swaps})


def _after_look_up(turn: Turn, plan: Plan, last: Result, results: list[Result]) -> AIMessage:
    awaiting = cast(Mapping[str, Any], plan.awaiting)
    step, rest = plan.steps[0], list(plan.steps[1:])
    if (instead := awaiting.get("instead")) and answer.nothing(last.value):
        return _calling(turn, [(instead["tool"], instead["args"])], replace(plan, awaiting=instead["awaiting"]))
    if instead:
        return _close(turn, replace(plan, steps=[], awaiting=None), results, show_asides=True)
    if answer.problem(last.value) is not None:
        less = without_goods(last.call, awaiting)
        if less is None:
            return _close(turn, replace(plan, steps=[]), results, show_asides=True)
        return _calling(turn, [(less.tool, less.args)], replace(plan, awaiting=less.awaiting))
    found = found_in(last.value, awaiting, newest=step.newest, said=turn.desk.english(turn.desk.talk.request))
    if found.value and _writes(step, turn.desk) and of_somebody_else(found.value, last, results):
        found = replace(found, value=None)  # is asked about, though it is the only one
    again = None if found.options else once_more(last.call, awaiting, turn.desk)
    if again:
        again = again if rest or _writes(step, turn.desk) else orders_first(again, last.call, turn.desk)
        return _calling(turn, [(again.tool, again.args)], replace(plan, awaiting=again.awaiting))
    if found.value is None and not found.options and (through := without_unknown_goods(awaiting)):
        left = Voice.of(turn.desk.talk).not_used([str(awaiting["said"])])
        solved = replace(step, people={**step.people, awaiting["field"]: through})
        return _next_calls(turn, replace(plan, steps=[solved, *rest], awaiting=None, notes=[*plan.notes, left]))
    if found.value is None and not found.options and step.otherwise:
        other = replace(step.otherwise[0], otherwise=step.otherwise[1:])
        return _next_calls(turn, replace(plan, steps=[other, *rest], awaiting=None))
    if (each := _in_each_place(step, awaiting, found, turn.desk)) and not rest:
        return _next_calls(turn, replace(plan, steps=each, awaiting=None))
    found, plan = _or_the_latest(turn, plan, results, found)
    if found.value is None and not rest and _worth_showing(step, last, awaiting, found, turn.desk):
        asked = _which(step, awaiting, found, ())
        asked = replace(asked, pending={**asked.pending, "listed": True})
        question = None if of_one_person(results) else asked  # of theirs all are the answer
        return _close(turn, replace(plan, steps=[], awaiting=None, question=question), results, show_asides=True)
    if found.value is None:
        return _go_on_without(turn, plan, results, lambda then: _which(step, awaiting, found, then))
    return _solved(turn, plan, last, found)


def _in_each_place(step: Step, awaiting: Mapping[str, Any], found: Found, desk: Desk) -> list[Step]:
    """A look at each of the places where something lies: "in which bin is it?", of what two warehouses have."""
    places = "other_than" in (awaiting.get("through") or {}) and not _writes(step, desk)
    people = {name: said for name, said in step.people.items() if name != found.field}
    options = found.options if places and found.value is None and not people else []
    return [replace(step, args={**step.args, found.field: value}, people={}) for value, _label in options]


def _or_the_latest(turn: Turn, plan: Plan, results: Sequence[Result], found: Found) -> tuple[Found, Plan]:
    """The newest of somebody's records, where none is open any more and it is only shown; which is said."""
    step, awaiting = plan.steps[0], cast(Mapping[str, Any], plan.awaiting)
    latest = latest_of_one(found, results, awaiting) if found.value is None and not _writes(step, turn.desk) else None
    if latest is None:
        return found, plan
    voice = Voice.of(turn.desk.talk)
    lead = voice.say(
        "latest_closed", noun=voice.label(str(awaiting["reference"])), who=whose(row_of(latest, results[-1]))
    )
    return replace(found, value=latest), replace(plan, leads=[*plan.leads, lead])


def _solved(turn: Turn, plan: Plan, last: Result, found: Found) -> AIMessage:
    """The call with what was looked up, or the next look-up that it takes."""
    awaiting = cast(Mapping[str, Any], plan.awaiting)
    step, rest, value = plan.steps[0], list(plan.steps[1:]), str(found.value)
    if "owner" in awaiting:  # now the records that are theirs
        through = belonging.owned(awaiting["through"], awaiting["owner"], value)
        solved = replace(step, people={**step.people, awaiting["field"]: through})
        return _next_calls(turn, replace(plan, steps=[solved, *rest], awaiting=None))
    following = following_call(value, step, awaiting, turn.desk)
    if following:
        return _calling(turn, [(following.tool, following.args)], replace(plan, awaiting=following.awaiting))
    people = {name: said for name, said in step.people.items() if name != awaiting["field"]}
    args = on_order.told(step.tool, _of_its_lines(step, value, last, turn.desk), people, row_of(value, last))
    if isinstance(args, Ask):
        asked = Ask({**args.pending, "args": {**args.pending["args"], found.field: value}})
        return _close(turn, replace(plan, steps=[], awaiting=None, question=asked), [])
    solved = replace(step, args={**args, found.field: value}, people=people)
    others = [_solved_too(other, step, awaiting, value) for other in rest]
    return _next_calls(turn, replace(plan, steps=[solved, *others], awaiting=None))


def _of_its_lines(step: Step, value: str, last: Result, desk: Desk) -> dict[str, Any]:
    """The arguments with those of several variants that are on the order: "the chai", that comes in two sizes."""
    row = row_of(value, last)
    lines = cast(list[Mapping[str, Any]], row.get("lines") if isinstance(row.get("lines"), list) else [])
    own, args = {line.get("sku") for line in lines}, dict(step.args)
    for f in (f for f in desk.index.tools[step.tool].fields if f.many and f.reference == "variant" and not f.parts):
        args[f.name] = [sku for sku in args.get(f.name) or () if sku in own] or args.get(f.name)
    return {name: told for name, told in args.items() if told is not None}


def _worth_showing(step: Step, last: Result, awaiting: Mapping[str, Any], found: Found, desk: Desk) -> bool:
    """Whether the few records of which one is meant may be the answer: who asks when an order comes is shown those that are due."""
    records = last.call.tool.startswith("list_") and awaiting["reference"] != "customer"
    closed = cast(Mapping[str, Any], awaiting.get("through") or {}).get("closed")
    return len(found.options) > 1 and records and not closed and not _writes(step, desk)


def _go_on_without(
    turn: Turn, plan: Plan, results: Sequence[Result], ask: Callable[[Sequence[Step]], Ask]
) -> AIMessage:
    """Somebody or something was not found: what can be looked up without it is looked up, and then it is asked for."""
    rest = plan.steps[1:]
    apart = [step for step in rest if not step.people and not _writes(step, turn.desk)]
    plan = replace(plan, steps=apart, awaiting=None, question=ask([step for step in rest if step not in apart]))
    return _next_calls(turn, plan) if apart else _close(turn, plan, results)


def _solved_too(other: Step, step: Step, awaiting: Mapping[str, Any], value: str) -> Step:
    """A later step about the same person or order needs no second look-up."""
    name = awaiting["field"]
    if other.people.get(name) != step.people.get(name) or name not in other.people:
        return other
    return replace(other, args={**other.args, name: value}, people={k: v for k, v in other.people.items() if k != name})


def _which(step: Step, awaiting: Mapping[str, Any], found: Found, rest: Sequence[Step]) -> Ask:
    asked = {"frame": "found_none", "noun": awaiting["reference"], "said": awaiting["said"]}
    people = {name: said for name, said in step.people.items() if name != found.field}
    base: dict[str, Any] = {"tool": step.tool, "args": dict(step.args), "people": people, "missing": [found.field]}
    base |= {"then": Plan(rest).packed()["steps"], "notes": list(step.notes), **asked}
    through = cast(Mapping[str, Any], awaiting.get("through") or {})
    base |= {"closed": True} if through.get("closed") else {}
    base |= {"side": awaiting["side"]} if awaiting.get("side") else {}
    if "owner" in awaiting:
        base |= {"through": awaiting["through"], "owner": awaiting["owner"]}
    used = {str(value) for value in step.args.values()}  # "to Lille": not from there
    options = [{"value": value, "label": label} for value, label in found.options if not used & {*label.split(", ")}]
    return Ask({"kind": "pick", **base, "options": options} if options else {"kind": "slots", **base})


def _close(turn: Turn, plan: Plan, results: Sequence[Result], *, show_asides: bool = False) -> AIMessage:
    """The answer: what the tools said, what was left out, and the question that is still open."""
    shown = [
        one for one in results if (not one.aside or (show_asides and one is results[-1])) and one.call.tool != WIDER
    ]
    helped = any(answer.problem(result.value) is None for result in shown)
    shown = shown if helped or not plan.unopened else []  # what is shown meanwhile is no answer where it is not there
    language = Voice.of(turn.desk.talk).language
    closed = [not_open(name, room, language, shown=helped) for name, room in plan.unopened]
    plan = plan if plan.question else replace(plan, question=_asked_back(shown, turn.desk))
    told = answer.compose(shown, list(plan.notes), turn.desk, plainly=plan.wider)
    text = " ".join(part for part in (*plan.leads, *closed, told) if part)
    if plan.question:
        asked = asking.question(plan.question.pending, turn.desk)
        text = "\n\n".join(filter(None, [text, asked, asking.afterwards(plan.question.pending, turn.desk)]))
    kept: dict[str, Any] = {}
    if plan.question:
        kept["pending"] = {**plan.question.pending, **({"before": plan.open} if plan.open else {})}
    if shown:
        done = [result for result in shown if answer.problem(result.value) is None]
        calls = [{"tool": result.call.tool, "args": dict(result.call.args)} for result in done]
        kept["did"] = {
            "calls": calls,
            "shown": things.kept(done, turn.desk.index.vocabulary.prefixes),
            "put": [_put(result) for result in shown if _was_put(result, turn.desk)],
        }
    named = ground.titles(turn.desk.reading(turn.desk.english(turn.desk.talk.request)))
    if named:
        kept["did"] = {"calls": [], "shown": [], **kept.get("did", {}), "goods": named[-1]}
    message = AIMessage(text or talk.hint(turn.desk), additional_kwargs=kept)
    return _keep_open(message, plan, turn.desk)


def _asked_back(shown: Sequence[Result], desk: Desk) -> Ask | None:
    """What a call was refused for the lack of, where the refusal says how it is told: "in which warehouse?"."""
    last = shown[-1] if shown else None
    error = answer.problem(last.value) if last else None
    asked = answer.ASKED.search(str(error.get("hint") or "")) if error else None
    if last is None or asked is None or last.call.tool not in desk.index.tools:
        return None
    open_ones = [f.name for f in desk.index.tools[last.call.tool].fields if f.name not in last.call.args]
    call = {"tool": last.call.tool, "args": dict(last.call.args), "people": {}}
    return Ask({"kind": "slots", **call, "missing": [asked[1]], "told": True}) if asked[1] in open_ones else None


def _was_put(result: Result, desk: Desk) -> bool:
    """A change, and a look-up that failed: what may be corrected in the next turn."""
    return desk.index.tools[result.call.tool].entry.writes or answer.problem(result.value) is not None


def _put(result: Result) -> dict[str, Any]:
    problem = answer.problem(result.value)
    became = "done" if problem is None else "refused" if problem.get("code") == "Rejected" else "failed"
    return {"tool": result.call.tool, "args": dict(result.call.args), "became": became}


def _keep_open(message: AIMessage, plan: Plan, desk: Desk) -> AIMessage:
    """The answer with the question that stays open named at its end, unless a new one is asked."""
    kept = cast(dict[str, Any], message.additional_kwargs)
    if plan.open is None or message.tool_calls or "pending" in kept:
        return message
    text = "\n\n".join(filter(None, [message.text, asking.still_open(plan.open, desk)]))
    return AIMessage(text, additional_kwargs={**kept, "pending": dict(plan.open)})


def _calling(turn: Turn, calls: Sequence[tuple[str, Mapping[str, Any]]], plan: Plan, remark: str = "") -> AIMessage:
    made = [
        {"name": name, "args": dict(args), "id": f"call_{turn.made + n}", "type": "tool_call"}
        for n, (name, args) in enumerate(calls, 1)
    ]
    said = {"remark": remark} if remark else {}
    return AIMessage("", tool_calls=made, additional_kwargs={"plan": plan.packed(), **said})
