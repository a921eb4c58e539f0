"""What a tool can be told: its JSON schema, read into typed fields with the hints that its value types declare."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

Schema = Mapping[str, Any]
ORDERLY = ("sort", "by", "group_by", "count_by")  # fields for how rows are told, and not which


class Kind(StrEnum):
    """How a field's value is found in a sentence. Those of `x-kind` keep its words."""

    reference = "reference"
    choice = "choice"
    apart = "apart"  # what a list counts its rows apart by
    flag = "flag"
    email = "email"
    money = "money"
    percent = "percent"
    quantity = "quantity"
    delta = "delta"
    limit = "limit"
    days = "days"
    period_start = "period_start"
    period_end = "period_end"
    moment = "moment"  # one date or instant that is no period: a due date, an expiry
    search = "search"
    proper_name = "name"
    city = "city"
    country = "country"
    currency = "currency"
    phone = "phone"
    postcode = "postcode"
    sku = "sku"
    note = "note"
    reason_text = "reason_text"
    text = "text"
    number = "number"
    parts = "parts"  # an object with fields of its own
    skip = "skip"  # cursors and the like: never said by a person


@dataclass(frozen=True)
class Choice:
    """One value of an enum and the phrases that mean it."""

    value: Any
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """One argument of a tool."""

    name: str
    kind: Kind
    type: str = "string"
    required: bool = False
    description: str = ""
    reference: str = ""
    prefix: str = ""
    worded: bool = False  # a reference that a name in words may stand for
    choices: tuple[Choice, ...] = ()
    cues: tuple[str, ...] = ()
    many: bool = False
    day_only: bool = False
    signed: bool = False  # a figure that may be below zero
    top: float | None = None  # the greatest value
    parts: tuple["Field", ...] = ()

    @property
    def label(self) -> str:
        """The field as a person would call it: `from_warehouse` is "from warehouse"."""
        return self.name.replace("_", " ")

    @property
    def listed_by(self) -> str:
        """The list of what it refers to, which with it is asked for one record."""
        return f"list_{self.reference}s"

    @property
    def example(self) -> str:
        """The value that its description gives: "such as `A-01-2`"."""
        told = re.search(r"such as `([^`]+)`", self.description)
        return told[1] if told else ""


BY_NAME = {
    "limit": Kind.limit,
    "cursor": Kind.skip,
    "page": Kind.skip,
    "after": Kind.skip,
    "next": Kind.skip,
    "version": Kind.skip,
    "query": Kind.search,
    "search": Kind.search,
    "q": Kind.search,
    "name": Kind.proper_name,
    "title": Kind.note,
    "city": Kind.city,
    "country": Kind.country,
    "currency": Kind.currency,
    "phone": Kind.phone,
    "postcode": Kind.postcode,
    "sku": Kind.sku,
    "note": Kind.note,
    "body": Kind.note,
    "message": Kind.note,
    "comment": Kind.note,
    "reason": Kind.reason_text,
    "percent": Kind.percent,
    "rate": Kind.percent,
    "quantity": Kind.quantity,
    "days": Kind.days,
    "amount": Kind.money,
}


HINTS = frozenset(kind.value for kind in Kind)


def read(schema: Schema) -> tuple[Field, ...]:
    """The fields of an input schema. `$ref`, `allOf`, optional `anyOf` and arrays are resolved."""
    return _fields(schema, cast(Schema, schema.get("$defs", {})))


def _fields(schema: Schema, defs: Schema) -> tuple[Field, ...]:
    required = cast(Sequence[str], schema.get("required", ()))
    properties = cast(Mapping[str, Schema], schema.get("properties", {}))
    return tuple(_field(name, flatten(raw, defs), name in required, defs) for name, raw in properties.items())


def _field(name: str, schema: Schema, required: bool, defs: Schema) -> Field:
    many = schema.get("type") == "array"
    if many:
        items = flatten(cast(Schema, schema.get("items", {})), defs)
        schema = {**items, **{key: value for key, value in schema.items() if key not in ("items", "type")}}
    return Field(
        name=name,
        kind=_kind(name, schema),
        type=str(schema.get("type", "any")),
        required=required,
        description=str(schema.get("description", "")),
        reference=str(schema.get("x-reference", "")),
        prefix=str(schema.get("x-prefix", "")).rstrip("-"),
        worded=bool(schema.get("x-worded")),
        choices=_choices(schema),
        cues=tuple(cast(Sequence[str], schema.get("x-cue", ()))),
        many=many,
        day_only=schema.get("format") == "date",
        signed=min(schema.get("minimum", 0), schema.get("exclusiveMinimum", 0)) < 0,
        top=schema.get("maximum"),
        parts=_fields(schema, defs) if "properties" in schema else (),
    )


def flatten(schema: Schema, defs: Schema) -> Schema:
    """One plain schema out of `$ref`, `allOf` and `anyOf`; what stands nearest to the property wins."""
    if "$ref" in schema:
        target = cast(Schema, defs.get(str(schema["$ref"]).rsplit("/", 1)[-1], {}))
        return {**flatten(target, defs), **{key: value for key, value in schema.items() if key != "$ref"}}
    for union in ("allOf", "anyOf", "oneOf"):
        if union in schema:
            own = {key: value for key, value in schema.items() if key != union}
            options = [flatten(option, defs) for option in cast(Sequence[Schema], schema[union])]
            options = [option for option in options if option.get("type") != "null"]
            merged = {
                key: value
                for option in (options if union == "allOf" else sorted(options, key=_hinted)[:1])
                for key, value in option.items()
            }
            written = next((option["properties"] for option in options if "properties" in option), None)
            if "x-reference" in merged and written is not None:  # an address by its number, or written out
                merged |= {
                    "properties": written,
                    "required": next(o.get("required", ()) for o in options if "properties" in o),
                }
            types = list(dict.fromkeys(str(option["type"]) for option in options if "type" in option))
            return {**merged, **({"type": "|".join(types)} if len(types) > 1 else {}), **own}
    return schema


def _hinted(schema: Schema) -> int:
    return 0 if any(key.startswith("x-") or key in ("enum", "format", "properties", "items") for key in schema) else 1


def _kind(name: str, schema: Schema) -> Kind:
    hint = str(schema.get("x-kind", ""))
    if "x-reference" in schema:
        return Kind.reference
    if "enum" in schema or "const" in schema:
        return Kind.apart if hint == Kind.apart else Kind.choice
    if "properties" in schema:
        return Kind.parts
    if schema.get("type") == "object":
        return Kind.skip  # keys of any name: nobody says such a thing in a sentence
    if hint in HINTS:
        return Kind(hint)
    if schema.get("type") == "boolean":
        return Kind.flag
    return _kind_by_format(name, schema)


def _kind_by_format(name: str, schema: Schema) -> Kind:
    form = schema.get("format")
    if form == "email":
        return Kind.email
    if form in ("date", "date-time"):
        return Kind.moment
    if name in BY_NAME:
        return BY_NAME[name]
    return Kind.number if schema.get("type") in ("integer", "number") else Kind.text


def _choices(schema: Schema) -> tuple[Choice, ...]:
    synonyms = cast(Mapping[str, Sequence[str]], schema.get("x-synonyms", {}))
    values = cast(Sequence[Any], schema.get("enum", [schema["const"]] if "const" in schema else ()))
    if not values and schema.get("type") == "boolean" and synonyms:
        values = [value for value in (True, False) if str(value).lower() in synonyms]
    return tuple(
        Choice(value, (_spoken(value), *synonyms.get(_key(value), ()))) for value in values if value is not None
    )


def _key(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _spoken(value: object) -> str:
    return str(value).replace("_", " ").replace("-", " ").lower()
