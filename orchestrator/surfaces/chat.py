"""Chat over HTTP: messages and structured requests become turns; their events are a stream that resumes.

Nothing here knows a domain. A turn is answered at once where the caller waits for it (`Prefer: wait=10`), else with 202.
"""

import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from orchestrator.chat import Chat
from orchestrator.chat.events import Event, Stream
from orchestrator.chat.listening import QUIET
from orchestrator.chat.rows import ConversationRow, MessageRow
from orchestrator.chat.turns import TurnRow
from orchestrator.state import Request
from orchestrator.surfaces.problems import problem_of, problem_response
from orchestrator.surfaces.rest import PREFIX, CallerOf, read_json
from tools.contract.actors import Caller
from tools.contract.card_numbers import hidden
from tools.contract.errors import IdempotencyKeyMissing, Invalid, ShopError, Unreadable
from tools.contract.page import cursor, place
from tools.contract.plain import as_json
from tools.contract.reading import from_json

T = TypeVar("T")
LONGEST_WAIT = 60.0  # seconds that a caller may wait for a turn
LONGEST_SEARCH = 200  # characters
DIRECT_WAIT = 20.0  # of an operation named by its caller, which needs no model

Endpoint = Callable[[HttpRequest, Caller], Awaitable[Response]]


class Said(BaseModel):
    """A message."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=8_000, description="What is asked, in words.")


class NewTitle(BaseModel):
    """What a conversation is called."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        description="Its new name."
    )


class Asked(BaseModel):
    """A structured request: an operation with its arguments, or a task in words for a named specialist."""

    model_config = ConfigDict(extra="forbid")

    specialist: str | None = Field(default=None, description="The room whose specialist is meant.")
    tool: str | None = Field(default=None, description="The operation.")
    arguments: dict[str, Any] = Field(default={}, description="Its arguments.")
    task: str | None = Field(default=None, min_length=1, max_length=8_000, description="The task, in words.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Asked":
        if (self.tool is None) == (self.task is None):
            raise ValueError("give either `tool` with `arguments`, or `task`")
        if self.task is not None and self.arguments:
            raise ValueError("`arguments` go with `tool`")
        return self


def routes(chat: Chat, caller_of: CallerOf) -> list[Route]:
    """The routes of conversations, over the service and whoever says who is calling."""
    doors = _Doors(chat, caller_of)

    def at(path: str, endpoint: Endpoint, method: str) -> Route:
        return Route(PREFIX + path, _guarded(endpoint, caller_of), methods=[method])

    return [
        at("/conversations", doors.start, "POST"),
        at("/conversations", doors.browse, "GET"),
        at("/conversations/{conversation}", doors.show, "GET"),
        at("/conversations/{conversation}", doors.rename, "PATCH"),
        at("/conversations/{conversation}", doors.delete, "DELETE"),
        at("/conversations/{conversation}/messages", doors.post, "POST"),
        at("/conversations/{conversation}/events", doors.events, "GET"),
        at("/turns/{turn}", doors.turn, "GET"),
        at("/turns/{turn}", doors.stop, "DELETE"),
        at("/requests", doors.ask, "POST"),
    ]


def _guarded(endpoint: Endpoint, caller_of: CallerOf) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def guarded(request: HttpRequest) -> Response:
        try:
            return await endpoint(request, await caller_of(request))
        except ValidationError as invalid:
            return problem_response(Invalid.of(invalid, "chat"), request)
        except ShopError as refused:
            return problem_response(refused, request)

    return guarded


class _Doors:
    def __init__(self, chat: Chat, caller_of: CallerOf) -> None:
        self.chat = chat
        self.caller_of = caller_of

    async def start(self, request: HttpRequest, caller: Caller) -> Response:
        made = await self.chat.start_conversation(caller, key_of(request))
        path = f"{PREFIX}/conversations/{made.reference}"
        return JSONResponse(_conversation(made), 201, {"Location": path})

    async def browse(self, request: HttpRequest, caller: Caller) -> Response:
        limit = number_of(request.query_params.get("limit", "20"), 1, 100, "limit")
        before = place(request.query_params.get("after"), UUID)
        text = request.query_params.get("text", "")
        if len(text) > LONGEST_SEARCH:
            raise Invalid(f"`text` has at most {LONGEST_SEARCH} characters.")
        found = await self.chat.conversations(caller, before=before[0] if before else None, limit=limit, text=text)
        more = len(found) > limit
        shown = found[:limit]
        following = cursor(shown[-1].id) if more else None
        return JSONResponse({"data": [_conversation(row) for row in shown], "next": following, "has_more": more})

    async def show(self, request: HttpRequest, caller: Caller) -> Response:
        found, said, running = await self.chat.conversation(caller, request.path_params["conversation"])
        shown = {"messages": [_message(row) for row in said], "turns": [_turn(row) for row in running]}
        return JSONResponse(_conversation(found) | shown)

    async def rename(self, request: HttpRequest, caller: Caller) -> Response:
        named = NewTitle.model_validate(await read_json(request))
        renamed = await self.chat.rename(caller, request.path_params["conversation"], hidden(named.title))
        return JSONResponse(_conversation(renamed))

    async def delete(self, request: HttpRequest, caller: Caller) -> Response:
        await self.chat.delete(caller, request.path_params["conversation"])
        return Response(status_code=204)

    async def post(self, request: HttpRequest, caller: Caller) -> Response:
        key = key_of(request)
        said = Said.model_validate(await read_json(request))
        turn = await self.chat.post_message(caller, request.path_params["conversation"], said.text, key)
        return await self._answered(request, caller, turn, _wait(request) or 0.0)

    async def ask(self, request: HttpRequest, caller: Caller) -> Response:
        key = key_of(request)
        asked = Asked.model_validate(await read_json(request))
        if named := self.chat.tools.get(asked.tool or ""):
            from_json(named, asked.arguments)  # a body is read strictly, the operation's part of it too
        text = hidden(asked.task or f"{asked.tool} {as_json(asked.arguments).decode()}")
        wanted = Request(text[:8_000], asked.specialist, asked.tool, asked.arguments)
        turn = await self.chat.post_request(caller, wanted, key)
        wait = _wait(request)
        return await self._answered(
            request, caller, turn, (DIRECT_WAIT if asked.tool else 0.0) if wait is None else wait
        )

    async def turn(self, request: HttpRequest, caller: Caller) -> Response:
        return JSONResponse(_turn(await self.chat.turn(caller, _uuid(request.path_params["turn"]))))

    async def stop(self, request: HttpRequest, caller: Caller) -> Response:
        turn = await self.chat.stop(caller, _uuid(request.path_params["turn"]))
        return JSONResponse(_turn(turn), 202 if turn.status == "running" else 200)

    async def events(self, request: HttpRequest, caller: Caller) -> Response:
        given = request.query_params
        turn = _uuid(given["turn"]) if "turn" in given else None
        after = request.headers.get("last-event-id") or given.get("after", "")
        conversation = request.path_params["conversation"]
        on = given.get("follow") == "true"
        stream = self.chat.events(
            caller, conversation, turn=turn, after=after, on=on, still=lambda: self.caller_of(request)
        )
        first = await anext(stream, None)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            await stream.aclose()
            return Response(media_type="text/event-stream", headers=headers)
        return StreamingResponse(_as_sse(first, stream, request), media_type="text/event-stream", headers=headers)

    async def _answered(self, request: HttpRequest, caller: Caller, turn: TurnRow, wait: float) -> Response:
        """The turn: through (200), or under way or waiting for a person (202). A refusal of a named operation is a problem."""
        if wait and turn.status == "running":
            turn = await self.chat.settled(caller, turn, wait)
        through = turn.status in ("finished", "failed")
        result: dict[str, Any] = (turn.data or {}).get("result") or {}
        if refused := result.get("error"):
            return problem_response(_refusal(refused), request)
        return JSONResponse(_turn(turn), 200 if through else 202, {"Location": f"{PREFIX}/turns/{turn.id}"})


# ---- what callers see ----------------------------------------------------------------------------------------------------


def _conversation(row: ConversationRow) -> dict[str, Any]:
    return {"conversation": row.reference, "title": row.title, "created_at": row.created_at.isoformat()}


def _message(row: MessageRow) -> dict[str, Any]:
    evidence = {name: value for name, value in row.data.items() if name != "planner"}
    shown = {"id": str(row.id), "turn": str(row.turn_id), "role": row.role, "text": row.text, "evidence": evidence}
    return shown | {"created_at": row.created_at.isoformat()}


def _turn(row: TurnRow) -> dict[str, Any]:
    data = row.data or {}
    events = f"{PREFIX}/conversations/{row.conversation}/events?turn={row.id}"
    return {
        "turn": str(row.id),
        "conversation": row.conversation,
        "status": row.status,
        "answer": row.answer,
        "result": data.get("result"),
        "evidence": {name: value for name, value in data.items() if name not in ("planner", "result")},
        "usage": {name: value for name, value in row.usage.items() if name not in ("interrupted", "stopped")},
        "approvals": row.waits_for,
        "events": events,
    }


def _refusal(told: dict[str, Any]) -> ShopError:
    """The error that a turn stored, as the class that it was: name, status and details are on the wire what they were."""
    rest = {
        name: value for name, value in told.items() if name not in ("code", "status", "message", "hint", "retryable")
    }
    kind = type(
        str(told["code"]), (ShopError,), {"status": told.get("status", 409), "retryable": told.get("retryable", False)}
    )
    return kind(str(told["message"]), hint=str(told.get("hint", "")), **rest)


async def _as_sse(first: Event | None, stream: Stream, request: HttpRequest) -> AsyncGenerator[str]:
    told = time.monotonic()
    try:
        async with aclosing(after(first, stream)) as events:
            async for event in events:
                if event is not None:
                    data = orjson.dumps(event.data | {"turn": str(event.turn)}, default=str).decode()
                    yield f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n"
                elif time.monotonic() - told < QUIET / 2:
                    continue
                else:
                    yield ": still here\n\n"
                told = time.monotonic()
    except ShopError as refused:  # whoever listened may no longer; what is told first cannot be a status any more
        yield f"event: stream.closed\ndata: {orjson.dumps(problem_of(refused, request), default=str).decode()}\n\n"


async def after(first: T, stream: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """A stream whose first element was taken already, to see whether it is refused."""
    async with aclosing(stream):  # its place is free as soon as nobody listens
        yield first
        async for element in stream:
            yield element


# ---- what callers send ---------------------------------------------------------------------------------------------------


def key_of(request: HttpRequest) -> str:
    key = request.headers.get("idempotency-key")
    if not key:
        raise IdempotencyKeyMissing("This came without an idempotency key.")
    if len(key) > 255:
        raise Unreadable("An Idempotency-Key has between 1 and 255 characters.")
    return key


def _wait(request: HttpRequest) -> float | None:
    """Seconds of `Prefer: wait=10` (RFC 7240); None when the caller prefers nothing."""
    found = re.search(r"\bwait\s*=\s*\"?(\d{1,4})", request.headers.get("prefer", ""))
    return min(float(found[1]), LONGEST_WAIT) if found else None


def number_of(given: str, least: int, most: int, name: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", given) or not least <= int(given) <= most:
        raise Invalid(f"`{name}` is a number from {least} to {most}, not {given[:20]}.")
    return int(given)


def _uuid(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise Invalid(f"{given} is no turn.", hint="Send the `turn` that the message was answered with.") from None
