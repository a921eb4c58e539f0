"""Uploading files, and reading how far a job is and what it could not take. Nothing here knows a domain."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator import files, jobs
from orchestrator.files import FileTooLarge
from orchestrator.settings import Settings
from orchestrator.surfaces.chat import key_of, number_of
from orchestrator.surfaces.problems import problem_response
from orchestrator.surfaces.rest import PREFIX, CallerOf, WrongMediaType, download
from tools.contract.actors import Caller
from tools.contract.errors import Invalid, ShopError, Unreadable
from tools.contract.shop import Shop

FORM_AROUND_IT = 64 * 1024  # bytes that a form may have besides its file

Endpoint = Callable[[Request, Caller], Awaitable[Response]]


def routes(shop: Shop, settings: Settings, caller_of: CallerOf) -> list[Route]:
    async def upload(request: Request, caller: Caller) -> Response:
        key = key_of(request)
        await files.may_upload(shop, caller)
        async with _file(request, settings.file_bytes) as sent:
            named = (sent.filename or "", sent.content_type or "")
            kept = await files.upload(shop, settings, caller, key, *named, sent.file)
        return _json({"file": kept.reference, **kept._asdict()}, 201, leaving_out="reference")

    async def job(request: Request, caller: Caller) -> Response:
        reference: str = request.path_params["job"]
        shown = (await jobs.job_of(shop, caller, reference)).shown()
        at = f"{PREFIX}/jobs/{shown['job']}/errors"
        return _json({**shown, "errors": at, "error_file": f"{at}.csv"})

    async def errors(request: Request, caller: Caller) -> Response:
        limit = number_of(request.query_params.get("limit", "20"), 1, 100, "limit")
        after = request.query_params.get("after")
        page = await jobs.errors_of(shop, caller, request.path_params["job"], limit=limit, after=after)
        return Response(page.model_dump_json(exclude={"total"}), 200, media_type="application/json")

    async def error_file(request: Request, caller: Caller) -> Response:
        reference: str = request.path_params["job"]
        pieces = await jobs.error_file(shop, caller, reference)
        return await download(jobs.error_file_name(reference), "text/csv", pieces)

    def at(path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        return Route(PREFIX + path, _guarded(endpoint, caller_of), methods=[method])

    return [
        at("/files", upload, "POST"),
        at("/jobs/{job}", job),
        at("/jobs/{job}/errors", errors),
        at("/jobs/{job}/errors.csv", error_file),
    ]


def _guarded(endpoint: Endpoint, caller_of: CallerOf) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request, await caller_of(request))
        except ShopError as refused:
            return problem_response(refused, request)

    return guarded


def _json(shown: dict[str, object], status: int = 200, *, leaving_out: str = "") -> Response:
    shown = {name: part for name, part in shown.items() if name != leaving_out}
    return Response(orjson.dumps(shown), status, media_type="application/json")


@asynccontextmanager
async def _file(request: Request, most: int) -> AsyncGenerator[UploadFile]:
    """The one file of a form, on disk beyond its first megabyte.

    Raises `WrongMediaType`, `FileTooLarge`, `Unreadable` or `Invalid`.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise WrongMediaType("A file comes as a form.", hint="Send multipart/form-data: `curl -F file=@products.csv`.")
    try:
        form = await MultiPartParser(request.headers, _at_most(request, most), max_files=1, max_fields=5).parse()
    except MultiPartException as unreadable:
        raise Unreadable(f"The form cannot be read: {unreadable.message}") from unreadable
    try:
        sent = form.get("file")
        if not isinstance(sent, UploadFile):
            raise Invalid("The form has no file.", hint="Send it as the field `file`.")
        yield sent
    finally:
        await form.close()


async def _at_most(request: Request, most: int) -> AsyncGenerator[bytes]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most + FORM_AROUND_IT:
            raise FileTooLarge(f"The file has more than {most:,} bytes.")
        yield chunk
