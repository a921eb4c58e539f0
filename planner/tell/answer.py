"""Answers from the results of tools: a first sentence that answers what was asked, then a table or a list of facts.

Every number stands in a result; the period, the zone and the filters that were used are stated with it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from planner.choose.decisions import Desk
from planner.choose.index import Tool
from planner.converse.memory import Result
from planner.tell import compared, figures, groups, lists, questions, records, refusals, shown, things
from planner.tell.asked import Asked
from planner.tell.columns import STATED, Row, is_figure
from planner.tell.voice import ENGLISH, Voice

Error = Mapping[str, Any]
ASKED = re.compile(r"\bas `([a-z_]+)`")  # how a refusal says what would help
ABOUT = ("group_by", "zone", "currency")  # of a report, and nothing that it tells
UNTOLD = ("data", "next", "has_more", "left_out", "facets", lists.TOTAL)


def compose(results: Sequence[Result], notes: Sequence[str], desk: Desk, *, plainly: bool = False) -> str:
    """The whole answer. "" when there is nothing to tell. What could not be heeded is said beside the first sentence.

    `plainly` without a yes or no: what was asked is another question than the one that is answered.
    """
    voice, asked, results = Voice.of(desk.talk), Asked.of(desk.talk.request), compared.together(results)
    asked = replace(asked, closed=False) if plainly else asked
    asked = (
        replace(asked, closed=False) if notes and len(results) == 1 and _rows(results[0].value) is not None else asked
    )
    parts = [_called_by_name(_told(result, desk, voice, asked), result, desk) for result in results]
    if len(results) > 1:
        heads = [f"{voice.title(one.call.tool)}{_of_which(one, results, voice)}" for one in results]
        parts = [_headed(head, part) for head, part in zip(heads, parts, strict=True)]
    if not parts:
        return "\n\n".join(notes)
    first, _, rest = parts[0].partition("\n\n")
    return "\n\n".join(part for part in (" ".join([first, *notes]), rest, *parts[1:]) if part)


def _called_by_name(told: str, result: Result, desk: Desk) -> str:
    """With the name of whoever was named, where no row has it: "there is no order of Sem Visser (CUS-1139)"."""
    if not nothing(result.value):
        return told
    for ground in desk.named:
        for row in ground.of("customer", "supplier", "carrier"):
            if row.reference in told and row.name not in told:
                told = told.replace(row.reference, f"{row.name} ({row.reference})", 1)
    return told


def problem(value: Any) -> Error | None:
    """The error in a result, if it is one."""
    error = cast(Mapping[str, Any], value).get("error") if isinstance(value, dict) else None
    if isinstance(error, str):
        return {"message": error}
    return cast(Error, error) if isinstance(error, dict) else None


def nothing(value: Any) -> bool:
    """Whether a list came out empty."""
    return _rows(value) == []


def _of_which(result: Result, results: Sequence[Result], voice: Voice) -> str:
    """By what a call differs from the others of its kind, where it is one thing: ": Lille"."""
    args = [one.call.args for one in results if one.call.tool == result.call.tool]
    names = {name for one in args for name in one if any(other.get(name) != one[name] for other in args)}
    told = result.call.args.get(next(iter(names))) if len(names) == 1 else None
    return f": {shown.value(told, voice)}" if isinstance(told, str) and told else ""


def _headed(title: str, part: str) -> str:
    """A part under its title, unless its first words say the same."""
    return part if title.lower() in part[:60].lower() else f"**{title}**\n\n{part}"


def _told(result: Result, desk: Desk, voice: Voice, asked: Asked) -> str:
    error = problem(result.value)
    if error is not None:
        return _failure(error, voice)
    tool = desk.index.tools.get(result.call.tool)
    named = _searched(result)
    if named is not None:
        return _names(named, result, voice)
    found: object = result.value
    if isinstance(found, str):
        return found
    whole = cast(Row, found) if isinstance(found, dict) else None
    rows = _rows(result.value)
    if rows is not None and len(rows) == 1 and tool and _of_one(result, tool):
        return _thing(rows[0], result, tool, voice, asked)
    if rows is not None:
        return _listed(rows, whole or {}, result, tool, voice, asked)
    value: Row = {"result": found} if whole is None else whole
    if tool and tool.entry.writes:
        done = " ".join(filter(None, [_done(value, tool, voice), _says(value, voice)]))
        return "\n\n".join([done, shown.facts(_unsaid(_unnamed(value)), voice)]).strip()
    return _thing(value, result, tool, voice, asked)


def _of_one(result: Result, tool: Tool) -> bool:
    """Whether a list was asked for the one record that is named."""
    return any(result.call.args.get(f.name) for f in tool.fields if result.call.tool == f.listed_by)


def _failure(error: Error, voice: Voice) -> str:
    """What went wrong and what to do."""
    why = refusals.told(error, voice)
    return (
        f"{voice.say('rejected')} {why}".strip()
        if error.get("code") == "Rejected"
        else voice.say("failed", why=why).strip()
    )


def _names(rows: Sequence[Row], result: Result, voice: Voice) -> str:
    """What is called so: its kind in words, and what tells it from its like."""
    if not rows:
        return voice.say("nothing_called", said=voice.quoted([str(word) for word in result.call.args["words"]]))
    count = voice.counted(len(rows), result.call.tool)
    return f"{voice.say('rows', rows=count)}\n\n{shown.table(rows, voice, result.call.args, of=result.call.tool)}"


def _searched(result: Result) -> list[dict[str, Any]] | None:
    """What a search for names found, as rows."""
    value: object = result.value
    if "words" not in result.call.args or not (isinstance(value, dict) or value == ""):
        return None
    return cast(list[dict[str, Any]], cast(Row, value).get("found") or []) if value else []


def _rows(value: Any) -> list[dict[str, Any]] | None:
    data = cast(Row, value).get("data") if isinstance(value, dict) else value
    if not isinstance(data, list):
        return None
    rows = cast(list[Any], data)
    return [row if isinstance(row, dict) else {"value": row} for row in rows]


def _listed(
    rows: list[dict[str, Any]], page: Row, result: Result, tool: Tool | None, voice: Voice, asked: Asked
) -> str:
    if apart := groups.told(rows, page, result, tool, voice):
        return apart
    args = result.call.args
    alone = rows[0] if len(rows) == 1 and (lists.one_wanted(result, tool) or not page.get("has_more")) else {}
    whose = shown.named(alone) or _called(page)
    answered = questions.told(rows, voice, asked)
    fact = things.facts_asked(alone, whose, voice, asked, known_alone=True) if alone and whose and not answered else ""
    if fact:
        return fact
    own = _alone(alone, args, voice, asked)
    lead = lists.lead(rows, page, result, tool, voice, replace(asked, closed=False) if own else asked)
    lead = " ".join(filter(None, [answered or own, lead]))
    every = lists.matching(page, result.call.tool)
    beside = {key: value for key, value in page.items() if key not in UNTOLD and not (every and value == every[0])}
    _, used = figures.period(beside, voice)
    if not rows:
        return lead
    more = bool(page.get("has_more"))
    left = {
        key: value for key, value in beside.items() if key not in (*used, *STATED) and not key.startswith("before_")
    }
    left |= _of_all(left)
    counted = {key: value for key, value in left.items() if is_figure(value) and (value or "without" not in key)}
    counted |= {} if more or lists.sums_told(rows) else figures.sums(rows)
    counts = [figures.figure(key, value, voice) for key, value in counted.items()]
    others = {key: value for key, value in left.items() if not is_figure(value) and value is not None}
    first = " ".join(filter(None, [lead, _all(counts, rows, voice)]))
    table = "" if lists.sums_told(rows) and not more else shown.table(rows, voice, args, of=result.call.tool)
    rest = voice.say("ask_more", n=_next(len(rows))) if more and not (asked.best and len(rows) == 1) else ""
    inside = {key: part for key, part in alone.items() if shown.rows_of(part)}  # what is on the one order
    return "\n\n".join(filter(None, [first, table, shown.facts({**others, **inside}, voice), rest]))


def _alone(row: Row, args: Mapping[str, Any], voice: Voice, asked: Asked) -> str:
    """How the one record of a list stands, where it was not counted; "" where there is none, or more, or a thing with a name."""
    if not row or not row.get("reference") or row.get("name") or row.get("title") or asked.counts or asked.sums:
        return ""
    order = things.told(row, args, voice, asked) if "payment_state" in row else None
    known = order or records.sentence(row, voice, asked)
    return known[0] if known else ""


def _of_all(page: Row) -> Row:
    """The figures of a list's totals, where all that is in it is of one currency."""
    totals = cast(list[Row], page.get("totals") or [])
    return {"totals": None, **totals[0]} if len(totals) == 1 else {}


def _all(counts: Sequence[str], rows: Sequence[Any], voice: Voice) -> str:
    """Figures of the whole list; of one row they are its own."""
    told = ", ".join(counts)
    return "" if not counts else voice.say("in_all", figures=told) if len(rows) > 1 else f"{shown.capital(told)}."


def _next(count: int) -> int:
    """A round number of rows above those shown."""
    return next((size for size in (10, 20, 50, 100) if size > count), count * 2)


def _thing(value: Row, result: Result, tool: Tool | None, voice: Voice, asked: Asked) -> str:
    """One object: told by its shape, as figures, or by the facts that were asked for."""
    known = things.told(value, result.call.args, voice, asked)
    if known:
        sentence, left = known
        return "\n\n".join(filter(None, [sentence, shown.facts(left, voice, result.call.args)]))
    main, used = figures.sentence(value, voice, asked)
    if main:
        beside, states = lists.filters(result, tool, voice)
        about = " ".join([*(part for part in beside if not part.startswith("(")), *states])
        told = {key: part for key, part in value.items() if key not in used}
        first = (
            f"{main[:-1]}, {about}."
            if about and main.count(".") == 1
            else f"{main} {shown.capital(about)}.".replace(" .", "")
        )
        best = figures.first_of(value, voice) if asked.best else ""
        first = " ".join(filter(None, [best, _says(value, voice), first.strip()]))
        return "\n\n".join([first, shown.facts(_unsaid(told), voice, result.call.args)]).strip()
    called = _called(value)
    answered = questions.told([value], voice, asked)
    fact = "" if answered else things.facts_asked(value, called or _noun(result), voice, asked)
    if fact:
        return fact
    record = records.sentence(value, voice, asked)
    if record:
        first, left = _says(value, voice) or record[0], _unsaid(record[1])
        first = " ".join(filter(None, [answered, first]))
        return "\n\n".join(filter(None, [first, shown.facts(left, voice, result.call.args)]))
    if not called and _empty(value):
        return voice.say("nothing_found", what=voice.title(result.call.tool), when=_when(result, tool, voice))
    first = answered or _says(value, voice) or (f"**{called}**" if called else "")
    return "\n\n".join(filter(None, [first, shown.facts(_unsaid(_unnamed(value)), voice, result.call.args)]))


def _empty(value: Row) -> bool:
    """Whether a report has nothing to tell: its lists are empty, and it has no figure."""
    told = {
        key: part
        for key, part in value.items()
        if part not in (None, [], {}, False) and not (is_figure(part) and not part)
    }
    return all(key in ABOUT or key.endswith(("_from", "_until")) for key in told)


def _when(result: Result, tool: Tool | None, voice: Voice) -> str:
    """By what a call was narrowed, after what it is about."""
    beside, _ = lists.filters(result, tool, voice)
    return "".join(f" {one}" for one in beside)


def _says(value: Row, voice: Voice) -> str:
    """The sentence that a result brings itself; in English, as all that operations say."""
    return str(value.get("says") or "") if voice.language == ENGLISH else ""


def _unsaid(value: Row) -> Row:
    return {key: part for key, part in value.items() if key != "says"}


def _done(value: Row, tool: Tool, voice: Voice) -> str:
    return voice.say("done", what=" ".join(filter(None, [_small(voice.title(tool.entry.name), voice), _called(value)])))


def _small(title: str, voice: Voice) -> str:
    return title.lower() if voice.language == ENGLISH else title


def _called(value: Row) -> str:
    """The thing's own name."""
    return str(value.get("reference") or value.get("sku") or value.get("name") or "")


def _unnamed(value: Row) -> Row:
    """A thing without the name that its sentence says."""
    said = _called(value)
    return {key: part for key, part in value.items() if key not in ("reference", "sku", "name") or part != said}


def _noun(result: Result) -> str:
    return result.call.tool.partition("_")[2].replace("_", " ")
