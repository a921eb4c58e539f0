"""A tool as a chat model sees it, and what a call of it came to, as text for the model.

The one path into the tool is `call.py`, as from every other door; here are only the schema, the key and the words.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from uuid import UUID

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tools.contract.actors import Caller
from tools.contract.call import Outcome, Shop, call, validated
from tools.contract.declare import Tool
from tools.contract.errors import ShopError
from tools.contract.fields import Untrusted
from tools.contract.idempotency import canonical
from tools.contract.secret import without_secrets

LARGEST = 16_000  # characters of a result that a model reads; a longer list is cut, and says so
_REFERENCE = re.compile(r"[A-Z]{1,4}-\d{1,12}")
_NOISE = {"title", "minLength", "maxLength"}
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a call came to: text for the model, rows for the person, references for the evidence; or the card that it waits for."""

    content: str
    result: Json | None = None
    problem: Json | None = None  # a refusal, with its status
    failed: str = ""  # the error's code
    references: tuple[str, ...] = ()
    untrusted: bool = False
    approval: str | None = None


@dataclass(frozen=True)
class ChatTool:
    """A tool with its function schema, converted once."""

    tool: Tool[Any, Any]

    @property
    def name(self) -> str:
        return self.tool.name

    @cached_property
    def function(self) -> Json:
        """What a model is told, as plain data: ready to bind, without what only other readers need."""
        schema = self.tool.schema
        parameters = _plain(schema, cast(Json, schema.get("$defs", {})))
        parameters.pop("description", None)
        return function(self.name, self.tool.description, parameters)

    def same(self, arguments: Mapping[str, Any]) -> str:
        """What makes two calls the same: the tool and the arguments as it reads them, or as they came when it cannot."""
        try:
            asked = canonical(validated(self.tool, arguments), as_sent=True)
        except ShopError:
            asked = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(self.name.encode() + b"\n" + asked).hexdigest()

    async def run(self, shop: Shop, arguments: Mapping[str, Any], caller: Caller, *, turn: UUID, nth: int) -> Answer:
        """Call it within a turn; `nth` counts the same call in that turn. What the shop refuses is an answer too."""
        try:
            outcome = await call(
                shop, self.tool, arguments, caller, key=turn_key(turn, self.same(arguments), nth), wait=True
            )
        except ShopError as refused:
            return refusal(refused)
        return _answer(outcome, nonce=hashlib.sha256(turn.bytes).hexdigest()[:8])


def function(name: str, description: str, parameters: Json) -> Json:
    """A function as chat models are told of it."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def turn_key(turn: UUID, same: str, nth: int) -> str:
    """The idempotency key of a model's call. Its own tool-call id would not do: it changes when a checkpoint is lost."""
    return hashlib.sha256(f"{turn}\n{same}\n{nth}".encode()).hexdigest()


def refusal(refused: ShopError) -> Answer:
    """A refusal, as a model reads it: the code, the message with its numbers, the hint what to do next."""
    told = orjson.dumps(refused.problem(), default=str)
    problem: Json = orjson.loads(told) | {"status": refused.status}
    return Answer(f'{{"error":{told.decode()}}}', problem=problem, failed=refused.code())


def _answer(outcome: Outcome[Any], nonce: str) -> Answer:
    if outcome.result is None:
        return Answer("", approval=outcome.approval)
    kept: BaseModel = without_secrets(outcome.result)
    result: Json = kept.model_dump(mode="json")
    told: Json = orjson.loads(orjson.dumps(result))
    untrusted = _mark(kept, told, nonce)
    return Answer(_fitting(told), result, references=tuple(_references(result)), untrusted=untrusted)


def _fitting(told: Json) -> str:
    """The result as JSON; where it is too long, its list gives way."""
    content = orjson.dumps(told).decode()
    rows: list[Any] | None = told.get("data") if isinstance(told.get("data"), list) else None
    while rows and len(content) > LARGEST:
        half = len(rows) // 2
        told["left_out"] = told.get("left_out", 0) + len(rows) - half
        del rows[half:]
        content = orjson.dumps(told).decode()
    return content


# ---- text from outside ---------------------------------------------------------------------------------------------------


def _mark(model: BaseModel, told: Json, nonce: str) -> bool:
    """Put every text that outsiders wrote between marks; returns whether there was any."""
    found = False
    for name, field in type(model).model_fields.items():
        value: Any = getattr(model, name)
        if name not in told or value is None:
            continue
        if _is_untrusted(field):
            told[name], some = _wrapped(told[name], nonce)
            found = found or some
        else:
            inside = [_mark(part, into, nonce) for part, into in _parts(value, told[name])]
            found = found or any(inside)
    return found


def _is_untrusted(field: FieldInfo) -> bool:
    return any(isinstance(mark, Untrusted) for mark in (*field.metadata, *_inner(field.annotation)))


def _inner(annotation: Any) -> Iterator[Any]:
    """Marks inside a union or a list: `Annotated[str, Untrusted()] | None`."""
    yield from getattr(annotation, "__metadata__", ())
    for part in getattr(annotation, "__args__", ()):
        yield from _inner(part)


def _parts(value: Any, told: Any) -> Iterator[tuple[BaseModel, Json]]:
    """The models inside a value, each with its place in the JSON."""
    if isinstance(value, BaseModel):
        yield value, told
    elif isinstance(value, list | tuple):
        for one, into in zip(cast(list[Any], value), told, strict=True):
            yield from _parts(one, into)
    elif isinstance(value, dict):
        for key, one in cast(dict[Any, Any], value).items():
            yield from _parts(one, told.get(str(key)))


def _wrapped(value: Any, nonce: str) -> tuple[Any, bool]:
    if isinstance(value, str) and value:
        # broken, not cut out: what a cut brings together may be a mark again
        text = re.sub(r"<(?=\s*/?\s*untrusted)", "‹", value, flags=re.IGNORECASE)
        return f"<untrusted id={nonce}>{text}</untrusted>", True
    if isinstance(value, list):
        pairs = [_wrapped(one, nonce) for one in cast(list[Any], value)]
        return [one for one, _ in pairs], any(some for _, some in pairs)
    if isinstance(value, dict):
        named = {key: _wrapped(one, nonce) for key, one in cast(Json, value).items()}
        return {key: one for key, (one, _) in named.items()}, any(some for _, some in named.values())
    return value, False


def _references(value: Any) -> list[str]:
    """The rows that a result speaks of, in order, each once; at most fifty."""
    found = dict.fromkeys(text for text in _texts(value) if _REFERENCE.fullmatch(text))
    return list(found)[:50]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in cast(list[Any], value):
            yield from _texts(one)
    elif isinstance(value, dict):
        for one in cast(Json, value).values():
            yield from _texts(one)


# ---- the schema ----------------------------------------------------------------------------------------------------------


def _plain(schema: Json, defs: Json) -> Json:
    """A schema without references, hints for other readers, and noise; an example goes into the description."""
    if "$ref" in schema:
        target: Json = defs[str(schema["$ref"]).rpartition("/")[2]]
        return _plain({**target, **{key: value for key, value in schema.items() if key != "$ref"}}, defs)
    options = [option for option in cast(list[Json], schema.get("anyOf", [])) if option.get("type") != "null"]
    if len(options) == 1:
        own = {key: value for key, value in schema.items() if key != "anyOf"}
        return _plain({**options[0], **own}, defs)
    kept = {key: value for key, value in schema.items() if key not in _NOISE and not key.startswith(("x-", "$"))}
    if kept.get("default", ...) is None:
        del kept["default"]
    if kept.get("additionalProperties") is False:
        del kept["additionalProperties"]  # `call.py` refuses unknown fields, whatever a schema says
    if examples := kept.pop("examples", None):
        kept["description"] = f"{kept.get('description', '')} For example: {examples[0]}.".strip()
    if "properties" in kept:
        kept["properties"] = {name: _plain(part, defs) for name, part in kept["properties"].items()}
    for name in ("items", "additionalProperties", "propertyNames"):
        if isinstance(kept.get(name), dict):
            kept[name] = _plain(kept[name], defs)
    if options:
        kept["anyOf"] = [_plain(option, defs) for option in options]
    return kept
