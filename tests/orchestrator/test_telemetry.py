"""Spans of a turn: what they name, how they hang together, and that nobody's words are in them unless they are asked for."""

import json
import sys
from collections.abc import Generator
from typing import Any

import langsmith
import langsmith.utils
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import ValidationError

from orchestrator import telemetry
from orchestrator.settings import Settings
from tests.orchestrator.conftest import Talk
from tests.scripted_openai import ScriptedOpenAI, calls, refuses, says

SECRET = "zebra"  # in everything that people and models write here


@pytest.fixture
def provider() -> Generator[tuple[TracerProvider, InMemorySpanExporter]]:
    exporter = InMemorySpanExporter()
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(exporter))
    yield made, exporter
    made.shutdown()


Told = tuple[TracerProvider, InMemorySpanExporter]


def named(told: Told, name: str) -> list[ReadableSpan]:
    return [span for span in told[1].get_finished_spans() if span.name == name]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_turn_its_models_and_its_tools_are_one_tree(provider: Told, talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("write_memo", {"text": SECRET})), says(SECRET))

    with telemetry.telling(provider[0]):
        turn = await talk(f"Write a memo: {SECRET}")

    (whole,) = named(provider, "invoke_agent shopkeeper")
    asked, (tool,) = named(provider, "chat scripted"), named(provider, "execute_tool write_memo")
    assert whole.context is not None
    assert [span.parent and span.parent.span_id for span in (*asked, tool)] == [whole.context.span_id] * 3
    assert attributes(whole)["shopkeeper.turn.id"] == str(turn.id)
    assert attributes(whole)["gen_ai.usage.input_tokens"] == turn.usage["prompt_tokens"]
    assert attributes(asked[0]) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "scripted",
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.usage.input_tokens": attributes(asked[0])["gen_ai.usage.input_tokens"],
        "gen_ai.usage.output_tokens": attributes(asked[0])["gen_ai.usage.output_tokens"],
        "server.address": "127.0.0.1",
        "server.port": int(model.url.rpartition(":")[2].removesuffix("/v1")),
    }
    assert asked[0].kind is SpanKind.CLIENT
    assert attributes(tool)["gen_ai.operation.name"] == "execute_tool"
    assert attributes(tool)["gen_ai.tool.name"] == "write_memo"


async def test_nobodys_words_are_in_spans(provider: Told, talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("write_memo", {"text": SECRET})), calls(("look_into_drawer", {"drawer": SECRET})), says(SECRET))

    with telemetry.telling(provider[0]):
        await talk(f"Write a memo and look into the drawer: {SECRET}")

    told = "".join(span.to_json() for span in provider[1].get_finished_spans())
    assert len(provider[1].get_finished_spans()) == 6
    assert SECRET not in told
    assert "Ignore the rules" not in told  # what an outsider wrote


async def test_words_are_told_where_a_setting_asks_for_them(provider: Told, talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("write_memo", {"text": SECRET})), says(f"Written: {SECRET}"))

    with telemetry.telling(provider[0], text=True):
        await talk(f"Write a memo: {SECRET}")

    first, last = (attributes(span) for span in named(provider, "chat scripted"))
    (tool,) = named(provider, "execute_tool write_memo")
    assert json.loads(attributes(tool)["gen_ai.tool.call.arguments"]) == {"text": SECRET}
    assert json.loads(first["gen_ai.input.messages"])[-1] == {
        "role": "user",
        "parts": [{"type": "text", "content": f"Write a memo: {SECRET}"}],
    }
    assert json.loads(last["gen_ai.output.messages"])[0]["parts"][0]["content"] == f"Written: {SECRET}"


async def test_a_turn_that_waited_is_two_spans(provider: Told, talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("pay_out", {"amount": 1500})), says("Paid."))

    with telemetry.telling(provider[0]):
        waiting = await talk("Pay 15 euros")
        await talk.decide(waiting.waits_for[0], "approve")
        await talk.settled(waiting)

    told = [attributes(span) for span in named(provider, "invoke_agent shopkeeper")]
    assert [one["shopkeeper.turn.status"] for one in told] == ["waiting", "finished"]
    assert {one["shopkeeper.turn.id"] for one in told} == {str(waiting.id)}


async def test_failures_are_told_by_their_kind(provider: Told, talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(calls(("look_into_drawer", {"drawer": "missing"})), refuses(503, retry_after="0"))

    with telemetry.telling(provider[0]):
        await talk("Look into the missing drawer")

    (tool,) = named(provider, "execute_tool look_into_drawer")
    failed = named(provider, "chat scripted")[-1]  # one span with all its tries
    (whole,) = named(provider, "invoke_agent shopkeeper")
    assert len(model.seen) == 5
    assert len(named(provider, "chat scripted")) == 2
    assert [attributes(span).get("error.type") for span in (tool, failed)] == ["NotFound", "503"]
    assert [span.status.status_code for span in (tool, failed, whole)] == [StatusCode.ERROR] * 3


def test_where_nothing_is_set_nothing_is_made(provider: Told) -> None:
    with telemetry.sending(Settings.model_validate({})), telemetry.tool_call("get_order", "1", {}) as span:
        assert not span.is_recording()


def test_langsmith_needs_its_key() -> None:
    own: dict[str, Any] = {"SHOPKEEPER_TRACES": "langsmith"}
    with pytest.raises(ValidationError, match="LANGSMITH_API_KEY"):
        Settings.model_validate(own)


def test_langchains_own_tracer_sends_nothing() -> None:
    """It would send every message as it is, wherever its own environment variables say."""
    langsmith.configure(enabled=True)

    with telemetry.sending(Settings.model_validate({})):
        utils: Any = langsmith.utils
        assert not utils.tracing_is_enabled()


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    own = Settings.model_validate({"SHOPKEEPER_TRACES": "http://127.0.0.1:4318/v1/traces"})

    with pytest.raises(telemetry.NoExporter, match="is not installed"), telemetry.sending(own):
        pass
