"""Two reports of one kind over two periods that were named: one told against the other, not each against the period before it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from planner.converse.memory import Result
from planner.tell.columns import Row

NAMED = "compared"  # in a report: the period before it is the one that was named


def together(results: Sequence[Result]) -> Sequence[Result]:
    """The results; of each two reports of one thing over two periods one, the later, which is compared with the other."""
    pairs = list(zip(results[::2], results[1::2], strict=False))
    if len(results) % 2 or not all(map(_two_of_one, pairs)):
        return results
    told = [_compared(pair) for pair in pairs]
    return [one for one in told if one is not None] if all(told) else results


def _two_of_one(pair: tuple[Result, Result]) -> bool:
    return pair[0].call.tool == pair[1].call.tool and _of_one_thing(pair)


def _compared(pair: tuple[Result, Result]) -> Result | None:
    """The later of two reports, against the other; None where they are no such reports."""
    second, first = sorted((_report(result) for result in pair), key=lambda told: str(told.get("placed_from")))
    if not ({"totals", "before", "placed_from"} <= set(first) and "totals" in second):
        return None
    other = {"before": second["totals"], "before_from": second["placed_from"], "before_until": second["placed_until"]}
    told: dict[str, Any] = {**first, **other, NAMED: True}
    told.pop("change", None)
    return replace(pair[0], value=told)


def _of_one_thing(results: Sequence[Result]) -> bool:
    """Whether nothing but when is other: Germany is not told against Austria."""
    told = [{name: value for name, value in one.call.args.items() if not name.startswith("placed_")} for one in results]
    return told[0] == told[1]


def _report(result: Result) -> Row:
    value: object = result.value
    return cast(Row, value) if isinstance(value, dict) else dict[str, Any]()
