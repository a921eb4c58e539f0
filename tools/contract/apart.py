"""Counting the rows of a list apart: "returns by reason", "open orders by country", "who has how many tickets".

A list says which of its statement's columns it can be counted by; values of few kinds, and nothing that outsiders wrote.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

# What people call the columns, beside their names.
CALLED = {
    "status": ("state", "stage", "where they stand"),
    "payment_state": ("payment", "payment status", "payment state", "paid or unpaid"),
    "fulfilment_state": ("shipping", "shipping status", "fulfilment status"),
    "channel": ("sales channel", "channel"),
    "country": ("country", "land", "pays"),
    "to_country": ("country", "destination", "land", "pays"),
    "carrier": ("delivery company", "carrier", "courier"),
    "warehouse": ("location", "site"),
    "from_warehouse": ("source",),
    "to_warehouse": ("destination",),
    "supplier": ("vendor", "supplier"),
    "reason": ("cause", "why", "motive"),
    "wanted": ("wish", "what they want", "remedy"),
    "remedy": ("outcome",),
    "priority": ("urgency",),
    "assignee": ("person", "agent", "colleague", "assigned person", "who has them", "employee"),
    "picker": ("person", "colleague", "employee", "who picks"),
    "method": ("payment method", "payment type", "way of paying", "type of payment"),
    "kind": ("type",),
    "late": (),
    "service": (),
    "provider": ("payment provider",),
}
LEADING = ("by", "per", "for each", "for every", "by the", "split by", "broken down by", "grouped by", "according to")


@dataclass(frozen=True)
class Columns:
    """The columns that a list's rows can be counted apart by, as its statement calls them."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.names))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        words = {name: list(CALLED[name]) for name in self.names}
        return {
            "type": "string",
            "enum": list(self.names),
            "x-kind": "apart",
            "x-synonyms": words,
            "x-cue": list(LEADING),
        }


def columns(*names: str) -> Columns:
    """For an input: `count_by: Annotated[str, columns("status", "country")] | None = COUNT_BY`."""
    return Columns(names)


COUNT_BY: Any = Field(
    default=None, description="Count all that match apart by this, the most first; with the first page."
)
