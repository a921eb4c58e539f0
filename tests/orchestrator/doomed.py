"""Processes that are killed (-9) in the midst of what they do, after a given number of steps.

Run as a program, `python -m tests.orchestrator.doomed <database> <model>`, it is told deeds, a JSON list of them a line, and
forks a process for each: `{"merchant": …, "user": …, "deed": "post", "what": [conversation, text, key], "steps": 3}`. It answers
with how each ended: 0, or minus the signal. A step is whatever leaves the database in another state: a commit, or a
statement of the checkpoints, which are written without a transaction.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy.orm import configure_mappers

from db.session import Database
from orchestrator.chat import Chat
from orchestrator.chat.turns import TurnRow
from orchestrator.language_model import Models, Role, lineup
from orchestrator.saver import open_saver
from orchestrator.settings import Settings
from orchestrator.state import Request
from orchestrator.supervisor import Supervisor
from tests.ahead import keep_time
from tests.orchestrator import probes
from tools.backoffice.approvals import AlreadyDecided, decide_approval
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop, call
from tools.contract.context import Job

Execute = Callable[..., Awaitable[Any]]
WRITES = re.compile(r"\s*(insert|update|delete|commit|with)\b", re.IGNORECASE)


class Doomed:
    """Somebody of a shop, in a process of their own."""

    def __init__(self, chat: Chat, merchant: str, user: str) -> None:
        self.chat = chat
        self.caller = Caller(UUID(merchant), Door.rest, Hand.person, Proof.user, user)

    async def post(self, conversation: str, text: str, key: str) -> None:
        await self.settled(await self.chat.post_message(self.caller, conversation, text, key))

    async def ask(self, tool: str, arguments: dict[str, Any], key: str) -> None:
        await self.settled(
            await self.chat.post_request(self.caller, Request(tool, tool=tool, arguments=arguments), key)
        )

    async def decide(self, approval: str, decision: dict[str, Any], turn: str) -> None:
        """As the decision's door does it; who comes too late has what was decided carried out all the same."""
        with contextlib.suppress(AlreadyDecided):
            await call(
                self.chat.shop, decide_approval, {"approval": approval, **decision}, self.caller, key=uuid4().hex
            )
        await self.carry_out(approval, turn)

    async def carry_out(self, approval: str, turn: str) -> None:
        await self.chat.carry_out(self.caller.merchant, approval)
        await self.settled(await self.chat.turn(self.caller, UUID(turn)))

    async def settled(self, turn: TurnRow) -> None:
        await self.chat.settled(self.caller, turn, 30)


async def _do(database_url: str, models: Models, deed: dict[str, Any]) -> None:
    """Do it, dying after so many steps (0 is never), or as soon as a tool has left a job behind ("job")."""
    steps = deed["steps"]
    database = Database(database_url, size=4)
    await database.open()
    async with open_saver(database_url) as saver:
        supervisor = Supervisor(probes.SCOPES, probes.TOOLS, models, probes.words(), saver)
        shop = Shop(database, after_commit=_die if steps == "job" else None)
        chat = Chat(shop, supervisor, probes.TOOLS)
        if isinstance(steps, int):
            _die_after(steps)
        await getattr(Doomed(chat, deed["merchant"], deed["user"]), deed["deed"])(*deed["what"])


async def _die(_: UUID, __: list[Job]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_after(steps: int) -> None:
    """psycopg tells: a statement was sent that writes, or commits what was written; its connection is at rest again."""
    left = steps
    writing: set[int] = set()

    def noting(execute: Execute) -> Execute:
        async def noted(self: psycopg.AsyncCursor[Any], query: bytes | str, *args: Any, **kwargs: Any) -> Any:
            said = query.decode() if isinstance(query, bytes) else str(query)
            if WRITES.match(said):
                writing.add(id(self.connection))
            return await execute(self, query, *args, **kwargs)

        return noted

    wait: Execute = psycopg.AsyncConnection.wait

    async def counted(self: psycopg.AsyncConnection[Any], *args: Any, **kwargs: Any) -> Any:
        nonlocal left
        came = await wait(self, *args, **kwargs)
        if id(self) in writing and self.pgconn.transaction_status == TransactionStatus.IDLE:
            writing.discard(id(self))
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return came

    kinds: Any = psycopg
    kinds.AsyncConnection.wait = counted
    kinds.AsyncCursor.execute = noting(kinds.AsyncCursor.execute)
    kinds.AsyncCursor.executemany = noting(kinds.AsyncCursor.executemany)


def main(database_url: str, model_url: str) -> None:
    settings = Settings.model_validate({"openai_api_key": "test", "openai_base_url": model_url, "model": "scripted"})
    client = httpx.AsyncClient()
    specialist, router = (lineup(role, settings, client) for role in (Role.specialist, Role.router))
    models = Models(specialist, router, Hand.model, "scripted", {})
    configure_mappers()  # once, not in each process
    for line in sys.stdin:
        children = [_forked(database_url, models, deed) for deed in json.loads(line)]
        ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        sys.stdout.write(json.dumps(ends) + "\n")
        sys.stdout.flush()


def _forked(database_url: str, models: Models, deed: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(_do(database_url, models, deed))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


if __name__ == "__main__":
    keep_time()
    main(*sys.argv[1:])
