"""`shopkeeper model check`, against a server that can do everything, and against the same with one ability after the other off."""

import asyncio
import json
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestrator.surfaces.cli import app
from tests.scripted_openai import Body, Reply, ScriptedOpenAI, calls, refuses, says


@pytest.fixture(scope="module")
def server() -> Generator[ScriptedOpenAI]:
    scripted = ScriptedOpenAI()
    scripted.start()
    yield scripted
    scripted.stop()


def able(body: Body) -> Reply:
    """A model that can do everything."""
    asked, last = body["messages"][0]["content"], body["messages"][-1]
    if "response_format" in body:
        return says('{"room": "orders"}')
    if last["role"] == "tool":
        return says("ORD-1042 is paid; its total is 48.50 EUR.")
    if "tools" in body:
        orders = [order for order in ("ORD-1042", "ORD-1043") if order in asked]
        return calls(*(("get_order", {"order": order}) for order in orders))
    return says("One two three four.")


async def check(server: ScriptedOpenAI, *options: str, **more: str) -> Result:
    environment = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": server.url, "SHOPKEEPER_MODEL": "big"}
    return await asyncio.to_thread(CliRunner().invoke, app, ["model", "check", *options], env=environment | more)


async def test_a_model_that_can_do_everything_is_told_line_by_line(server: ScriptedOpenAI) -> None:
    server.answer(able)

    done = await check(server)

    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == f"big at {server.url}: specialist, router"
    assert [line.split()[0] for line in lines[1:]] == ["ok"] * 8
    assert [line.partition("  ")[2].strip().partition(":")[0] for line in (line.strip() for line in lines[1:])] == [
        "answers", "streams", "first token", "usage", "tools", "results", "calls at once", "structured output",
    ]  # fmt: skip


def without(name: str, body: Body) -> Reply:
    """The same model, with one ability off."""
    reply = able(body)
    match name:
        case "streams":
            return replace(reply, in_one_piece=True)
        case "usage":
            return replace(reply, uncounted=True)
        case "tools" if "tools" in body:
            return says("I would call get_order.")
        case "results" if body["messages"][-1]["role"] == "tool":
            return calls(("get_order", {"order": "ORD-1042"}))
        case "calls at once" if "tools" in body:
            return replace(reply, calls=reply.calls[:1])
        case "structured output" if "response_format" in body:
            return refuses(400)
        case _:
            return reply


@pytest.mark.parametrize(
    ("name", "needed", "means"),
    [
        ("streams", False, "people see nothing of an answer until all of it is there"),
        ("usage", False, "tokens, cost and the day's budget are not counted"),
        ("tools", True, "it can look nothing up and do nothing (it answered in words)"),
        ("results", True, "it cannot answer from what the shop finds (it did not tell the total)"),
        ("calls at once", False, "answers from several places take more calls, time and tokens (1 calls in one answer)"),
        ("structured output", False, "the index guesses the specialists (The language model refused the request (400).)"),
    ],
)  # fmt: skip
async def test_an_ability_that_is_missing_is_told_with_what_it_means(
    server: ScriptedOpenAI, name: str, needed: bool, means: str
) -> None:
    server.answer(lambda body: without(name, body))

    told = await check(server, "--json")

    (examined,) = json.loads(told.stdout)
    ability: dict[str, Any] = next(one for one in examined["abilities"] if one["name"] == name)
    assert (ability["there"], ability["needed"]) == (False, needed)
    assert means in ability["told"]
    assert told.exit_code == (1 if needed else 0)
    assert examined["useful"] is not needed


async def test_of_a_model_that_cannot_be_reached_nothing_more_is_asked(server: ScriptedOpenAI) -> None:
    server.answer(lambda _: refuses(401))

    done = await check(server)

    assert done.exit_code == 1
    assert "MISSING  answers: The language model refused the key (OPENAI_API_KEY)." in done.stdout
    assert len(server.seen) == 1


async def test_each_model_of_the_settings_is_examined_once(server: ScriptedOpenAI) -> None:
    server.answer(able)

    done = await check(
        server, "--json", SHOPKEEPER_ROUTER_MODEL="small", SHOPKEEPER_FALLBACK_MODEL="old", SHOPKEEPER_MODEL_TRIES="1"
    )

    assert [(one["model"], one["roles"]) for one in json.loads(done.stdout)] == [
        ("big", ["specialist"]),
        ("old", ["specialist (in its place)", "router (in its place)"]),
        ("small", ["router"]),
    ]
    assert {body["model"] for body in server.seen} == {"big", "old", "small"}


async def test_without_a_model_it_is_said_who_answers_instead() -> None:
    done = await asyncio.to_thread(CliRunner().invoke, app, ["model", "check"], env={})

    assert done.exit_code == 1
    assert "the embedded planner answers" in done.stderr
