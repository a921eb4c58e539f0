"""What callers send, as an operation's input. JSON is read strictly: a number is a number, a boolean a boolean, however deep.

Doors that are given text (a query, a command line) make JSON of it first, by the input's schema; a chat model's arguments are not
read here but leniently by `validated`: "2" for 2 says what it wants, and asking it again costs a turn.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from tools.contract.declare import I, Tool
from tools.contract.errors import Invalid

Schema = dict[str, Any]


def from_json(tool: Tool[I, Any], given: Mapping[str, Any]) -> I:
    """The input of a JSON object. Raises `Invalid`, naming each field."""
    try:
        return tool.input.model_validate_json(orjson.dumps(given), strict=True)
    except ValidationError as invalid:
        raise Invalid.of(invalid, tool.name) from None


def alternatives(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    """What a value may be: schemas without references and alternatives of their own."""
    if "$ref" in schema:
        hints = {key: schema[key] for key in schema if key.startswith("x-")}
        yield from alternatives({**definitions[schema["$ref"].rpartition("/")[2]], **hints}, definitions)
    elif "anyOf" in schema:
        for option in schema["anyOf"]:
            yield from alternatives(option, definitions)
    else:
        yield schema


def scalar(text: str, kinds: Iterable[Schema]) -> Any:
    """A number or a boolean where the text is one and may be; otherwise the text, which the input takes or refuses."""
    types = {kind.get("type") for kind in kinds}
    if types & {"integer", "number"} and re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    if "number" in types and re.fullmatch(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}", text):
        return float(text)
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    return text
