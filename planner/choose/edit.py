"""A call that was made, or put to the person, with what a later turn changes in it: "make it 15", "only Lyon", "not 88 but 98".

The record of a conversation is calls with their arguments. A short turn is read as an edit of one of them, never as a request
out of nothing: what it names takes the place of what stood there, everything else stays.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, cast

from planner.choose.decisions import Desk, Step
from planner.converse.memory import Call
from planner.fill import slots, values
from planner.fill.filled import Filled
from planner.fill.spoken import words
from planner.read import acts, money
from planner.read.entities import Span
from planner.read.fields import Field, Kind
from planner.read.reading import NAME, Reading
from planner.read.words import NUMBER, number

WORDS = (Kind.note, Kind.reason_text, Kind.search)  # which would take any words that are left
GIVING_REASON = re.compile(r"\b(?:because|reason|note|as|weil|grund|notiz|car|parce|raison|motif)\b", re.I)
COUNTS = (Kind.quantity, Kind.delta, Kind.number, Kind.days, Kind.limit)
FIGURES = (*COUNTS, Kind.money, Kind.percent)
GOODS = ("variant", "product")
CAPITALS = re.compile(r"\b(?:AND|ET|UND|OR|NOT)\b")  # for stress: no names
ONE = re.compile(r"(?<!\w)(?:the|a)\s+(?P<word>[^\W\d][\w-]*)\s+ones?(?!\w)", re.I)  # "the white one"
BARE = re.compile(r"\W*(?:(?:and|what about|how about|or|for|the)\s+)*(?P<word>[^\W\d][\w-]*)\W*", re.I)  # "and fox"
FARED = {name: rf"\b{NUMBER}\s+(?:[^\W\d]+\s+){{0,3}}?(?:{cue})\b" for name, cue in words()["fared"].items()}
WHOLE = rf"\b{NUMBER}\s+(?:[^\W\d]+\s+){{0,2}}?(?:{words()['whole']})\b"
JOINT = re.compile(r"\s*(?:,|&|\b(?:and|et|und)\b)\s*", re.I)

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Edit:
    """The call as it is now, what is other in it than before, and the words that found no place."""

    step: Step
    changed: frozenset[str]
    left: tuple[str, ...] = ()
    more: tuple[
        tuple[str, Any], ...
    ] = ()  # further values of a field, each for a call of its own: "only Germany and Austria"


def edited(call: Call, said: str, desk: Desk, *, adds: bool = False) -> Edit | None:
    """The call with what the words change in it; None where they change nothing. `adds`: to lists, beside what is there."""
    tool = desk.index.tools[call.tool]
    args, rest, swapped = _swapped(call.args, CAPITALS.sub(lambda joint: joint[0].lower(), said))
    args, rest = _fared(args, rest, tool.fields)
    reading = desk.reading(rest)
    reading = replace(reading, spans=[span for span in reading.spans if not _stands_for_a_thing(span, rest)])
    filled = slots.fill(tool.fields, reading, desk.told(tool))
    sure = {name: value for name, value in filled.args.items() if name not in filled.which}
    new = {name: value for name, value in sure.items() if _may(tool.fields, name, rest, desk, call.tool)}
    new = {name: value for name, value in new.items() if not _only_once_more(value, call.args.get(name), reading)}
    new |= _names(tool.fields, call.args, reading)
    left = [span for span in filled.unplaced if not _named_in(span, new, rest)]
    left = [span for span in left if not _set_figure(args, tool.fields, span, desk)]
    people = {
        name: _sibling(name, who, call.args, tool.fields) for name, who in filled.people.items() if name not in new
    }
    if not any(f.reference in GOODS and f.name in {**new, **people} for f in tool.fields):
        another = _another(call.args, tool.fields, rest, desk)
        new |= {name: sku for name, sku in another.items() if sku.isupper()}  # which the shop knows
        people |= {name: said for name, said in another.items() if name not in new}
    args = _of_another(args, new, tool.fields)
    if adds:
        new = {name: _with(call.args.get(name), value) for name, value in new.items()}
    args = {name: value for name, value in {**args, **new}.items() if name not in people}
    changed = {name for name in {*args, *call.args} if args.get(name) != call.args.get(name)} | set(people)
    if not changed and not swapped:
        return None
    words = [rest[span.start : span.end].strip() for span in left]
    left_over = (*words, *_unknown(filled, rest, {**new, **people}))
    more = tuple((name, value) for name, values in filled.more.items() if name in new for value in values)
    return Edit(Step(call.tool, args, people), frozenset(changed), left_over, more)


def _of_another(args: dict[str, Any], new: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """Without what was only said of another thing: of the tea code no end, where that of another was put off."""
    of = {f.name for f in fields if f.required and f.kind is Kind.reference and not f.many}
    moved = any(name in args and new[name] != args[name] for name in of & new.keys())
    if not moved or not new.keys() - of:
        return args
    return {name: value for name, value in args.items() if next(f for f in fields if f.name == name).required}


def _fared(args: dict[str, Any], said: str, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
    """With how the units of the one line fared: "80 are good, 4 are crushed" of 84 that came; and the words that are left."""
    for f in (f for f in fields if f.many and any(part.name in FARED for part in f.parts)):
        lines, worse = cast(list[dict[str, Any]], args.get(f.name) or []), {
            part.name: m for part in f.parts if part.name in FARED and (m := re.search(FARED[part.name], said, re.I))
        }  # fmt: skip
        if len(lines) != 1 or not worse:
            continue
        told = {name: number(m[1]) for name, m in worse.items()}
        whole = re.search(WHOLE, said, re.I)
        before = int(lines[0].get("received") or 0)
        good = number(whole[1]) if whole else before - sum(told.values())
        arrived = {"received": good} if before and good >= 0 else {}
        for m in sorted([*worse.values(), *([whole] if whole else [])], key=lambda m: -m.start()):
            said = f"{said[: m.start()]} {said[m.end() :]}"
        return {**args, f.name: [{**lines[0], **told, **arrived}]}, said
    return args, said


def _stands_for_a_thing(span: Span, said: str) -> bool:
    """ "the medium one" counts nothing."""
    return span.kind == "number" and said[span.start : span.end].lower() in ("one", "a", "an")


def _swapped(args: Mapping[str, Any], said: str) -> tuple[dict[str, Any], str, bool]:
    """The arguments with "98 not 88" done in all of their texts and figures, and the words that are left."""
    found, rest, any_done = dict(deepcopy(args)), said, False
    for new, old in acts.swaps(said):
        done = cast(dict[str, Any], _replaced(found, old, new))
        if done != found:
            found, any_done = done, True
            rest = re.sub(rf"(?<!\w)(?:{re.escape(old)}|{re.escape(new)})(?!\w)", " ", rest)
        else:  # what is not meant, whatever it was, is no value
            rest = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", " ", rest)
    return found, acts.without(rest, "negations") if any_done else rest, any_done


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(part, old, new) for key, part in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_replaced(part, old, new) for part in cast(list[Any], value)]
    if isinstance(value, str):
        return re.sub(rf"(?<![\w-]){re.escape(old)}(?![\w-])", new, value, flags=re.I)
    if isinstance(value, int) and not isinstance(value, bool) and old.isdigit() and new.isdigit() and value == int(old):
        return int(new)
    return value


def _only_once_more(value: Any, before: Any, reading: Reading) -> bool:
    """Whether lines only name what stands in them already, and no figure: that is no "one" of it."""
    lines = [cast(list[dict[str, Any]], each) if isinstance(each, list) else [] for each in (value, before)]
    own = [[line.get("sku") for line in each if isinstance(line, dict)] for each in lines]
    return (
        bool(own[0]) and set(own[0]) <= {*own[1]} - {None} and not any(span.kind == "number" for span in reading.spans)
    )


def _may(fields: Sequence[Field], name: str, said: str, desk: Desk, tool: str) -> bool:
    """Whether a value may come from a few words: a note that takes all of them is no value."""
    f = next(f for f in fields if f.name == name)
    if f.kind is Kind.search and not desk.index.tools[tool].entry.writes:
        return True
    return f.kind not in WORDS or GIVING_REASON.search(said) is not None


def _names(fields: Sequence[Field], args: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """All the names of a list that had names: "Garden and Christmas"."""
    listed = [f for f in fields if f.many and f.kind is Kind.reference and not f.parts and f.name in args]
    spans = [span for span in reading.spans if span.kind not in ("perhaps_code",)]
    runs = [
        m[0]
        for m in NAME.finditer(reading.text)
        if not any(span.start < m.end() and m.start() < span.end for span in spans) and m[0].lower() not in ("i",)
    ]
    names = [name for run in runs for name in JOINT.split(run) if name and name[0].isupper()]
    return {listed[0].name: names} if len(listed) == 1 and names else {}


def _named_in(span: Span, new: Mapping[str, Any], said: str) -> bool:
    return any(said[span.start : span.end] in value for value in new.values() if isinstance(value, list))


def _with(before: Any, value: Any) -> Any:
    if not (isinstance(before, list) and isinstance(value, list)):
        return value
    had = cast(list[Any], before)
    return [*had, *(one for one in cast(list[Any], value) if one not in had)]


def _sibling(name: str, said: str, args: Mapping[str, Any], fields: Sequence[Field]) -> str:
    """Another of the same goods by what sets it apart: "the medium one" after POT-TERRACOTTA-SMALL."""
    f = next(f for f in fields if f.name == name)
    parts = str(args.get(name) or "").split("-")
    if f.reference not in GOODS or len(parts) < 2 or parts[-1].isdigit() or len(said.split()) > 2:
        return said
    return " ".join([*parts[:-1], _apart(said)]).lower()


def _apart(said: str) -> str:
    """ "the medium one" without the words that only point."""
    return re.sub(r"^(?:the|le|la|der|die|das)\s+|\s+ones?$", "", said, flags=re.I)


def _another(args: Mapping[str, Any], fields: Sequence[Field], said: str, desk: Desk) -> dict[str, str]:
    """Another of the same goods, told by one word: "and the white one 16", or "and fox", where the shop knows such a one."""
    own = [f.name for f in fields if f.reference in GOODS and "-" in str(args.get(f.name) or "")]
    alone, one = BARE.fullmatch(said), ONE.search(said)
    if len(own) != 1 or not (one or alone):
        return {}
    word = cast(re.Match[str], one or alone)["word"]
    begins = str(args[own[0]]).rpartition("-")[0]
    rows = [row.name for row in (desk.known or {}).get(word.casefold(), ()) if row.kind == "variant"]
    fitting = [name for name in rows if name.startswith(f"{begins}-")]
    if len(fitting) == 1:
        return {own[0]: fitting[0]}
    if not one and not fitting:
        return {}
    found = _sibling(own[0], word, args, fields)
    return {own[0]: found} if found != word else {}


def _unknown(filled: Filled, said: str, new: Mapping[str, Any]) -> tuple[str, ...]:
    taken = " ".join(str(value).lower() for value in new.values())
    words = [
        word
        for word in [*filled.doubts, *filled.unused]
        if not all(_apart(one).lower() in taken for one in JOINT.split(word))
    ]
    return tuple(dict.fromkeys(words))


# ---- figures -------------------------------------------------------------------------------------------------------------


def _set_figure(args: dict[str, Any], fields: Sequence[Field], span: Span, desk: Desk) -> bool:
    """A bare figure takes the place of the only one of its kind in the call: "make it 15"."""
    if span.kind not in ("number", "money", "percent"):
        return False
    places = list(_places(args, fields, ()))
    for kinds in _likely(span):
        fitting = [(path, f) for path, f in places if (Kind.money if _is_money(f) else f.kind) in kinds]
        if len(fitting) == 1:
            path, f = fitting[0]
            _put(args, path, span, f, desk)
            return True
        if fitting:
            return False
    return False


def _likely(span: Span) -> list[tuple[Kind, ...]]:
    if span.kind == "percent":
        return [(Kind.percent,)]
    if span.kind == "money":
        return [(Kind.money,)]
    rate = [(Kind.percent,)] if span.value <= values.MOST_BARE_PERCENT else []
    return [*([COUNTS] if span.value == int(span.value) else []), (Kind.money,), *rate]


def _is_money(f: Field) -> bool:
    """Whether it is an amount, with a sign or without: store credit is given and taken."""
    return f.kind is Kind.money or (f.kind is Kind.delta and f.description.startswith("Minor units"))


def _figure(span: Span, f: Field, old: Any, desk: Desk) -> Any:
    if _is_money(f):
        value = money.minor_units(span.value, span.currency or desk.talk.setting.currency)
        return -value if (f.signed or f.kind is Kind.delta) and isinstance(old, int) and old < 0 else value
    if f.kind is Kind.percent:
        return -float(span.value) if f.signed and isinstance(old, int | float) and old < 0 else float(span.value)
    value = int(span.value) if span.value == int(span.value) else span.value
    return -abs(value) if isinstance(old, int | float) and old < 0 else value


def _places(value: Any, fields: Sequence[Field], path: Path) -> Iterator[tuple[Path, Field]]:
    """Where in the arguments figures stand, and what they are."""
    for f in fields:
        if not isinstance(value, dict) or f.name not in value:
            continue
        inside = cast(dict[str, Any], value)[f.name]
        if f.parts and isinstance(inside, list):
            for n, one in enumerate(cast(list[Any], inside)):
                yield from _places(one, f.parts, (*path, f.name, n))
        elif f.parts:
            yield from _places(inside, f.parts, (*path, f.name))
        elif f.kind in FIGURES:
            yield (*path, f.name), f


def _put(args: dict[str, Any], path: Path, span: Span, f: Field, desk: Desk) -> None:
    holder: Any = args
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = _figure(span, f, holder[path[-1]], desk)
