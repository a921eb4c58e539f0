"""What a chosen tool is called with: what the conversation knows is filled in, what is missing is asked for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from planner.choose import belonging, on_order, whose
from planner.choose.decisions import Ask, Candidate, Decision, Desk, Step
from planner.choose.focus import PEOPLE, focus
from planner.choose.index import Tool
from planner.converse import things
from planner.fill import slots
from planner.fill.filled import Filled, Which
from planner.fill.values import local
from planner.fill.versus import other_period
from planner.read import pointers
from planner.read.entities import Span
from planner.read.fields import Choice, Field, Kind
from planner.read.goods import lexicon
from planner.read.grounds import PARTNERS, SURE
from planner.read.reading import Reading, Setting
from planner.read.words import content, fold, stem, tokens

# With no word for what: of what was shown.
OF_GOODS = re.compile(r"^(?:and |so )?how many (?:are|were|is|was|have|did|do)\b", re.I)
NEWEST = re.compile(r"\b(?:last|latest|newest|most recent)\s+(?:\w+\s+)?(?:order|return|address|purchase|one)\b", re.I)
WHETHER = re.compile(  # "has Bauer paid?", "olivier mercier has he paid or not"
    r"^\W*(?:(?:so|and|ok|is it that|tell me if|do we know if)\W+)*(?:has|have|did|is|are|was|were|does|hasn't|didn't|isn't)\b"
    r"|\b(?:has|have|did|is|are|was|were)\s+(?:he|she|they|it)\b|\bor not\b",
    re.I,
)
OF_MANY = re.compile(r"^\W*(?:and )?(?:which|what|who|how (?:many|much)|list|show)\b|\b(?:any|every|all|which)\b", re.I)
MOST_SHOWN = 10  # rows of which it is asked which
NEWEST_FEW = 5  # of somebody's, where it is asked how they stand
FIGURE = re.compile(r"\d")  # "one" and "both" are said in passing
ALIKE = 0.62  # cosine from which leftover words are taken for the value of an enum


def complete(tool: Tool, text: str, desk: Desk) -> Decision:
    """The decision for a tool that the person has chosen."""
    filled = filling(tool, desk.reading(text), desk)
    return settle(text, Candidate(tool, filled, 0.0, 1.0), desk, [])


def filling(tool: Tool, reading: Reading, desk: Desk) -> Filled:
    """The arguments of one tool from one text, and how a record that is not named is to be found."""
    filled = slots.fill(tool.fields, reading, desk.told(tool))
    belonging.fill(tool, filled, reading, belonging.lists(desk.index, desk.offered), desk.told)
    filled.args |= {} if tool.entry.writes else belonging.by_name(tool, filled.args, filled.people, reading)
    whose.unsaid(tool, filled, reading)
    return filled


def settle(text: str, chosen: Candidate, desk: Desk, before: list[Step]) -> Decision:
    """Fills what the conversation knows, asks for what is missing, and says what it left out."""
    tool, filled = chosen.tool, chosen.filled
    _by_likeness(tool, filled, desk)
    _point_back(text, tool, filled, desk, before)
    _of_what_was_shown(filled, desk)
    if filled.which and not on_order.waits(tool, filled, belonging.lists(desk.index, desk.offered)):
        return which_goods(tool, filled)
    _of_the_message(tool, filled, desk)
    _by_goods_alone(tool, filled, desk)
    belonging.spoken_of(text, tool, filled, belonging.lists(desk.index, desk.offered), desk.talk, desk.index)
    belonging.of_the_talk(tool, filled, belonging.lists(desk.index, desk.offered), desk.talk, desk.index)
    belonging.other_end(text, tool, filled, desk.talk, desk.index)
    belonging.called(tool, filled, desk.reading(text), belonging.lists(desk.index, desk.offered))
    belonging.of_few(tool, filled, belonging.lists(desk.index, desk.offered))
    _of_the_one_before(text, tool, filled, desk, before)
    _of_the_talk(tool, filled, desk)
    _lines_of_the_talk(tool, filled, desk)
    _whether(text, tool, filled)
    missing = [f for f in tool.required if f.name not in filled.args and f.name not in filled.people]
    if missing:
        return _of_those_shown(tool, missing, filled, desk) or ask_for(tool, missing, filled.args, filled.people)
    if _changes_nothing(tool, filled):
        return _ask_what(tool, filled)
    notes = () if tool.entry.writes else tuple(_left_out(text, filled, tool, desk.talk.setting))
    step = Step(tool.entry.name, filled.args, filled.people, NEWEST.search(text) is not None, notes)
    goods = [f.name for f in tool.fields if f.reference in ("product", "variant")]
    theirs = not {"customer", "text"}.isdisjoint({*filled.args, *filled.people})  # two things in her order are in one
    more = {name: values for name, values in filled.more.items() if not (theirs and name in goods)}
    others = [{name: value} for name, values in more.items() for value in values]
    against = other_period(text, tool.fields, filled, desk.talk.setting)
    kept = tuple(note for note in step.notes if against is None or note != against.said)
    each = [replace(step, notes=kept)]
    each += [replace(step, args={**_beside(other, tool, filled.args), **other}, notes=()) for other in others]
    if against is None:
        return each
    return [one for now in each for one in (now, replace(now, args={**now.args, **against.args}, notes=()))]


def _beside(other: Mapping[str, Any], tool: Tool, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a further call shares: of other goods it is not asked with the first ones beside them."""
    goods = {f.name for f in tool.fields if f.reference in ("product", "variant") and f.kind is Kind.reference}
    return {name: value for name, value in args.items() if not (goods & other.keys() and name in goods)}


def _of_the_message(tool: Tool, filled: Filled, desk: Desk) -> None:
    """The goods that are missing here and that another clause names, if only one does: "grey socks, what do they cost?".

    So are a promotion, a supplier and a carrier: "nobody needs Spring cleaning before January. Can you start it then?".
    """
    for f in (f for f in tool.required if f.reference in PARTNERS and f.name not in {**filled.args, **filled.people}):
        meant = {row.reference for one in desk.named for row in one.of(f.reference, fits=SURE)}
        filled.args |= {f.name: meant.pop()} if len(meant) == 1 else {}
    wanted = [f for f in tool.required if f.reference in ("product", "variant") and f.kind is Kind.reference]
    open_ones = [f for f in wanted if f.name not in filled.args and f.name not in filled.people]
    named = desk.named if open_ones else ()
    named = [one for one in named if one.goods and not one.lacks]
    if len(named) == 1 and len(rows := named[0].variants if len(named[0].variants) == 1 else named[0].products) == 1:
        row, f = rows[0], open_ones[0]
        if f.reference == "product" or row.kind == "variant":
            filled.args[f.name] = row.name if row.kind == "variant" else row.reference


def _by_goods_alone(tool: Tool, filled: Filled, desk: Desk) -> None:
    """Forgets a record that a change looks for by goods alone, where others of its kind are spoken of: one of those is meant."""
    for f in (f for f in tool.required if tool.entry.writes and isinstance(filled.people.get(f.name), dict)):
        said = cast(dict[str, Any], filled.people[f.name])
        goods = not said["people"] and {*said["args"]} - {"open", "limit", "sort"} <= {"sku", "product", "category"}
        if goods and any(f.reference in thing.refers for thing in things.shown(desk.talk)):
            del filled.people[f.name]


def _of_the_talk(tool: Tool, filled: Filled, desk: Desk) -> None:
    """The record that is missing and that the conversation is about, if it is one: "put it on hold", said without "it"."""
    records = (f for f in tool.required if f.kind is Kind.reference and not f.many and f.reference not in PEOPLE)
    for f in records:
        if f.name in filled.args or f.name in filled.people:
            continue
        found = set(focus(desk.talk, desk.index, (f.reference,)))
        ends = any(other.reference == f.reference and other.name in filled.args for other in tool.fields)
        if len(found) == 1 and not ends:  # nothing goes from a place to itself
            filled.args[f.name] = found.pop()


def _lines_of_the_talk(tool: Tool, filled: Filled, desk: Desk) -> None:
    """So many of what the conversation is about: "send 3 there from lyon", after the stock of aprons."""
    figures = [span for span in filled.unplaced if span.kind == "number" and span.value == int(span.value) > 0]
    for f in (f for f in tool.required if f.many and f.name not in filled.args and f.name not in filled.which):
        goods = next((part for part in f.parts if part.reference == "variant"), None)
        count = next((part for part in f.parts if part.name == "quantity"), None)
        found = set(focus(desk.talk, desk.index, ("variant",))) if goods and count and len(figures) == 1 else set[str]()
        if goods and count and len(found) == 1:
            filled.args[f.name] = [{goods.name: found.pop(), count.name: int(figures[0].value)}]
            filled.unplaced.remove(figures[0])


def _of_those_shown(tool: Tool, missing: Sequence[Field], filled: Filled, desk: Desk) -> Ask | None:
    """Which of the few that the rows just shown are, or belong to, where one such record is all that is missing."""
    f = missing[0]
    if len(missing) > 1 or f.kind is not Kind.reference or f.many:
        return None
    rows = {
        thing.refers[f.reference]: thing for thing in reversed(things.shown(desk.talk)) if f.reference in thing.refers
    }
    if not 1 < len(rows) <= MOST_SHOWN:
        return None
    told = {
        value: thing.label.partition(", ")[2] if value == thing.reference else ", ".join(thing.label.split(", ")[1:2])
        for value, thing in reversed(rows.items())
    }
    options = [{"value": value, "label": ", ".join(filter(None, (value, label)))} for value, label in told.items()]
    pending = {"kind": "pick", "tool": tool.entry.name, "args": filled.args, "people": dict(filled.people)}
    return Ask({**pending, "noun": f.reference, "said": "", "options": options, "missing": [f.name]})


def _of_the_one_before(text: str, tool: Tool, filled: Filled, desk: Desk, before: Sequence[Step]) -> None:
    """A record of "her" whom an earlier clause named is looked for among hers: "alessia bianchi, give her the 30.90 back"."""
    people = (step.args.get("customer") or step.people.get("customer") for step in reversed(before))
    whose = next((one for one in people if isinstance(one, str)), None)
    if not whose or not (pointers.plain("person").search(text) or pointers.plain("owner").search(text)):
        return
    lists_of, nothing = belonging.lists(desk.index, desk.offered), {"args": {}, "people": {}}
    for f in (f for f in tool.required if f.kind is Kind.reference and not f.many and f.reference not in PEOPLE):
        listing, looked_up = lists_of(f.reference), filled.people.get(f.name, nothing)
        if f.name in filled.args or listing is None or not isinstance(looked_up, dict):
            continue
        said = cast(dict[str, dict[str, Any]], looked_up)
        if any(one.name == "customer" for one in listing.fields) and "customer" not in {*said["args"], *said["people"]}:
            args = {
                key: value for key, value in said["args"].items() if key != "text"
            }  # whose it is tells more than a word
            known, named = ({"customer": whose}, {}) if whose.startswith("CUS-") else ({}, {"customer": whose})
            filled.people[f.name] = belonging.look_up(
                tool, listing, {**args, **known}, {**said["people"], **named}, whose
            )


def _of_what_was_shown(filled: Filled, desk: Desk) -> None:
    """ "the mug", of an order that has one: where a name fits several goods, the one of them that was shown is meant."""
    shown = {thing.reference: thing for thing in things.shown_whole(desk.talk) if "variant" in thing.refers}
    for name, values in filled.args.items():  # "take the socks off it": those that it has
        listed = cast(list[Any], values) if isinstance(values, list) else []
        filled.args[name] = [value for value in listed if isinstance(value, str) and value in shown] or values
    for name, which in list(filled.which.items()):
        titles = [fold(label.split(" / ")[0]) for _, label in which.options]
        values = {value for value, _ in which.options}
        fitting = [ref for ref, thing in shown.items() if ref in values or any(one in thing.said for one in titles)]
        if len(fitting) == 1 and not which.lacks:
            filled.args[name] = _with(filled.args.get(name), which, fitting[0])
            del filled.which[name]


def _whether(text: str, tool: Tool, filled: Filled) -> None:
    """ "Has Bauer from Stuttgart paid?" asks about his orders, the newest first, and not for those that are paid."""
    if tool.entry.writes or not WHETHER.search(text) or OF_MANY.search(text):
        return
    for said in filled.people.values():
        look_up = cast(dict[str, Any], said) if isinstance(said, dict) else {"args": {}, "people": {}}
        if {"text", "customer"} & {*look_up["args"], *look_up["people"]}:
            look_up["args"] = {name: value for name, value in look_up["args"].items() if name not in slots.STATES}
    if {"text", "customer"} & {*filled.args, *filled.people}:
        for name in slots.STATES:
            filled.args.pop(name, None)
        filled.args |= {f.name: NEWEST_FEW for f in tool.fields if f.kind is Kind.limit and f.name not in filled.args}


def which_goods(tool: Tool, filled: Filled) -> Ask:
    """Which of the goods that a name fits; or what there is instead of those that nothing fits."""
    name, which = next(iter(filled.which.items()))
    told = {key: value for key, value in filled.args.items() if key != name}
    pending: dict[str, Any] = {"kind": "pick", "tool": tool.entry.name, "args": told, "people": dict(filled.people)}
    options = [{"value": _with(filled.args.get(name), which, value), "label": label} for value, label in which.options]
    asked = {"noun": which.noun, "said": which.said, "choices": which.choices, "options": options, "missing": [name]}
    frame = "which_goods" if not which.lacks else "comes_in" if lexicon().qualifies(which.lacks) else "nearest_goods"
    return Ask({**pending, **asked, "frame": frame, "lacks": which.lacks})


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
    where = [f for f in tool.fields if f.kind is Kind.reference and (f.required or f.reference == "warehouse")]
    told = [f for f in tool.fields if f.name in filled.args and f not in where]
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


def ask_for(
    tool: Tool, missing: list[Field], args: Mapping[str, Any], people: Mapping[str, Any], left: Sequence[str] = ()
) -> Ask:
    """The question for required arguments; `left` is what was said and cannot be taken for them."""
    pending = {
        "kind": "slots",
        "tool": tool.entry.name,
        "args": dict(args),
        "people": dict(people),
        "missing": [f.name for f in missing],
    }
    return Ask(pending | ({"left": list(left)} if left else {}))


def _left_out(text: str, filled: Filled, tool: Tool, setting: Setting) -> list[str]:
    """What a reading tool could not use, except what it is used to hear: "today" to a tool that tells today's figures."""
    figures = [span for span in filled.unplaced if span.kind != "number" or FIGURE.match(text, span.start)]
    figures = [span for span in figures if not told_twice(span, filled, tool, setting)]
    spans = [text[span.start : span.end].strip() for span in figures]
    spans = [
        said for said in spans if any(stem(word) not in tool.words for word in content(said) or tokens(said) or [said])
    ]
    return list(dict.fromkeys([*spans, *filled.doubts, *(said for said in filled.strange if said in filled.unused)]))


def told_twice(span: Span, filled: Filled, tool: Tool, setting: Setting) -> bool:
    """Whether a period is the one that was taken in other words, or what that lies in: "the weekend", "Friday this week"."""
    if span.kind != "period" or not span.value.start or not span.value.end:
        return False
    times = (Kind.period_start, Kind.period_end, Kind.moment)
    taken = [local(str(filled.args[f.name]), setting) for f in tool.fields if f.kind in times and f.name in filled.args]
    return bool(taken) and all(span.value.start <= moment <= span.value.end for moment in taken)


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
        looked_for = isinstance(filled.people.get(f.name), dict)  # by what belongs to it, and not by its name
        if f.kind is not Kind.reference or f.name in filled.args or (f.name in filled.people and not looked_for):
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
        found = same or ([] if looked_for else focus(desk.talk, desk.index, (f.reference,)))
        if len(set(found)) == 1:
            filled.args[f.name] = found[0]
            filled.people.pop(f.name, None)
