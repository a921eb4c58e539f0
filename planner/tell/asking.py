"""What the planner asks: to go on, which of two readings is meant, for what is missing. In the language of the request."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from planner.choose.decisions import Desk
from planner.choose.index import Tool
from planner.read.fields import Field, Kind
from planner.tell import shown
from planner.tell.columns import Row
from planner.tell.voice import ENGLISH, Voice

MOST = 8  # values of a choice that are named; more are no help
A_SUM = {"amount": 1250}


def question(pending: Mapping[str, Any], desk: Desk) -> str:
    """The words for a question that waits for its answer."""
    voice, tools = Voice.of(desk.talk), desk.index.tools
    match pending["kind"]:
        case "confirm":
            calls = [described(tools[step["tool"]], step["args"], voice) for step in pending["steps"]]
            return _confirmation(calls, pending.get("unplaced", ()), voice)
        case "choice":
            options: Sequence[Mapping[str, Any]] = pending["options"]
            return _choice([described(tools[one["tool"]], one["args"], voice) for one in options], voice)
        case "pick" if "choices" in pending:
            return voice.say(pending["frame"], **_goods(pending, voice))
        case "pick":
            lines = _numbered([str(option["label"]) for option in pending["options"]])
            frame = "none_open" if pending.get("closed") else "which_of_them" if pending["said"] else "which_record"
            asked = voice.say(frame, **_wanted(pending, voice))
            return asked if pending.get("listed") else f"{asked}\n\n{lines}"
        case "point":
            lines = _numbered([str(option["label"]) for option in pending["options"]])
            return f"{voice.say('which_row', said=pending['lost'])}\n\n{lines}"
        case "vague":
            return voice.say(pending["frame"])
        case _ if pending.get("told"):  # in the refusal
            return voice.say("which_record", noun=voice.label(pending["missing"][0]))
        case _ if pending.get("said"):
            return voice.say(pending["frame"], **_wanted(pending, voice))
        case _:
            tool = tools[pending["tool"]]
            fields = [field for field in tool.fields if field.name in pending["missing"]]
            asked = _changes(fields, voice) if pending.get("changes") else _missing(tool, fields, voice)
            return " ".join(filter(None, [voice.not_used(pending.get("left", ())), asked]))


def described(tool: Tool, args: Mapping[str, Any], voice: Voice) -> str:
    """A call in words: "Cancel order (order ORD-1042): stop an unshipped order, release its stock and refund it"."""
    head, summary = called(tool, args, voice), tool.entry.summary.rstrip(".")
    return f"{head}: {summary[0].lower()}{summary[1:]}" if voice.language == ENGLISH else head


def called(tool: Tool, args: Mapping[str, Any], voice: Voice) -> str:
    """A call by name: "Set price (SKU MUG-BLUE, amount 14.90 EUR)"."""
    fields = {field.name: field for field in tool.fields}
    told = ", ".join(_argument(fields.get(name), name, said, voice) for name, said in args.items())
    return f"{voice.title(tool.entry.name)}{f' ({told})' if told else ''}"


def still_open(pending: Mapping[str, Any], desk: Desk) -> str:
    """What was asked before and is not answered yet, by name."""
    voice = Voice.of(desk.talk)
    calls = [pending, *(one for name in ("steps", "options") for one in cast(Sequence[Row], pending.get(name, ())))]
    call = next((one for one in calls if one.get("tool") in desk.index.tools), None)
    what = called(desk.index.tools[call["tool"]], call.get("args", {}), voice) if call else str(pending.get("text", ""))
    return voice.say("still_open", what=what)


def afterwards(pending: Mapping[str, Any], desk: Desk) -> str:
    """What is done once a question is answered, beside what it is asked for; "" where that is nothing."""
    voice, tools = Voice.of(desk.talk), desk.index.tools
    steps = [one for one in cast(Sequence[Row], pending.get("then", ())) if one["tool"] in tools]
    what = ", ".join(called(tools[one["tool"]], one.get("args", {}), voice) for one in steps)
    return voice.say("afterwards", what=what) if what else ""


def _wanted(pending: Mapping[str, Any], voice: Voice) -> dict[str, str]:
    side = f" ({voice.label(pending['side'])})" if pending.get("side") else ""  # of two warehouses: from, or to
    return {"noun": f"{voice.label(str(pending['noun']))}{side}", "said": str(pending["said"])}


def _goods(pending: Mapping[str, Any], voice: Voice) -> dict[str, str]:
    """Of one thing what it comes in, of several their names."""
    *others, last = str(pending["choices"]).split(", ") if ";" not in pending["choices"] else [pending["choices"]]
    choices = f"{', '.join(others)} {voice.say('or')} {last}" if others else last
    near = pending["frame"] == "nearest_goods"
    one = f"{pending['noun']}: " if near and pending["noun"] not in ("product", "variant") else ""
    said = pending["said"] if near else pending["lacks"] or pending["said"]
    return {"noun": voice.label(pending["noun"]), "said": said, "choices": f"{one}{choices}"}


def _confirmation(calls: Sequence[str], unplaced: Sequence[str], voice: Voice) -> str:
    """Whether to go ahead, though something that was said has no place in it."""
    doubt = [voice.say("no_place", said=voice.quoted(unplaced))] if unplaced else []
    return f"{' '.join([voice.say('shall_i'), *doubt])}\n\n{_points(calls)}"


def _choice(labels: Sequence[str], voice: Voice) -> str:
    """Which of the readings is meant; of one, whether it is."""
    return f"{voice.say('this_one' if len(labels) == 1 else 'which_reading')}\n\n{_numbered(labels)}"


def _missing(tool: Tool, fields: Sequence[Field], voice: Voice) -> str:
    title = voice.title(tool.entry.name)
    asked = voice.say("still_needed", what=title.lower() if voice.language == ENGLISH else title)
    return f"{asked}\n\n{_points(_needed(field, voice) for field in fields)}"


def _changes(fields: Sequence[Field], voice: Voice) -> str:
    """What of a thing can be changed, where it was not said."""
    return voice.say("what_changes", fields=", ".join(voice.label(field.name) for field in fields))


def _argument(field: Field | None, name: str, said: Any, voice: Voice) -> str:
    minor = field is not None and (field.kind is Kind.money or field.description.startswith("Minor units"))
    money = minor and isinstance(said, int)
    value: Row | Any = {"amount": said, "currency": voice.setting.currency} if money else said
    told = shown.value(value, voice) if not isinstance(value, dict) or money else ""
    return f"{voice.label(name)} {told or voice.say('as_said')}"


def _needed(field: Field, voice: Voice) -> str:
    """Its name, and its values where it has a few; in English what it is, in a few words."""
    if field.kind is Kind.flag or field.type == "boolean":
        options = f" ({voice.say('yes_word')}, {voice.say('no_word')})"
    elif field.kind is Kind.money:
        options = f" ({voice.say('such_as', what=shown.value(A_SUM | {'currency': voice.setting.currency}, voice))})"
    elif field.choices:
        options = f" ({', '.join(voice.word(str(one.value)) for one in field.choices[:MOST])})"
    else:
        options = ""
    about = field.description.split(". ")[0].rstrip(".").replace("`", "") if voice.language == ENGLISH else ""
    return f"{voice.label(field.name)}{f': {about}' if about and not options else ''}{options}"


def _points(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _numbered(lines: Sequence[str]) -> str:
    return "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))
