"""Spans of what a turn does, by OpenTelemetry's conventions for generative AI: the turn, each model that is asked, each tool.

https://github.com/open-telemetry/semantic-conventions-genai (v0.1.0; in development, so the names are here and nowhere else).
What people, outsiders and models wrote is in no span, unless `SHOPKEEPER_TRACES_TEXT` says so. LangChain's own tracer, which
sends all of it wherever its environment variables say, is switched off.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider

from orchestrator.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

NAME = "shopkeeper"


@dataclass(frozen=True)
class _Tracing:
    tracer: Tracer
    text: bool  # whether what was written may be in spans


_tracing = _Tracing(trace.NoOpTracerProvider().get_tracer(NAME), text=False)


class NoExporter(Exception):
    """What sends spans away is not installed."""


@contextmanager
def sending(settings: Settings) -> Generator[None]:
    """Spans go where the settings say, while this is open. Raises `NoExporter`."""
    _silence_langchain()
    if not settings.traces:
        yield
        return
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = _exporter(settings)
    except ImportError as missing:
        raise NoExporter(f"Spans cannot be sent: {missing.name} is not installed.") from missing
    provider = Provider(resource=Resource.create({"service.name": NAME}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        with telling(provider, text=settings.traces_text):
            yield
    finally:
        provider.shutdown()


@contextmanager
def telling(provider: TracerProvider, *, text: bool = False) -> Generator[None]:
    """Have spans made by a provider of one's own."""
    global _tracing
    before, _tracing = _tracing, _Tracing(provider.get_tracer(NAME), text)
    try:
        yield
    finally:
        _tracing = before


def _exporter(settings: Settings) -> "SpanExporter":
    """OTLP over HTTP, to a collector or to LangSmith, which takes the same."""
    exporting: Any = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    if settings.traces != "langsmith":
        return exporting.OTLPSpanExporter(endpoint=settings.traces)
    key = settings.langsmith_key.get_secret_value() if settings.langsmith_key else ""
    headers = {"x-api-key": key, "Langsmith-Project": settings.langsmith_project}
    return exporting.OTLPSpanExporter(endpoint=f"{settings.langsmith_url}/otel/v1/traces", headers=headers)


def _silence_langchain() -> None:
    import langsmith

    langsmith.configure(enabled=False)


# ---- the spans -----------------------------------------------------------------------------------------------------------


@contextmanager
def turn(merchant: UUID, turn: UUID, conversation: UUID) -> Generator[None]:
    """One request, until its answer or a card."""
    told = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": NAME, "gen_ai.agent.name": NAME}
    told |= {"gen_ai.conversation.id": str(conversation)}
    told |= {"shopkeeper.merchant.id": str(merchant), "shopkeeper.turn.id": str(turn)}
    with _span(f"invoke_agent {NAME}", SpanKind.INTERNAL, told):
        yield


def turn_waits() -> None:
    """The turn of the current span was left until its card is decided; what follows is another span."""
    trace.get_current_span().set_attribute("shopkeeper.turn.status", "waiting")


def turn_ended(status: str, usage: Mapping[str, Any], asked: str = "", answer: str = "") -> None:
    """How the turn of the current span ended."""
    span = trace.get_current_span()
    span.set_attribute("shopkeeper.turn.status", status)
    span.set_attribute("gen_ai.usage.input_tokens", usage["prompt_tokens"])
    span.set_attribute("gen_ai.usage.output_tokens", usage["completion_tokens"])
    if "micro_usd" in usage:
        span.set_attribute("shopkeeper.cost.micro_usd", usage["micro_usd"])
    if _tracing.text:
        span.set_attribute("gen_ai.input.messages", _messages([("user", asked)]))
        span.set_attribute("gen_ai.output.messages", _messages([("assistant", answer)]))
    if status == "failed":
        span.set_status(Status(StatusCode.ERROR))


@contextmanager
def model_call(name: str, address: tuple[str, int] | None, messages: Sequence[BaseMessage]) -> Generator[Span]:
    """A model that is asked, with all its tries."""
    told: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": name,
        "gen_ai.request.stream": True,
    }
    told |= {"gen_ai.provider.name": "openai" if address else NAME}
    told |= {"server.address": address[0], "server.port": address[1]} if address else {}
    if _tracing.text:
        told["gen_ai.input.messages"] = _messages([_told(one) for one in messages])
    with _span(f"chat {name}", SpanKind.CLIENT if address else SpanKind.INTERNAL, told) as span:
        yield span


def answered(span: Span, message: AIMessage) -> None:
    """What a model's answer cost, and whether it asked for tools."""
    if used := message.usage_metadata:
        span.set_attribute("gen_ai.usage.input_tokens", used["input_tokens"])
        span.set_attribute("gen_ai.usage.output_tokens", used["output_tokens"])
    asks = message.tool_calls or message.invalid_tool_calls
    span.set_attribute("gen_ai.response.finish_reasons", ["tool_calls" if asks else "stop"])
    if _tracing.text:
        span.set_attribute("gen_ai.output.messages", _messages([_told(message)]))


@contextmanager
def tool_call(name: str, id_: str, arguments: Mapping[str, Any]) -> Generator[Span]:
    """An operation that a model, or the caller, has called."""
    told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    told |= {"gen_ai.tool.call.id": id_, "gen_ai.tool.type": "function"}
    if _tracing.text:
        told["gen_ai.tool.call.arguments"] = orjson.dumps(arguments, default=str).decode()
    with _span(f"execute_tool {name}", SpanKind.INTERNAL, told) as span:
        yield span


def tool_answered(span: Span, failed: str, content: str) -> None:
    if failed:
        failed_with(span, failed)
    if _tracing.text:
        span.set_attribute("gen_ai.tool.call.result", content)


def failed_with(span: Span, kind: str) -> None:
    """`kind` is an error's class or code: few values, and no words of anybody's."""
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


@contextmanager
def _span(name: str, kind: SpanKind, told: Mapping[str, Any]) -> Generator[Span]:
    """An exception is told by its class alone: its message may have anything in it."""
    opened = _tracing.tracer.start_as_current_span(
        name, kind=kind, attributes=told, record_exception=False, set_status_on_exception=False
    )
    with opened as span:
        try:
            yield span
        except BaseException as failed:
            failed_with(span, type(failed).__name__)
            raise


def _told(message: BaseMessage) -> tuple[str, str]:
    roles = {"human": "user", "ai": "assistant"}
    asked = [*message.tool_calls, *message.invalid_tool_calls] if isinstance(message, AIMessage) else []
    calls = "".join(f"\n{call['name']} {orjson.dumps(call['args']).decode()}" for call in asked)
    role = "tool" if isinstance(message, ToolMessage) else roles.get(message.type, message.type)
    return role, f"{message.text}{calls}"


def _messages(told: Sequence[tuple[str, str]]) -> str:
    """As the conventions' JSON schema of messages has them, in text parts."""
    parts = [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in told]
    return orjson.dumps(parts).decode()
