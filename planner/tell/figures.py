"""Objects full of figures in plain sentences: which period, the main figures, and how they changed against the period before."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from planner.tell import shown
from planner.tell.asked import Asked
from planner.tell.columns import STATED, Row, is_figure, is_money, weight
from planner.tell.compared import NAMED
from planner.tell.voice import Voice, words

TOLD = 4  # figures in the first sentence
BACK = 3  # of them, those whose earlier value is told too
ADDED = ("available", "on_hand", "reserved", "damaged", "incoming")  # units, which lie in several places
PAST = frozenset({"before", "change", "before_from", "before_until", "sold_since"})
STARTS, ENDS = ("_from", "_start"), ("_until", "_to", "_end")


def sentence(said: Row, voice: Voice, asked: Asked) -> tuple[str, frozenset[str]]:
    """Figures, period and zone in words, and the fields that are told by it. ("", none) where there is neither."""
    when, used = period(said, voice)
    now = next((key for key, part in said.items() if _figures(part) and key.startswith("total")), None)
    before = next((key for key, part in said.items() if key == "before" and _figures(part)), None)
    if now is None and (when or ("zone" in said and _has_money_rows(said))):
        told = f"{shown.capital(when)}." if when else voice.say("times_of", zone=said["zone"])
        return told, used | _stated(said)
    if now is None:
        return "", used
    figures = cast(Row, said[now])
    main = _main(figures, voice, asked)
    told = ", ".join(figure(key, figures[key], voice) for key in main)
    lead = shown.capital(f"{told}{f' ({when})' if when else ''}.")
    used = used | {now, NAMED} | _stated(said)
    if before is None or (when and when.startswith(voice.say("all_time"))):  # before all time there was nothing
        return lead, used | PAST
    against = _against(said, figures, cast(Row, said[before]), main, voice)
    return f"{lead} {against}", used | PAST


def first_of(said: Row, voice: Voice) -> str:
    """Of a report by groups or of customers, the one with the most of its weightiest figure: "which country buys most?"."""
    nothing: Sequence[Row] = ()
    rows = next((told for part in said.values() if (told := shown.rows_of(part)) and _group(told[0])), nothing)
    keys = sorted((key for key in (rows[0] if rows else ()) if is_figure(rows[0][key])), key=weight)
    keys = [key for key in keys if not _around_net(key, rows[0])]
    if not keys or not (ranked := [row for row in rows if _plain(row.get(keys[0])) is not None]):
        return ""
    first = max(ranked, key=lambda row: _plain(row[keys[0]]) or 0.0)
    told = ", ".join(figure(key, first[key], voice) for key in keys[:3] if first.get(key) is not None)
    return voice.say("first_is", name=shown.value(_group(first), voice), figures=told)


def _group(row: Row) -> Any:
    return row.get("group") or row.get("name")


def _main(figures: Row, voice: Voice, asked: Asked) -> list[str]:
    """The figures to tell: what was asked for first, then the weightiest."""
    known = [key for key in figures if is_figure(figures[key])]
    named = [key for key in known if _named(key, voice, asked)]
    others = sorted((key for key in known if key not in named and not _around_net(key, figures)), key=weight)
    return [*sorted(named, key=lambda key: -len(key)), *others][:TOLD]


def _named(key: str, voice: Voice, asked: Asked) -> bool:
    """Whether a question speaks of a figure: "how many orders", "what was the average order value", "how much tax"."""
    labels = [re.escape(name.removesuffix("s")) for name in (key.replace("_", " "), voice.label(key))]
    names = "|".join([*labels, *([words()["called"][key]] if key in words()["called"] else [])])
    counted = key in ("orders", "units") and not asked.counts
    return not counted and re.search(rf"\b(?:{names})", asked.text, re.I) is not None


def period(said: Row, voice: Voice) -> tuple[str, frozenset[str]]:
    """ "9 to 15 November 2026, Europe/Paris" for `placed_from` and `placed_until`, and the fields that it tells."""
    for key, start in said.items():
        stem = next((key.removesuffix(ending) for ending in STARTS if key.endswith(ending)), None)
        end = next((f"{stem}{ending}" for ending in ENDS if said.get(f"{stem}{ending}")), None) if stem else None
        if stem and stem != "before" and end and isinstance(start, str) and isinstance(said[end], str):
            zone = said.get("zone") or voice.setting.zone.key
            days = shown.period(start, str(said[end]), voice)
            return f"{days}, {zone}", frozenset({key, end, "zone"})
    return "", frozenset()


def sums(rows: Sequence[Row]) -> dict[str, int]:
    """The units that rows have together: "how many do we have" asks for one number."""
    return {key: sum(row[key] for row in rows) for key in ADDED if all(isinstance(row.get(key), int) for row in rows)}


def figure(key: str, said: Any, voice: Voice) -> str:
    """ "309 orders" for a count, "net sales 25,424.77 EUR" for an amount."""
    amount = f"{said:,}" if isinstance(said, int) else shown.value(said, voice)
    return f"{amount} {voice.label(key)}" if isinstance(said, int) else f"{voice.label(key)} {amount}"


def _against(said: Row, now: Row, before: Row, main: list[str], voice: Voice) -> str:
    """The comparison, in per cent of the figure that was told first, with the direction in words."""
    past = ", ".join(figure(key, before[key], voice) for key in main[:BACK] if is_figure(before.get(key)))
    of = main[0] if main else ""
    change = _change(now.get(of), before.get(of))
    when = _before(said, voice)
    start, end, since = (str(said.get(key) or "") for key in ("before_from", "before_until", "sold_since"))
    if start and since > start:  # instants as they are written, in UTC
        began = shown.day(since, voice)
        return voice.say("none_then" if since >= end else "some_then", when=when, day=began, figures=past)
    if change is None:
        return voice.say("past_figure", when=when, figures=past)
    frame = "same_figure" if change == 0 else "more_figure" if change > 0 else "less_figure"
    size = shown.value(abs(change), voice)
    return voice.say(frame, size=size, what=voice.label(of), when=when, figures=past)


def _before(said: Row, voice: Voice) -> str:
    start, end = said.get("before_from"), said.get("before_until")
    if start and end and said.get(NAMED):
        return shown.period(str(start), str(end), voice)
    if start and end:
        return voice.say("before_span", days=shown.period(str(start), str(end), voice))
    return voice.say("before_from", day=shown.day(str(start), voice)) if start else voice.say("before")


def _change(now: Any, before: Any) -> float | None:
    """By how many per cent a figure grew; None where there was nothing before."""
    new, old = _plain(now), _plain(before)
    return None if new is None or not old else round((new - old) / abs(old) * 100, 1)


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
