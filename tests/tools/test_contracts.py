"""The snapshot of a room's contract: nothing that callers rely on changes without a line of it changing."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from tools import registry
from tools.contract.declare import Effect
from tools.contract.errors import StaleVersion
from tools.contracts import WORDS, contracts_of, page, schemas_of

Schema = dict[str, Any]
Path = tuple[str | int, ...]
ANOTHER: dict[type, Any] = {bool: "not a truth", int: -77, float: -7.7, str: "another", type(None): 0}


def statements(part: Any, path: Path = ()) -> Iterator[tuple[Path, tuple[Any, ...]]]:
    """Where the schemas say something that is more than words, and what kind of statement it is."""
    inner = cast(dict[Any, Any], part).items() if isinstance(part, dict) else enumerate(cast(list[Any], part))
    names_fields = not path or path[-1] == "properties"
    for key, value in list(inner):
        if key in WORDS and not names_fields:
            continue
        if len(path) > 0:
            beside = () if names_fields or isinstance(part, list) else tuple(sorted(map(str, cast(Schema, part))))
            yield (*path, key), (type(value), "" if names_fields else key, beside)
        if isinstance(value, (dict, list)):
            yield from statements(value, (*path, key))


def without(schemas: dict[str, Schema], path: Path, put: Any = None) -> dict[str, Schema]:
    """The schemas without what is said there, or with something else."""
    changed = copy.deepcopy(schemas)
    part: Any = changed
    for key in path[:-1]:
        part = part[key]
    if put is None:
        del part[path[-1]]
    else:
        part[path[-1]] = put
    return changed


def test_nothing_that_a_schema_says_can_change_unseen() -> None:
    _, schemas = schemas_of(registry.tools().values())
    each_kind = {kind: (name, path) for name in schemas for path, kind in statements({name: schemas[name]})}
    unseen: list[Path] = []

    for (kind, *_), (name, path) in each_kind.items():
        model = {name: schemas[name]}
        others = [None, ANOTHER[kind]] if kind in ANOTHER else [None]
        if any(page({}, without(model, path, put)) == page({}, model) for put in others):
            unseen.append(path)

    assert len(each_kind) > 200
    assert not unseen


@pytest.mark.parametrize(
    "change",
    [
        {"path": "/elsewhere"},
        {"method": "POST"},
        {"effect": Effect.outside},
        {"permission": "orders:read"},
        {"raises": (StaleVersion,)},
        {"for_people": True},
        {"version_required": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_nothing_that_a_declaration_says_can_change_unseen(change: dict[str, Any]) -> None:
    tool = registry.tool("cancel_order")

    assert contracts_of([replace(tool, **change)]) != contracts_of([tool])


def test_a_field_is_one_line_and_a_model_that_two_operations_answer_stands_once() -> None:
    text = contracts_of(registry.tools_of("orders"))

    assert "  in     quantity" not in text
    assert text.count("\nWrittenAddress\n") == 1
    assert "  in     note?: string(1…4000) ~reason_text | null = null\n" in text
