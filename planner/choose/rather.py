"""Another operation than the likeliest, by what was named: one that has a place for the supplier, the variant, the part of
an order, or for all of them at once.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from planner.choose.decisions import Candidate, Desk, Step
from planner.choose.settle import filling
from planner.converse.memory import Call
from planner.fill.filled import Filled
from planner.read.fields import Field, Kind
from planner.read.words import content, fold

ALL = re.compile(r"\b(?:both|all|each|every|the two|the three|tou(?:s|tes)|chaque|alle[nr]?|beiden?|sämtliche)\b", re.I)
PRODUCT = re.compile(r"PRD-\d+$")
PARTNERS = ("supplier", "carrier", "promotion")
REACHED = 20  # readers among which one is looked for that has a place for a partner
LISTS = ("list_", "sales_")
WHOLE_ORDER, LINES = "cancel_order", "change_order_lines"
COUNTED, WHOLE_STOCK = "count_stock", "adjust_stock"
OUT_OF = re.compile(
    r"\s+(?:out )?(?:of|from|in|on|off)\s+(?:(?:the|her|his|their|this|that|order|number|no\.?)\s+)*", re.I
)


def of_partner(text: str, chosen: Candidate, said: str, desk: Desk) -> Candidate:
    """The candidate, or, where it has no place for a supplier, a carrier or a town that is named, the likeliest reader that has."""
    reading = desk.reading(text)
    partners = {kind for ground in reading.grounds for kind in PARTNERS if ground.of(kind)}
    partners |= {"city" for ground in reading.grounds if ground.of("city") and not ground.of("warehouse", "customer")}
    named = any(
        f.kind is Kind.reference and f.name in chosen.filled.args for f in chosen.tool.required
    )  # "where is order 11016"
    if not partners or named or chosen.filled.people or any(_takes(f, partners) for f in chosen.tool.fields):
        return chosen
    for one in desk.wished(said, REACHED):
        tool = desk.index.tools[one.name]
        if tool.entry.name.startswith(LISTS) and any(_takes(f, partners) and not f.required for f in tool.fields):
            filled = filling(tool, reading.fresh(), desk)
            return Candidate(tool, filled, 0.0, max(one.score, chosen.score)) if _whole_but_words(filled) else chosen
    return chosen


def of_supplier(text: str, chosen: Candidate, said: str, desk: Desk) -> Candidate:
    """The change, or, where it has no place for the supplier who is named, the likeliest that has: an order is placed with them."""
    reading = desk.reading(text)
    named = any(ground.of("supplier", fits=("exact",)) and not ground.of("customer") for ground in reading.grounds)
    if not named or any(_takes(f, ("supplier",)) for f in chosen.tool.fields):
        return chosen
    thing = chosen.tool.entry.name.partition("_")[2]
    for one in desk.wished(said, REACHED):
        tool = desk.index.tools[one.name]
        alike = tool.entry.name.endswith(f"_{thing}") and tool.entry.writes
        if alike and any(_takes(f, ("supplier",)) for f in tool.fields):
            return replace(chosen, tool=tool, filled=filling(tool, reading.fresh(), desk))
    return chosen


def _takes(f: Field, kinds: Collection[str]) -> bool:
    return f.reference in kinds or (f.kind is Kind.city and "city" in kinds)


def of_goods(text: str, chosen: Candidate, said: str, desk: Desk) -> Candidate:
    """The candidate, or, where it searches by words for the one variant that was named, the likeliest reader of the variant."""
    reading = desk.reading(text)
    named = {ground.variants[0].name for ground in reading.grounds if len(ground.variants) == 1}
    searches = any(f.kind is Kind.search and f.name in chosen.filled.args for f in chosen.tool.fields)
    for one in desk.wished(said, REACHED) if len(named) == 1 and searches else ():
        tool = desk.index.tools[one.name]
        filled = filling(tool, reading.fresh(), desk)
        taken = named & {*map(str, filled.args.values())}
        if taken and not tool.entry.writes and not (filled.missing or filled.unplaced):
            return Candidate(tool, filled, 0.0, chosen.score)
    return chosen


def of_variant(text: str, chosen: Candidate, candidates: Sequence[Candidate], desk: Desk) -> Candidate:
    """The candidate, or, where it would change a product of which one variant was named, the same change of that variant."""
    named = [f for f in chosen.tool.fields if f.reference == "product" and f.name in chosen.filled.args]
    code = chosen.filled.args[named[0].name] if len(named) == 1 else None
    if not isinstance(code, str) or PRODUCT.match(code):
        return chosen
    own = chosen.tool.entry.name.replace("product", "variant")  # whatever else the words are like
    alike = list[Candidate]()
    if own in desk.offered and all(c.tool.entry.name != own for c in candidates):
        tool = desk.index.tools[own]
        alike = [Candidate(tool, filling(tool, desk.reading(text).fresh(), desk), chosen.fit, chosen.score)]
    for one in [*candidates, *alike]:
        of = [f for f in one.tool.required if f.reference == "variant" and one.filled.args.get(f.name) == code]
        if of and one.tool.entry.writes and len(one.filled.args) > 1 and _whole_of(one, code):
            return replace(one, score=max(one.score, chosen.score), fit=max(one.fit, chosen.fit))
    return chosen


def of_all(text: str, chosen: Candidate, desk: Desk) -> Candidate:
    """The candidate, or, where it takes one thing and all are meant, the same change of many: "clock to 54.90, both colours"."""
    many = _of_many(chosen.tool.entry.name)
    which = next(iter(chosen.filled.which.values()), None)
    if which is None or many not in desk.offered or not (ALL.search(text) or _names_each(which.choices, text)):
        return chosen
    tool = desk.index.tools[many]
    filled = filling(tool, desk.reading(text).fresh(), desk)
    filled.args = {name: value for name, value in filled.args.items() if not _names_one(which.choices, value)}
    return chosen if filled.which or filled.missing else replace(chosen, tool=tool, filled=filled)


def _names_each(choices: str, text: str) -> bool:
    """Whether all that a thing comes in is named: "oak and walnut"."""
    said, own = fold(text), [fold(choice) for choice in choices.split(", ")]
    return len(own) > 1 and all(re.search(rf"(?<!\w){re.escape(one)}(?!\w)", said) for one in own)


def _names_one(choices: str, value: Any) -> bool:
    """Whether words to search for only say what a thing comes in: "oak and walnut"."""
    return isinstance(value, str) and {*content(fold(value))} <= {*content(fold(choices))}


def _whole_of(candidate: Candidate, code: str) -> bool:
    """Whether nothing is missing or left over, but for what is said of the thing once more."""
    filled = candidate.filled
    return not (filled.missing or filled.unplaced or news([*filled.doubts, *filled.strange], [code]))


def news(left: Sequence[str], values: Iterable[Any]) -> list[str]:
    """What of the words left over says more than the values do: not "only the plum one", of a code with that colour."""
    own = {word for value in values if isinstance(value, str) for word in fold(value).split("-")}
    return [said for said in left if not {*fold(said).split()} <= own]


def of_lines(text: str, chosen: Candidate, desk: Desk) -> Candidate:
    """The candidate, or, where it would cancel an order of which one thing was named ("a mug of 11028"), a change of its lines."""
    if chosen.tool.entry.name != WHOLE_ORDER or LINES not in desk.offered or not names_a_part(text, desk):
        return chosen
    tool = desk.index.tools[LINES]
    return replace(chosen, tool=tool, filled=filling(tool, desk.reading(text).fresh(), desk))


def of_a_count(text: str, chosen: Candidate, desk: Desk) -> Candidate:
    """The candidate, or, where a count says no bin ("count caddy lyon 61"), the correction of the whole of a warehouse."""
    lines = chosen.filled.args.get("lines")
    if chosen.tool.entry.name != COUNTED or WHOLE_STOCK not in desk.offered or not isinstance(lines, list):
        return chosen
    (line, *others) = cast(list[dict[str, Any]], lines)
    if others or "bin" in line or "sku" not in line or "counted" not in line:
        return chosen
    filled = replace(chosen.filled, args={**line, "reason": "counted"}, missing=[])
    filled.args |= {name: chosen.filled.args[name] for name in ("warehouse",) if name in chosen.filled.args}
    return replace(chosen, tool=desk.index.tools[WHOLE_STOCK], filled=filled)


def names_a_part(text: str, desk: Desk) -> bool:
    orders = [span.start for span in desk.reading(text).free("reference") if span.reference == "order"]
    goods = [one.end for one in desk.index.mentions(text) if one.kind == "product"]
    goods += [one.end for one in desk.reading(text).grounds if one.goods]
    return any(OUT_OF.fullmatch(text[end:start]) for end in goods for start in orders if end < start)


def made_of_all(said: str, call: Call, desk: Desk) -> Step | None:
    """ "no, all the velvet colours", of a change of one thing that was put: the same change of all of them."""
    many = _of_many(call.tool)
    if many not in desk.offered or not ALL.search(said):
        return None
    filled = filling(desk.index.tools[many], desk.reading(desk.english(said)), desk)
    amount = next((call.args[f.name] for f in desk.index.tools[call.tool].required if f.kind is Kind.money), None)
    to = next((f.name for f in desk.index.tools[many].fields if f.kind is Kind.money and f.name.startswith("to_")), "")
    told = filled.args and to and amount is not None and not filled.which
    return Step(many, {**filled.args, to: amount}) if told else None


def _of_many(tool: str) -> str:
    """The change of many things beside that of one: of `set_price`, `change_prices`."""
    return f"change_{tool.partition('_')[2]}s"


def _whole_but_words(filled: Filled) -> bool:
    return not (filled.missing or filled.unplaced)
