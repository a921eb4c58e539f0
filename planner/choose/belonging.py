"""A record by what belongs to it: the parcel of an order, the ticket of a customer, the transfer to a town, the oldest return.

Where an operation needs a record that was not named, the list of that kind is asked for those that fit what was named: its
declared filters tell what it can be asked. What is found out on the way stands in `people` in place of a name:
`{"tool": "list_returns", "args": {"open": True}, "people": {"customer": "Anna Weber"}, "said": "Anna Weber", "end": "newest"}`.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from planner.choose.focus import focus
from planner.choose.index import Index, Tool
from planner.converse.memory import Conversation
from planner.fill import slots
from planner.fill.filled import Filled, Told
from planner.read import pointers
from planner.read.entities import ALSO_CALLED
from planner.read.fields import Field, Kind
from planner.read.reading import Reading

# Found by their names.
NAMED = ("customer", "user", "product", "variant", "category", "warehouse", "carrier", "supplier")
NARROWING = (Kind.reference, Kind.city, Kind.country, Kind.email, Kind.period_start, Kind.period_end)
PROSE = (Kind.note, Kind.reason_text, Kind.text, Kind.search, Kind.proper_name)
FEW = ("warehouse", "carrier", "supplier", "user")
# Where a warehouse is looked for that was not said: what of a named order is set aside, and where named goods lie.
WHERE = {"order": "reservation", "variant": "stock"}
CALLED = ("product", "code", "category")  # what the reader takes a name for that it has no kind for
ADDED, LATE = "add", "late"  # what is not on it yet; and what nobody wishes a thing to be
MOST = 10  # rows of which it is asked which
FROM_THERE = re.compile(r"\b(?:from (?:there|them)|back (?:here|to us))\b", re.I)  # of the place spoken of last
WHOLE = 100  # rows among which the oldest is looked for, where a list can't be turned round
ENDS = {"newest": r"last|latest|newest|most recent", "oldest": r"oldest|first|earliest|longest waiting"}
UNNARROWED = r"(?!\s+(?:of|from|for|about|by|to|in|with|on|that|who|which|whose)\b)"

Lists = Callable[[str], Tool | None]


def lists(index: Index, offered: Collection[str]) -> Lists:
    """The list of each kind of record, where it is offered."""

    def of(reference: str) -> Tool | None:
        name = next((one for one in (f"list_{reference}s", f"list_{reference}") if one in offered), "")
        return index.tools[name] if name and not index.tools[name].entry.writes else None

    return of


def fill(tool: Tool, filled: Filled, reading: Reading, lists_of: Lists, told: Callable[[Tool], Told]) -> None:
    """What a text says of the records that it does not name: how they are to be looked for, in the place of their names."""
    for f in _lacking(tool, filled):
        listing = lists_of(f.reference)
        if listing is None:
            continue
        rest = reading.fresh()
        own = [one for one in tool.fields if one is not f and one.kind not in PROSE]
        slots.fill(own, rest, told(tool))
        taken = len(rest.claimed)
        named = slots.fill(_filters(listing, f, writes=tool.entry.writes), rest, told(listing))
        args = {name: value for name, value in named.args.items() if value is not False}
        args = _of_now(args, listing, filled, reading)
        args = _one_of_several(args, listing, named, reading) | _goods(listing, named)
        narrowed = bool(args or named.people) and not {"sku", "product"} & {*args, *named.people}
        args |= _of_its_lines(listing, filled) if narrowed else {}
        end = _end(reading.text, f)
        if not (_tells(args, listing, writes=tool.entry.writes) or named.people or end):
            continue
        args |= by_name(listing, args, named.people, reading, alone=lists_of("customer") is None)
        said = " ".join(reading.text[start:stop].strip() for start, stop in sorted({*rest.claimed[taken:]}))
        filled.people[f.name] = look_up(tool, listing, args, named.people, said or end, end)
        _place(filled, reading, rest.claimed[taken:])


def by_name(
    listing: Tool, args: Mapping[str, Any], people: dict[str, Any], reading: Reading, *, alone: bool = False
) -> dict[str, Any]:
    """A buyer's name and town as a list itself takes them: many are called so, and few of them have what is asked for.

    `alone`: customers can't be looked up, so that the name is all there is.
    """
    taken = {f.name for f in listing.fields if f.kind in (Kind.search, Kind.city)} - args.keys()
    name, _, lives = str(people.get("customer", "")).partition(", ")
    known = lives or (alone and name) or any(name == one.said for one in reading.grounds if one.of("customer"))
    found = {"text": name, **({"city": lives} if lives else {})}
    if not known or not taken >= found.keys():
        return {}
    del people["customer"]
    return found


def _of_now(args: Mapping[str, Any], listing: Tool, filled: Filled, reading: Reading) -> dict[str, Any]:
    """The conditions without the days that stand in what is to be written: "a note: he calls back Monday"."""
    prose = [said for said in filled.args.values() if isinstance(said, str)]
    said = [reading.text[span.start : span.end].strip() for span in reading.spans if span.kind == "period"]
    days = _days(listing) if any(one in text for one in said for text in prose) else ()
    return {name: value for name, value in args.items() if name not in days}


def _goods(listing: Tool, named: Filled) -> dict[str, str]:
    """Goods of which there are several as the words of a title: "the duvet of Noah Visser"."""
    worded = [f.name for f in listing.fields if f.worded and f.reference == "product" and f.name not in named.args]
    said = [which.said for which in named.which.values() if not which.lacks]
    return {worded[0]: said[0]} if worded and said else {}


def _one_of_several(args: Mapping[str, Any], listing: Tool, named: Filled, reading: Reading) -> dict[str, Any]:
    """The conditions with the words of a title in the place of one of several variants that they fit: "his paper pendant"."""
    variants = [f.name for f in listing.fields if f.reference == "variant" and named.more.get(f.name)]
    worded = [f.name for f in listing.fields if f.worded and f.reference == "product"]
    said = [one.said for one in reading.grounds if len(one.variants) > 1 and not one.lacks]
    if not (variants and worded and said):
        return dict(args)
    return {name: value for name, value in args.items() if name not in variants} | {worded[0]: said[0]}


def _of_its_lines(listing: Tool, filled: Filled) -> dict[str, str]:
    """The goods that a change speaks of, where a list can be narrowed by them: of the late orders the one with the tea boxes."""
    variant = next((f.name for f in listing.fields if f.reference == "variant" and not f.many), "")
    values = [value for name, value in filled.args.items() if name != ADDED and isinstance(value, list)]
    lines = [line for value in values for line in cast(list[Any], value) if isinstance(line, dict)]
    known = [sku for line in lines if isinstance(sku := cast(dict[str, Any], line).get("sku"), str) and sku]
    return {variant: known[0]} if variant and known else {}


def _days(listing: Tool) -> set[str]:
    return {f.name for f in listing.fields if f.kind in (Kind.period_start, Kind.period_end)}


def _lacking(tool: Tool, filled: Filled) -> Iterator[Field]:
    """The records without which a tool can't be called, and that no text of it named."""
    records = (f for f in tool.required if f.kind is Kind.reference and not f.many and f.prefix)
    known = {*filled.args, *filled.which}
    yield from (f for f in records if f.reference not in NAMED and f.name not in known)


def _filters(listing: Tool, wanted: Field, *, writes: bool) -> list[Field]:
    """By what a list may be narrowed. The words of a change say what shall be, not what is: "mark it as delivered"."""
    kinds = NARROWING if writes else (*NARROWING, Kind.choice, Kind.flag)
    own = (
        f
        for f in listing.fields
        if (f.kind in kinds or f.name == LATE) and f.reference != wanted.reference and f.name != "count"
    )
    return [f for f in own if not f.worded]  # any name would be words of a title


def _tells(args: Mapping[str, Any], listing: Tool, *, writes: bool) -> bool:
    """Whether a record can be told by it. A day alone may be that of something else: "of the man who called this morning"."""
    return bool(set(args) - (_days(listing) if writes else set()))


def look_up(
    tool: Tool, listing: Tool, args: Mapping[str, Any], people: Mapping[str, Any], said: str, end: str = ""
) -> dict[str, Any]:
    """The call that finds a record, among those that are still open first; the newest or oldest of all, where it is only shown."""
    names = {f.name: f for f in listing.fields}
    opened = {"open": True} if "open" in names and "status" not in args and (tool.entry.writes or not end) else {}
    sort = names["sort"].choices if "sort" in names else ()
    turned = {"sort": end} if any(choice.value == end for choice in sort) else {}
    most = 1 if turned or end == "newest" else WHOLE if end else MOST + 1
    limit = {f.name: most for f in listing.fields if f.kind is Kind.limit}
    found = {"tool": listing.entry.name, "args": {**opened, **limit, **turned, **args}, "people": dict(people)}
    return {**found, "said": said, "end": "newest" if turned else end}


def _end(text: str, f: Field) -> str:
    """Whether the newest or the oldest is meant: "the last return", "the oldest open ticket"; but "her last return" is hers."""
    nouns = [*_nouns(f), "one"]
    for end, words in ENDS.items():
        said = re.search(rf"\b(?:{words})\s+(?:[\w-]+\s+){{0,2}}?(?:{'|'.join(nouns)})\b", text, re.I)
        if said and not pointers.owned(" ".join(text[: said.start()].split()[-1:])):
            return end
    return ""


def _nouns(f: Field) -> list[str]:
    """What such a record is called."""
    own = {f.reference.replace("_", r"\s+"), f.reference.split("_")[-1], f.name.replace("_", r"\s+")}
    return sorted({*own, *ALSO_CALLED.get(f.reference, ())})


def _place(filled: Filled, reading: Reading, spans: Sequence[tuple[int, int]]) -> None:
    """What the look-up has a use for has its place."""

    def used(said: str) -> bool:
        return any(said in reading.text[start:end] or reading.text[start:end] in said for start, end in spans)

    inside = [s for s in filled.unplaced if any(s.start < end and start < s.end for start, end in spans)]
    filled.unplaced = [s for s in filled.unplaced if s not in inside]
    filled.doubts = [said for said in filled.doubts if not used(said)]
    filled.unused = [said for said in filled.unused if not used(said)]
    filled.strange = [said for said in filled.strange if not used(said)]
    filled.missing = [f for f in filled.missing if f.name not in filled.people]


def spoken_of(text: str, tool: Tool, filled: Filled, lists_of: Lists, talk: Conversation, index: Index) -> None:
    """What is missing still: by what the conversation is about, or, where it was pointed at, as one of the few that there are."""
    for f in _lacking(tool, filled):
        listing = lists_of(f.reference)
        in_hand = focus(talk, index, (f.reference,))
        if listing is None or f.name in filled.people or in_hand:
            continue
        args: dict[str, Any] = {}
        for by in (one for one in listing.fields if one.kind is Kind.reference and one.reference != f.reference):
            found = focus(talk, index, (by.reference,)) if not args and not by.many else []
            args |= {by.name: found[0]} if len(found) == 1 else {}
        noun = rf"\b(?:the|this|that)\s+(?:{'|'.join(_nouns(f))})\b{UNNARROWED}"
        pointed = re.search(noun, text, re.I)
        if args or (pointed and not (filled.unplaced or filled.unused)):
            filled.people[f.name] = look_up(tool, listing, args, {}, ", ".join(map(str, args.values())))


def of_the_talk(tool: Tool, filled: Filled, lists_of: Lists, talk: Conversation, index: Index) -> None:
    """A record that is told by its state or its day alone: the one in hand, or one of whom the conversation is about."""
    for name, said in list(filled.people.items()):
        f = next(f for f in tool.fields if f.name == name)
        listing = lists_of(f.reference) if isinstance(said, dict) and not cast(dict[str, Any], said)["people"] else None
        if listing is None or tool.entry.writes or said["end"]:
            continue
        told = [one for one in listing.fields if one.name in said["args"] and one.kind is not Kind.limit]
        if any(one.kind not in (Kind.choice, Kind.flag, Kind.period_start, Kind.period_end) for one in told):
            continue
        in_hand, days = focus(talk, index, (f.reference,)), _days(listing) & {one.name for one in told}
        whose = focus(talk, index, ("customer",)) if any(one.name == "customer" for one in listing.fields) else []
        if len(set(in_hand)) == 1 and not days:
            filled.args[name] = in_hand[0]
            del filled.people[name]
        elif len(set(whose)) == 1:
            filled.people[name] = {**said, "args": {**said["args"], "customer": whose[0]}}


def called(tool: Tool, filled: Filled, reading: Reading, lists_of: Lists) -> None:
    """What is missing still: by what it is called, where the reader hears a name and it was lost: "the tea time discount"."""
    for f in _lacking(tool, filled):
        listing, named = lists_of(f.reference), [one for one in reading.mentions if one.kind in CALLED]
        said = reading.text[named[0].start : named[0].end] if named else ""
        searched = listing and any(one.kind is Kind.search and one.name == "text" for one in listing.fields)
        lost = any(one in said for one in filled.strange)
        if listing is None or not searched or f.name in filled.people or not lost:
            continue
        filled.people[f.name] = look_up(tool, listing, {"text": said}, {}, said)
        _place(filled, reading, [(named[0].start, named[0].end)])


def of_few(tool: Tool, filled: Filled, lists_of: Lists) -> None:
    """What is missing still and there are but a few of: which one is asked with all of them to choose from.

    A warehouse is where what is named lies, if only one has enough of it.
    """
    lacking = [
        f for f in tool.required if f.reference in FEW and f.name not in filled.args and f.name not in filled.people
    ]
    listing = lists_of(lacking[0].reference) if len(lacking) == 1 else None
    if listing is None:
        return
    held = _held(tool, filled, lists_of) if lacking[0].reference == "warehouse" else None
    filled.people[lacking[0].name] = held or look_up(tool, listing, {}, {}, "")


def _held(tool: Tool, filled: Filled, lists_of: Lists) -> dict[str, Any] | None:
    """The look-up of the warehouses that have what is named: not the one that it goes to, and not those with too few."""
    for reference, kept in WHERE.items():
        named = _named(tool, filled, reference)
        listing = lists_of(kept)
        f = next((one for one in listing.fields if one.reference == reference), None) if listing else None
        if listing is None or f is None or len(named) != 1:
            continue
        (value, units), *_ = named.items()
        taken = [
            str(told)
            for other in tool.fields
            if other.reference == "warehouse" and (told := filled.args.get(other.name))
        ]
        found = look_up(tool, listing, {f.name: value}, {}, "")
        found["args"].pop("open", None)
        return {**found, "least": {"available": units} if reference == "variant" else {}, "other_than": taken}
    return None


def _named(tool: Tool, filled: Filled, reference: str) -> dict[str, int]:
    """The orders, or the variants with how many of each, that stand in the arguments."""
    found: dict[str, int] = {}
    for f in tool.fields:
        told = filled.args.get(f.name)
        values = cast(list[Any], told) if isinstance(told, list) else [told] if told else []
        if f.reference == reference and not f.parts:
            found |= {str(value): int(filled.args.get("quantity") or 1) for value in values}
        part = next((one for one in f.parts if one.reference == reference), None)
        if part and f.many:
            found |= {str(line.get(part.name)): int(line.get("quantity") or 1) for line in values}
    return found


def other_end(text: str, tool: Tool, filled: Filled, talk: Conversation, index: Index) -> None:
    """The other end of a way between two places: that which the last look-up was narrowed to; of none yet, where it goes to."""
    ends = [f for f in tool.required if f.reference == "warehouse"]
    lacking = [f for f in ends if f.name not in filled.args and f.name not in filled.people]
    last = talk.last_call()
    known = (
        [f.name for f in index.tools[last.tool].fields if f.reference == "warehouse"]
        if last and last.tool in index.tools
        else []
    )
    places = [last.args[name] for name in known if last and name in last.args]
    if len(ends) != 2 or not lacking or len(places) != 1 or places[0] in filled.args.values():
        return
    to = [f for f in lacking if not f.name.startswith("from")]
    filled.args[(lacking if len(lacking) == 1 or FROM_THERE.search(text) else to)[0].name] = places[0]


def owned(said: Mapping[str, Any], owner: str, value: str) -> dict[str, Any]:
    """The look-up once it is known whose record is meant."""
    people = {name: who for name, who in said["people"].items() if name != owner}
    return {**said, "args": {**said["args"], owner: value}, "people": people}


def wider(said: Mapping[str, Any], listing: Tool) -> dict[str, Any] | None:
    """The look-up of whatever day, where more than a day tells the record; else of those that are closed; None where it was."""
    days, told = _days(listing), {*said["args"]} - {"open", *(f.name for f in listing.fields if f.kind is Kind.limit)}
    less = days if told & days and told - days else {"open"}
    if not less & said["args"].keys():
        return None
    args = {name: value for name, value in said["args"].items() if name not in less}
    return {**said, "args": args, "closed": "open" not in args}
