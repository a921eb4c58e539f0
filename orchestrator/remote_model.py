"""LangChain's client of OpenAI-compatible servers, imported when such a model is used; a start without one is quicker."""

from collections.abc import Callable
from typing import Any, cast

from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI


class RemoteModel(ChatOpenAI):
    """It also hears a refusal that is streamed, which `ChatOpenAI` drops."""

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        convert = cast(Callable[..., ChatGenerationChunk | None], super()._convert_chunk_to_generation_chunk)  # pyright: ignore[reportUnknownMemberType]
        made = convert(chunk, default_chunk_class, base_generation_info)
        choices: list[dict[str, Any]] = chunk.get("choices") or []
        refusal = cast(dict[str, Any], choices[0].get("delta") or {}).get("refusal") if choices else None
        if made is not None and refusal:
            made.message.additional_kwargs["refusal"] = refusal
        return made
