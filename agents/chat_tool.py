"""A tool as a chat model sees it, and what a call of it came to, as text for the model.

The one path into the tool is `call.py`, as from every other door; here are only the schema, the key and the words.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, cast
from uuid import UUID

import orjson
from pydantic import BaseModel

from agents.lean import parameters
from agents.marks import REFERENCE, mark, marked, nonce_of
from agents.told import told
from tools.contract.actors import Caller
from tools.contract.call import Outcome, Shop, call, validated
from tools.contract.declare import Tool
from tools.contract.errors import ShopError
from tools.contract.idempotency import canonical
from tools.contract.secret import without_secrets

LARGEST = 16_000  # characters of a result that a model reads; a longer list is cut, and says so
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


class Usable(Protocol):
    """What the graph has to know of a tool, whoever's it is."""

    @property
    def name(self) -> str: ...
    @property
    def permission(self) -> str: ...
    @property
    def writes(self) -> bool: ...
    @property
    def for_people(self) -> bool:
        """No model is told of it."""
        ...

    @property
    def schema(self) -> Json:
        """Of its arguments, with the kinds of what they refer to."""
        ...

    @property
    def function(self) -> Json:
        """What a model is told of it, ready to bind."""
        ...

    def same(self, arguments: Mapping[str, Any]) -> str:
        """What makes two calls the same."""
        ...

    async def run(self, shop: Shop, arguments: Mapping[str, Any], caller: Caller, *, turn: UUID, nth: int) -> Answer:
        """Call it within a turn; `nth` counts the same call in that turn. What is refused is an answer too."""
        ...


@dataclass(frozen=True)
class ChatTool:
    """A tool of the shop with its function schema, converted once."""

    tool: Tool[Any, Any]

    @property
    def name(self) -> str:
        return self.tool.name

    @property
    def permission(self) -> str:
        return self.tool.permission

    @property
    def writes(self) -> bool:
        return self.tool.writes

    @property
    def for_people(self) -> bool:
        return self.tool.for_people

    @property
    def schema(self) -> Json:
        return self.tool.schema

    @property
    def function(self) -> Json:
        return self._function

    @cached_property
    def _function(self) -> Json:
        return function(self.name, self.tool.summary, parameters(self.tool.schema))

    def same(self, arguments: Mapping[str, Any]) -> str:
        """What makes two calls the same: the tool and the arguments as it reads them, or as they came when it cannot."""
        try:
            asked = canonical(validated(self.tool, arguments, on_card=True), as_sent=True)
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
            return refusal(refused, nonce_of(turn))
        return _answer(outcome, nonce_of(turn))


def function(name: str, description: str, parameters: Json) -> Json:
    """A function as chat models are told of it."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def turn_key(turn: UUID, same: str, nth: int) -> str:
    """The idempotency key of a model's call. Its own tool-call id would not do: it changes when a checkpoint is lost."""
    return hashlib.sha256(f"{turn}\n{same}\n{nth}".encode()).hexdigest()


def problem(code: str, message: str, hint: str) -> Answer:
    """A refusal that is no rule of the shop's: of the turn, or of what a model may call."""
    refused: Json = {"code": code, "message": message, "hint": hint}
    return Answer(told({"error": refused}), problem=refused, failed=code)


def refusal(refused: ShopError, nonce: str) -> Answer:
    """A refusal, as a model reads it: the code, the message with its numbers, the hint what to do next."""
    plain, quoted = refused.problem(), refused.problem(lambda text: marked(text, nonce))
    shown: Json = orjson.loads(orjson.dumps(quoted, default=str))
    if not refused.retryable:
        del shown["retryable"]
    whole: Json = orjson.loads(orjson.dumps(plain, default=str)) | {"status": refused.status}
    return Answer(told({"error": shown}), problem=whole, failed=refused.code(), untrusted=quoted != plain)


def _answer(outcome: Outcome[Any], nonce: str) -> Answer:
    if outcome.result is None:
        return Answer("", approval=outcome.approval)
    kept: BaseModel = without_secrets(outcome.result)
    result: Json = kept.model_dump(mode="json")
    shown: Json = orjson.loads(orjson.dumps(result))
    untrusted = mark(kept, shown, nonce)
    return Answer(_fitting(shown), result, references=tuple(_references(result)), untrusted=untrusted)


def _fitting(shown: Json) -> str:
    """The result as text; where it is too long, its list gives way."""
    content = told(shown)
    rows: list[Any] | None = shown.get("data") if isinstance(shown.get("data"), list) else None
    while rows and len(content) > LARGEST:
        half = len(rows) // 2
        shown["left_out"] = shown.get("left_out", 0) + len(rows) - half
        del rows[half:]
        content = told(shown)
    return content


def _references(value: Any) -> list[str]:
    """The rows that a result speaks of, in order, each once; at most fifty."""
    found = dict.fromkeys(text for text in _texts(value) if REFERENCE.fullmatch(text))
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
