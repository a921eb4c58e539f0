"""The door for other people's clients: OpenAI's chat completions, plain and streamed, over the very conversations of the chat.

To such a client the shop is a model that uses its own tools: what it does is told in quoted lines as it goes, a card is text,
and `approve` is a decision by the rules of every door. The history that comes with each call finds the conversation; nothing of
it is done again. https://platform.openai.com/docs/api-reference/chat
"""

import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Annotated, Any, Literal, cast

import orjson
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from db.model import new_id
from orchestrator.chat import Chat
from orchestrator.chat.history import Decided, History, Place, Remark
from orchestrator.chat.listening import QUIET
from orchestrator.chat.turns import TurnRow
from orchestrator.surfaces.chat import after
from orchestrator.surfaces.problems import fault_of
from orchestrator.surfaces.rest import CallerOf, read_json
from orchestrator.surfaces.told_turn import Piece, ToldTurn
from tools.backoffice.approvals import decide_approval
from tools.contract.actors import Caller
from tools.contract.call import call
from tools.contract.card_numbers import hidden
from tools.contract.errors import Busy, Invalid, NotFound, ShopError

PREFIX = "/v1"
MODEL = "shopkeeper"
NAMES_OF_CHATS = ("x-openwebui-chat-id", "x-conversation-id")  # headers; LibreChat sends what it is told to
LONGEST = 300.0  # seconds that an answer is waited for; a turn takes 120 at most, after those before it
_NO_NAME = re.compile(r"new|null|none|undefined|\{\{.*", re.IGNORECASE)
_CHORES = ("### Task:", "<chat_history>")  # how Open WebUI asks for titles, tags and follow-ups, of the same model

Endpoint = Callable[[Request, Caller], Awaitable[Response]]


class ModelNotFound(NotFound):
    """There is no such model."""

    hint = "GET /v1/models lists them."


class NotAConversation(Invalid):
    """The call is a chore of the client's own: a title, tags, follow-up questions."""

    hint = "Give the client another model for its chores, or switch them off: docs/models.md says how."


class NotForUs(Invalid):
    """The call wants something that the shop does not do as a model."""


class NoAnswerYet(Busy):
    """The turn goes on, and its answer is not there yet."""

    hint = "Send the same call again: it is the same turn."


class TextPart(BaseModel):
    """A part of a message's text."""

    type: Literal["text"]
    text: str = ""


def _text_of(content: Any) -> Any:
    """Parts of text as one; pictures and sounds are refused, not passed over."""
    if not isinstance(content, list):
        return "" if content is None else content
    parts = [cast(dict[str, Any], part) if isinstance(part, dict) else {} for part in cast(list[Any], content)]
    texts = [part.get("text", "") for part in parts if part.get("type") == "text"]
    if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
        raise ValueError("only parts of type `text` are read here")
    return "\n".join(texts)


class CompletionMessage(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str, BeforeValidator(_text_of, json_schema_input_type=str | list[TextPart] | None)] = ""


class StreamOptions(BaseModel):
    include_usage: bool = False


class Completion(BaseModel):
    """A call. What else such calls have (temperature, system messages, tools of the client's) changes nothing here."""

    model: Annotated[str, StringConstraints(max_length=100)] = MODEL
    messages: list[CompletionMessage] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    user: str | None = Field(default=None, max_length=200)
    metadata: dict[str, Any] | None = None


def routes(chat: Chat, caller_of: CallerOf) -> list[Route]:
    """The routes of the door, over the service and whoever says who is calling."""
    doors = _Doors(chat)
    return [
        Route(f"{PREFIX}/chat/completions", _guarded(doors.complete, caller_of), methods=["POST"]),
        Route(f"{PREFIX}/models", _guarded(doors.models, caller_of), methods=["GET"]),
        Route(f"{PREFIX}/models/{{model:path}}", _guarded(doors.model, caller_of), methods=["GET"]),
    ]


def _guarded(endpoint: Endpoint, caller_of: CallerOf) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request, await caller_of(request))
        except ValidationError as invalid:
            return _refused(Invalid.of(invalid, "chat/completions"))
        except ShopError as refused:
            return _refused(refused)
        except Exception as failed:
            return _refused(fault_of(request, failed))

    return guarded


def _refused(error: ShopError) -> Response:
    """OpenAI's error shape. Its clients try again by themselves where `x-should-retry` says so, and do not where it does not."""
    headers = {"x-should-retry": str(error.retryable).lower()}
    if "retry_after" in error.details:
        headers["Retry-After"] = str(error.details["retry_after"])
    return JSONResponse(_problem(error), error.status, headers)


def _problem(error: ShopError) -> dict[str, Any]:
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    message = f"{error.message} {error.advice}".strip()
    return {"error": {"message": message, "type": kind, "param": None, "code": error.code()}}


class _Doors:
    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        rooms = chat.supervisor.catalogue.scopes
        self.specialists: dict[str, str | None] = {MODEL: None} | {f"{MODEL}/{room}": room for room in rooms}

    async def models(self, request: Request, caller: Caller) -> Response:
        await self.chat.known(caller)
        return JSONResponse({"object": "list", "data": [_model(name) for name in self.specialists]})

    async def model(self, request: Request, caller: Caller) -> Response:
        await self.chat.known(caller)
        self._specialist(request.path_params["model"])
        return JSONResponse(_model(request.path_params["model"]))

    async def complete(self, request: Request, caller: Caller) -> Response:
        asked = Completion.model_validate(await read_json(request), strict=True)
        history = self._history(asked, request)
        place = await self.chat.place_of(caller, history) if history.decided else None
        if place is not None and history.decided:
            pieces = await self._decided(caller, history.decided, place, history.key)
        else:
            pieces = self._told(caller, await self.chat.post_history(caller, history))
        first = await anext(pieces)  # what is refused now still has a status
        answer = _Answer(asked, pieces, int(self.chat.shop.clock().timestamp()))
        return await (answer.streamed(first) if asked.stream else answer.whole(first))

    def _history(self, asked: Completion, request: Request) -> History:
        """Raises `ModelNotFound`, `NotAConversation`, `NotForUs`."""
        specialist = self._specialist(asked.model)
        said = [Remark(one.role == "user", hidden(one.content.strip())) for one in asked.messages if _is_said(one)]
        if not said or not said[-1].by_person:
            raise NotForUs("The last message has to be the person's.", hint="End `messages` with the role `user`.")
        if all(mark in said[-1].text for mark in _CHORES):
            raise NotAConversation("This asks for something about a conversation, and is none.")
        if asked.n not in (None, 1):
            raise NotForUs("There is one answer.", hint="Leave `n` out.")
        if (asked.response_format or {}).get("type", "text") != "text":
            raise NotForUs("Answers are text.", hint="Structured results come from the REST API or MCP.")
        if asked.tool_choice not in (None, "none", "auto"):
            raise NotForUs("The shop uses its own tools, and none of the client's.", hint="Leave `tool_choice` out.")
        person = asked.user or request.headers.get("x-openwebui-user-id", "")
        return History(tuple(said[:-1]), said[-1].text, _name_of_chat(asked, request), person, specialist)

    def _specialist(self, model: str) -> str | None:
        if model not in self.specialists:
            raise ModelNotFound(f"There is no model {model}.")
        return self.specialists[model]

    async def _decided(self, caller: Caller, decided: Decided, place: Place, key: str) -> AsyncGenerator[Piece]:
        """Store the decision; then the turn that waited for it tells the rest, or a sentence why there is none."""
        refused = await self._decide(caller, decided, key)
        turn = await self.chat.turn(caller, place.id)
        if refused:
            return _only("\n\n".join([refused, turn.answer or ""]).strip())
        if decided.approval not in place.cards:
            return _only(f"{decided.approval}: the decision `{decided.decision}` is stored.")
        return self._told(caller, turn, after=decided.approval)

    async def _decide(self, caller: Caller, decided: Decided, key: str) -> str | None:
        """By the rules of every door. What refuses it, in words."""
        decision = {"approval": decided.approval, "decision": decided.decision, "reason": decided.reason}
        if decided.decision == "reject":
            decision["reason"] = decided.reason or "Rejected without a reason."
        try:
            await call(self.chat.shop, decide_approval, decision, caller, key=key)
        except ShopError as refused:
            if refused.retryable:
                raise
            return f"{refused.message} {refused.advice}".strip()
        return None

    async def _told(self, caller: Caller, turn: TurnRow, *, after: str | None = None) -> AsyncGenerator[Piece]:
        """What a turn does and answers: from its beginning, or from the decision on a card."""
        told = ToldTurn(self.chat.supervisor.catalogue.scopes, caller, after=after)
        async with aclosing(self.chat.events(caller, turn.conversation, turn=turn.id)) as events:
            async for event in events:
                for piece in told.pieces(event) if event else [Piece()]:
                    yield piece
                if told.over:
                    return


async def _only(text: str) -> AsyncGenerator[Piece]:
    yield Piece(text, text)


def _is_said(message: CompletionMessage) -> bool:
    return message.role in ("user", "assistant") and bool(message.content.strip())


def _name_of_chat(asked: Completion, request: Request) -> str:
    """What the client calls the conversation; empty where it has no name for it yet."""
    told = asked.metadata or {}
    names = [request.headers.get(header, "") for header in NAMES_OF_CHATS]
    names += [str(told.get(name, "")) for name in ("chat_id", "conversation_id")]
    return next((name[:200] for name in names if name and not _NO_NAME.fullmatch(name)), "")


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": MODEL}


class _Answer:
    """An answer in OpenAI's shape."""

    def __init__(self, asked: Completion, pieces: AsyncGenerator[Piece], created: int) -> None:
        self.asked = asked
        self.pieces = pieces
        self.base = {"id": f"chatcmpl-{new_id().hex}", "created": created, "model": asked.model}
        self.usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}

    async def whole(self, first: Piece) -> Response:
        """Once it is there. Raises `NoAnswerYet`."""
        until, final = time.monotonic() + LONGEST, ""
        async with aclosing(after(first, self.pieces)) as pieces:
            async for piece in pieces:
                final = piece.final or final
                self._count(piece)
                if time.monotonic() > until:
                    raise NoAnswerYet("The turn is not through yet.", retry_after=5)
        message = {"role": "assistant", "content": final}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return JSONResponse(self.base | {"object": "chat.completion", "choices": [choice], "usage": self.usage})

    async def streamed(self, first: Piece) -> Response:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._chunks(first), media_type="text/event-stream", headers=headers)

    async def _chunks(self, first: Piece) -> AsyncGenerator[str]:
        told = time.monotonic()
        yield self._chunk({"role": "assistant", "content": ""})
        try:
            async with aclosing(after(first, self.pieces)) as pieces:
                async for piece in pieces:
                    self._count(piece)
                    if piece.shown:
                        yield self._chunk({"content": piece.shown})
                    elif time.monotonic() - told < QUIET / 2:
                        continue
                    else:
                        yield ": still here\n\n"
                    told = time.monotonic()
        except ShopError as refused:  # a status cannot be told any more
            yield f"data: {orjson.dumps(_problem(refused)).decode()}\n\n"
            return
        yield self._chunk({}, "stop")
        if self.asked.stream_options and self.asked.stream_options.include_usage:
            yield self._data({"choices": [], "usage": self.usage})
        yield "data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> str:
        return self._data({"choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]})

    def _data(self, more: dict[str, Any]) -> str:
        chunk = self.base | {"object": "chat.completion.chunk"} | more
        return f"data: {orjson.dumps(chunk).decode()}\n\n"

    def _count(self, piece: Piece) -> None:
        if piece.usage:
            counted = {name: int(piece.usage.get(name, 0)) for name in ("prompt_tokens", "completion_tokens")}
            self.usage = counted | {"total_tokens": sum(counted.values())}
