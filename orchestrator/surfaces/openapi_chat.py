"""What the OpenAPI document says of the routes beside the operations: signing in, conversations, turns, structured requests."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from orchestrator.surfaces.chat import LONGEST_SEARCH, Asked, NewTitle, Said
from orchestrator.surfaces.problems import MEDIA_TYPE
from orchestrator.surfaces.session import SignIn


class ConversationShown(BaseModel):
    """A conversation."""

    conversation: str = Field(description="Its reference, such as `CNV-1001`.")
    title: str = Field(description="What it began with.")
    created_at: datetime = Field(description="When it began, UTC.")


class MessageShown(BaseModel):
    """One thing said."""

    id: str = Field(description="Its id.")
    turn: str = Field(description="The turn that it belongs to.")
    role: str = Field(description="`person` or `assistant`.")
    text: str = Field(description="What was said, in Markdown.")
    evidence: dict[str, Any] = Field(
        description="Of an answer: which specialists, tools, arguments and rows it rests on."
    )
    created_at: datetime = Field(description="When, UTC.")


class TurnShown(BaseModel):
    """One request and how far its answer is."""

    turn: str = Field(description="Its id.")
    conversation: str = Field(description="The conversation.")
    status: str = Field(description="`running`, `waiting` for a person's decision, `finished` or `failed`.")
    answer: str | None = Field(description="The answer, when there is one.")
    result: Any = Field(description="The result of an operation that the request named.")
    evidence: dict[str, Any] = Field(description="Which specialists, tools, arguments and rows the answer rests on.")
    usage: dict[str, Any] = Field(
        description="Calls and tokens of language models, in all and by agent; `micro_usd` is their cost in millionths of a dollar."
    )
    approvals: list[str] = Field(description="What waits for a decision: `POST /approvals/{approval}/decision`.")
    events: str = Field(description="Where its events are streamed.")


class ConversationPage(BaseModel):
    """A piece of the list."""

    data: list[ConversationShown] = Field(description="Newest first.")
    next: str | None = Field(description="Given as `after` for the following piece.")
    has_more: bool = Field(description="Whether there is one.")


class ConversationWhole(ConversationShown):
    """A conversation with what was said in it."""

    messages: list[MessageShown] = Field(description="In order.")
    turns: list[TurnShown] = Field(description="Those that are not through.")


INPUTS: tuple[type[BaseModel], ...] = (SignIn, Said, NewTitle, Asked)
OUTPUTS: tuple[type[BaseModel], ...] = (ConversationShown, ConversationPage, ConversationWhole, TurnShown)

_REFUSED = {
    400: "It cannot be read, or has no Idempotency-Key.",
    401: "Nobody is known by that key, session or password.",
    403: "It came from another site, or lacks a permission.",
    404: "There is no such conversation, turn, specialist or operation of the caller's.",
    409: "Something of the same key is under way, or too much waits already.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A value cannot be as it is.",
    429: "Too often, too many turns or streams at once, or the day's budget of the language model is spent.",
    503: "Every connection is in use, or the process works on as many turns as it can.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Names the message: sent again, it is the same turn.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_CONVERSATION = {
    "name": "conversation",
    "in": "path",
    "required": True,
    "description": "Its reference, such as `CNV-1001`.",
    "schema": {"type": "string", "pattern": "^[^/]+$"},
}
_WAIT = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`wait=10` waits so many seconds for the answer, at most 60; other preferences change nothing (RFC 7240).",
    "schema": {"type": "string"},
    "example": "wait=10",
}


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def paths() -> dict[str, dict[str, Any]]:
    """Below `/api/v1`."""
    turn = {"200": _shown("The turn, through.", TurnShown), "202": _shown("The turn, under way or waiting.", TurnShown)}
    text = {"type": "string"}
    after = _query("after", "The `next` of the page before.", text)
    words = _query(
        "text", "Words that are all in its title or messages.", {"type": "string", "maxLength": LONGEST_SEARCH}
    )
    limit = _query("limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20})
    stream = {"description": "Server-sent events, numbered.", "content": {"text/event-stream": {"schema": text}}}
    following = [
        _query("turn", "Whose events; the latest turn's by default.", {"type": "string", "format": "uuid"}),
        _query("follow", "`true` goes on with later turns.", {"type": "boolean"}),
        {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "description": "Resumes after it.",
            "schema": text,
        },
    ]
    turn_id = {"name": "turn", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    made = {"201": _shown("The conversation.", ConversationShown)}
    page = {"200": _shown("One's own conversations.", ConversationPage)}
    return {
        "/session": {
            "post": _operation(
                "sign_in", "Sign in with e-mail and password; the session is a cookie.", {"204": _done()}, SignIn
            ),
            "delete": _operation("sign_out", "End the session.", {"204": _done()}),
        },
        "/conversations": {
            "post": _operation("start_conversation", "Begin a conversation.", made, None, _KEY),
            "get": _operation(
                "list_conversations",
                "List one's own conversations, or find them by words.",
                page,
                None,
                words,
                limit,
                after,
            ),
        },
        "/conversations/{conversation}": {
            "get": _operation(
                "get_conversation",
                "Show a conversation with what was said in it.",
                {"200": _shown("The conversation.", ConversationWhole)},
                None,
                _CONVERSATION,
            ),
            "patch": _operation(
                "rename_conversation",
                "Give a conversation another name.",
                {"200": _shown("The conversation.", ConversationShown)},
                NewTitle,
                _CONVERSATION,
            ),
            "delete": _operation(
                "delete_conversation",
                "Delete what was said in a conversation, once all of it is through.",
                {"204": _done()},
                None,
                _CONVERSATION,
            ),
        },
        "/conversations/{conversation}/messages": {
            "post": _operation("post_message", "Ask something, in words.", turn, Said, _CONVERSATION, _KEY, _WAIT)
        },
        "/conversations/{conversation}/events": {
            "get": _operation(
                "follow_events", "Follow a turn as it happens.", {"200": stream}, None, _CONVERSATION, *following
            )
        },
        "/turns/{turn}": {
            "get": _operation("get_turn", "Show a turn of one's own.", {"200": turn["200"]}, None, turn_id),
            "delete": _operation(
                "stop_turn", "End a turn; its answer says what was done until then.", turn, None, turn_id
            ),
        },
        "/requests": {
            "post": _operation(
                "post_request", "Ask for an operation, or give a specialist a task.", turn, Asked, _KEY, _WAIT
            )
        },
    }


def _operation(
    name: str, summary: str, answers: dict[str, Any], body: type[BaseModel] | None = None, *parameters: dict[str, Any]
) -> dict[str, Any]:
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refused = {str(status): {"description": why, "content": problem} for status, why in _REFUSED.items()}
    operation: dict[str, Any] = {
        "operationId": name,
        "tags": ["conversations" if name not in ("sign_in", "sign_out") else "session"],
        "summary": summary,
        "parameters": list(parameters),
        "responses": answers | refused,
    }
    if name in ("sign_in", "sign_out"):
        operation["security"] = []
    if body:
        example = {
            "SignIn": {"email": "owner@demo.example", "password": "…"},
            "Said": {"text": "What is running low?"},
            "NewTitle": {"title": "Stock before Christmas"},
        }.get(body.__name__, {"tool": "get_order", "arguments": {"order": "ORD-1042"}})
        schema = {"$ref": f"#/components/schemas/{body.__name__}"}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example}},
        }
    return operation


def _shown(description: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _done() -> dict[str, Any]:
    return {"description": "Done."}
