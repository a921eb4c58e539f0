"""The first sentence of a list: how many match, and by which filters; or what its rows say to the question itself."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, cast

from planner.choose.index import Tool
from planner.converse.memory import Result
from planner.fill import times
from planner.read.fields import Field, Kind
from planner.read.words import fold, stem
from planner.tell import figures, shown
from planner.tell.asked import Asked
from planner.tell.columns import Row, choose, is_figure, is_money
from planner.tell.voice import Voice, words

PERIODS = (Kind.period_start, Kind.period_end)
QUIET = (*PERIODS, Kind.limit, Kind.skip)
COUNT, TOTAL = "count", "total"  # the flag by which a list is asked how many match, and where it says so
NAMED = 3  # rows that are named in the sentence that counts them
ALIKE = 0.8  # how like a word of a name is one that was said, for a slip of it
FEW = 4  # places that one sentence names


def lead(rows: Sequence[Row], page: Row, result: Result, tool: Tool | None, voice: Voice, asked: Asked) -> str:
    """The sentence that begins the answer."""
    if rows and _only_near(rows, result):
        near = voice.say("near_rows", rows=voice.listed([str(row.get("title")) for row in rows[:NAMED]]))
        return f"{counted((), page, result, tool, voice)} {near}"
    said = _stock(rows, page, voice, asked) or _price(rows, voice, asked) or _last(rows, result, voice)
    if said:
        return said
    sentence = counted(rows, page, result, tool, voice, sums=asked.counts or asked.sums)
    best = _best(rows, result, voice) if asked.best else ""
    if best:
        return best if len(rows) == 1 else f"{best} {sentence}"
    if rows and (missing := _unknown(rows, asked)) and not (asked.sums and page.get(TOTAL)):
        sentence = f"{sentence} {voice.say('not_in_list', what=voice.label(missing))}"
    known = asked.closed and asked.exists and rows and not _unknown(rows, asked)
    return voice.say("yes", what=f"{sentence[0].lower()}{sentence[1:]}") if known else sentence


def _unknown(rows: Sequence[Row], asked: Asked) -> str:
    """What was asked of the rows and does not stand in them, by its label."""
    for topic in asked.topics:
        if topic.name == "price" and not any("price" in key or key in ("value", "revenue", "total") for key in rows[0]):
            return "price"
        if topic.name == "used" and not any("use" in key for key in rows[0]):
            return topic.label
    return ""


def matching(page: Row, tool: str = "") -> tuple[int, bool] | None:
    """How many rows match in all, and whether more do than were counted; None where the list does not say."""
    found = page.get(TOTAL) or page.get("found") or page.get(words()["lists"].get(tool, ""))
    if isinstance(found, dict):
        total = cast(Row, found)
        return int(total["rows"]), bool(total.get("more"))
    return (found, False) if isinstance(found, int) else None


def filters(result: Result, tool: Tool | None, voice: Voice, page: Row | None = None) -> tuple[list[str], list[str]]:
    """The filters of a call in words: those that stand beside the noun, and the states, of which a sentence is made."""
    beside: list[str] = []
    known = times.stems(tool.fields if tool else ())
    for f in tool.fields if tool else ():
        said = result.call.args.get(f.name)
        if said in (None, [], "") or not _narrows(f) or times.stem(f) in known:
            continue
        if result.call.tool == f.listed_by:  # the one record itself, whose row says so
            beside.append(str(said))
        elif f.name not in words()["states"]:
            beside.append(_beside(f, said, result.call.tool, voice))
    states = [_state(f, result.call.args[f.name], result.call.tool, voice) for f in _stated(result, tool)]
    told = figures.period(page or {}, voice)[0]
    when = [told] if told else _periods(result, tool, voice)
    return [*beside, *(f"({one})" for one in when)], states


def _periods(result: Result, tool: Tool | None, voice: Voice) -> list[str]:
    """The times that a list was narrowed by, one after another: "expected 30 November to 6 December 2026, Europe/Paris"."""
    fields = tool.fields if tool else ()
    known, bounds = times.stems(fields), dict[str, list[Field]]()
    for f in fields:
        if times.stem(f) in known or f.kind in PERIODS:
            bounds.setdefault(times.stem(f) if times.stem(f) in known else "", []).append(f)
    told: list[str] = []
    for name, both in bounds.items():
        start, end = (_bound(result.call.args, both, last=last) for last in (False, True))
        if said := shown.period(start, end, voice):
            what = str(times.words().get(name, {}).get(voice.language, ""))
            told.append(" ".join(filter(None, [what, f"{said}, {voice.setting.zone.key}"])))
    return told


def _bound(args: Mapping[str, Any], fields: Sequence[Field], *, last: bool) -> str | None:
    """The beginning or the end of a time as it was asked for; a last day is one that is meant whole."""
    f = next((f for f in fields if (f.kind is Kind.period_end or f.name.endswith("_until")) is last), None)
    said = args.get(f.name) if f else None
    if said and last and f and f.day_only:
        return (date.fromisoformat(str(said)) + timedelta(days=1)).isoformat()
    return str(said) if said else None


def _narrows(f: Field) -> bool:
    """Whether an argument is a filter that has to be said: not what the tool is about anyway, nor an order or a number of rows."""
    about = f.required and f.kind is not Kind.search
    return not about and f.kind not in (*QUIET, Kind.apart) and f.name != COUNT and not _sorts(f)


def counted(
    rows: Sequence[Row], page: Row, result: Result, tool: Tool | None, voice: Voice, *, sums: bool = False
) -> str:
    """How many match, by which filters; and what they come to, where that is asked for."""
    beside, states = filters(result, tool, voice, page)
    name = result.call.tool
    one, _, *gender = voice.nouns(name)
    if not rows and name == "low_stock_products":
        return voice.say("none_runs_low")
    if not rows:
        ending = _endings(voice.language, gender)
        frame = "no_rows_are" if states else "no_rows"
        noun = " ".join([one, *beside])
        return voice.say(frame, noun=noun, states=voice.listed(states), **{"is": voice.say("is")}, **ending)
    count, more = matching(page, name) or (len(rows) + int(page.get("left_out") or 0), bool(page.get("has_more")))
    end = _one_end(rows, result, tool)
    beside = [_whose(said, rows, result) for said in beside]
    one_row = len(rows) == 1 and one_wanted(result, tool)  # of how many, was not asked
    subject = " ".join([voice.counted(1 if one_row else count, name, more=more and not one_row), *beside])
    if end:
        return voice.say(f"only_{end}", rows=subject)
    if name == "low_stock_products":
        sentence = voice.say("runs_low" if count == 1 else "run_low", rows=subject)
    elif states:
        plural = [_state(f, result.call.args[f.name], name, voice, count) for f in _stated(result, tool)]
        plural = plural if count == 1 else [said.replace("its way", "their way") for said in plural]
        sentence = voice.say(
            "rows_are", rows=subject, are=voice.say("is" if count == 1 else "are"), states=voice.listed(plural)
        )
    else:
        names = _names(rows, voice) if len(rows) == count <= NAMED else []
        sentence = (
            voice.say("rows_named", rows=subject, names=voice.listed(names))
            if names
            else voice.say("rows", rows=subject)
        )
    part = _part(len(rows), result, tool, voice) if len(rows) > 1 and (count > len(rows) or more) else ""
    return " ".join(filter(None, [sentence, _come_to(page, voice) if sums else "", part]))


def _one_end(rows: Sequence[Row], result: Result, tool: Tool | None) -> str:
    """Which end of a list was asked for, where one row was: "newest" of "what did she buy last?"; "" of a longer list."""
    sort = str(result.call.args.get("sort", ""))
    return sort if len(rows) == 1 and one_wanted(result, tool) and sort in ("newest", "oldest") else ""


def one_wanted(result: Result, tool: Tool | None) -> bool:
    """Whether a single row was asked for: the newest, the dearest."""
    return any(f.kind is Kind.limit and result.call.args.get(f.name) == 1 for f in (tool.fields if tool else ()))


def _whose(said: str, rows: Sequence[Row], result: Result) -> str:
    """A filter by a customer's number with their name, where every row has it."""
    customer, names = str(result.call.args.get("customer", "")), {row.get("customer_name") for row in rows}
    name = next(iter(names)) if len(names) == 1 else None
    return said.replace(customer, f"{name} ({customer})") if customer and isinstance(name, str) else said


def _come_to(page: Row, voice: Voice) -> str:
    """What all that match come to, where the list was asked to add it up."""
    total: Row = page[TOTAL] if isinstance(page.get(TOTAL), dict) else {}
    sums = [shown.value(money, voice) for money in cast(Sequence[Row], total.get("sums") or ())]
    return voice.say("come_to", sums=voice.listed(sums)) if sums else ""


def _part(count: int, result: Result, tool: Tool | None, voice: Voice) -> str:
    """Which of the rows are shown."""
    sort = next(
        (
            (f, str(result.call.args[f.name]))
            for f in (tool.fields if tool else ())
            if _sorts(f) and result.call.args.get(f.name)
        ),
        None,
    )
    if sort is None:
        return voice.say("shown", n=count, sorted="")
    said = sort[1]
    order = voice.say(said) if said in ("newest", "oldest") else voice.say("by", what=_sorting(said, voice))
    return voice.say("shown", n=count, sorted=order)


def _sorting(said: str, voice: Voice) -> str:
    by = voice.label(f"by_{said}")
    return voice.label(said) if by == f"by {said.replace('_', ' ')}" else by


def _only_near(rows: Sequence[Row], result: Result) -> bool:
    """Whether a search that forgives slips found nothing by a single word that was said: "camping mug" for "4k action cam"."""
    if result.call.tool != "search_products":
        return False
    said: list[str] = re.findall(r"\w{3,}", fold(str(result.call.args.get("text", ""))))
    called: list[str] = re.findall(r"\w+", fold(" ".join(_called(row) for row in rows)))
    stems = {stem(word) for word in called}
    together = "".join(called)  # "teapot" of a tea pot
    return bool(said) and not any(
        stem(word) in stems or (len(word) > 3 and (word in together or get_close_matches(word, called, 1, ALIKE)))
        for word in said
    )


def _called(row: Row) -> str:
    """All that a product is called by."""
    several = [str(one) for key in ("tags", "skus") for one in cast(Sequence[str], row.get(key) or ())]
    return " ".join([*(str(row.get(key) or "") for key in ("title", "brand", "category")), *several])


def _names(rows: Sequence[Row], voice: Voice) -> list[str]:
    """What the rows are called, where each has a name."""
    found = [next((shown.value(row[key], voice) for key in ("name", "title") if row.get(key)), "") for row in rows]
    return found if all(found) and len(set(found)) == len(found) else []


def _endings(language: str, gender: Sequence[str]) -> Mapping[str, str]:
    """What "no" ends in before a noun: "aucune commande", "keine Bestellung", "keinen Kunden"."""
    feminine, masculine = "f" in gender, "m" in gender
    accusative = "e" if feminine else "en" if masculine else ""
    return {"e": "e" if feminine else "", "en": accusative if language == "de" else ""}


def _stated(result: Result, tool: Tool | None) -> list[Field]:
    """The states by which a list was narrowed, last those that are not wanted: "unpaid and not cancelled"."""
    args, known = result.call.args, times.stems(tool.fields if tool else ())
    stated = [
        f
        for f in (tool.fields if tool else ())
        if f.name in words()["states"] and args.get(f.name) not in (None, [], "")
    ]
    stated = [f for f in stated if _narrows(f) and times.stem(f) not in known and result.call.tool != f.listed_by]
    return sorted(stated, key=lambda f: bool(_excepted(f, args[f.name])))


def _excepted(f: Field, said: Any) -> list[str]:
    """The few states that are not wanted, where nearly all are."""
    each = cast(list[Any], said) if isinstance(said, list) else [said]
    others = [value for value in dict.fromkeys(choice.value for choice in f.choices) if value not in each]
    return others if 0 < len(others) < len(each) - 1 else []


def _state(f: Field, said: Any, tool: str, voice: Voice, count: int = 1) -> str:
    """ "paid or partly paid"; "not on hold" for a flag that is off, "not cancelled" for nearly all states."""
    if isinstance(said, bool):
        word = voice.word(f.name, count=count)
        return word if said else voice.say("not", what=word)
    each, excepted = cast(list[Any], said) if isinstance(said, list) else [said], _excepted(f, said)
    told = voice.listed([voice.word(str(one), tool=tool, count=count) for one in excepted or each], "or")
    return voice.say("not", what=told) if excepted else told


def _beside(f: Field, said: Any, tool: str, voice: Voice) -> str:
    """One argument in words: "to Lyon", "of 50.00 EUR or more"."""
    value = shown.value({"amount": said, "currency": voice.setting.currency} if f.kind is Kind.money else said, voice)
    frame = words()["filters"].get(f"{tool}.{f.name}") or words()["filters"].get(f.name)
    return str(frame[voice.language]).format(value) if frame else f"({voice.label(f.name)} {value})"


def _sorts(f: Field) -> bool:
    return f.kind is Kind.choice and bool({"sort", "by", "order"} & set(f.name.split("_")))


# ---- what the rows themselves answer -------------------------------------------------------------------------------------


def _stock(rows: Sequence[Row], page: Row, voice: Voice, asked: Asked) -> str:
    """The units of one variant, its warehouses together: "40 of MUG-BLUE are available: Lyon 37, Lille 3."; or of one product."""
    if not rows or page.get("has_more"):
        return ""
    if asked.about("stock") and _of_one_product(rows):
        return available(figures.sums(rows), str(rows[0]["title"]), "", voice, asked)
    if not sums_told(rows):
        return ""
    return available(figures.sums(rows), str(rows[0].get("sku")), places(rows, voice), voice, asked)


def _of_one_product(rows: Sequence[Row]) -> bool:
    """Whether they are the units of several variants of a product."""
    skus, titles = {row.get("sku") for row in rows}, {row.get("title") for row in rows}
    return len(skus) > 1 == len(titles) and all("available" in row and row.get("title") for row in rows)


def sums_told(rows: Sequence[Row]) -> bool:
    """Whether the first sentence has told all that the rows say: the units of one variant by warehouse."""
    return len({row.get("sku") for row in rows}) == 1 and all(
        "available" in row and ("warehouse" in row or "warehouse_name" in row) for row in rows
    )


def available(units: Mapping[str, int], of: str, where: str, voice: Voice, asked: Asked) -> str:
    """How many units can be sold, where they lie, how many are held and how many will come."""
    said = voice.say(
        "available", n=f"{units['available']:,}", of=of, are=voice.say("is" if units["available"] == 1 else "are")
    )
    said = voice.say("rows_named", rows=said, names=where) if where else f"{said}."
    said = voice.say("yes" if units["available"] else "no", what=said) if asked.closed else said
    held = [voice.say("held", n=f"{units['reserved']:,}")] if units.get("reserved") else []
    counted = [figures.figure("on_hand", units["on_hand"], voice), *held] if units.get("on_hand") else []
    coming = [voice.say("incoming", n=f"{units['incoming']:,}")] if units.get("incoming") else []
    return " ".join([said, *([f"{shown.capital(', '.join(counted))}."] if counted else []), *coming])


def places(rows: Sequence[Row], voice: Voice) -> str:
    """Where units lie, the most first."""
    found = sorted(
        (
            (int(row.get("available") or 0), str(row.get("warehouse_name") or row.get("name") or row.get("warehouse")))
            for row in rows
        ),
        reverse=True,
    )
    return ", ".join(f"{name} {units:,}" for units, name in found[:FEW])


def _price(rows: Sequence[Row], voice: Voice, asked: Asked) -> str:
    """The price, where it was asked for and one row has it."""
    priced = [row for row in rows if is_money(row.get("price") or row.get("price_from"))]
    if len(rows) != 1 or not priced or not asked.about("price"):
        return ""
    return price(str(priced[0].get("title") or priced[0].get("sku")), priced, voice)


def price(of: str, rows: Sequence[Row], voice: Voice) -> str:
    """What something costs: one price, or from the lowest to the highest."""
    found = [
        cast(Row, row[key]) for row in rows for key in ("price", "price_from", "price_to") if is_money(row.get(key))
    ]
    least, most = (pick(found, key=lambda money: money["amount"]) for pick in (min, max))
    low, high = shown.value(least, voice), shown.value(most, voice)
    return (
        voice.say("price", of=of, price=low) if low == high else voice.say("price_range", of=of, price=low, most=high)
    )


def _last(rows: Sequence[Row], result: Result, voice: Voice) -> str:
    """The last of the events of one thing."""
    if not rows or not {"happened_at", "what"} <= set(rows[-1]) or "timeline" not in result.call.tool:
        return ""
    what, when = shown.value(rows[-1]["what"], voice), shown.value(rows[-1]["happened_at"], voice)
    return f"{voice.say('last_was', what=what, when=when)} {voice.say('rows', rows=voice.counted(len(rows), result.call.tool))}"


def _best(rows: Sequence[Row], result: Result, voice: Voice) -> str:
    """The first row of a ranking, with the figures by which it is ranked first."""
    if not rows:
        return ""
    columns = [key for key in choose(rows[:1], result.call.args).keys if is_figure(rows[0].get(key))]
    ranked = sorted(columns, key=lambda key: not _falls(rows, key))
    told = [figures.figure(key, rows[0][key], voice) for key in ranked if "before" not in key and key != "change"]
    name = next(
        (
            shown.value(rows[0][key], voice)
            for key in ("name", "title", "customer_name", "reference")
            if rows[0].get(key)
        ),
        "",
    )
    return voice.say("first_is", name=name, figures=", ".join(told[:3])) if name and told else ""


def _falls(rows: Sequence[Row], key: str) -> bool:
    """Whether a list is ranked by a figure: it never grows from row to row."""
    sizes = [
        float(cast(Row, said)["amount"] if is_money(said) else cast(float, said))
        for row in rows
        if is_figure(said := row.get(key))
    ]
    return len(sizes) == len(rows) and len(set(sizes)) > 1 and all(a >= b for a, b in pairwise(sizes))
