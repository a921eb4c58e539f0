"""Talking to the shop: answers, cards, and a connection that breaks off."""

import asyncio
import os
import pty
import select
import subprocess
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import orjson
import pytest

from orchestrator.settings import Settings
from orchestrator.surfaces.cli.talk import talking
from tests.orchestrator.test_cli.conftest import Cli, OpenShop
from tests.orchestrator.test_cli.test_operations import an_order
from tests.settled import shopkeeper

pytestmark = pytest.mark.xdist_group("cli")


@pytest.fixture(scope="module")
def trusted(cli: Cli, open_shop: OpenShop) -> Cli:
    """Over HTTP, with a key that may do everything and decide about amounts of this size."""
    limits = ("--limit-per-call", "10000000", "--limit-per-day", "10000000")
    made = cli.json("backoffice", "create-api-key", "--name", "Till", "--scope", "*", *limits)
    return Cli(open_shop.home, SHOPKEEPER_URL=open_shop.address, SHOPKEEPER_KEY=made["key"])


def status_of(cli: Cli, order: str) -> str:
    return cli.json("orders", "get-order", "--order", order)["status"]


def test_a_question_is_answered_with_the_shops_own_figures_and_says_who_looked_where(cli: Cli, trusted: Cli):
    stock = cli.json("inventory", "check-availability", "--sku", "MUG-BLUE")

    answered = trusted("chat", "how many MUG-BLUE do we have in stock?")

    assert answered.exit_code == 0, answered.output
    assert "MUG-BLUE" in answered.stdout
    assert str(stock["available"]) in answered.stdout
    assert "→ inventory" in answered.stderr
    assert "(inventory)" in answered.stderr


def test_a_conversation_goes_on(trusted: Cli):
    first = trusted("chat", "how many MUG-BLUE do we have in stock?")
    conversation = first.stderr.split("--conversation ")[1].strip()

    second = trusted("chat", "show me the newest order", "--conversation", conversation)
    unknown = trusted("chat", "hello", "--conversation", "CNV-999999")

    assert conversation in second.stderr
    assert second.exit_code == 0
    assert unknown.exit_code == 1
    assert "There is no conversation CNV-999999" in unknown.stderr


def test_a_question_may_come_from_a_pipe(trusted: Cli):
    answered = trusted("chat", "-", stdin="how many MUG-BLUE do we have in stock?\n")

    assert "MUG-BLUE" in answered.stdout


def test_events_are_printed_one_a_line(trusted: Cli):
    printed = trusted("chat", "how many MUG-BLUE do we have in stock?", "--json")

    events: list[dict[str, Any]] = [orjson.loads(line) for line in printed.stdout.splitlines()]
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "run.started"
    assert {"route", "tool.started", "tool.finished"} <= set(kinds)
    assert kinds[-1] == "run.finished"
    assert [event["id"].rpartition("/")[2] for event in events] == [str(n) for n in range(1, len(events) + 1)]


def test_a_card_that_nobody_can_be_asked_about_waits_in_the_queue(cli: Cli, trusted: Cli):
    asked = an_order(cli)
    order = asked["reference"]

    waits = trusted("chat", f"cancel order {order}, the customer changed her mind")

    approval = waits.stdout.split(" waits for a decision")[0].split()[-1]
    assert waits.exit_code == 3
    assert f"--approval {approval} --decision approve" in waits.stderr
    assert status_of(cli, order) == asked["status"]
    decided = cli("backoffice", "decide-approval", "--approval", approval, "--decision", "approve")
    assert decided.exit_code == 0, decided.output
    assert status_of(cli, order) == "cancelled"


def test_a_card_is_approved_or_rejected_unasked_where_that_was_said(cli: Cli):
    asked = an_order(cli)
    order = asked["reference"]
    request = f"cancel order {order}, the customer changed her mind"

    rejected = cli("chat", request, "--reject", "She wants it after all.")
    before = status_of(cli, order)
    approved = cli("chat", request, "--approve")
    both = cli("chat", request, "--approve", "--reject", "No.")

    assert (rejected.exit_code, approved.exit_code, both.exit_code) == (0, 0, 2), rejected.output + approved.output
    assert before == asked["status"]
    assert status_of(cli, order) == "cancelled"


def test_a_key_decides_nothing_that_was_asked_through_it(cli: Cli, trusted: Cli):
    asked = an_order(cli)
    order = asked["reference"]

    refused = trusted("chat", f"cancel order {order}, the customer changed her mind", "--approve")

    assert refused.exit_code == 1
    assert "decide_approval is for people only" in refused.stderr
    assert status_of(cli, order) == asked["status"]


def test_at_a_terminal_the_person_is_asked(cli: Cli):
    order = an_order(cli)["reference"]
    with at_a_terminal(cli.environment, "chat") as (screen, person):
        screen.wait_for("› ")
        screen.type(f"cancel order {order}, the customer changed her mind\n")
        screen.wait_for("approve? [y/n/reason, or rows]")
        folded = screen.text
        screen.type("rows\n")
        screen.wait_for("approve? [y/n/reason, or rows]")
        screen.type("y\n")
        screen.wait_for("› ")
        screen.type("/quit\n")
        person.wait(30)

    assert person.returncode == 0
    assert "→ orders" in screen.text
    assert f"{order} of " in folded
    assert "subject kind" not in folded
    assert "subject kind" in screen.text
    assert status_of(cli, order) == "cancelled"


class Screen:
    """A terminal as a person uses it: read until something stands there, then type."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.shown = b""
        self.read = 0

    @property
    def text(self) -> str:
        return self.shown.decode(errors="replace")

    def wait_for(self, words: str, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while words.encode() not in self.shown[self.read :]:
            assert time.monotonic() < until, f"{words!r} did not come: {self.text[-2000:]}"
            if select.select([self.end], [], [], 0.2)[0]:
                self.shown += os.read(self.end, 65536)
        self.read = len(self.shown)

    def type(self, keys: str) -> None:
        os.write(self.end, keys.encode())


@contextmanager
def at_a_terminal(known: dict[str, str], *arguments: str) -> Generator[tuple[Screen, subprocess.Popen[bytes]]]:
    ours, theirs = pty.openpty()
    with subprocess.Popen([*shopkeeper(), *arguments], env=known, stdin=theirs, stdout=theirs, stderr=theirs) as person:
        os.close(theirs)
        try:
            yield Screen(ours), person
        finally:
            person.kill()
            os.close(ours)


async def test_events_that_were_cut_off_are_taken_up_where_they_were(trusted: Cli, open_shop: OpenShop):
    async with breaking_line(open_shop.port, after=2) as (port, breaks):
        there = {"server_url": f"http://127.0.0.1:{port}", "key": trusted.environment["SHOPKEEPER_KEY"]}
        async with talking(Settings.model_validate(there), lambda _: None) as talk:
            conversation = await talk.start()
            turn = await talk.say(conversation, "how many MUG-BLUE do we have in stock?")
            events = [event async for event in talk.events(conversation, turn)]

    assert len(breaks) >= 2
    assert [event.id.rpartition("/")[2] for event in events] == [str(n) for n in range(1, len(events) + 1)]
    assert events[0].kind == "run.started"
    assert events[-1].kind == "run.finished"


@asynccontextmanager
async def breaking_line(port: int, *, after: int) -> AsyncGenerator[tuple[int, list[str]]]:
    """A way to the server on which each stream breaks off after so many events; the list has an entry for each time."""
    breaks: list[str] = []
    lines: list[asyncio.Task[None]] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("127.0.0.1", port)
        lines.append(asyncio.create_task(_answer(answers, writer, after, breaks)))
        while data := await reader.read(65536):
            requests.write(data)
        requests.close()

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], breaks
        await asyncio.gather(*lines)


async def _answer(answers: asyncio.StreamReader, writer: asyncio.StreamWriter, after: int, breaks: list[str]) -> None:
    seen = 0
    while data := await answers.read(65536):
        for piece in data.splitlines(keepends=True):
            writer.write(piece)
            seen += piece.startswith(b"data: ")
            if seen == after and piece == b"\n":
                await writer.drain()
                writer.close()
                breaks.append(f"after {seen}")
                return
    writer.close()
