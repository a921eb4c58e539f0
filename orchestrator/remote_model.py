"""A language model behind an OpenAI-compatible address, imported when one is used; a start without one is quicker.

LangChain's `ChatOpenAI` knows what such a server wants to be told, and OpenAI's client tells it and hears the stream. What is heard
is put together here, from the stream's JSON: LangChain's own message for each piece, and for each answer so far, took most of a
turn's time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import orjson
from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, AsyncStream

from agents.chat_tool import Json
from orchestrator.model_faults import Unreadable
from orchestrator.state import OnText

AS_JSON: Any = {"headers": {"Content-Type": "application/json"}}


class Requests(ChatOpenAI):
    """What a server is asked with, as its settings and the model's name want it."""

    def body(self, messages: Sequence[BaseMessage]) -> Json:
        told = cast(Json, self._get_request_payload(list(messages)))
        return told | {"stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True)
class RemoteModel:
    """One model. `asked` is what every request has beside its messages: the tools, or the shape of the answer."""

    requests: Requests
    asked: Json = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        return self.requests.model_name

    @property
    def address(self) -> str:
        return str(self.requests.root_async_client.base_url)

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

        Raises what OpenAI's client does, and `Unreadable`.
        """
        answer = _Answer()
        async with await self._stream(orjson.dumps(self.requests.body(messages) | self.asked)) as chunks:
            async for chunk in chunks:
                text = answer.add(_read(chunk))
                if text and not answer.calls:
                    await on_text(text, answer.begins)
                    answer.begins = False
        return answer.message() if answer.reason else None

    async def _stream(self, body: bytes) -> AsyncStream[object]:
        """The pieces as they are: the client would make a model of each."""
        client: AsyncOpenAI = self.requests.root_async_client
        return await client.post(
            "/chat/completions",
            content=body,
            options=AS_JSON,
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )


def _read(chunk: object) -> Json:
    if not isinstance(chunk, dict):
        raise Unreadable
    return cast(Json, chunk)


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
