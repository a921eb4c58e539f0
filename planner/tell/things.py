"""One thing as a merchant is told of it: the fact that was asked for; without one, where it stands, then what matters of it.

A thing is known by its shape: an order has payment and fulfilment states, a product variants, a customer orders and spend.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

from planner.tell import lists, rights, shown
from planner.tell.asked import Asked, Topic
from planner.tell.columns import Row, is_money
from planner.tell.voice import Voice, words

Told = tuple[str, Row]  # the sentences, and what else is to be shown
STATUS_TOPICS = ("pending", "confirmed")
STATE_TOPICS = (*STATUS_TOPICS, "state", "sent", "arrived", "paid", "cancelled")
THEMSELVES = {"supplier": "SUP-", "carrier": "CAR-"}  # what is asked for, and such a thing's references
MOST = 4  # rows whose facts stand in a sentence
ADDRESS = (("line1",), ("line2",), ("postcode", "city"), ("region",), ("country",))


def told(value: Row, args: Mapping[str, Any], voice: Voice, asked: Asked) -> Told | None:
    """The sentences and the facts of a thing of a known shape; None for any other."""
    kind = next((kind for kind, keys in SHAPES.items() if keys <= set(value)), None)
    return None if kind is None else TELLERS[kind](value, args, voice, asked)


def facts_asked(value: Row, whose: str, voice: Voice, asked: Asked, *, known_alone: bool = False) -> str:
    """The facts that were asked for, each in a sentence; what is not known is said.

    `known_alone`: of something that may be shown for another reason, such as a row, only what is its own and known.
    """
    found: list[str] = []
    for topic in asked.topics:
        if _itself(topic, value):
            continue
        own = topic.name in words()["known_only_if_told"]
        said = [text for path in topic.fields for text in _at(value, path, voice)]
        if said and (own or not known_alone):
            parts = ", ".join(dict.fromkeys(said))
            found.append(voice.say("fact", what=voice.label(topic.label), whose=whose, value=parts))
        elif own and not said and not known_alone and (rows := _within(value, topic)):
            key = next(key for key in topic.fields if rows[0].get(key) is not None)
            each = [f"{_row_name(row)} {shown.value(row.get(key), voice)}".strip() for row in rows[:MOST]]
            found.append(f"{shown.capital(voice.label(topic.label))}: {', '.join(each)}.")
        elif own and not said and not known_alone:
            found.append(voice.say("not_known", what=voice.label(topic.label), whose=whose))
    return " ".join(found[:2])


def _itself(topic: Topic, value: Row) -> bool:
    """Whether it is the thing itself that is asked for, and no fact of it: who a supplier is."""
    bought = topic.name == "buyer" and not ({"customer", "customer_name"} & value.keys())
    return bought or str(value.get("reference") or "").startswith(THEMSELVES.get(topic.name, "\0"))


def _at(value: Row, path: str, voice: Voice) -> list[str]:
    days = value.get(path) if path in shown.WEEKLY else None
    return [shown.weekdays(days, voice)] if days else _values(value, path.split("."), voice)


def _within(value: Row, topic: Topic) -> list[Row]:
    """The rows of the thing that have the fact, each its own: the prices of rates."""
    parts = [cast(list[Any], part) for part in value.values() if isinstance(part, list)]
    rows = [cast(Row, row) for part in parts for row in part if isinstance(row, dict)]
    return [row for row in rows if any(row.get(key) is not None for key in topic.fields)]


def _row_name(row: Row) -> str:
    return shown.named(row) or " ".join(str(part) for key, part in row.items() if key.endswith("_name"))


def _values(value: Any, path: Sequence[str], voice: Voice) -> list[str]:
    """What stands at a path, as text; the parts of a list each."""
    if isinstance(value, list):
        return [text for part in cast(list[Any], value) for text in _values(part, path, voice)]
    if path == ["*"]:
        return _values(value, (), voice) if isinstance(value, dict) and "line1" in value else []
    if path:
        return _values(cast(Row, value).get(path[0]), path[1:], voice) if isinstance(value, dict) else []
    if isinstance(value, dict) and any(key in value for key in ("line1", "postcode")):
        return [_address(cast(Row, value))]
    return [text] if (text := shown.value(value, voice)) else []


def _address(said: Row) -> str:
    parts = (" ".join(str(said[key]) for key in keys if said.get(key)) for keys in ADDRESS)
    return ", ".join(dict.fromkeys(filter(None, parts)))


def _rest(kind: str, value: Row) -> Row:
    """What is worth showing of a whole thing, its addresses in a line each."""
    known = words()["whole"][kind]
    keys = [*known["facts"], *known["lists"]]
    return {
        key: _in_lines(value[key])
        for key in keys
        if value.get(key) not in (None, "", [], {}) and not _nothing(value[key])
    }


def _in_lines(part: Any) -> Any:
    rows: list[Any] = cast(list[Any], part) if isinstance(part, list) else [part]
    if rows and all(isinstance(row, dict) and "line1" in row for row in rows):
        return [_address(cast(Row, row)) for row in rows]
    return cast(object, part)


def _nothing(part: Any) -> bool:
    return is_money(part) and part["amount"] == 0


# ---- orders --------------------------------------------------------------------------------------------------------------


def _order(value: Row, args: Mapping[str, Any], voice: Voice, asked: Asked) -> Told:
    place, reference = _place(value), str(value["reference"])
    states = [voice.word(str(value["payment_state"])), voice.word(place)]
    topic = next((topic.name for topic in asked.topics), "")
    status = str(value.get("status"))
    states = [voice.word(status), *states] if topic in STATUS_TOPICS else states
    sentence = voice.say("order", order=reference, states=voice.listed(list(dict.fromkeys(states))))
    if asked.closed and topic in words()["yes"]:
        is_so = {str(value["payment_state"]), place, status} & set(words()["yes"][topic])
        return voice.say("yes" if is_so else "no", what=f"{sentence} {_way(value, voice)}".strip()), {}
    if asked.about("buyer") and value.get("customer_name"):
        return voice.say("bought_by", order=reference, name=value["customer_name"]), {}
    others = [topic for topic in asked.topics if topic.name not in STATE_TOPICS]
    stated = topic in STATE_TOPICS  # asked for first, whatever else is mentioned
    if others and not stated and (found := facts_asked(value, reference, voice, _only(asked, others))):
        return found, {}
    if stated:
        return f"{sentence} {_way(value, voice)}".strip(), {}
    parts = (
        {
            "name": value.get("customer_name"),
            "total": shown.value(value.get("total"), voice),
            "day": shown.day(str(value["placed_at"]), voice),
        }
        if value.get("placed_at")
        else None
    )
    about = voice.say("order_of" if parts["name"] else "order_for", **parts) if parts else ""
    left = {
        key: part
        for key, part in _rest("order", value).items()
        if key not in ("customer_name", "placed_at", "total", "paid")
    }
    return f"{sentence} {about}".strip(), left


def _only(asked: Asked, topics: Sequence[Topic]) -> Asked:
    return replace(asked, topics=tuple(topics))


def _place(value: Row) -> str:
    """Where an order is: what has ended it, what holds it, or how far its parcels are."""
    status, state, back = (str(value.get(key)) for key in ("status", "fulfilment_state", "return_state"))
    if status in ("cancelled", "expired", "draft"):
        return status
    if back in ("returned", "partly_returned"):
        return back
    if state == "fulfilled":
        parcels = cast(Sequence[Row], value.get("shipments") or [])
        return "delivered" if parcels and all(parcel.get("status") == "delivered" for parcel in parcels) else "sent"
    if state == "partly_fulfilled":
        return "partly_sent"
    return "on_hold" if value.get("on_hold") else "pending" if status == "pending" else "unfulfilled"


def _way(value: Row, voice: Voice) -> str:
    """When the last parcel left, and when it arrived."""
    parcels = cast(Sequence[Row], value.get("shipments") or [])
    if not parcels or str(value.get("status")) == "cancelled":
        return ""
    last = parcels[-1]
    if last.get("delivered_at"):
        return voice.say("delivered_on", day=shown.day(str(last["delivered_at"]), voice))
    if not last.get("shipped_at"):
        return ""
    left = {
        "day": shown.day(str(last["shipped_at"]), voice),
        "carrier": last.get("carrier"),
        "number": last.get("tracking_number"),
    }
    return voice.say("sent_on" if all(left.values()) else "sent_on_only", **left)


# ---- products and stock --------------------------------------------------------------------------------------------------


def _product(value: Row, args: Mapping[str, Any], voice: Voice, asked: Asked) -> Told:
    variants = [_priced(row) for row in cast(Sequence[Row], value["variants"])]
    meant = {str(said).upper() for said in args.values()}
    chosen = [row for row in variants if str(row.get("sku")).upper() in meant] or variants
    title = str(value.get("title") or value.get("reference"))
    name = str(chosen[0].get("sku")) if len(chosen) == 1 else title
    prices = _prices(name, chosen, voice)
    stock = _available(name, chosen, voice, asked)
    topics = [topic for topic in asked.topics if topic.name not in ("price", "stock")]
    about = facts_asked({**value, **(chosen[0] if len(chosen) == 1 else {})}, name, voice, _only(asked, topics))
    first = [prices] if asked.about("price") else []
    first = [stock] if asked.about("stock") and not first else first
    offered = value.get("status") in (None, "active")
    state = "" if offered else voice.say("product_is", name=title, state=voice.word(str(value["status"])))
    if first or about:
        several = len(chosen) > 1 and first
        return " ".join([*first, *([about] if about and not first else [])]), {"variants": chosen} if several else {}
    return f"{state} {prices} {stock}".strip(), {**_rest("product", value), "variants": chosen}


def _priced(row: Row) -> Row:
    """A variant with the price that everybody pays for one, and those of groups of customers by their names."""
    prices = cast(Sequence[Row], row.get("prices") or [])
    groups = {str(one["customer_group"]): one["price"] for one in prices if one.get("customer_group")}
    nobodys: Row = {}
    usual = next((one for one in prices if not one.get("customer_group") and one.get("min_quantity", 1) == 1), nobodys)
    return {
        **row,
        "price": row.get("price") or usual.get("price"),
        "compare_at": usual.get("compare_at"),
        "group_prices": groups,
    }


def _prices(of: str, rows: Sequence[Row], voice: Voice) -> str:
    priced = [row for row in rows if row.get("price")]
    if not priced:
        return voice.say("not_known", what=voice.label("price"), whose=of)
    said = lists.price(of, priced, voice)
    if len(rows) > 1:
        return said
    beside = (
        [voice.say("instead_of", price=shown.value(rows[0]["compare_at"], voice))] if rows[0].get("compare_at") else []
    )
    groups = cast(Row, rows[0].get("group_prices") or {})
    beside += [voice.say("price_for", group=group, price=shown.value(price, voice)) for group, price in groups.items()]
    return f"{said.rstrip('.')} ({', '.join(beside)})." if beside else said


def _available(of: str, rows: Sequence[Row], voice: Voice, asked: Asked) -> str:
    counted = [row for row in rows if row.get("available") is not None]
    if not counted:
        return voice.say("untracked", of=of)
    places = lists.places(cast(Sequence[Row], counted[0].get("stock") or []), voice) if len(rows) == 1 else ""
    units = {"available": sum(int(row["available"]) for row in counted)}
    return lists.available(units, of, places, voice, asked)


def _availability(value: Row, args: Mapping[str, Any], voice: Voice, asked: Asked) -> Told:
    of = str(value["sku"])
    if value.get("available") is None:
        return voice.say("untracked", of=of), {}
    wanted, count = value.get("asked"), int(value["available"])
    said = voice.say("available", n=f"{count:,}", of=of, are=voice.say("is" if count == 1 else "are"))
    said += f", {voice.say('asked_for', n=wanted)}" if wanted and not value.get("enough") else ""
    where = lists.places(cast(Sequence[Row], value.get("warehouses") or []), voice)
    said = f"{said}{f' ({where})' if where else ''}."
    verdict = bool(value["enough"]) if value.get("enough") is not None else bool(count) if asked.closed else None
    said = said if verdict is None else voice.say("yes" if verdict else "no", what=said)
    coming = sum(int(row.get("quantity") or 0) for row in cast(Sequence[Row], value.get("supplies") or []))
    later = [voice.say("incoming", n=f"{coming:,}")] if coming else []
    later += [voice.say("earliest", day=value["earliest"])] if value.get("earliest") and not value.get("enough") else []
    return " ".join([said, *later]), {"supplies": value.get("supplies") or []}


def _forecast(value: Row, args: Mapping[str, Any], voice: Voice, asked: Asked) -> Told:
    units = {key: f"{round(value[key]):,}" for key in ("expected", "low", "high")}
    weeks = cast(Sequence[Row], value["weeks"])
    last = date.fromisoformat(weeks[-1]["week_of"]) + timedelta(days=6)
    said = voice.say("forecast", of=str(value["sku"]), day=last.isoformat(), **units)
    return f"{said} {value['trust']}", {"weeks": weeks}


# ---- customers, figures --------------------------------------------------------------------------------------------------


def _customer(value: Row, args: Mapping[str, Any], voice: Voice, asked: Asked) -> Told:
    name = str(value.get("name") or value.get("reference"))
    others = [topic for topic in asked.topics if topic.name != "buyer"]  # who it is, is told below
    if found := facts_asked(value, name, voice, _only(asked, others)):
        return found, {}
    orders = voice.counted(int(value["orders"]), "list_orders")
    named = f"{name} ({value['reference']})" if value.get("reference") else name
    return voice.say("customer", name=named, orders=orders, spend=shown.value(value["spend"], voice)), _rest(
        "customer", value
    )


def _kpis(value: Row, args: Mapping[str, Any], voice: Voice, asked: Asked) -> Told:
    """What is open, and the figures of today and of the days before: first that of which the question speaks."""
    windows = [window(row, voice) for row in cast(Sequence[Row], value["windows"])]
    waiting = waits(value, voice)
    if _speaks(asked, "today"):
        return windows[0], {}
    if waiting and _speaks(asked, "open"):
        return waiting, {}
    return " ".join(filter(None, [windows[0], waiting])), _rest("kpis", value)


def _speaks(asked: Asked, of: str) -> bool:
    return any(word in asked.text.lower() for word in str(words()["asks"][of]).split("|"))


def window(row: Row, voice: Voice) -> str:
    when = voice.say("today") if row["days"] == 1 else voice.say("days", n=row["days"])
    return voice.say(
        "kpi",
        when=when,
        orders=voice.counted(int(row["orders"]), "list_orders"),
        revenue=shown.value(row["revenue"], voice),
    )


def waits(value: Row, voice: Voice) -> str:
    """The orders that are open, by how far they are."""
    counts = cast(Row, value["open_orders"])
    said = [
        voice.say(key, orders=voice.counted(int(counts[key]), "list_orders"))
        for key in ("to_ship", "pending", "on_hold", "shipped")
        if counts.get(key)
    ]
    return f"{'; '.join(said)}." if said else ""


SHAPES: dict[str, set[str]] = {
    "order": {"reference", "payment_state", "fulfilment_state"},
    "product": {"variants", "title"},
    "customer": {"orders", "spend", "reference"},
    "availability": {"sku", "by_date", "warehouses"},
    "forecast": {"sku", "expected", "trust", "weeks"},
    "kpis": {"windows", "open_orders"},
    "rights": {"rights", "roles"},
}
TELLERS: dict[str, Callable[[Row, Mapping[str, Any], Voice, Asked], Told]] = {
    "order": _order,
    "product": _product,
    "customer": _customer,
    "availability": _availability,
    "forecast": _forecast,
    "kpis": _kpis,
    "rights": rights.told,
}
