"""The answer to a question of the planner's: it completes the call that was waiting, unless it is a request of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from planner.choose import written
from planner.choose.belonging import owned
from planner.choose.decide import decide
from planner.choose.decisions import Ask, Decision, Decline, Desk, Step
from planner.choose.edit import edited
from planner.choose.index import NO_TOOL, Tool
from planner.choose.pointing import resolved
from planner.choose.settle import ask_for, complete, filling, which_goods
from planner.converse.memory import Call
from planner.read.acts import Act, cleaned, goes_on, withdraws
from planner.read.fields import Field, Kind
from planner.read.money import figure, minor_units
from planner.read.words import FILLER, NUMBERS, ORDINALS, content

BESIDE = 2  # words with meaning beside the names and figures of a reply, from which on it is a request of its own
FEW = 4  # words with meaning, at most, that tell which of two readings is meant
FIGURE = re.compile(r"(?<![\w-])\d+(?:[.,]\d+)?(?![\w-])")
AS_SAID = (Kind.note, Kind.text, Kind.reason_text, Kind.proper_name, Kind.search, Kind.city, Kind.postcode, Kind.phone)


def resume(act: Act, pending: Mapping[str, Any], desk: Desk) -> Decision | None:
    """The decision that the reply allows; None where it is no reply: a question beside it, or another request."""
    if (act.declines and act.alone) or (withdraws(act.said) and not _looks_up(pending, desk)):
        return Decline("left")
    text = desk.english(act.said)
    match pending.get("kind"):
        case "confirm":
            return _confirmed(act, pending, desk)
        case "wish":
            return decide(str(pending["text"]), desk, before=[]) if act.agrees and act.alone else None
        case _ if act.aside or act.asks_whole:
            return None
        case "choice":
            return _chosen(act, text, pending, desk)
        case "pick":
            return _picked(act, text, pending, desk)
        case "point":
            return _other_figure(act, pending)
        case "slots":
            return _supplied(act, pending, desk)
        case _:
            return None


def _looks_up(pending: Mapping[str, Any], desk: Desk) -> bool:
    """Whether nothing would be changed: "cancel it" is then wished of what was looked up."""
    tool = desk.index.tools.get(str(pending.get("tool")))
    return tool is not None and not tool.entry.writes


def _step(stored: Mapping[str, Any]) -> Step:
    return Step(stored["tool"], stored["args"], stored.get("people", {}), bool(stored.get("newest")))


def _confirmed(act: Act, pending: Mapping[str, Any], desk: Desk) -> Decision | None:
    """Go ahead, as it is or with what the reply changes in it: "yes, but 15"."""
    steps = [_step(step) for step in pending["steps"]]
    if act.agrees and act.alone:
        return steps
    if act.asks or not all(step.tool in desk.offered for step in steps):
        return None
    found = edited(Call(steps[0].tool, steps[0].args), desk.english(cleaned(act.rest)), desk)
    if found is None:
        return steps if act.agrees else None
    return [replace(found.step, people={**steps[0].people, **found.step.people}), *steps[1:]]


def _chosen(act: Act, text: str, pending: Mapping[str, Any], desk: Desk) -> Decision | None:
    options: Sequence[Mapping[str, Any]] = [option for option in pending["options"] if option["tool"] in desk.offered]
    number = _numbered(text, len(options))
    if number is None and len(options) == 1 and act.agrees:
        number = 0
    if number is None and act.alone:  # "yes" to two readings says nothing of which
        return Ask(pending)
    if number is None:
        wishes = desk.wishes(text)
        if sum(wishes.get(name, 0.0) for name in NO_TOOL) > 0.5 and not desk.reading(text).spans:
            return None
        alone = desk.index.rank(text, limit=1)
        if len(content(text)) > FEW or (alone and alone[0].score > 0.6 and len(content(text)) > 1):
            return None
        return decide(f"{pending['options'][0]['text']} {text}", desk, before=[])
    chosen = complete(desk.index.tools[options[number]["tool"]], str(options[number]["text"]), desk)
    return written.kept(chosen, str(pending["said"]), desk) if pending.get("said") else chosen


def takes(act: Act, pending: Mapping[str, Any], desk: Desk) -> bool:
    """Whether what is asked for could be told by the words alone: of a text anything could, of a name nothing beside it."""
    if pending.get("kind") not in ("slots", "pick") or pending["tool"] not in desk.index.tools:
        return False
    wanted = [f for f in desk.index.tools[pending["tool"]].fields if f.name in pending["missing"]]
    reading = desk.reading(desk.english(act.rest))
    told = [(span.start, span.end) for span in (*reading.spans, *reading.grounds, *reading.mentions)]
    beside = "".join(" " if any(a <= n < b for a, b in told) else sign for n, sign in enumerate(reading.text))
    return any(f.kind in AS_SAID for f in wanted) or len([word for word in content(beside) if word.isalpha()]) < BESIDE


def _numbered(text: str, count: int) -> int | None:
    """Which of a numbered list a reply means: "2", "the second one"."""
    for word in re.findall(r"\w+", re.sub(r"\b(?:the|that) one (?=\w)", "", text.lower()))[:4]:
        number = (
            int(word) - 1
            if word.isdigit()
            else ORDINALS.get(word, NUMBERS.get(word, 0) - 1 if word in ("one", "two", "three") else None)
        )
        if number is not None and 0 <= number < count:
            return number
    return None


def named(act: Act, pending: Mapping[str, Any], desk: Desk) -> str | None:
    """The wish with the thing that the reply names in place of the word that pointed at several."""
    options: Sequence[Mapping[str, Any]] = pending["options"]
    said = set(re.findall(r"[\w@.-]+", act.said.lower()))
    found = [option for option in options if said & set(re.findall(r"[\w@.-]{2,}", str(option["label"]).lower()))]
    number = _numbered(act.said, len(options))
    chosen = found[0] if len(found) == 1 else options[number] if number is not None and not act.asks_whole else None
    if chosen is None:  # "the oldest"
        things = resolved(act.said, (), desk).things
        chosen = next((option for option in options if things == (option["value"],)), None)
    return str(pending["text"]).replace(str(pending["lost"]), str(chosen["value"]), 1) if chosen else None


def _other_figure(act: Act, pending: Mapping[str, Any]) -> Ask | None:
    """ "make it 40", while it is still asked of which: the same question about the wish with the new figure."""
    new, old = (FIGURE.findall(text) for text in (cleaned(act.rest), str(pending["text"])))
    if not act.corrects or len(new) != 1 or len(old) != 1:
        return None
    return Ask({**pending, "text": str(pending["text"]).replace(old[0], new[0])})


def _picked(act: Act, text: str, pending: Mapping[str, Any], desk: Desk) -> Decision | None:
    if pending["tool"] not in desk.offered:
        return None
    options: Sequence[Mapping[str, Any]] = pending["options"]
    said = set(re.findall(r"[\w@.-]+", text.lower()))
    named = [option for option in options if said & set(re.findall(r"[\w@.-]+", str(option["label"]).lower()))]
    number = _numbered(text, len(options))
    chosen = named[0] if len(named) == 1 else options[number] if number is not None else None
    if chosen is not None and (act.declines or act.corrects) and _says_more(said, chosen):
        return None  # "no leave it. do the large oak one instead, 54.90"
    if chosen is None and 1 < len(fewer := _meant(options, said)) < len(options):  # "the one from Bern", of two there
        return Ask({**pending, "options": fewer})
    if chosen is None:
        return _supplied(act, pending, desk)
    missing, through = pending["missing"][0], pending.get("through")
    if through:  # whose record it is, not yet which
        people = {missing: owned(through, pending["owner"], str(chosen["value"]))}
        return [Step(pending["tool"], pending["args"], {**pending["people"], **people}), *_then(pending)]
    args = {**pending["args"], missing: chosen["value"]}
    notes = pending.get("notes", ()) if desk.index.tools[pending["tool"]].entry.writes else ()  # a look-up's were told
    return [Step(pending["tool"], args, pending.get("people", {}), notes=tuple(notes)), *_then(pending)]


def _says_more(said: set[str], option: Mapping[str, Any]) -> bool:
    """Whether words with a meaning tell something that the option is not called."""
    own = {*re.findall(r"[\w@.-]+", str(option["label"]).lower()), *re.findall(r"\w+", str(option["label"]).lower())}
    return len({word for word in said if word not in FILLER and len(word) > 2} - own) > 1


def _meant(options: Sequence[Mapping[str, Any]], said: set[str]) -> list[Mapping[str, Any]]:
    """The options that some word with a meaning tells from the others."""
    telling = {word for word in said if word not in FILLER and len(word) > 2}
    return [one for one in options if telling & set(re.findall(r"[\w@.-]+", str(one["label"]).lower()))]


def _supplied(act: Act, pending: Mapping[str, Any], desk: Desk) -> Decision | None:
    if pending["tool"] not in desk.offered:
        return None
    tool = desk.index.tools[pending["tool"]]
    wanted = [f for f in tool.fields if f.name in pending["missing"]]
    if act.alone and pending["kind"] == "pick":  # "go ahead", and it is still to be said with which
        return Ask(pending)
    if act.alone:
        return ask_for(tool, wanted, pending["args"], pending.get("people", {}))
    if act.agrees and wanted and all(f.kind in AS_SAID for f in wanted):  # "good, send and close it" is no text to send
        return None
    asked, pending = pending, _corrected(act, pending, desk) if act.corrects or act.declines else pending
    said = cleaned(act.said).rstrip(" ?") if goes_on(act.said) else act.said  # "and the travel mug?"
    text = desk.english(resolved(said, (), desk).text)
    reading = desk.reading(text)
    filled = filling(tool, reading, desk)
    if any(f.name in filled.which for f in wanted):
        return which_goods(tool, filled)
    new = {name: value for name, value in filled.args.items() if name not in pending["args"]}
    open_ones = [f for f in wanted if f.name not in new and f.name not in filled.people]
    if len(wanted) == 1 and open_ones:
        new |= _as_said(wanted[0], text, desk)
    people = {name: said for name, said in filled.people.items() if name not in pending["args"] and name not in new}
    nothing = pending.get("changes") and not new and not people  # what should change is still not said
    nothing = nothing or (pending["kind"] == "pick" and bool(open_ones))  # nor which of them
    unheard = pending.get("again") and not new and not people  # it was asked twice: something else is said
    nothing = nothing or bool(unheard)
    if nothing and pending is not asked:  # "make it 20", while it is asked from where
        return Ask(pending)
    if nothing or _is_new_request(text, new, people, wanted, tool, desk):
        return None
    args = {**pending["args"], **new}
    people = {name: said for name, said in {**pending.get("people", {}), **people}.items() if name not in args}
    missing = [f for f in tool.required if f.name not in args and f.name not in people]
    if missing:
        asked = ask_for(tool, missing, args, people)
        return asked if new or people else Ask({**asked.pending, "again": True})
    return [Step(tool.entry.name, args, people), *_then(pending)]


def _corrected(act: Act, pending: Mapping[str, Any], desk: Desk) -> Mapping[str, Any]:
    """What was known already, as the reply corrects it."""
    said = desk.english(cleaned(resolved(act.rest, (), desk).text))
    found = edited(Call(pending["tool"], pending["args"]), said, desk)
    return {**pending, "args": dict(found.step.args)} if found else pending


def _then(pending: Mapping[str, Any]) -> list[Step]:
    """What was to be done after the call that had to wait."""
    return [_step(step) for step in pending.get("then", [])]


def _as_said(wanted: Field, text: str, desk: Desk) -> dict[str, Any]:
    """A bare reply to a single question: "1042", "15", "fragile"."""
    plain = text.strip().strip(".!\"'“”")
    figures = re.findall(r"-?\d+(?:[.,]\d+)*", plain)
    if wanted.kind is Kind.reference and wanted.prefix and re.fullmatch(r"#?\d{1,6}", plain):
        return {wanted.name: f"{wanted.prefix}-{int(plain.lstrip('#'))}"}
    if (
        wanted.kind is Kind.reference
        and len(plain.split()) == 1
        and (re.search(r"\d|-", plain) or not wanted.prefix.isalpha())
    ):
        return {wanted.name: plain.upper()}
    if wanted.kind is Kind.reference and wanted.reference in ("warehouse", "category") and len(plain.split()) <= 3:
        return {wanted.name: plain}
    if wanted.kind is Kind.money and len(figures) == 1:
        return {wanted.name: minor_units(figure(figures[0]), desk.talk.setting.currency)}
    if (
        wanted.kind in (Kind.quantity, Kind.delta, Kind.days, Kind.limit, Kind.number, Kind.percent)
        and len(figures) == 1
    ):
        value = figure(figures[0])
        signed = wanted.kind is not Kind.delta or figures[0].startswith("-") or "+" in plain
        return {wanted.name: int(value) if value == int(value) else value} if signed else {}
    return {wanted.name: plain} if wanted.kind in AS_SAID and plain else {}


def _is_new_request(
    text: str, new: Mapping[str, Any], people: Mapping[str, str], wanted: Sequence[Field], tool: Tool, desk: Desk
) -> bool:
    """A reply of several words that asks clearly for another tool is no reply."""
    ranked = desk.index.rank(text, limit=1)
    other = bool(ranked) and ranked[0].name != tool.entry.name and ranked[0].score > 0.6 and len(content(text)) > 1
    first = re.match(r"\w+", text.lower())
    opens = first is not None and first[0] in desk.index.openers
    supplied = any(f.name in new or f.name in people for f in wanted)
    asks = text.rstrip().endswith("?")
    costless = not tool.entry.writes and len(content(text)) > 1  # a look-up that is dropped for something else
    return (other and opens) or (not supplied and (other or asks or not wanted or costless))
