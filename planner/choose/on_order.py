"""Of several goods that a name fits, the one that is on the order which is changed: "only one pan instead of two".

The order is looked up first; what a line could be waits in its place: `{"sku": {"one_of": [["PAN-24CM", "Frying pan / 24 cm"]]}}`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from planner.choose import belonging
from planner.choose.decisions import Ask, Desk, Step
from planner.choose.index import Tool
from planner.fill.filled import Filled, Which

ONE_OF = "one_of"


def waits(tool: Tool, filled: Filled, lists_of: belonging.Lists) -> bool:
    """Whether the order's lines will tell which is meant; then its look-up is put in the place of its number."""
    order = next((f for f in tool.required if f.reference == "order" and not f.many), None)
    listing = lists_of("order")
    untold = [
        which for name, which in filled.which.items() if which.lacks or which.at is None or name == belonging.ADDED
    ]
    if not (tool.entry.writes and order and listing) or untold:
        return False
    if order.name in filled.args:
        number = str(filled.args.pop(order.name))
        filled.people[order.name] = belonging.look_up(tool, listing, {"text": number}, {}, number)
    if order.name not in filled.people:
        return False
    for name, which in filled.which.items():
        filled.args[name] = [
            _waiting(line, which) if nth == which.at else line for nth, line in enumerate(filled.args[name])
        ]
    filled.which.clear()
    return True


def looked_up(step: Step, desk: Desk) -> Step:
    """The change with its order to be looked up first, where it waits for the lines of one that was chosen meanwhile."""
    tool = desk.index.tools[step.tool]
    order = next((f.name for f in tool.required if f.reference == "order" and f.name in step.args), "")
    listing = belonging.lists(desk.index, desk.offered)("order")
    if not (order and listing and any(True for _ in _waiting_lines(step.args))):
        return step
    number = str(step.args[order])
    args = {name: value for name, value in step.args.items() if name != order}
    people = {**step.people, order: belonging.look_up(tool, listing, {"text": number}, {}, number)}
    return replace(step, args=args, people=people)


def told(tool: str, args: Mapping[str, Any], people: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any] | Ask:
    """The arguments with what the order has; the question which of them, where it has several of those, or none."""
    own = {line.get("sku") for line in cast(list[Mapping[str, Any]], row.get("lines") or [])}
    known = dict(args)
    for name, nth, key, could_be in _waiting_lines(args):
        fitting = [option for option in could_be[ONE_OF] if option[0] in own] or could_be[ONE_OF]
        each = [(label, _put(known[name], nth, key, value)) for value, label in fitting]
        if len(each) > 1:
            return _asked(tool, {k: v for k, v in known.items() if k != name}, people, name, could_be, each)
        known[name] = each[0][1]
    return known


def _waiting(line: Mapping[str, Any], which: Which) -> dict[str, Any]:
    options = [list(option) for option in which.options]
    could_be = {ONE_OF: options, "noun": which.noun, "choices": which.choices, "said": which.said}
    return {key: could_be if said == "" else said for key, said in line.items()}


def _waiting_lines(args: Mapping[str, Any]) -> Iterator[tuple[str, int, str, dict[str, Any]]]:
    """Which argument, which of its lines, which key of that waits, and what it could be."""
    for name, value in args.items():
        for nth, line in enumerate(cast(list[Any], value) if isinstance(value, list) else []):
            for key, said in cast(dict[str, Any], line).items() if isinstance(line, dict) else ():
                if isinstance(said, dict) and ONE_OF in said:
                    yield name, nth, key, cast(dict[str, Any], said)


def _put(lines: Sequence[Mapping[str, Any]], nth: int, key: str, value: str) -> list[Mapping[str, Any]]:
    return [{**line, key: value} if at == nth else line for at, line in enumerate(lines)]


def _asked(
    tool: str, args: Mapping[str, Any], people: Mapping[str, Any], name: str, could_be: Mapping[str, Any],
    each: Sequence[tuple[str, Any]],
) -> Ask:  # fmt: skip
    labels = ", ".join(label.partition(" / ")[2] or label for label, _ in each)
    asked = {"noun": could_be["noun"], "said": could_be["said"], "choices": labels, "missing": [name], "lacks": ""}
    options = [{"value": value, "label": label} for label, value in each]
    call = {"kind": "pick", "frame": "which_goods", "tool": tool, "args": dict(args), "people": dict(people)}
    return Ask({**call, "options": options, **asked})
