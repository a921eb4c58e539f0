"""The contract of a room's operations as text: what callers rely on, a line for each field, so that a reviewer sees a change at a
glance. Left out are words alone (titles, descriptions, synonyms, examples); whatever else a schema says is there.

    cancel_order: DELETE /orders/{order} → OrderCancelled, money, needs orders:cancel
      errors OrderAlreadyShipped, OrderDoesNotExpire
      in     order: string(1…100) ~order ORD-
      in     note?: string(1…4000) ~reason_text | null = null
      in     nothing else
      out    reference: string
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic.json_schema import models_json_schema

from tools.contract.declare import Tool

Schema = dict[str, Any]
AnyTool = Tool[Any, Any]
Place = tuple[str, AnyTool]  # an operation's input ("in") or result ("out")
REF = "#/$defs/"
WORDS = ("title", "description", "x-synonyms", "examples")
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
RANGES = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"))


def contracts_of(tools: Iterable[AnyTool]) -> str:
    """The page of a room."""
    return page(*schemas_of(tools))


def schemas_of(tools: Iterable[AnyTool]) -> tuple[dict[Place, str], dict[str, Schema]]:
    """The name of each operation's input and result, and every model by its name."""
    models: dict[Place, Any] = {}
    for tool in tools:
        models["in", tool] = (tool.input, "validation")
        models["out", tool] = (tool.output, "serialization")
    names, document = models_json_schema([*models.values()])
    return {place: _name(names[model]) for place, model in models.items()}, document["$defs"]


def page(places: Mapping[Place, str], schemas: Mapping[str, Schema]) -> str:
    """Each operation with its input, and with its result where that is its own; then the models that several places name."""
    named = Counter([*places.values(), *_references(dict(schemas))])
    inline = {name for (side, _), name in places.items() if side == "in" or named[name] == 1}
    lines: list[str] = []
    for (side, tool), name in places.items():
        lines += ["", *_head(tool, answers=places["out", tool])] if side == "in" else []
        lines += [f"  {side:<6} {line}" for line in _model(schemas[name]) if name in inline]
    for name in sorted(set(schemas) - inline):
        lines += ["", name, *(f"  {line}" for line in _model(schemas[name]))]
    return "\n".join(lines[1:]) + "\n"


def _name(schema: Schema) -> str:
    return schema["$ref"].removeprefix(REF)


def _references(part: Any) -> Iterator[str]:
    """Every name that the schemas mention."""
    if isinstance(part, dict):
        schema = cast(Schema, part)
        if isinstance(schema.get("$ref"), str):
            yield _name(schema)
        part = list(schema.values())
    if isinstance(part, list):
        for inner in cast(list[Any], part):
            yield from _references(inner)


def _head(tool: AnyTool, answers: str) -> list[str]:
    traits = [f"{tool.method} {tool.path} → {answers}", tool.effect.value, f"needs {tool.permission}"]
    traits += ["for people only"] if tool.for_people else []
    traits += ["version required"] if tool.version_required else []
    errors = sorted(error.code() for error in tool.raises)
    return [f"{tool.name}: {', '.join(traits)}", *([f"  errors {', '.join(errors)}"] if errors else [])]


def _model(schema: Schema) -> list[str]:
    """A line for each field, `?` after one that may be left out; one line for what has no fields."""
    if "properties" not in schema and schema.get("type") != "object":
        return [_type(schema)]
    rest = {key: value for key, value in schema.items() if key not in (*WORDS, "required")}
    kind, closed = rest.pop("type", "any"), rest.get("additionalProperties") is False
    fields: dict[str, Schema] = rest.pop("properties", {})
    required = schema.get("required", ())
    lines = [f"{name}{'' if name in required else '?'}: {_type(field)}" for name, field in fields.items()]
    if closed:
        lines.append("nothing else")
        del rest["additionalProperties"]
    return [*([] if kind == "object" else [kind]), *lines, *([_others(rest)] if rest else [])]


def _type(schema: Schema) -> str:
    """`string(1…100) ~name = "Ana"`: what it is, in which limits, what it means, and what it is when it is left out."""
    rest = {key: value for key, value in schema.items() if key not in WORDS}
    default = f" = {_json(rest.pop('default'))}" if "default" in rest else ""
    kind = _kind(rest)
    limits = ", ".join(_limits(rest))
    means = [f"~{rest.pop('x-kind')}"] if "x-kind" in rest else []
    means += [f"~{rest.pop('x-reference')} {rest.pop('x-prefix')}-"] if {"x-reference", "x-prefix"} <= set(rest) else []
    means += [name for name in ("secret", "untrusted") if rest.get(f"x-{name}") is True and rest.pop(f"x-{name}")]
    return " ".join([kind + (f"({limits})" if limits else ""), *means, *([_others(rest)] if rest else [])]) + default


def _kind(rest: Schema) -> str:
    """What it is; takes out of `rest` what that says."""
    if "$ref" in rest:
        return _name({"$ref": rest.pop("$ref")})
    if "anyOf" in rest:
        return " | ".join(_type(option) for option in rest.pop("anyOf"))
    if "enum" in rest and rest.get("type") == "string":
        del rest["type"]
        return " | ".join(map(_json, rest.pop("enum")))
    kind = str(rest.pop("type", "any"))
    if kind == "array":
        return f"[{_type(rest.pop('items', {}))}]"
    if kind == "object" and isinstance(rest.get("additionalProperties"), dict):
        return f"{{{_type(rest.pop('propertyNames', {'type': 'string'}))}: {_type(rest.pop('additionalProperties'))}}}"
    return kind


def _limits(rest: Schema) -> Iterator[str]:
    for low, high in RANGES:
        if low in rest or high in rest:
            yield f"{rest.pop(low, '')}…{rest.pop(high, '')}"
    for key, sign in BOUNDS.items():
        if key in rest:
            yield f"{sign} {rest.pop(key)}"
    if "format" in rest:
        yield rest.pop("format")
    if "pattern" in rest:
        yield f"/{rest.pop('pattern')}/"


def _others(rest: Schema) -> str:
    return " ".join(f"{key}={_json(value)}" for key, value in sorted(rest.items()))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
