"""What every tool promises, held for all of them at once.

For each tool `tests/tools/cases/<room>.py` has a function of its name that arranges a shop and returns valid arguments.
"""

import inspect
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import prompts
from tests.arranged import AnyTool, arguments_of, arranged
from tests.factories import NewShop
from tests.oracle import database_says, tables_of, tool_says
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop, call, opened, validated
from tools.contract.declare import Effect
from tools.contract.errors import Forbidden, NotFound, ShopError
from tools.contract.page import Paged
from tools.contracts import contracts_of
from tools.document import SNAPSHOTS

TOOLS = list(registry.tools().values())
WRITES = [tool for tool in TOOLS if tool.writes]
READS = [tool for tool in TOOLS if not tool.writes]
REQUESTS = Path(__file__).parents[2] / "shared/evals/requests/open/requests_open.jsonl"


def each(tools: list[AnyTool]) -> pytest.MarkDecorator:
    """For each tool; all that is asked of one is asked in one process, where its shop was arranged."""
    marked = [pytest.param(tool, id=tool.name, marks=pytest.mark.xdist_group(f"about {tool.name}")) for tool in tools]
    return pytest.mark.parametrize("tool", marked)


def names_rows(tool: AnyTool, arguments: dict[str, Any]) -> bool:
    """Whether the arguments name rows of the shop."""
    properties: dict[str, Any] = tool.schema.get("properties", {})
    nested = str(tool.schema.get("$defs", {}))
    return any(
        "x-reference" in str(properties.get(name, {}))
        or ("$ref" in str(properties.get(name)) and "x-reference" in nested)
        for name in arguments
    )


# ---- how it is declared --------------------------------------------------------------------------------------------------


def test_its_name_its_input_and_its_first_line_are_in_the_same_words() -> None:
    for tool in TOOLS:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", tool.name), tool.name
        assert tool.input.__name__ == "".join(word.capitalize() for word in tool.name.split("_")), tool.name
        assert tool.summary.endswith("."), tool.name
        assert len(tool.summary) < 80, tool.summary


def fields(model: type[BaseModel], path: str = "", seen: tuple[type, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every field of a model and of the models in it, by its path."""
    for name, field in model.model_fields.items():
        yield f"{path}{name}", field
        for inner in models_in(field.annotation):
            if inner not in seen:
                yield from fields(inner, f"{path}{name}.", (*seen, inner))


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    parts: tuple[Any, ...] = get_args(annotation)
    return [model for part in parts for model in models_in(part)]


def test_every_field_says_what_it_is_and_in_which_unit() -> None:
    for tool, model in [(one, model) for one in TOOLS for model in (one.input, one.output)]:
        for path, field in fields(model):
            assert field.description, f"{tool.name}: {model.__name__}.{path} has no description"
            if "money" in [getattr(hint, "kind", "") for hint in field.metadata]:
                assert "minor units" in field.description.lower(), f"{tool.name}: {path} does not say minor units"
            if "datetime.datetime" in str(field.annotation):
                assert "UTC" in field.description, f"{tool.name}: {path} does not say UTC"


def test_no_caller_can_name_the_merchant() -> None:
    assert not [f"{tool.name}.{path}" for tool in TOOLS for path, _ in fields(tool.input) if "merchant" in path]


def test_people_have_at_least_ten_more_ways_of_asking_for_it() -> None:
    lines = REQUESTS.read_text().splitlines() if REQUESTS.exists() else []
    asked = {json.loads(line)["text"].lower() for line in lines}
    for tool in TOOLS:
        more = prompts.examples(tool.room).get(tool.name, [])
        assert 2 <= len(tool.examples) <= 3, tool.name
        assert len(set(more)) >= 10, f"prompts/{tool.room}.examples.md has {len(more)} for {tool.name}"
        assert not asked & {phrase.lower() for phrase in [*tool.examples, *more]}, tool.name


@pytest.mark.parametrize("room", registry.ROOMS)
def test_a_change_of_a_rooms_contract_is_seen(room: str) -> None:
    """`make docs` writes the snapshots anew; the difference is then part of the change."""
    snapshot = SNAPSHOTS / f"{room}.txt"
    before = snapshot.read_text() if snapshot.exists() else ""

    changed = unified_diff(before.splitlines(), contracts_of(registry.tools_of(room)).splitlines(), lineterm="", n=1)

    assert "\n".join(changed) == "", "run `make docs`, and commit what it writes"


def test_no_snapshot_is_left_of_a_room_that_is_gone() -> None:
    assert {path.name for path in SNAPSHOTS.iterdir()} == {f"{room}.txt" for room in registry.ROOMS}


# ---- what it does --------------------------------------------------------------------------------------------------------


@each(READS)
async def test_a_reader_answers_and_leaves_nothing(tool: AnyTool, shop: Shop) -> None:
    mine, arguments = await arranged(tool, shop)
    before = await tables_of(mine)

    outcome = await call(shop, tool, arguments, mine.caller("owner"))

    assert outcome.result is not None
    assert tool.output.model_validate(outcome.result.model_dump())
    assert await tables_of(mine) == before


@each([tool for tool in READS if issubclass(tool.input, Paged)])
async def test_a_list_counts_all_that_match_when_asked_to(tool: AnyTool, shop: Shop) -> None:
    mine, arguments = await arranged(tool, shop)
    arguments |= {"limit": 100}

    unasked, asked = [
        (await call(mine.shop, tool, arguments | {"count": count}, mine.caller("owner"))).result
        for count in (False, True)
    ]

    assert unasked is not None
    assert asked is not None
    assert unasked.total is None
    assert asked.total.rows == len(asked.data)
    assert asked.data == unasked.data


@each(WRITES)
async def test_the_same_key_twice_writes_once(tool: AnyTool, shop: Shop, mine: NewShop) -> None:
    arguments = await arguments_of(tool, mine)
    key = uuid.uuid4().hex

    first = await call(shop, tool, arguments, mine.caller("owner"), key=key)
    between = await tables_of(mine)
    second = await call(shop, tool, arguments, mine.caller("owner"), key=key)

    assert first.result is not None
    assert second.replayed
    assert _without_secrets(tool, second.result) == _without_secrets(tool, first.result)
    assert await tables_of(mine) == between


def _without_secrets(tool: AnyTool, result: Any) -> dict[str, Any]:
    from tools.contract.secret import without_secrets

    return without_secrets(result).model_dump(mode="json")


@each(WRITES)
async def test_a_preview_shows_what_would_change_and_changes_nothing(tool: AnyTool, shop: Shop) -> None:
    mine, arguments = await arranged(tool, shop)
    before = await tables_of(mine)

    if tool.for_visitors:
        with pytest.raises(Forbidden, match="it would tell strangers who has an account"):
            await call(shop, tool, arguments, mine.caller("owner"), preview=True)
        return
    outcome = await call(shop, tool, arguments, mine.caller("owner"), preview=True)

    assert outcome.result is None
    assert outcome.card is not None
    assert outcome.card.changes
    assert await tables_of(mine) == before


@each(WRITES)
async def test_what_it_says_it_changed_is_what_the_database_says(tool: AnyTool, shop: Shop) -> None:
    mine, arguments = await arranged(tool, shop)
    args = validated(tool, arguments)

    caller = await tool.caller_of(shop, args, mine.caller("owner"), preview=False)
    async with opened(shop, tool, caller, key=uuid.uuid4().hex) as (ctx, _):
        await tool.run(ctx, args)
        await ctx.sql.flush()
        says, happened = tool_says(ctx), await database_says(ctx)

    assert says == happened


@each([tool for tool in TOOLS if not tool.for_visitors])
async def test_a_caller_without_the_permission_is_refused(tool: AnyTool, shop: Shop) -> None:
    mine, arguments = await arranged(tool, shop)
    powerless = await mine.key(scopes=[])

    with pytest.raises(Forbidden) as refused:
        await call(shop, tool, arguments, powerless, key=uuid.uuid4().hex)

    assert refused.value.details["permission"] == tool.permission


@each(TOOLS)
async def test_another_merchants_references_are_not_found(tool: AnyTool, shop: Shop, other: NewShop) -> None:
    _, arguments = await arranged(tool, shop)
    if not names_rows(tool, arguments):
        pytest.skip("its arguments name no rows")

    with pytest.raises(ShopError) as refused:
        await call(shop, tool, arguments, other.caller("owner"), key=uuid.uuid4().hex)

    assert isinstance(refused.value, NotFound), refused.value


@each([tool for tool in TOOLS if tool.for_people])
async def test_what_is_for_people_is_refused_to_models(tool: AnyTool, shop: Shop) -> None:
    mine, arguments = await arranged(tool, shop)
    model = Caller(mine.id, Door.chat, Hand.model, Proof.user, str(mine.users["owner"]))

    with pytest.raises(Forbidden):
        await call(shop, tool, arguments, model, key=uuid.uuid4().hex)


@each([tool for tool in TOOLS if tool.for_people and not tool.for_visitors])  # who holds a link needs no more
async def test_what_is_for_people_is_refused_to_keys(tool: AnyTool, shop: Shop) -> None:
    """Only people give roles, keys and policies; a key that may do everything decides nothing."""
    mine, arguments = await arranged(tool, shop)

    with pytest.raises(Forbidden, match="for people only"):
        await call(shop, tool, arguments, await mine.key(scopes=["*"]), key=uuid.uuid4().hex)


@each([tool for tool in WRITES if not tool.for_people])
async def test_a_model_that_has_read_text_from_outside_shows_every_change(
    tool: AnyTool, shop: Shop, mine: NewShop
) -> None:
    arguments = await arguments_of(tool, mine)
    swayed = replace(mine.caller("owner", door=Door.chat, hand=Hand.model), tainted=True)

    outcome = await call(shop, tool, arguments, swayed, key=uuid.uuid4().hex)

    assert (outcome.approval is None) is (tool.effect is Effect.record)
