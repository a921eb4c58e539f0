"""The doors, as tests knock at them: each takes a tool, its arguments and a person of the shop, and says what came through."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx
import orjson
from typer.testing import CliRunner

from agents.chat_tool import ChatTool
from orchestrator.outside import Outside, providers_of
from orchestrator.surfaces.cli import app
from orchestrator.surfaces.cli.values import CLEARED, Field, fields_of
from orchestrator.surfaces.identity import COOKIE
from orchestrator.surfaces.rest import PREFIX
from tests.factories import NewShop
from tools.contract.actors import Door
from tools.contract.call import Shop
from tools.contract.declare import Tool

AnyTool = Tool[Any, Any]


@dataclass(frozen=True)
class Came:
    """What came through a door: a result, or a refusal's code."""

    result: Any = None
    refused: str = ""


Through = Callable[[AnyTool, dict[str, Any], NewShop, str], Awaitable[Came]]


def chat(shop: Shop) -> Through:
    """As the chat's tools node calls it, by a person's own hand."""
    shop = replace(shop, outside=Outside(shop, providers_of(shop, {}, "a secret")).first_try)

    async def through(tool: AnyTool, arguments: dict[str, Any], who: NewShop, role: str) -> Came:
        caller = replace(who.caller(role), door=Door.chat)
        answer = await ChatTool(tool).run(shop, arguments, caller, turn=uuid.uuid4(), nth=1)
        return Came(refused=answer.failed) if answer.failed else Came(answer.result)

    return through


def rest(client: httpx.AsyncClient) -> Through:
    """Over HTTP, signed in."""

    async def through(tool: AnyTool, arguments: dict[str, Any], who: NewShop, role: str) -> Came:
        path = {name: quote(str(arguments[name]), safe="") for name in tool.path_fields}
        others = {name: value for name, value in arguments.items() if name not in path}
        flat = tool.method in ("GET", "DELETE")
        answer = await client.request(
            tool.method,
            PREFIX + tool.path.format(**path),
            params=_flat(others) if flat else None,
            content=None if flat else orjson.dumps(others, default=str),
            headers={
                "Idempotency-Key": uuid.uuid4().hex,
                "Content-Type": "application/json",
                "Cookie": f"{COOKIE}={await who.session(role)}",
            },
        )
        body = answer.json()
        return Came(refused=body["code"]) if answer.is_error else Came(body)

    return through


def _flat(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in arguments.items()}


def command_line(url: str, folder: Path) -> Through:
    """The command itself, as a person of the installation whose credentials are in the home."""

    async def through(tool: AnyTool, arguments: dict[str, Any], who: NewShop, role: str) -> Came:
        home = folder / uuid.uuid4().hex
        home.mkdir()
        kept = {
            "ADDRESS": "",
            "EMAIL": "",
            "PASSWORD": "",
            "SHOPKEEPER_KEY": "",
            "MERCHANT": who.id,
            "USER": who.users[role],
        }
        (home / "credentials").write_text("".join(f"{name}={value}\n" for name, value in kept.items()))
        command = [tool.room, tool.name.replace("_", "-"), *_options(tool, arguments), "--json"]
        environment = {"SHOPKEEPER_HOME": str(home), "DATABASE_URL": url}
        done = await asyncio.to_thread(CliRunner().invoke, app, command, env=environment)
        assert done.exit_code in (0, 1, 2), done.output
        told = json.loads(done.stdout)
        return Came(told) if done.exit_code == 0 else Came(refused=told["code"])

    return through


def _options(tool: AnyTool, arguments: dict[str, Any]) -> list[str]:
    return [
        word for field in fields_of(tool) if field.name in arguments for word in _option(field, arguments[field.name])
    ]


def _option(field: Field, value: Any) -> list[str]:
    if isinstance(value, bool):
        yes, _, no = field.flag.partition("/")
        return [yes] if value else [no] if no else []
    if isinstance(value, list):
        return [word for one in cast(list[Any], value) or [CLEARED] for word in (field.flag, _written(one))]
    return [field.flag, _written(value)]


def _written(value: Any) -> str:
    return json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
