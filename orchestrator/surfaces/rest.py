"""REST: each operation at the route of its declaration. Nothing here knows a domain.

Endpoints take a `Request` and return a `Response`: a body is read strictly, a query is made JSON first, results leave as they are.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from orchestrator.surfaces.problems import problem_response
from tools.contract import errors
from tools.contract.actors import Caller
from tools.contract.call import Outcome, Shop, call
from tools.contract.declare import I, Tool
from tools.contract.files import PREFIX, FileResult
from tools.contract.reading import alternatives, from_json, scalar

LARGEST_BODY = 1 << 20  # bytes
DEEPEST_BODY = 100  # levels; what reads and writes JSON below ends at 254
CallerOf = Callable[[Request], Awaitable[Caller]]


class TooLarge(errors.ShopError):
    """The request's body is larger than any operation needs."""

    status = 413
    hint = "Send at most 1 MiB; what is larger goes through POST /files."


class WrongMediaType(errors.ShopError):
    """The body is not JSON."""

    status = 415
    hint = "Send JSON with `Content-Type: application/json`."


def routes(shop: Shop, tools: Iterable[Tool[Any, Any]], caller_of: CallerOf, visitor: CallerOf) -> list[Route]:
    """A route for each operation; `visitor` is who calls where nobody has to be signed in."""
    return [
        Route(
            PREFIX + tool.path,
            _endpoint(shop, tool, visitor if tool.for_visitors else caller_of),
            methods=_methods(tool),
        )
        for tool in tools
    ]


def _methods(tool: Tool[Any, Any]) -> list[str]:
    """PATCH answers PUT with the same merge, for clients written to the original paths."""
    return ["PATCH", "PUT"] if tool.method == "PATCH" else [tool.method]


def _endpoint(shop: Shop, tool: Tool[Any, Any], caller_of: CallerOf) -> Callable[[Request], Awaitable[Response]]:
    fields = _query_fields(tool)

    async def endpoint(request: Request) -> Response:
        try:
            caller = await caller_of(request)
            preview = tool.writes and _preview(request)
            arguments = await _arguments(tool, request, fields)
            key = request.headers.get("idempotency-key")
            outcome = await call(shop, tool, arguments, caller, key=_checked(key), preview=preview)
            if isinstance(outcome.result, FileResult):
                return await download(
                    outcome.result.name, outcome.result.media_type, outcome.result.stream(shop, caller.merchant)
                )
            return _answer(tool, outcome, request)
        except errors.ShopError as refused:
            return problem_response(refused, request)

    return endpoint


def _checked(key: str | None) -> str | None:
    if key is not None and not 1 <= len(key) <= 255:
        raise errors.Unreadable("An Idempotency-Key has between 1 and 255 characters.")
    return key


def _preview(request: Request) -> bool:
    asked = request.query_params.getlist("preview") or ["false"]
    if asked not in (["true"], ["false"]):
        raise errors.Invalid("`preview` is `true` or `false`.")
    return asked == ["true"]


async def _arguments(tool: Tool[I, Any], request: Request, fields: "dict[str, _QueryField]") -> I:
    """Path, query or body, and If-Match, as the operation's input."""
    if tool.method in ("GET", "DELETE"):
        given = _from_query(request, fields, reserved={"preview"} if tool.writes else set())
    else:
        _only_preview(request)
        given = await read_json(request)
    twice = set(request.path_params) & set(given)
    if twice:
        raise errors.Invalid(f"The path says which {', '.join(sorted(twice))} is meant; leave it out elsewhere.")
    return from_json(tool, given | request.path_params | _version(request, given))


class _QueryField(NamedTuple):
    """What a query parameter may be, one value of it where it is a list."""

    kinds: list[dict[str, Any]]
    many: bool


def _query_fields(tool: Tool[Any, Any]) -> dict[str, _QueryField]:
    definitions = tool.schema.get("$defs", {})
    fields: dict[str, _QueryField] = {}
    for name, schema in tool.schema.get("properties", {}).items():
        kinds = list(alternatives(schema, definitions))
        items = [kind["items"] for kind in kinds if kind.get("type") == "array"]
        one = [kind for item in items for kind in alternatives(item, definitions)] or kinds
        fields[name] = _QueryField(one, many=bool(items))
    return fields


def _from_query(request: Request, fields: dict[str, _QueryField], reserved: set[str]) -> dict[str, Any]:
    """The query as JSON: text becomes what its field is."""
    given: dict[str, Any] = {}
    for name in request.query_params:
        values: list[Any] = request.query_params.getlist(name)
        if name in reserved:
            continue
        field = fields.get(name, _QueryField([], many=False))
        if len(values) > 1 and not field.many:
            raise errors.Invalid(f"`{name}` was given {len(values)} times, and takes one value.")
        values = [scalar(value, field.kinds) for value in values]
        given[name] = values if field.many else values[0]
    return given


def _only_preview(request: Request) -> None:
    unknown = sorted(set(request.query_params) - {"preview"})
    if unknown:
        raise errors.Invalid(
            f"This operation has no query parameter {', '.join(unknown)}.", hint="Send it in the JSON body."
        )


async def read_body(request: Request) -> bytes:
    """The body, as far as it is read. Raises `TooLarge`."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise TooLarge(f"The body has more than {LARGEST_BODY:,} bytes.")
    return body


async def read_json(request: Request) -> dict[str, Any]:
    """The body, a JSON object; nothing is an empty one. Raises `TooLarge`, `WrongMediaType`, `Unreadable` or `Invalid`."""
    body = await read_body(request)
    if not body:
        return {}
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise WrongMediaType(f"The body is {media_type}.")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as unreadable:
        raise errors.Unreadable(f"The body is not JSON: {unreadable}.") from unreadable
    if not isinstance(given, dict):
        raise errors.Invalid("The body has to be a JSON object.")
    if _levels(given) > DEEPEST_BODY:
        raise errors.Invalid(f"The body is nested deeper than {DEEPEST_BODY} levels.")
    return given  # what its values are, the input model says


def _levels(value: Any) -> int:
    """How deeply objects and lists are nested."""
    levels, layer = 0, [value]
    while layer:
        levels += 1
        parts = (part.values() if isinstance(part, dict) else part for part in layer if isinstance(part, (dict, list)))
        layer = list[Any](chain.from_iterable(parts))
    return levels - 1


def _version(request: Request, given: dict[str, Any]) -> dict[str, Any]:
    """`If-Match: "v3"` is version 3 of what the caller has read."""
    tag = request.headers.get("if-match")
    if tag is None or tag.strip() == "*":
        return {}
    written = re.fullmatch(r'(?:W/)?"v([0-9]{1,9})"', tag.strip())
    if written is None or given.get("version") not in (None, int(written[1])):
        raise errors.Invalid(
            f"If-Match is {tag}, which is not the version meant.", hint='Send the ETag as it was: "v3".'
        )
    return {"version": int(written[1])}


def _answer(tool: Tool[Any, Any], outcome: Outcome[Any], request: Request) -> Response:
    headers = {"Idempotent-Replayed": "true"} if outcome.replayed else {}
    if outcome.result is None:
        return _waiting(outcome, headers)
    version = getattr(outcome.result, "version", None)
    if version is not None:
        headers["ETag"] = f'"v{version}"'
        if tool.method == "GET" and request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
    status = 201 if creates(tool) else 200
    return Response(outcome.result.model_dump_json(), status, headers, "application/json")


async def download(name: str, media_type: str, pieces: AsyncGenerator[bytes]) -> Response:
    """A file, sent as it is made. Its first piece is made before the status is: what is refused then is a problem as ever."""
    first = await anext(pieces)

    async def all_of_it() -> AsyncGenerator[bytes]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(all_of_it(), 200, headers, media_type)


def _waiting(outcome: Outcome[Any], headers: dict[str, str]) -> Response:
    """A preview is shown (200); what needs a person's decision waits (202)."""
    body = {
        "approval": outcome.approval,
        "why": outcome.why,
        "card": outcome.card and outcome.card.model_dump(mode="json"),
    }
    if outcome.approval is None:
        return Response(orjson.dumps(body), 200, headers, "application/json")
    headers["Location"] = f"{PREFIX}/approvals/{outcome.approval}"
    return Response(orjson.dumps(body), 202, headers, "application/json")


def creates(tool: Tool[Any, Any]) -> bool:
    """Whether success is 201."""
    return tool.method == "POST" and tool.name.partition("_")[0] in ("create", "add")
