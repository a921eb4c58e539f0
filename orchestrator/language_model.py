"""Which model plays which role: any OpenAI-compatible one where a key or an address is set, else the embedded planner."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

import httpx
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable
from pydantic import SecretStr

from agents.chat_tool import Json
from orchestrator import telemetry
from orchestrator.model_faults import BROKE_OFF, Fault, fault_of
from orchestrator.settings import Settings
from orchestrator.spending import Price, Prices
from orchestrator.state import OnText
from planner.chat import EmbeddedPlanner
from planner.choose.index import Index
from tools.contract.actors import Hand

if TYPE_CHECKING:
    from orchestrator.remote_model import RemoteModel

_log = logging.getLogger(__name__)


class Role(StrEnum):
    router = "router"
    specialist = "specialist"


class Model(Protocol):
    """What can be asked: a model elsewhere, or the planner in this process."""

    def with_tools(self, functions: Sequence[Json]) -> "Model": ...
    def answering_as(self, response_format: Json) -> "Model": ...
    async def answer(self, messages: Sequence[BaseMessage], on_text: OnText) -> AIMessage | None: ...


@dataclass(frozen=True)
class Embedded:
    """The embedded planner. It routes nothing; what it says is there at once, and nothing of it is told before the whole."""

    planner: Runnable[LanguageModelInput, AIMessage]

    def with_tools(self, functions: Sequence[Json]) -> "Embedded":
        return Embedded(cast(EmbeddedPlanner, self.planner).bind_tools(functions))

    def answering_as(self, response_format: Json) -> "Embedded":
        return self

    async def answer(self, messages: Sequence[BaseMessage], on_text: OnText) -> AIMessage:
        return await self.planner.ainvoke(list(messages))


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

    def with_tools(self, functions: Sequence[Json]) -> "Lineup":
        return self._each(lambda model: model.with_tools(functions))

    def answering_as(self, response_format: Json) -> "Lineup":
        return self._each(lambda model: model.answering_as(response_format))

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
    planner = Lineup((Named("embedded planner", Embedded(EmbeddedPlanner(index=index))),))
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
    named = (Named(one.name, one, _place(one.address)) for one in models)
    return Lineup(tuple(named), settings.model_tries)


def _place(address: str) -> tuple[str, int]:
    url = urlsplit(address)
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


def model_for(role: Role, settings: Settings, client: httpx.AsyncClient) -> "RemoteModel":
    """The remote model of a role."""
    named = settings.router_model if role is Role.router else None
    return _remote(named or settings.model, settings, client)


def _remote(
    name: str, settings: Settings, client: httpx.AsyncClient, url: str | None = None, key: SecretStr | None = None
) -> "RemoteModel":
    """A model at its own address with its own key, or at the settings' with theirs: no key goes to another's server."""
    from orchestrator.remote_model import RemoteModel, Requests

    own = key if url else key or settings.openai_api_key
    requests = Requests(
        model=name,
        api_key=own or SecretStr("none"),
        base_url=url or settings.openai_base_url,
        http_async_client=client,
        temperature=settings.model_temperature,
        timeout=settings.model_seconds,
        max_retries=0,  # `ask` tries again: it knows the models that stand in
        use_responses_api=False,
    )
    return RemoteModel(requests)


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
            message = await model.answer(messages, on_text)
        except Exception as failed:
            fault = fault_of(failed)
        else:
            if message is not None:
                return message
            fault = BROKE_OFF
        if not fault.again:
            break
    return fault
