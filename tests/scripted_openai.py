"""A language model that says what the test wants, behind an OpenAI-compatible server on the loopback: real HTTP, real streams.

It is scripted with replies in a row, or with a function of the request; it keeps every request.
"""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Body = dict[str, Any]
FRAGMENT = 9  # characters of a streamed piece of arguments


@dataclass(frozen=True)
class Reply:
    """What the model does next."""

    text: str = ""
    calls: tuple[tuple[str, dict[str, Any] | str], ...] = ()  # a text instead of arguments is sent as it is
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    in_one_piece: bool = False  # its text is not streamed word by word
    uncounted: bool = False  # without usage
    cut: bool = False  # the stream ends before the answer does
    slow: float = 0.0  # seconds before its first token
    silent: bool = False  # nothing comes until the caller gives up
    garbled: bool = False  # the stream is no JSON
    failing: bool = False  # the stream tells an error half-way
    refusal: str = ""
    reason: str = ""  # why it stopped, where not for its answer or its calls


def says(text: str) -> Reply:
    return Reply(text=text)


def calls(*asked: tuple[str, dict[str, Any] | str]) -> Reply:
    return Reply(calls=asked)


def refuses(status: int, **headers: str) -> Reply:
    return Reply(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def breaks_off(text: str, *asked: tuple[str, dict[str, Any] | str]) -> Reply:
    return Reply(text=text, calls=asked, cut=True)


Script = Callable[[Body], Reply]


class ScriptedOpenAI:
    """The server. `script` sets what it answers from now on; `seen` are the requests since then."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Body] = []
        self.keys: list[str] = []  # with which each of them came
        self._script: Script = lambda _: says("There is no script.")
        self._made = 0
        app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> None:
        """Serve at `url`."""
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def script(self, *replies: Reply) -> None:
        """Answer with these in a row; the last one is repeated."""
        left = list(replies)
        self.answer(lambda _: left.pop(0) if len(left) > 1 else left[0])

    def answer(self, script: Script) -> None:
        """Answer each request with what a function makes of it."""
        self.seen, self.keys = [], []
        self._script = script

    def offered(self, request: int = -1) -> list[str]:
        """The tools that a request offered."""
        return [tool["function"]["name"] for tool in self.seen[request].get("tools", [])]

    async def _complete(self, request: Request) -> Response:
        body: Body = await request.json()
        self.seen.append(body)
        self.keys.append(request.headers.get("authorization", ""))
        reply = self._script(body)
        self._made += 1
        await asyncio.sleep(reply.slow)
        while reply.silent and (await request.receive())["type"] != "http.disconnect":
            pass
        if reply.status != 200:
            error = {"message": f"scripted {reply.status}", "type": "scripted"}
            return JSONResponse({"error": error}, reply.status, reply.headers)
        if body.get("stream"):
            return StreamingResponse(self._stream(body, reply), media_type="text/event-stream")
        return JSONResponse(self._whole(body, reply))

    def _base(self, body: Body) -> Body:
        return {"id": f"chatcmpl-{self._made}", "created": 1_700_000_000, "model": body["model"]}

    def _calls(self, reply: Reply) -> list[Body]:
        """Each call with an id that no other has, as real models give them."""
        return [
            {
                "id": f"call_{self._made}_{n}",
                "type": "function",
                "function": {"name": name, "arguments": _written(given)},
            }
            for n, (name, given) in enumerate(reply.calls)
        ]

    def _whole(self, body: Body, reply: Reply) -> Body:
        message: Body = {"role": "assistant", "content": reply.text or None}
        if reply.calls:
            message["tool_calls"] = self._calls(reply)
        choice = {"index": 0, "message": message, "finish_reason": _reason(reply)}
        return self._base(body) | {"object": "chat.completion", "choices": [choice], "usage": _usage(body, reply)}

    def _stream(self, body: Body, reply: Reply) -> Iterator[str]:
        base = self._base(body) | {"object": "chat.completion.chunk"}

        def chunk(delta: Body, reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            return f"data: {json.dumps(base | {'choices': [choice]})}\n\n"

        yield chunk({"role": "assistant", "content": ""})
        for word in [reply.text] if reply.in_one_piece else re.findall(r"\S+\s*", reply.text):
            yield chunk({"content": word})
        if reply.garbled:
            yield "data: {this is no JSON}\n\n"
        if reply.failing:
            yield f"data: {json.dumps({'error': {'message': 'scripted', 'type': 'server_error'}})}\n\n"
        if reply.refusal:
            yield chunk({"refusal": reply.refusal})
        for n, call in enumerate(self._calls(reply)):
            arguments = call["function"]["arguments"]
            begun = call | {"index": n, "function": {"name": call["function"]["name"], "arguments": ""}}
            yield chunk({"tool_calls": [begun]})
            for start in range(0, len(arguments), FRAGMENT):
                piece = {"index": n, "function": {"arguments": arguments[start : start + FRAGMENT]}}
                yield chunk({"tool_calls": [piece]})
        if reply.cut:
            return
        yield chunk({}, _reason(reply))
        if "stream_options" in body and not reply.uncounted:
            yield f"data: {json.dumps(base | {'choices': [], 'usage': _usage(body, reply)})}\n\n"
        yield "data: [DONE]\n\n"


def _reason(reply: Reply) -> str:
    return reply.reason or ("tool_calls" if reply.calls else "stop")


def _written(arguments: dict[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _usage(body: Body, reply: Reply) -> Body:
    """Tokens by a rule of thumb that never changes: each word and each mark is one."""
    prompt = tokens(body["messages"]) + tokens(body.get("tools", []))
    completion = tokens([reply.text, [[name, given] for name, given in reply.calls]])
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def tokens(told: Sequence[Any]) -> int:
    return len(re.findall(r"\w+|[^\w\s]", json.dumps(told)))


def schema_tokens(function: Body) -> int:
    """A function's schema, as it is sent: each part of a word is one token, and each run of marks, such as `":{"`."""
    return len(re.findall(r"[^\W_]+|_|[^\w\s]+", json.dumps(function, separators=(",", ":"))))
