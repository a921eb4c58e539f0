"""Objects full of figures in plain sentences: which period, the main figures, and how they changed against the period before."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.read.reading import Setting
from planner.tell import shown
from planner.tell.columns import STATED, Row, is_figure, is_money, weight

TOLD = 4  # figures in the first sentence
BACK = 3  # of them, those whose earlier value is told too
ADDED = ("available", "on_hand", "reserved", "damaged", "incoming")  # units, which lie in several places
STARTS, ENDS = ("_from", "_start"), ("_until", "_to", "_end")


def sentence(said: Row, setting: Setting) -> tuple[str, frozenset[str]]:
    """Period, zone and figures in words, and the fields that are told by it. ("", none) where there is neither."""
    when, used = period(said, setting)
    now = next((key for key, part in said.items() if _figures(part) and key.startswith("total")), None)
    before = next((key for key, part in said.items() if key == "before" and _figures(part)), None)
    if now is None and (when or ("zone" in said and _has_money_rows(said))):
        told = capital(when) or f"Times are those of {said['zone']}"
        return f"{told}.", used | _stated(said)
    if now is None:
        return "", used
    figures = cast(Row, said[now])
    main = sorted((key for key in figures if is_figure(figures[key]) and not _around_net(key, figures)), key=weight)[
        :TOLD
    ]
    told = ", ".join(figure(key, figures[key], setting) for key in main)
    lead = f"{capital(when)}: {told}." if when else f"{capital(told)}."
    used = used | {now} | _stated(said)
    if before is None:
        return lead, used
    against = _against(said, figures, cast(Row, said[before]), main, setting)
    starts = {key for key in said if key in ("before_from", "before_until")}
    return f"{lead} {against}", used | {before, "change"} | starts


def period(said: Row, setting: Setting) -> tuple[str, frozenset[str]]:
    """ "placed 9 to 15 November 2026 (Europe/Paris)" for `placed_from` and `placed_until`, and the fields that it tells."""
    for key, start in said.items():
        stem = next((key.removesuffix(ending) for ending in STARTS if key.endswith(ending)), None)
        end = next((f"{stem}{ending}" for ending in ENDS if said.get(f"{stem}{ending}")), None) if stem else None
        if stem and end and isinstance(start, str) and isinstance(said[end], str):
            zone = said.get("zone") or setting.zone.key
            days = shown.period(start, str(said[end]), setting)
            return f"{stem.replace('_', ' ')} {days} ({zone})", frozenset({key, end, "zone"})
    return "", frozenset()


def sums(rows: Sequence[Row]) -> dict[str, int]:
    """The units that rows have together: "how many do we have" asks for one number."""
    return {key: sum(row[key] for row in rows) for key in ADDED if all(isinstance(row.get(key), int) for row in rows)}


def figure(key: str, said: Any, setting: Setting) -> str:
    """ "309 orders" for a count, "net 25,424.77 EUR" for an amount."""
    amount = shown.value(said, setting)
    return f"{amount} {shown.label(key)}" if isinstance(said, int) else f"{shown.label(key)} {amount}"


def _against(said: Row, now: Row, before: Row, main: list[str], setting: Setting) -> str:
    since = said.get("before_from")
    when = f"the period before (from {shown.day(str(since), setting)})" if since else "the period before"
    past = ", ".join(figure(key, before[key], setting) for key in main[:BACK] if is_figure(before.get(key)))
    change = said.get("change")
    if not isinstance(change, int | float):
        return f"In {when}: {past}."
    of = next((key for key in main if _is_change(change, now[key], before.get(key))), None)
    if of is None:
        return f"Change against {when}: {shown.value(change, setting)} ({past})."
    size = shown.value(abs(change), setting)
    told = "the same" if change == 0 else f"{size} % {'more' if change > 0 else 'less'}"
    return f"That is {told} {shown.label(of)} {'as' if change == 0 else 'than'} in {when}: {past}."


def _is_change(change: float, now: Any, before: Any) -> bool:
    """Whether a change is this figure's, in percent."""
    new, old = _plain(now), _plain(before)
    return new is not None and old not in (None, 0) and abs((new - old) / abs(old) * 100 - change) < 0.06


def _plain(said: Any) -> float | None:
    if is_money(said):
        return float(cast(Mapping[str, int], said)["amount"])
    return float(said) if is_figure(said) else None


def _figures(said: Any) -> bool:
    return isinstance(said, dict) and not is_money(said) and sum(map(is_figure, cast(Row, said).values())) > 1


def _around_net(key: str, figures: Row) -> bool:
    """The gross and the total of the same sales say little beside the net."""
    return key in ("gross", "total") and "net" in figures


def _has_money_rows(said: Row) -> bool:
    lists = [cast(list[Any], part) for part in said.values() if isinstance(part, list) and part]
    return any(isinstance(rows[0], dict) and any(map(is_money, cast(Row, rows[0]).values())) for rows in lists)


def _stated(said: Row) -> frozenset[str]:
    return frozenset(key for key in said if key in STATED)


def capital(text: str) -> str:
    """A text with its first letter large."""
    return text[:1].upper() + text[1:]
