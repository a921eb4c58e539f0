"""The embedded planner as a LangChain chat model: where there is no language model, this one answers."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict

from planner.choose.index import Index
from planner.plan import next_message

PIECE = 40  # characters of a streamed piece, about


class EmbeddedPlanner(BaseChatModel):
    """Plans tool calls by meaning, words and types; keeps no state between calls.

    Offer it tools with `bind_tools`; it knows those that its index was built with, by name, and passes over the others.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: Index

    @property
    def _llm_type(self) -> str:
        return "embedded-planner"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offers tools: OpenAI function dicts as they are, anything else converted. `tool_choice` is not heeded."""
        offered: list[dict[str, Any]] = [
            tool if isinstance(tool, dict) else convert_to_openai_tool(tool) for tool in tools
        ]
        return self.bind(tools=offered, **kwargs)

    def _plan(self, messages: list[BaseMessage], settings: Mapping[str, Any]) -> AIMessage:
        offered = cast(Sequence[Mapping[str, Any]], settings.get("tools") or ())
        functions = [cast(Mapping[str, Any], tool.get("function", tool)) for tool in offered]
        return next_message(messages, {str(function["name"]): function for function in functions}, self.index)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._plan(messages, kwargs))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop, **kwargs)  # 10 to 20 ms of work: a thread would cost more than it saves

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(self._plan(messages, kwargs)):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(self._plan(messages, kwargs)):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


def _chunks(message: AIMessage) -> Iterator[ChatGenerationChunk]:
    """A message in pieces; what it carries beside its text comes with the last."""
    kept = cast(dict[str, Any], message.additional_kwargs)
    if message.tool_calls:
        calls = [
            tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=n)
            for n, call in enumerate(message.tool_calls)
        ]
        yield _chunk(AIMessageChunk(content="", tool_call_chunks=calls, additional_kwargs=kept))
        return
    pieces = _pieces(message.text)
    for n, piece in enumerate(pieces, 1):
        yield _chunk(AIMessageChunk(content=piece, additional_kwargs=kept if n == len(pieces) else {}))


def _chunk(message: AIMessageChunk) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=message)


def _pieces(text: str) -> list[str]:
    pieces: list[str] = [""]
    for word in text.split(" "):
        if len(pieces[-1]) > PIECE:
            pieces.append("")
        pieces[-1] += f"{word} "
    pieces[-1] = pieces[-1][:-1]
    return pieces
