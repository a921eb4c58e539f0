"""Which model plays which role: any OpenAI-compatible one where a key or an address is set, else the embedded planner."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import httpx
import orjson
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.runnables import Runnable
from pydantic import SecretStr

from orchestrator.settings import Settings
from planner.chat import EmbeddedPlanner
from planner.choose.index import Index
from tools.contract.actors import Hand

if TYPE_CHECKING:  # imported when a model is used: the embedded planner does without, and a start is quicker
    import openai
    from langchain_openai import ChatOpenAI

ANSWER_WITHIN = 60.0  # seconds without a byte from the model
TRIES = 2  # of an answer that broke off half-way; refusals and overload are retried inside the client, with jitter

Model = Runnable[LanguageModelInput, AIMessage]
OnText = Callable[[str], Awaitable[None]]


class Role(StrEnum):
    router = "router"
    specialist = "specialist"


class ModelFailed(Exception):
    """The language model gave no answer; the message says why, in words for the person."""


@dataclass(frozen=True)
class Models:
    """The models of a process. The embedded planner needs no router: it ranks by the very index that routes."""

    specialist: BaseChatModel
    router: BaseChatModel | None
    hand: Hand
    name: str


@asynccontextmanager
async def open_models(settings: Settings, index: Index) -> AsyncGenerator[Models]:
    """The models that the settings name; a local server often wants no key, so an address alone is enough."""
    if settings.openai_api_key is None and settings.openai_base_url is None:
        yield Models(EmbeddedPlanner(index=index), None, Hand.planner, "embedded planner")
        return
    async with remote_models(settings) as remote:
        yield remote


@asynccontextmanager
async def remote_models(settings: Settings) -> AsyncGenerator[Models]:
    """Models behind an OpenAI-compatible address."""
    async with httpx.AsyncClient(timeout=httpx.Timeout(ANSWER_WITHIN, connect=10.0)) as client:
        specialist, router = (model_for(role, settings, client) for role in (Role.specialist, Role.router))
        yield Models(specialist, router, Hand.model, settings.model)


def model_for(role: Role, settings: Settings, client: httpx.AsyncClient) -> "ChatOpenAI":
    """The remote model of a role. The client tries again, with jitter, when it is refused for a while."""
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(
        model=settings.router_model or settings.model if role is Role.router else settings.model,
        api_key=settings.openai_api_key or SecretStr("none"),
        base_url=settings.openai_base_url,
        http_async_client=client,
        max_retries=3,
        stream_usage=True,
        stream_chunk_timeout=None,  # `ANSWER_WITHIN` is its client's own
        use_responses_api=False,
    )
    chat.async_client = _Plain(chat.root_async_client)
    return chat


class _Plain:
    """The client's completions without the model that it would build of each request and of each piece of an answer: they are
    dicts on both sides, and building took half of a turn's time. Errors and retries are the client's own.
    """

    def __init__(self, client: "openai.AsyncOpenAI") -> None:
        self.client = client

    async def create(self, *, stream: bool = False, **body: Any) -> Any:
        from openai import AsyncStream

        body["stream"] = stream
        return await self.client.post(
            "/chat/completions", body=body, cast_to=object, stream=stream, stream_cls=AsyncStream[object]
        )


async def ask(model: Model, messages: Sequence[BaseMessage], on_text: OnText) -> AIMessage:
    """The model's next message; `on_text` gets its text as it comes. Raises `ModelFailed`."""
    for attempt in range(1, TRIES + 1):
        try:
            message = await _streamed(model, messages, on_text)
            if message is not None:
                return message
            problem = "its answer broke off"
        except Exception as failed:
            problem = _problem(failed)
            if attempt == TRIES:
                raise ModelFailed(f"The language model did not answer: {problem}.") from failed
    raise ModelFailed("The language model did not answer: its answer broke off.")


def _problem(failed: Exception) -> str:
    """What asking once more may help against; raises `ModelFailed` for a refusal, and what is not the model's fault."""
    import openai

    if isinstance(failed, openai.APIStatusError):
        raise ModelFailed(_refused(failed)) from failed
    if isinstance(failed, openai.APIConnectionError | httpx.TransportError):
        return f"the connection to it was lost ({type(failed).__name__})"
    raise failed


async def _streamed(model: Model, messages: Sequence[BaseMessage], on_text: OnText) -> AIMessage | None:
    """None when the stream ended before the model did."""
    pieces: list[AIMessageChunk] = []
    calls = False
    async for chunk in model.astream(list(messages)):
        assert isinstance(chunk, AIMessageChunk)
        pieces.append(chunk)
        calls = calls or bool(chunk.tool_call_chunks)
        if chunk.text and not calls:
            await on_text(chunk.text)
    if not pieces:
        return None
    whole = add_ai_message_chunks(*pieces)
    finished = "finish_reason" in whole.response_metadata or not whole.response_metadata
    return _read(whole) if finished else None


def _read(whole: AIMessageChunk) -> AIMessage:
    """The message with its calls read strictly: LangChain completes JSON that broke off, and half a text would be written."""
    readable: list[ToolCall] = []
    unreadable: list[InvalidToolCall] = []
    for piece in whole.tool_call_chunks:
        name, written, id_ = piece["name"] or "", piece["args"] or "{}", piece["id"] or ""
        arguments = _object(written)
        if arguments is None:
            unreadable.append(invalid_tool_call(name=name, args=written, id=id_, error="not a JSON object"))
        else:
            readable.append(tool_call(name=name, args=arguments, id=id_))
    kept = {"additional_kwargs": whole.additional_kwargs, "usage_metadata": whole.usage_metadata}
    return AIMessage(whole.text, tool_calls=readable, invalid_tool_calls=unreadable, **kept)


def _object(written: str) -> dict[str, Any] | None:
    try:
        value: Any = orjson.loads(written)
    except orjson.JSONDecodeError:
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _refused(refused: "openai.APIStatusError") -> str:
    match refused.status_code:
        case 401 | 403:
            return "The language model refused the key (OPENAI_API_KEY). Check it, or unset it to use the embedded planner."
        case 404:
            return "The language model does not know the model or the address (SHOPKEEPER_MODEL, OPENAI_BASE_URL)."
        case 429:
            return "The language model is overloaded or its quota is used up (429). Try again in a minute."
        case status if status >= 500:
            return f"The language model failed on its side ({status}). Try again in a minute."
        case status:
            return f"The language model refused the request ({status})."
