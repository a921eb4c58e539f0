"""What the OpenAPI document says of the door for other people's clients: OpenAI's chat completions and list of models."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from orchestrator.surfaces.completions import MODEL, PREFIX, Completion

_TAG = "completions"
_REFUSED = {
    400: "It cannot be read.",
    401: "Nobody is known by that key or session.",
    403: "It came from another site, or lacks a permission.",
    404: "There is no such model.",
    409: "Something of the same conversation is under way, or too much waits already.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A value cannot be as it is, or asks for what the shop does not do as a model.",
    429: "Too often, too many turns at once, or the day's budget of the language model is spent.",
    500: "A fault of the program.",
    503: "Every connection is in use, or the answer is not there in time.",
}


class ModelShown(BaseModel):
    """What a client can choose: the shop, or one of its specialists."""

    id: str = Field(description="`shopkeeper`, or a specialist such as `shopkeeper/orders`.")
    object: Literal["model"] = Field(description="What it is.")
    created: int = Field(description="0: it has no date.")
    owned_by: str = Field(description="Whose it is.")


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"] = Field(description="What it is.")
    data: list[ModelShown] = Field(description="The shop first.")


class AnswerMessage(BaseModel):
    role: Literal["assistant"] = Field(description="Who says it.")
    content: str = Field(description="The answer, in Markdown.")


class Choice(BaseModel):
    index: int = Field(description="There is one answer: 0.")
    message: AnswerMessage = Field(description="The answer.")
    finish_reason: Literal["stop"] = Field(description="It is whole.")
    logprobs: None = Field(description="None are told.")


class TokensUsed(BaseModel):
    """Of the shop's own language model, for the whole turn."""

    prompt_tokens: int = Field(description="Read.")
    completion_tokens: int = Field(description="Written.")
    total_tokens: int = Field(description="Both.")


class CompletionShown(BaseModel):
    """An answer."""

    id: str = Field(description="A name of its own.")
    object: Literal["chat.completion"] = Field(description="What it is.")
    created: int = Field(description="Seconds since 1970.")
    model: str = Field(description="The model that was asked.")
    choices: list[Choice] = Field(description="One.")
    usage: TokensUsed = Field(description="What it cost.")


class Refusal(BaseModel):
    message: str = Field(description="What is wrong, and what to do.")
    type: str = Field(description="What kind of error, as OpenAI names them.")
    param: None = Field(description="None is named.")
    code: str = Field(description="The error's name.")


class CompletionRefused(BaseModel):
    """OpenAI's shape of an error."""

    error: Refusal = Field(description="The error.")


INPUTS: tuple[type[BaseModel], ...] = (Completion,)
OUTPUTS: tuple[type[BaseModel], ...] = (CompletionShown, CompletionRefused, ModelList, ModelShown)


def paths() -> dict[str, dict[str, Any]]:
    """Beside `/api/v1`, at the address that such clients expect."""
    chunks = {"schema": {"type": "string"}}
    answer = _json(CompletionShown) | {"text/event-stream": chunks}
    name = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}, "example": MODEL}
    body = {"model": MODEL, "messages": [{"role": "user", "content": "What is running low?"}]}
    complete = _operation(
        "complete_chat", "Answer a conversation, at once or with `stream` as server-sent chunks.", answer
    )
    complete["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": _ref(Completion), "example": body}},
    }
    return {
        f"{PREFIX}/chat/completions": {"post": complete},
        f"{PREFIX}/models": {"get": _operation("list_models", "List what a client can choose.", _json(ModelList))},
        f"{PREFIX}/models/{{model}}": {
            "get": _operation("get_model", "Show one of them.", _json(ModelShown)) | {"parameters": [name]}
        },
    }


def _operation(name: str, summary: str, answer: dict[str, Any]) -> dict[str, Any]:
    refused = {
        str(status): {"description": why, "content": _json(CompletionRefused)} for status, why in _REFUSED.items()
    }
    return {
        "operationId": name,
        "tags": [_TAG],
        "summary": summary,
        "responses": {"200": {"description": "The answer.", "content": answer}} | refused,
    }


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(model)}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
