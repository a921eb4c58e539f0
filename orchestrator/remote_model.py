"""A language model behind an OpenAI-compatible address, imported when one is used; a start without one is quicker.

LangChain's `ChatOpenAI` knows what such a server wants to be told, and says so. What is sent and heard goes over the process's
HTTP client itself: a model of each request, of each piece of an answer and of the answer so far took half of a turn's time.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
import orjson
from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from agents.chat_tool import Json
from orchestrator.model_faults import Unreadable
from orchestrator.state import OnText

LAST_BYTES = 0.1  # seconds in which a stream that has said its last has to end, for its connection to be used again


class Requests(ChatOpenAI):
    """What a server is asked with, as its settings and the model's name want it."""

    def body(self, messages: Sequence[BaseMessage]) -> Json:
        told = cast(Json, self._get_request_payload(list(messages)))  # pyright: ignore[reportUnknownMemberType]
        return told | {"stream": True, "stream_options": {"include_usage": True}}

    @property
    def address(self) -> str:
        return f"{self.root_async_client.base_url}chat/completions"

    def headers(self, key: SecretStr) -> dict[str, str]:
        """With the organization and the project that OpenAI's own environment variables name."""
        told: Mapping[str, Any] = self.root_async_client.default_headers
        own = {name: value for name, value in told.items() if name.startswith("OpenAI-") and isinstance(value, str)}
        content = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        return content | own | {"Authorization": f"Bearer {key.get_secret_value()}"}


@dataclass(frozen=True)
class RemoteModel:
    """One model. `asked` is what every request has beside its messages: the tools, or the shape of the answer."""

    requests: Requests
    client: httpx.AsyncClient
    address: str
    headers: dict[str, str]
    asked: Json = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        return self.requests.model_name

    def with_tools(self, functions: Sequence[Json]) -> "RemoteModel":
        return self._asking(tools=functions)

    def answering_as(self, response_format: Json) -> "RemoteModel":
        return self._asking(response_format=response_format)

    def _asking(self, **told: Any) -> "RemoteModel":
        """Written once, however often it is sent."""
        written = {name: orjson.Fragment(orjson.dumps(value)) for name, value in told.items() if value}
        return replace(self, asked=self.asked | written)

    async def answer(self, messages: Sequence[BaseMessage], on_text: OnText) -> AIMessage | None:
        """The next message, its text told as it comes; None when the stream ended before the model did.

        Raises `httpx.HTTPError` and `Unreadable`.
        """
        answer = _Answer()
        body = orjson.dumps(self.requests.body(messages) | self.asked)
        async with aclosing(self._chunks(body)) as chunks:
            async for chunk in chunks:
                text = answer.add(chunk)
                if text and not answer.calls:
                    await on_text(text, answer.begins)
                    answer.begins = False
        return answer.message() if answer.reason else None

    async def _chunks(self, body: bytes) -> AsyncGenerator[Json]:
        async with self.client.stream("POST", self.address, content=body, headers=self.headers) as response:
            if not response.is_success:
                await response.aread()
                response.raise_for_status()
            pieces, events = response.aiter_bytes(), _Events()
            async for piece in pieces:
                for told in events.feed(piece):
                    yield _chunk(told)
                if events.over:
                    break
            for told in events.feed(b"\n"):  # of a last line that was not ended
                yield _chunk(told)
            with suppress(TimeoutError, httpx.HTTPError):
                async with asyncio.timeout(LAST_BYTES):
                    async for _ in pieces:
                        pass


def _chunk(told: bytes) -> Json:
    chunk = _object(told)
    if chunk is None or chunk.get("error"):
        raise Unreadable
    return chunk


class _Events:
    """The data of server-sent events, in pieces wherever they are cut, until they say that they are done."""

    def __init__(self) -> None:
        self.over = False
        self._held = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        *lines, self._held = (self._held + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:") and not self.over:
                told = line[5:].strip()
                self.over = told == b"[DONE]"
                if not self.over:
                    yield told


@dataclass
class _Call:
    number: int | None
    id: str
    name: str = ""
    written: str = ""


@dataclass
class _Answer:
    """What was heard of an answer so far."""

    begins: bool = True  # none of its text was told yet
    text: str = ""
    refusal: str = ""
    reason: str = ""  # why it ended; empty until then
    calls: list[_Call] = field(default_factory=list[_Call])
    usage: Json = field(default_factory=dict[str, Any])

    def add(self, chunk: Json) -> str:
        """Returns what it adds to the text."""
        self.usage = chunk.get("usage") or self.usage
        choices: list[Json] = chunk.get("choices") or []
        if not choices:
            return ""
        self.reason = choices[0].get("finish_reason") or self.reason
        delta: Json = choices[0].get("delta") or {}
        self.refusal += delta.get("refusal") or ""
        for piece in delta.get("tool_calls") or ():
            self._add_to_call(piece)
        text = _words(delta.get("content"))
        self.text += text
        return text

    def _add_to_call(self, piece: Json) -> None:
        """An id that is new begins a call: there are servers that number all of them 0, or none."""
        number, id_ = piece.get("index"), piece.get("id") or ""
        said: Json = piece.get("function") or {}
        call = next((one for one in reversed(self.calls) if number in (None, one.number) and id_ in ("", one.id)), None)
        if call is None:
            call = _Call(number, id_)
            self.calls.append(call)
        call.name += said.get("name") or ""
        call.written += said.get("arguments") or ""

    def message(self) -> AIMessage:
        """Its calls are read strictly: of one that broke off, half a text would be written."""
        readable: list[ToolCall] = []
        unreadable: list[InvalidToolCall] = []
        for call in self.calls:
            arguments = _object(call.written or "{}")
            if arguments is None:
                told = invalid_tool_call(name=call.name, args=call.written, id=call.id, error="not a JSON object")
                unreadable.append(told)
            else:
                readable.append(tool_call(name=call.name, args=arguments, id=call.id))
        return AIMessage(
            self._whole_text(), tool_calls=readable, invalid_tool_calls=unreadable, usage_metadata=_usage(self.usage)
        )

    def _whole_text(self) -> str:
        """What it says; where it stopped for a reason of its own, the person is told that it did."""
        if self.refusal:
            return f"The language model refuses: “{self.refusal}”"
        match self.reason:
            case "content_filter":
                return f"{self.text}\n\nThe language model's provider filtered the rest of the answer.".strip()
            case "length" if self.text:
                return f"{self.text}\n\nThe answer ends here: it reached the language model's limit of length."
            case _:
                return self.text


def _words(content: Any) -> str:
    """A text; some servers send a list of parts, their model's thoughts among them."""
    if isinstance(content, list):
        parts = [part for part in cast(list[Json], content) if part.get("type") == "text"]
        return "".join(str(part.get("text") or "") for part in parts)
    return content or ""


def _usage(told: Json) -> UsageMetadata | None:
    if not told:
        return None
    asked, answered = told.get("prompt_tokens") or 0, told.get("completion_tokens") or 0
    return UsageMetadata(input_tokens=asked, output_tokens=answered, total_tokens=asked + answered)


def _object(written: str | bytes) -> Json | None:
    try:
        value: Any = orjson.loads(written)
    except orjson.JSONDecodeError:
        return None
    return cast(Json, value) if isinstance(value, dict) else None
