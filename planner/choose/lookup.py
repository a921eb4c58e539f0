"""From a name to a reference: which reading tool finds it, and which of its rows is meant."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast

from planner.choose import belonging
from planner.choose.decisions import Desk, Step
from planner.choose.index import Tool
from planner.converse.memory import Call, Result
from planner.converse.results import rows_of
from planner.fill import slots
from planner.read import money
from planner.read.fields import Field, Kind
from planner.read.words import fold

FINDING = ("find", "search", "list")
ALSO_FOUND_BY = {"variant": ("variant", "stock", "product"), "product": ("product",)}
SEARCH = "search_shop"  # names of every kind, spelt right or nearly; where it is not offered, a list of the kind
GOODS = ("product", "variant")
GOODS_FIELDS = ("product", "sku")
NO_CONDITIONS = {"open", "limit", "sort"}  # by which nothing is told from anything else
NEAR = "near"
SHOWN = ("name", "about", "email", "city", "title", "status", "total", "placed_at")
OF_RECORDS = (  # what tells two records of a kind apart
    "name", "city", "subject", "customer_name", "order", "supplier", "carrier", "from_warehouse", "to_warehouse",
    "warehouse", "to_city", "status", "payment_state", "customer", "placed_at", "opened_at", "requested_at", "shipped_at",
    "ordered_at", "created_at", "total", "amount", "captured", "lines", "warehouse_name", "available",
)  # fmt: skip
NAMES = ("customer_name", "customer", "name")  # where a row says whose it is, the surest first
TITLES = ("mr", "mrs", "ms", "miss", "dr", "herr", "herrn", "frau", "m", "mme", "monsieur", "madame")
MOST_TOLD = 5  # of these in a label
PLACE = ("warehouse", "warehouse_name")
DATE = re.compile(r"(\d{4}-\d\d-\d\d)T[\d:.]+Z?")


@dataclass(frozen=True)
class LookUp:
    """A reading call, and what its result is awaited for."""

    tool: str
    args: dict[str, Any]
    awaiting: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """The one reference that is meant and the field for it, or the candidates."""

    value: str | None
    options: list[tuple[str, str]]
    field: str


def first_call(wanted: Field, said: Any, step: Step, desk: Desk) -> LookUp | None:
    """The call that looks a name up: straight, or by the customer whose order or address it is. None if nothing offered can."""
    if not isinstance(said, str):
        return _belonging(wanted, said, step, desk)
    awaiting = {"field": wanted.name, "reference": wanted.reference, "prefix": wanted.prefix, "said": said, "via": ""}
    if wanted.reference in GOODS and SEARCH in desk.offered:
        either = _goods(desk.index.tools[step.tool].fields, step)
        return LookUp(SEARCH, {"words": [said]}, {**awaiting, "either": either})
    finder = _finder(wanted.reference, desk)
    if finder is None:
        return None
    owner = _field(finder, Kind.reference, "customer")
    people = _finder("customer", desk) if owner and wanted.reference != "customer" else None
    if people:
        customer = {"reference": "customer", "prefix": cast(Field, owner).prefix, "via": finder.entry.name}
        return LookUp(people.entry.name, _by_name(people, said), {**awaiting, **customer})
    args = _by_name(finder, said)
    return LookUp(finder.entry.name, args, awaiting) if args else None


def _belonging(wanted: Field, said: Mapping[str, Any], step: Step, desk: Desk) -> LookUp | None:
    """The list in which a record is looked for; before it, whoever it belongs to."""
    listing = desk.index.tools[said["tool"]]
    for name, who in said["people"].items():
        owner = next(f for f in listing.fields if f.name == name)
        call = first_call(owner, who, Step(said["tool"], said["args"]), desk)
        if call:
            awaiting = {key: value for key, value in call.awaiting.items() if key != "either"}
            told = {"field": wanted.name, "through": dict(said), "owner": name, "ready": _ready(step.tool)}
            return replace(call, awaiting={**awaiting, **told})
    # From where, and to where.
    alike = [f for f in desk.index.tools[step.tool].fields if f.reference == wanted.reference]
    called = {"reference": wanted.reference, "prefix": wanted.prefix, "side": wanted.name if alike[1:] else ""}
    awaiting = {"field": wanted.name, **called, "via": "", "said": said["said"], "through": dict(said)}
    awaiting["ready"] = _ready(step.tool)
    return LookUp(said["tool"], dict(said["args"]), awaiting)


def once_more(tried: Call, awaiting: Mapping[str, Any], desk: Desk) -> LookUp | None:
    """The look-up after one that found nothing; None where there is none left."""
    return less_narrow(tried, awaiting) or second_call(tried.tool, awaiting, desk)


def second_call(tried: str, awaiting: Mapping[str, Any], desk: Desk) -> LookUp | None:
    """Where a list knows nobody of that name: who is called alike. Where no record is open, those that are closed."""
    through = awaiting.get("through")
    if through and "owner" not in awaiting:
        more = belonging.wider(through, desk.index.tools[through["tool"]])
        return LookUp(more["tool"], more["args"], {**awaiting, "through": more}) if more else None
    if awaiting["reference"] != "customer" or tried == SEARCH or SEARCH not in desk.offered:
        return None
    return LookUp(SEARCH, {"words": [str(awaiting["said"]).partition(", ")[0]]}, dict(awaiting))


def orders_first(again: LookUp, tried: Call, desk: Desk) -> LookUp:
    """Where no parcel of somebody is under way, their orders that have not left ("has his gone out yet?"); then the parcels."""
    goods = {name: value for name, value in tried.args.items() if name in GOODS_FIELDS}
    whose = {name: value for name, value in tried.args.items() if name in ("customer", "text", "city")} | goods
    parcels = tried.tool == again.tool == "list_shipments"
    if not parcels or ("open" in again.args and not goods) or "list_orders" not in desk.offered:
        return again
    if not whose.keys() & {"customer", "text"}:
        return again
    instead = {"tool": again.tool, "args": again.args, "awaiting": again.awaiting}
    return LookUp("list_orders", {**whose, "open": True}, {**again.awaiting, "instead": instead})


def less_narrow(tried: Call, awaiting: Mapping[str, Any]) -> LookUp | None:
    """Where nothing of theirs fits all that was said: theirs, whatever is in it; then, whenever it was."""
    if not awaiting.get("through") or "owner" in awaiting:
        return None
    times = [name for name in tried.args if name.endswith(("_from", "_until"))]
    return without_goods(tried, awaiting) or without_goods(tried, awaiting, times)


def without_goods(tried: Call, awaiting: Mapping[str, Any], said: Sequence[str] = GOODS_FIELDS) -> LookUp | None:
    """The look-up by what else was said, where it failed and goods were named: his order, whatever is in it."""
    args = {name: value for name, value in tried.args.items() if name not in said}
    if args == tried.args or not args.keys() - NO_CONDITIONS:
        return None
    through: Mapping[str, Any] = awaiting.get("through") or {}
    told = {**through, "args": {name: value for name, value in through.get("args", {}).items() if name in args}}
    return LookUp(tried.tool, args, {**awaiting, "through": told} if through else dict(awaiting))


def without_unknown_goods(awaiting: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a record is looked for by, without the goods of which nothing is called so; None where nothing else was said."""
    through: Mapping[str, Any] = awaiting.get("through") or {}
    people = {name: who for name, who in through.get("people", {}).items() if name != awaiting.get("owner")}
    told = people or through.get("args", {}).keys() - NO_CONDITIONS
    return {**through, "people": people} if awaiting.get("owner") in GOODS_FIELDS and told else None


def _goods(fields: Sequence[Field], step: Step) -> dict[str, str]:
    """The fields that a name may be meant for: goods are a product or one of its variants, whichever is called so."""
    return {f.reference: f.name for f in fields if f.reference in GOODS and f.name not in step.args}


def following_call(value: str, step: Step, awaiting: Mapping[str, Any], desk: Desk) -> LookUp | None:
    """After the customer is known: the call that lists what is theirs."""
    if not awaiting["via"]:
        return None
    finder = desk.index.tools[awaiting["via"]]
    wanted = next(f for f in desk.index.tools[step.tool].fields if f.name == awaiting["field"])
    owner = cast(Field, _field(finder, Kind.reference, "customer"))
    limit = next((f.name for f in finder.fields if f.kind is Kind.limit), None)
    args: dict[str, Any] = {owner.name: value} | ({limit: 1} if limit and step.newest else {})
    own = {"reference": wanted.reference, "prefix": wanted.prefix, "via": ""}
    return LookUp(finder.entry.name, args, {**awaiting, **own})


def _finder(reference: str, desk: Desk) -> Tool | None:
    nouns = ALSO_FOUND_BY.get(reference, (reference,))
    for noun in nouns:
        for verb in FINDING:
            for name in sorted(desk.offered):
                tool = desk.index.tools[name]
                if (
                    not tool.entry.writes
                    and name in {f"{verb}_{plural}" for plural in (noun, f"{noun}s", f"{noun}es")}
                    and _usable(tool)
                ):
                    return tool
    return None


def _usable(tool: Tool) -> bool:
    return bool(_by_name(tool, "x")) or _field(tool, Kind.reference, "customer") is not None


def _by_name(tool: Tool, said: str) -> dict[str, Any]:
    wanted = (Kind.email,) if "@" in said else ()
    name, _, town = said.partition(", ")  # "Hélène Perrin, Bordeaux"
    city = next((f.name for f in tool.fields if f.kind is Kind.city), None)
    for kind in (*wanted, Kind.search, Kind.proper_name):
        f = next(
            (f for f in tool.fields if f.kind is kind and (kind is not Kind.proper_name or f.name.endswith("name"))),
            None,
        )
        if f:
            return {f.name: name, city: town} if city and town else {f.name: name}
    return {}


def _field(tool: Tool, kind: Kind, reference: str) -> Field | None:
    return next((f for f in tool.fields if f.kind is kind and f.reference == reference), None)


def found_in(result: Any, awaiting: Mapping[str, Any], *, newest: bool, said: str = "") -> Found:
    """The reference in a result: the only row, the row that is called exactly so, or the newest where that was said."""
    if isinstance(result, dict) and "found" in result:
        return _grounded(cast(list[dict[str, Any]], result["found"]), awaiting)
    through: Mapping[str, Any] = awaiting.get("through") or {}
    if through and "owner" not in awaiting:
        rows = _such(_holding(rows_of(result), through), awaiting.get("ready") or {})
        return _record(_in_the_state(rows, said), awaiting, str(through["end"]) or ("newest" if newest else ""))
    options = [(value, _label(row, value)) for row in rows_of(result) if (value := _reference(row, awaiting))]
    called = str(awaiting["said"]).partition(", ")[0].casefold()
    if awaiting["reference"] in ("customer", "product") and len(options) > 1:
        exact = [pair for pair, row in zip(options, rows_of(result), strict=False) if called in _called(row)]
        options = exact if len(exact) == 1 else options
    if options and newest and awaiting["reference"] not in ("customer", "product", "variant"):
        return Found(options[0][0], options, str(awaiting["field"]))  # lists are newest first
    return Found(options[0][0] if len(options) == 1 else None, options[:10], str(awaiting["field"]))


@lru_cache(maxsize=1)
def _states() -> Mapping[str, Mapping[str, Sequence[Any]]]:
    """What has to be said of a record for what is done to it (`ready.json`): a payment that is captured is authorized."""
    return json.loads(files("planner.data").joinpath("ready.json").read_text(encoding="utf-8"))


def _ready(tool: str) -> Mapping[str, Sequence[Any]]:
    return _states().get(tool, {})


def row_of(value: str, result: Result) -> Mapping[str, Any]:
    """The row of a result in which a reference stands."""
    return next((row for row in rows_of(result.value) if value in row.values()), {})


def of_somebody_else(value: str, last: Result, results: Sequence[Result]) -> bool:
    """Whether a record is another's of the same surname: of Lucas Nguyen, where the shop was asked for "Ava Nguyen"."""
    row = row_of(value, last)
    own = fold(whose(row)).split()
    names = [str(word) for one in results if one.call.tool == SEARCH for word in one.call.args.get("words") or ()]
    said = [[word for word in fold(name).split() if word not in TITLES] for name in names]
    return bool(own) and any(len(name) > 1 and name[-1] == own[-1] and not {*name} <= {*own} for name in said)


def latest_of_one(found: Found, results: Sequence[Result], awaiting: Mapping[str, Any]) -> str | None:
    """The newest of somebody's records, of which none is open any more; None where they are of several people."""
    closed = cast(Mapping[str, Any], awaiting.get("through") or {}).get("closed")
    return found.options[0][0] if closed and found.options and of_one_person(results) else None


def of_one_person(results: Sequence[Result]) -> bool:
    """Whether the records that were listed last are all one customer's: by reference, or by a name that one alone has."""
    rows = rows_of(results[-1].value)
    if all(row.get("customer") for row in rows):
        return len({row["customer"] for row in rows}) == 1
    names = {fold(str(row.get("customer_name") or "")) for row in rows}
    asked = [one.value for one in results if one.call.tool == SEARCH and isinstance(one.value, dict)]
    told = [
        row for value in asked for row in cast(list[dict[str, Any]], cast(dict[str, Any], value).get("found") or [])
    ]
    namesakes = {row["reference"] for row in told if row["kind"] == "customer" and fold(str(row["name"])) in names}
    return len(names) == 1 and "" not in names and len(namesakes) < 2


def whose(row: Mapping[str, Any]) -> str:
    """Who a record's row says that it belongs to; "" where it says nothing."""
    return str(next((row[key] for key in NAMES if row.get(key)), ""))


def _holding(rows: Sequence[Mapping[str, Any]], through: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Of the places where something lies each once, without those it goes to, and, if any has enough, those with too few."""
    others: Sequence[str] = [fold(one) for one in through.get("other_than") or ()]
    places = {str(row.get("warehouse")): row for row in reversed(rows)} if "other_than" in through else {}
    told = [row for row in reversed(places.values()) if not {fold(str(row.get(key))) for key in PLACE} & {*others}]
    least: Mapping[str, int] = through.get("least") or {}
    enough = [row for row in told if all(int(row.get(name) or 0) >= units for name, units in least.items())]
    return (enough or told) if places else rows


def _such(rows: Sequence[Mapping[str, Any]], ready: Mapping[str, Sequence[Any]]) -> Sequence[Mapping[str, Any]]:
    """Those to which it can be done; all of them, where it can be done to none: why not is then said."""
    fit = [row for row in rows if all(row.get(name) in values for name, values in ready.items())]
    return fit or rows


def _in_the_state(rows: Sequence[Mapping[str, Any]], said: str) -> Sequence[Mapping[str, Any]]:
    """The one row that alone is in a state that was said: "cancel the unpaid one"; all of them, where that tells none."""
    for name in slots.STATES:
        states = {str(row[name]) for row in rows if row.get(name)}
        named = [
            state for state in states if re.search(rf"(?<!\w){re.escape(state.replace('_', ' '))}(?!\w)", said, re.I)
        ]
        fitting = [row for row in rows if named == [row.get(name)]]
        if len(fitting) == 1 < len(states):
            return fitting
    return rows


def _record(rows: Sequence[Mapping[str, Any]], awaiting: Mapping[str, Any], end: str) -> Found:
    """The only record, or the one at the end that was asked for; of many that nothing narrows, none."""
    keys = _telling(rows)
    options = [(value, _label(row, value, keys)) for row in rows if (value := _reference(row, awaiting))]
    if options and (len(options) == 1 or end):
        return Found(options[-1 if end == "oldest" else 0][0], options, str(awaiting["field"]))
    many = len(options) > belonging.MOST and not awaiting["said"]
    return Found(None, [] if many else options[: belonging.MOST], str(awaiting["field"]))


def _grounded(named: list[dict[str, Any]], awaiting: Mapping[str, Any]) -> Found:
    """Of the kind that is wanted, those that the name fits best. Who is only called alike is asked about."""
    either: Mapping[str, str] = awaiting.get("either") or {str(awaiting["reference"]): str(awaiting["field"])}
    of_kind = [row for row in named if row["kind"] in either]
    best = [row for row in of_kind if row["fits"] == of_kind[0]["fits"]]
    kind = min((row["kind"] for row in best), default=awaiting["reference"])  # a product goes before its variants
    rows = [row for row in best if row["kind"] == kind]
    options = [(str(row["name" if kind == "variant" else "reference"]), row) for row in rows]
    sure = len(options) == 1 and (rows[0]["fits"] != NEAR or kind != "customer")
    told = [(value, _label(row, value)) for value, row in options[:10]]
    return Found(options[0][0] if sure else None, told, either.get(kind, str(awaiting["field"])))


def _called(row: Mapping[str, Any]) -> set[str]:
    return {str(row[key]).casefold() for key in ("name", "email", "title") if row.get(key)}


def _reference(row: Mapping[str, Any], awaiting: Mapping[str, Any]) -> str | None:
    prefix, noun = str(awaiting["prefix"]), str(awaiting["reference"])
    keys = ("sku", "variant", "reference") if noun == "variant" else ("reference", noun, f"{noun}_reference", "id")
    for key in keys:
        value = row.get(key)
        if isinstance(value, dict):
            value = cast(dict[str, Any], value).get("reference")
        if isinstance(value, str) and (noun == "variant" or not prefix or value.startswith(f"{prefix}-")):
            return value
    pattern = re.compile(rf"{re.escape(prefix)}-\d+") if prefix else None
    return next((v for v in row.values() if isinstance(v, str) and pattern and pattern.fullmatch(v)), None)


def _telling(rows: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """By what records are told apart: what is not the same of all, or where they stand."""
    apart = [key for key in OF_RECORDS if len({str(row.get(key)) for row in rows}) > 1]
    return [key for key in OF_RECORDS if key in apart or key == "status"] if apart else OF_RECORDS


def _label(row: Mapping[str, Any], value: str, keys: Sequence[str] = SHOWN) -> str:
    told = [said for key in keys if (said := _said(row.get(key))) and said != value]
    return ", ".join([value, *told[:MOST_TOLD]])


def _said(value: Any) -> str:
    """A value in a few words: an amount, a day, the titles of goods."""
    if isinstance(value, dict):
        told = cast(Mapping[str, Any], value)
        return (
            money.written(int(told["amount"]), str(told["currency"])) if {"amount", "currency"} <= told.keys() else ""
        )
    if isinstance(value, list):
        rows = [cast(Mapping[str, Any], one) for one in cast(list[Any], value) if isinstance(one, dict)]
        return " + ".join([str(row["title"]) for row in rows if "title" in row][:3])
    return DATE.sub(r"\1", str(value)).replace("_", " ") if isinstance(value, str | int) else ""
