"""Calling operations over HTTP, at the routes of their declarations."""

import re
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import orjson

from orchestrator.settings import Settings
from orchestrator.surfaces.cli.answers import Answer, Download, Refused
from tools.contract.declare import Tool

PREFIX = "/api/v1"
PATIENCE = httpx.Timeout(60, connect=10)  # seconds
ON_THE_WIRE = ("type", "title", "status", "detail", "instance", "request_id")  # what HTTP adds to a problem


class Remote:
    """A shop somewhere else, asked with an API key."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    @classmethod
    @asynccontextmanager
    async def at(cls, settings: Settings) -> "AsyncGenerator[Remote]":
        """The server of SHOPKEEPER_URL. Raises `NotReady` without SHOPKEEPER_KEY."""
        key = settings.key.get_secret_value() if settings.key else ""
        if not key:
            from orchestrator.installation import NotReady

            raise NotReady(
                "SHOPKEEPER_URL names a server, and there is no SHOPKEEPER_KEY to ask it with.",
                hint="Set SHOPKEEPER_KEY to an API key (`sk_…`); or unset SHOPKEEPER_URL to work in this installation.",
            )
        headers = {"Authorization": f"Bearer {key}"}
        base = (settings.server_url or "").rstrip("/")
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE) as http:
            yield cls(http)

    async def call(
        self, tool: Tool[Any, Any], arguments: Mapping[str, Any], *, key: str | None = None, preview: bool = False
    ) -> Answer:
        at, rest = _address(tool, arguments)
        query: dict[str, Any] = {"preview": "true"} if preview else {}
        body = None
        if tool.method in ("GET", "DELETE"):
            query |= {name: value for name, value in rest.items() if value is not None}
        else:
            body = rest
        headers = {"Idempotency-Key": key} if key and not preview else {}
        response = await self.http.request(tool.method, at, params=query, json=body, headers=headers)
        told = told_by(response)
        replayed = response.headers.get("idempotent-replayed") == "true"
        if preview or response.status_code == 202:
            return Answer(None, told["card"], told["approval"], told["why"], replayed)
        return Answer(result=told, replayed=replayed)

    def fetch(self, tool: Tool[Any, Any], arguments: Mapping[str, Any]) -> AbstractAsyncContextManager[Download]:
        at, rest = _address(tool, arguments)
        return self._download(at, {name: value for name, value in rest.items() if value is not None})

    def errors(self, reference: str) -> AbstractAsyncContextManager[Download]:
        return self._download(f"{PREFIX}/jobs/{quote(reference, safe='')}/errors.csv", {})

    @asynccontextmanager
    async def _download(self, at: str, query: Mapping[str, Any]) -> AsyncGenerator[Download]:
        async with self.http.stream("GET", at, params=query) as response:
            if response.is_error:
                await response.aread()
                told_by(response)
            named = re.search(r"filename\*=UTF-8''([^;]+)", response.headers.get("content-disposition", ""))
            yield Download(unquote(named[1]) if named else "download", response.aiter_bytes())

    async def upload(self, path: Path, key: str) -> str:
        with path.open("rb") as content:
            sent = {"file": (path.name, content)}
            response = await self.http.post(f"{PREFIX}/files", files=sent, headers={"Idempotency-Key": key})
        return told_by(response)["file"]

    async def job(self, reference: str) -> dict[str, Any]:
        return told_by(await self.http.get(f"{PREFIX}/jobs/{quote(reference, safe='')}"))

    @asynccontextmanager
    async def working(self, reference: str) -> AsyncGenerator[None]:
        """The server's worker does."""
        yield

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Post to a route beside the operations'. Raises `Refused`."""
        return told_by(await self.http.post(PREFIX + path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())}))

    async def follow(self, path: str, turn: str, after: str) -> AsyncGenerator[tuple[str, str, dict[str, Any]]]:
        """Server-sent events of a turn, after the one whose id is given: id, kind, data. Raises `Refused`."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        async with self.http.stream("GET", PREFIX + path, params={"turn": turn}, headers=headers) as response:
            if response.is_error:
                await response.aread()
                told_by(response)
            fields: dict[str, str] = {}
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value
                elif not line and "data" in fields:
                    yield fields.get("id", ""), fields.get("event", ""), orjson.loads(fields["data"])
                    fields = {}


def _address(tool: Tool[Any, Any], arguments: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The route with what stands in it, and the other arguments. Raises `Refused` where something is missing."""
    path = {name: quote(str(arguments[name]), safe="") for name in tool.path_fields if name in arguments}
    if missing := set(tool.path_fields) - set(path):
        raise Refused(
            422, {"code": "Invalid", "message": f"{tool.name} needs {', '.join(sorted(missing))}.", "hint": ""}
        )
    return PREFIX + tool.path.format(**path), {name: part for name, part in arguments.items() if name not in path}


def told_by(response: httpx.Response) -> dict[str, Any]:
    """The answer's JSON. Raises `Refused` with the problem as it is told in process."""
    try:
        told: dict[str, Any] = response.json()
    except ValueError:
        told = {
            "detail": f"{response.url} answered {response.status_code}, and not as a shop does.",
            "code": "NotAShop",
        }
        raise Refused(response.status_code, _problem(told)) from None
    if response.is_error:
        raise Refused(response.status_code, _problem(told))
    return told


def _problem(told: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in told.items() if name not in ON_THE_WIRE}
    problem = {"code": rest.pop("code", ""), "message": told.get("detail", ""), "hint": rest.pop("hint", "")}
    return problem | {"retryable": rest.pop("retryable", False)} | rest
