"""Another operation than the likeliest, by what was named: one that has a place for the supplier, the variant, the part of
an order, or for all of them at once.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from planner.choose.decisions import Candidate, Desk, Step
from planner.choose.settle import filling, told_twice
from planner.converse import things
from planner.converse.memory import Call
from planner.fill.filled import Filled
from planner.fill.spoken import words
from planner.read.fields import Field, Kind
from planner.read.words import content, fold

ALL = re.compile(r"\b(?:both|all|each|every|the two|the three|tou(?:s|tes)|chaque|alle[nr]?|beiden?|sämtliche)\b", re.I)
EVERY = re.compile(  # of what a thing comes in
    rf"{ALL.pattern}\s+(?:\w+\s+)?(?:of them|colou?rs?|sizes?|variants?|kinds?|couleurs?|tailles?|farben|größen|davon)\b",
    re.I,
)
PRODUCT = re.compile(r"PRD-\d+$")
PARTNERS = ("supplier", "carrier", "promotion")
REACHED = 20  # readers among which one is looked for that has a place for a partner
IN_A_PLACE = {"low_stock_products": "list_stock"}
OF_ANY_TIME = {"order_kpis": "sales_report"}
MOVED = ("by_amount", "percent")
LISTS = ("list_", "sales_")
WHOLE_ORDER, LINES = "cancel_order", "change_order_lines"
COUNTED, WHOLE_STOCK = "count_stock", "adjust_stock"
STRUCK = re.compile(rf"\b(?:{words()['flags']['strike_through']})", re.I)
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


def of_a_place(text: str, chosen: Candidate, desk: Desk) -> Candidate:
    """The candidate, or, where it tells of all warehouses and one was named, the list of what lies there: "low in Lille"."""
    tool = desk.index.tools.get(IN_A_PLACE.get(chosen.tool.entry.name, ""))
    reading = desk.reading(text)
    if tool is None or not any(ground.of("warehouse", fits=("exact",)) for ground in reading.grounds):
        return chosen
    filled = filling(tool, reading.fresh(), desk)
    return replace(chosen, tool=tool, filled=filled) if {"warehouse", "state"} <= filled.args.keys() else chosen


def of_a_time(text: str, chosen: Candidate, desk: Desk) -> Candidate:
    """The candidate, or, where it tells of today and another time was said, the report of any time: the key figures of November."""
    tool = desk.index.tools.get(OF_ANY_TIME.get(chosen.tool.entry.name, ""))
    other = [
        span
        for span in chosen.filled.unplaced
        if span.kind == "period" and not told_twice(span, chosen.filled, chosen.tool, desk.talk.setting)
    ]
    if tool is None or tool.entry.name not in desk.offered or not other:
        return chosen
    return replace(chosen, tool=tool, filled=filling(tool, desk.reading(text).fresh(), desk))


def of_supplier(text: str, chosen: Candidate, said: str, desk: Desk) -> Candidate:
    """The change, or, where it has no place for the supplier who is named, the likeliest that has: an order is placed with them."""
    reading = desk.reading(text)
    named = any(ground.of("supplier", fits=("exact",)) and not ground.of("customer") for ground in reading.grounds)
    thing = chosen.tool.entry.name.partition("_")[2]
    there = any(f.reference == thing for f in chosen.tool.required)  # what is there already is found by its supplier
    if not named or there or any(_takes(f, ("supplier",)) for f in chosen.tool.fields):
        return chosen
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
    if (shown := _of_all_shown(text, chosen, desk)) and many in desk.offered:
        return shown
    which = next(iter(chosen.filled.which.values()), None)
    if which is None or many not in desk.offered or not (ALL.search(text) or _names_each(which.choices, text)):
        return chosen
    tool = desk.index.tools[many]
    filled = filling(tool, desk.reading(text).fresh(), desk)
    filled.args = {name: value for name, value in filled.args.items() if not _names_one(which.choices, value)}
    return chosen if filled.which or filled.missing else replace(chosen, tool=tool, filled=filled)


def _of_all_shown(text: str, chosen: Candidate, desk: Desk) -> Candidate | None:
    """The same price for all variants of the thing that was shown: "all four colours to 94.90"."""
    variants = [one.reference for one in things.shown_whole(desk.talk) if one.inner and "variant" in one.refers]
    rule = desk.index.tools.get(_of_many(chosen.tool.entry.name))
    lacks, every = [f.name for f in chosen.filled.missing] == ["sku"], EVERY.search(text)
    if rule is None or not lacks or len(variants) < 2 or every is None:
        return None
    reading = desk.reading(text).fresh()
    reading.claim(*every.span())
    filled = filling(rule, reading, desk)
    filled.args["skus"] = list(dict.fromkeys(variants))
    return replace(chosen, tool=rule, filled=filled)


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


def of_a_rule(text: str, chosen: Candidate, desk: Desk) -> Candidate:
    """The candidate, or, where a price changes by so much ("2 euro off") or the old one stays beside it, the rule that does so."""
    rule = _of_many(chosen.tool.entry.name)
    goods = [
        chosen.filled.args[f.name]
        for f in chosen.tool.required
        if f.reference == "variant" and f.name in chosen.filled.args
    ]
    struck = STRUCK.search(text) and "compare_at" not in chosen.filled.args
    if rule not in desk.offered or not goods or not (struck or chosen.filled.missing):
        return chosen
    filled = filling(desk.index.tools[rule], desk.reading(text).fresh(), desk)
    told = any(f.kind in (Kind.money, Kind.percent) and f.name in filled.args for f in desk.index.tools[rule].fields)
    return replace(chosen, tool=desk.index.tools[rule], filled=filled) if told and not filled.missing else chosen


def by_a_difference(step: Step, text: str, desk: Desk) -> Step:
    """The change of a price, or, where it is told by how much ("two euro off the large as well"), the rule that does so."""
    rule = desk.index.tools.get(_of_many(step.tool))
    if rule is None or rule.entry.name not in desk.offered or "sku" not in step.args:
        return step
    told = filling(rule, desk.reading(text), desk).args
    moved = {name: told[name] for name in MOVED if name in told}
    return Step(rule.entry.name, {"skus": [step.args["sku"]], **moved}) if moved else step


def struck(said: str, call: Call, desk: Desk) -> Step | None:
    """ "With the old price beside it", of a price that was put: the rule that sets it so."""
    rule = _of_many(call.tool)
    if rule not in desk.offered or not STRUCK.search(said) or not {"sku", "amount"} <= call.args.keys():
        return None
    kept = {name: call.args[name] for name in ("valid_from", "valid_until") if name in call.args}
    return Step(rule, {"skus": [call.args["sku"]], "to_amount": call.args["amount"], "strike_through": True, **kept})


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
