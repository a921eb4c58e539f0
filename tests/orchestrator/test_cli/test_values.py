"""What people write after an option becomes an operation's argument."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from pydantic import AwareDatetime, BaseModel, Field

from db.money import Currency
from orchestrator.surfaces.cli.operations import in_zone
from orchestrator.surfaces.cli.show import is_list, is_object
from orchestrator.surfaces.cli.values import arguments_of, fields_of
from tests.arranged import arranged
from tests.test_every_tool import each
from tools import registry
from tools.contract.call import Shop, validated
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, Tool, tool
from tools.contract.errors import Invalid
from tools.contract.fields import CustomerRef, MinorUnits, VariantRef

AnyTool = Tool[Any, Any]


class Speed(StrEnum):
    slow = "slow"
    fast = "fast"


class Item(BaseModel):
    sku: VariantRef
    quantity: int = 1
    tags: list[str] = []


class Place(BaseModel):
    line1: str
    city: str
    floor: int | None = None


class SendThings(Input):
    items: list[Item] = Field(description="What is sent.")
    to: CustomerRef | Place = Field(description="To whom.")
    speed: Speed = Field(default=Speed.slow, description="How fast.")
    speeds: list[Speed] = Field(default=[], description="How fast it may be.")
    fragile: bool = Field(default=False, description="Whether it breaks.")
    insured: bool | None = Field(default=None, description="Whether it is insured.")
    value: MinorUnits | None = Field(default=None, description="Minor units.")
    currencies: list[Currency] | None = Field(default=None, description="Currencies.")
    note: str | None = Field(default=None, min_length=1, description="What to know.")
    at: AwareDatetime | None = Field(default=None, description="When, UTC.")
    extra: dict[str, Any] = Field(default={}, description="Anything.")


class Sent(Result):
    """Nothing to tell."""


@tool(route="POST /sendings", effect=Effect.write, permission="orders:write", raises=[], examples=[], room="orders")
async def send_things(ctx: Context, args: SendThings) -> Sent:
    """Send things."""
    return Sent()


def read(**given: Any) -> dict[str, Any]:
    """What the written values are as arguments."""
    return arguments_of(fields_of(send_things), given)


def test_a_list_is_repeated_under_its_singular_and_what_has_to_be_given_comes_first():
    flags = [field.flag for field in fields_of(send_things)]

    assert flags == [
        *("--item", "--to", "--speed", "--speeds", "--fragile", "--insured/--no-insured"),
        *("--value", "--currency", "--note", "--at", "--extra"),
    ]


def test_objects_are_written_as_pairs_or_as_json():
    as_pairs = read(items=["sku=MUG-BLUE,quantity=2", "sku=POT"])
    as_json = read(items=['{"sku": "MUG-BLUE", "quantity": 2}', '{"sku": "POT"}'])

    assert as_pairs == as_json == {"items": [{"sku": "MUG-BLUE", "quantity": 2}, {"sku": "POT"}]}


def test_a_comma_separates_pairs_only_before_a_name():
    assert read(to="line1=Rue du Quai 1, Bâtiment C,city=Lille,floor=") == {
        "to": {"line1": "Rue du Quai 1, Bâtiment C", "city": "Lille", "floor": None}
    }


def test_where_a_reference_or_an_object_may_stand_both_are_understood():
    assert read(to="CUS-301") == {"to": "CUS-301"}
    assert read(to="line1=1 Quay,city=Lille") == {"to": {"line1": "1 Quay", "city": "Lille"}}


def test_lists_inside_an_object_are_json():
    assert read(items=['sku=MUG,tags=["gift", "sale"]']) == {"items": [{"sku": "MUG", "tags": ["gift", "sale"]}]}
    with pytest.raises(Invalid, match=r"gift is not JSON"):
        read(items=["sku=MUG,tags=gift"])


def test_numbers_are_numbers_and_what_is_none_is_left_to_the_operation_to_refuse():
    assert read(value="1500") == {"value": 1500}
    assert read(value="15.00") == {"value": "15.00"}
    with pytest.raises(Invalid, match=r"value: Input should be a valid integer"):
        validated(send_things, read(items=["sku=MUG"], to="CUS-1", value="15,00"))


def test_an_empty_value_clears_what_may_be_cleared_and_empties_a_list():
    assert read(note="", currencies=[""]) == {"note": None, "currencies": []}


def test_what_was_not_written_is_not_an_argument():
    assert read(note=None, currencies=None, fragile=None) == {}


def test_a_time_without_an_offset_is_the_shops():
    paris = in_zone(read(at="2026-03-01"), ZoneInfo("Europe/Paris"))
    with_offset = in_zone(read(at="2026-03-01T12:00:00Z"), ZoneInfo("Europe/Paris"))

    assert datetime.fromisoformat(paris["at"]) == datetime(2026, 3, 1, tzinfo=ZoneInfo("Europe/Paris"))
    assert with_offset == {"at": "2026-03-01T12:00:00Z"}


def test_anything_is_json_where_it_can_be_and_a_word_otherwise():
    assert read(extra='{"a": [1]}') == {"extra": {"a": [1]}}
    assert read(extra="a=1,b=two") == {"extra": {"a": 1, "b": "two"}}


@each(list(registry.tools().values()))
async def test_every_operation_can_be_asked_for_in_options(tool: AnyTool, shop: Shop):
    _, arguments = await arranged(tool, shop)

    written = arguments_of(fields_of(tool), {name: as_written(value) for name, value in arguments.items()})

    assert validated(tool, written) == validated(tool, arguments)


def as_written(value: Any) -> Any:
    """A value of a test case, as somebody types it."""
    if isinstance(value, bool):
        return value
    if is_list(value):
        return [str(as_written(item)) for item in value]
    if is_object(value):
        return orjson.dumps(value, default=str).decode()
    return str(value.isoformat() if isinstance(value, datetime) else value)


def test_no_field_stands_in_the_way_of_the_commands_own_options():
    for name, one in registry.tools().items():
        flags = [part for field in fields_of(one) for part in field.flag.split("/")]

        assert not {"--json", "--preview", "--idempotency-key", "--help"} & set(flags), name
        assert len(set(flags)) == len(flags), name
        assert all(field.help for field in fields_of(one)), name
