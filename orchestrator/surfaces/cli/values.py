"""What people write after an option, as an operation's argument. The input's JSON schema says which options there are.

Text becomes the number or boolean that its field is; what is none stays text, and the input refuses it, in the same words at
every door.
"""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

import orjson

from tools.contract.declare import Tool
from tools.contract.errors import Invalid
from tools.contract.reading import alternatives, scalar

Schema = dict[str, Any]
CLEARED = ""  # written for a field that may be null
WORDS = {"integer": "number", "number": "number", "string": "text", "object": "key=value,…", "boolean": "bool"}


@dataclass(frozen=True)
class Field:
    """One field of an input, as an option."""

    name: str
    flag: str
    metavar: str
    help: str
    kind: Any  # what typer takes it for: bool, an enum, or text
    many: bool
    required: bool
    read: Callable[[str], Any]

    def value(self, given: Any) -> Any:
        """The argument of what was written. Raises `Invalid`."""
        if self.kind is bool:
            return given
        if self.many:
            return [] if given == [CLEARED] else [self.read(str(text)) for text in given]
        return self.read(str(given))


def fields_of(tool: Tool[Any, Any]) -> list[Field]:
    """The input's fields, the ones that have to be given first."""
    definitions: Schema = tool.schema.get("$defs", {})
    properties: dict[str, Schema] = tool.schema.get("properties", {})
    required = set(tool.schema.get("required", ()))
    fields = [
        _field(name, schema, definitions, required=name in required, taken=properties)
        for name, schema in properties.items()
    ]
    return sorted(fields, key=lambda field: not field.required)


def arguments_of(fields: list[Field], given: dict[str, Any]) -> dict[str, Any]:
    """What was written, by the fields' names; what was not written is left out. A time without an offset is a bare `datetime`."""
    return {field.name: field.value(given[field.name]) for field in fields if given.get(field.name) is not None}


def _field(name: str, schema: Schema, definitions: Schema, *, required: bool, taken: Container[str]) -> Field:
    kinds = list(alternatives(schema, definitions))
    many = any(kind.get("type") == "array" for kind in kinds)
    one = (
        list(alternatives(next(kind for kind in kinds if kind.get("type") == "array")["items"], definitions))
        if many
        else kinds
    )
    nullable = any(kind.get("type") == "null" for kind in kinds)
    said = [kind for kind in one if kind.get("type") != "null"]
    one_of_many = _singular(name)
    flag = "--" + (one_of_many if many and one_of_many not in taken else name).replace("_", "-")
    return Field(
        name=name,
        flag=flag if schema.get("default") is False or _kind(said) is not bool else f"{flag}/--no-{flag[2:]}",
        metavar=_metavar(said[0]),
        help=_help(schema, said, many=many),
        kind=_kind(said),
        many=many,
        required=required,
        read=partial(_read, kinds=one, definitions=definitions, nullable=nullable and not many),
    )


def _kind(kinds: list[Schema]) -> Any:
    if [kind.get("type") for kind in kinds] == ["boolean"]:
        return bool
    if len(kinds) == 1 and "enum" in kinds[0]:
        return StrEnum("Choice", [(value, value) for value in kinds[0]["enum"]])
    return str


def _metavar(kind: Schema) -> str:
    """How a value looks, for the help."""
    if "x-prefix" in kind:
        word = {"VAR": "SKU", "FILE": "path or FILE-…"}.get(kind["x-prefix"], f"{kind['x-prefix']}-…")
    elif "enum" in kind:
        word = "choice"
    elif kind.get("x-kind") == "money":
        word = "minor units"
    elif kind.get("format") == "date-time":
        word = "time"
    else:
        word = WORDS.get(kind.get("type", ""), "JSON")
    return f"<{word}>"


def _help(schema: Schema, kinds: list[Schema], *, many: bool) -> str:
    said: list[str] = [schema.get("description", "")]
    for kind in kinds:
        if "enum" in kind:
            said.append(f"One of {', '.join(kind['enum'])}.")
        if "properties" in kind:
            said.append(f"Written {_pattern(kind)}, or as JSON.")
    if schema.get("default") not in (None, [], {}, False, ""):
        said.append(f"Unless given: {schema['default']}.")
    if many:
        said.append("May be repeated.")
    return " ".join(said)


def _pattern(kind: Schema) -> str:
    required = kind.get("required", ())
    optional = [name for name in kind["properties"] if name not in required]
    rest = f" (also {', '.join(optional)})" if optional else ""
    return ",".join(f"{name}=…" for name in required or optional[:1]) + rest


def _read(text: str, *, kinds: list[Schema], definitions: Schema, nullable: bool) -> Any:
    if nullable and text == CLEARED:
        return None
    types = {kind.get("type") for kind in kinds}
    composed = next((kind for kind in kinds if kind.get("type") == "object"), None)
    if composed and re.match(r"\s*[{[]", text):
        return _json(text)
    if composed and re.match(r"\s*\w+=", text):
        return _pairs(text, composed, definitions)
    if None in types:  # anything: JSON, or a word
        return _json_or_text(text)
    if any(kind.get("format") == "date-time" for kind in kinds):
        return _time(text)
    return scalar(text, kinds)


def _pairs(text: str, kind: Schema, definitions: Schema) -> dict[str, Any]:
    """`variant=MUG-BLUE,quantity=2`; a comma separates only where a name and `=` follow."""
    found: dict[str, Any] = {}
    for pair in re.split(r",\s*(?=\w+=)", text.strip()):
        name, _, value = pair.partition("=")
        kinds = list(alternatives(_property(kind, name), definitions))
        if any(option.get("type") == "array" for option in kinds):
            found[name] = _json(value)
        else:
            nullable = any(option.get("type") == "null" for option in kinds)
            found[name] = _read(value, kinds=kinds, definitions=definitions, nullable=nullable)
    return found


def _property(kind: Schema, name: str) -> Schema:
    """A property by its name; an object without fixed ones says what any is (`true`: anything)."""
    schema: Schema | bool = kind.get("properties", {}).get(name) or kind.get("additionalProperties") or {}
    return {} if isinstance(schema, bool) else schema


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as unreadable:
        raise Invalid(
            f"{text} is not JSON: {unreadable}.",
            hint='Write `key=value,key=value`, or JSON such as \'{"key": "value"}\'.',
        ) from unreadable


def _json_or_text(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _time(text: str) -> str | datetime:
    """`2026-03-01`, `2026-03-01T14:30`: without an offset it waits for the shop's zone. Anything else is the input's to refuse."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if time.tzinfo else time


def _singular(name: str) -> str:
    """`lines` is repeated as `--line`."""
    for ending, single in (("ways", "ways"), ("ies", "y"), ("sses", "ss"), ("ss", "ss"), ("us", "us"), ("s", "")):
        if name.endswith(ending):
            return name.removesuffix(ending) + single
    return name
