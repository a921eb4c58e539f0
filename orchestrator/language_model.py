"""Which model plays which role: any OpenAI-compatible one where a key or an address is set, else the embedded planner."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

import httpx
import orjson
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.runnables import Runnable
from pydantic import SecretStr

from orchestrator import telemetry
from orchestrator.model_faults import BROKE_OFF, Fault, fault_of
from orchestrator.settings import Settings
from orchestrator.spending import Price, Prices
from planner.chat import EmbeddedPlanner
from planner.choose.index import Index
from tools.contract.actors import Hand

if TYPE_CHECKING:
    import openai

    from orchestrator.remote_model import RemoteModel

_log = logging.getLogger(__name__)
Model = Runnable[LanguageModelInput, AIMessage]
OnText = Callable[[str, bool], Awaitable[None]]  # a piece of text, and whether the answer begins anew with it


class Role(StrEnum):
    router = "router"
    specialist = "specialist"


class ModelFailed(Exception):
    """The language model gave no answer; the message says why, in words for the person."""


class Named(NamedTuple):
    """A model by the name that its server knows; without an address it is in this process."""

    name: str
    model: Model
    address: tuple[str, int] | None = None


@dataclass(frozen=True)
class Lineup:
    """The models of a role, in the order in which they are asked: each but the first when those before it have failed."""

    models: tuple[Named, ...]
    tries: int = 1  # of each

    def with_tools(self, functions: Sequence[dict[str, Any]]) -> "Lineup":
        return self._each(lambda model: cast(BaseChatModel, model).bind_tools(functions))

    def answering_as(self, response_format: dict[str, Any]) -> "Lineup":
        return self._each(lambda model: model.bind(response_format=response_format))

    def _each(self, change: Callable[[Model], Model]) -> "Lineup":
        return Lineup(tuple(one._replace(model=change(one.model)) for one in self.models), self.tries)


@dataclass(frozen=True)
class Models:
    """The models of a process. The embedded planner needs no router: it ranks by the very index that routes."""

    specialist: Lineup
    router: Lineup | None
    hand: Hand
    name: str
    prices: Prices


@asynccontextmanager
async def open_models(settings: Settings, index: Index) -> AsyncGenerator[Models]:
    """The models that the settings name; a local server often wants no key, so an address alone is enough."""
    if settings.has_model:
        async with remote_models(settings) as remote:
            yield remote
        return
    planner = Lineup((Named("embedded planner", EmbeddedPlanner(index=index)),))
    yield Models(planner, None, Hand.planner, "embedded planner", {})


@asynccontextmanager
async def remote_models(settings: Settings) -> AsyncGenerator[Models]:
    """Models behind an OpenAI-compatible address."""
    async with httpx.AsyncClient(timeout=httpx.Timeout(settings.model_seconds, connect=10.0)) as client:
        prices = {name: Price(*price) for name, price in settings.prices.items()}
        specialist, router = (lineup(role, settings, client) for role in (Role.specialist, Role.router))
        yield Models(specialist, router, Hand.model, settings.model, prices)


def lineup(role: Role, settings: Settings, client: httpx.AsyncClient) -> Lineup:
    models = [model_for(role, settings, client)]
    if settings.fallback_model:
        models.append(_remote(settings.fallback_model, settings, client, settings.fallback_url, settings.fallback_key))
    named = (Named(one.model_name, one, _address(one)) for one in models)
    return Lineup(tuple(named), settings.model_tries)


def _address(model: "RemoteModel") -> tuple[str, int]:
    url = urlsplit(model.openai_api_base or "https://api.openai.com/v1")
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


def model_for(role: Role, settings: Settings, client: httpx.AsyncClient) -> "RemoteModel":
    """The remote model of a role."""
    named = settings.router_model if role is Role.router else None
    return _remote(named or settings.model, settings, client)


def _remote(
    name: str, settings: Settings, client: httpx.AsyncClient, url: str | None = None, key: SecretStr | None = None
) -> "RemoteModel":
    """A model at its own address with its own key, or at the settings' with theirs: no key goes to another's server."""
    from orchestrator.remote_model import RemoteModel

    own = key if url else key or settings.openai_api_key
    chat = RemoteModel(
        model=name,
        api_key=own or SecretStr("none"),
        base_url=url or settings.openai_base_url,
        http_async_client=client,
        temperature=settings.model_temperature,
        timeout=settings.model_seconds,
        max_retries=0,  # `ask` tries again: it knows the models that stand in
        stream_usage=True,
        stream_chunk_timeout=None,  # the client under it waits no longer for a piece than `timeout`
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


async def ask(lineup: Lineup, messages: Sequence[BaseMessage], on_text: OnText) -> AIMessage:
    """The next message of the first model that answers; `on_text` gets its text as it comes. Raises `ModelFailed`.

    Its `response_metadata` names the model. A model that is refused, overloaded or cut off is tried again, with pauses; then
    the next one is asked.
    """
    told: list[str] = []
    for name, model, address in lineup.models:
        with telemetry.model_call(name, address, messages) as span:
            answer = await _tried(model, lineup.tries, messages, on_text)
            if isinstance(answer, AIMessage):
                answer.response_metadata["model"] = name
                telemetry.answered(span, answer)
                return answer
            telemetry.failed_with(span, answer.kind)
        _log.warning("the model %s gave no answer: %s", name, answer.told)
        told.append(answer.told if not told else f"{name}, asked in its place, did not answer either: {answer.told}")
    raise ModelFailed(" ".join(told))


async def _tried(model: Model, tries: int, messages: Sequence[BaseMessage], on_text: OnText) -> AIMessage | Fault:
    """The answer, or the fault of the last try that was worth making."""
    fault = BROKE_OFF
    for attempt in range(tries):
        if attempt:
            await asyncio.sleep(fault.pause(attempt - 1))
        try:
            message = await _streamed(model, messages, on_text)
        except Exception as failed:
            fault = fault_of(failed)
        else:
            if message is not None:
                return message
            fault = BROKE_OFF
        if not fault.again:
            break
    return fault


async def _streamed(model: Model, messages: Sequence[BaseMessage], on_text: OnText) -> AIMessage | None:
    """None when the stream ended before the model did."""
    pieces: list[AIMessageChunk] = []
    calls = begun = False
    async for chunk in model.astream(list(messages)):
        assert isinstance(chunk, AIMessageChunk)
        pieces.append(chunk)
        calls = calls or bool(chunk.tool_call_chunks)
        if chunk.text and not calls:
            await on_text(chunk.text, not begun)
            begun = True
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
    return AIMessage(_text(whole), tool_calls=readable, invalid_tool_calls=unreadable, **kept)


def _text(whole: AIMessageChunk) -> str:
    """What it says; where it stopped for a reason of its own, the person is told that it did."""
    refusal = whole.additional_kwargs.pop("refusal", "")
    if refusal:
        return f"The language model refuses: “{refusal}”"
    match whole.response_metadata.get("finish_reason"):
        case "content_filter":
            return f"{whole.text}\n\nThe language model's provider filtered the rest of the answer.".strip()
        case "length" if whole.text:
            return f"{whole.text}\n\nThe answer ends here: it reached the language model's limit of length."
        case _:
            return whole.text


def _object(written: str) -> dict[str, Any] | None:
    try:
        value: Any = orjson.loads(written)
    except orjson.JSONDecodeError:
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
