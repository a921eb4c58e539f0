"""Processes that are killed (-9) in the midst of what they do, after a given number of steps.

Run as a program, `python -m tests.orchestrator.doomed <database> <model>`, it is told deeds, a JSON list of them a line, and
forks a process for each: `{"merchant": …, "user": …, "deed": "post", "what": [conversation, text, key], "steps": 3}`. It answers
with how each ended: 0, or minus the signal. A step is whatever leaves the database in another state: a commit, or a
statement of the checkpoints, which are written without a transaction.
"""

import contextlib
import os
import signal
import sys
from typing import Any
from uuid import UUID, uuid4

import httpx
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
from tests.dying import die_after, fork_for_each
from tests.orchestrator import probes
from tools.backoffice.approvals import AlreadyDecided, decide_approval
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop, call
from tools.contract.context import Job


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
            die_after(steps)
        await getattr(Doomed(chat, deed["merchant"], deed["user"]), deed["deed"])(*deed["what"])


async def _die(_: UUID, __: list[Job]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(database_url: str, model_url: str) -> None:
    settings = Settings.model_validate({"openai_api_key": "test", "openai_base_url": model_url, "model": "scripted"})
    client = httpx.AsyncClient()
    specialist, router = (lineup(role, settings, client) for role in (Role.specialist, Role.router))
    models = Models(specialist, router, Hand.model, "scripted", {})
    configure_mappers()  # once, not in each process

    async def do(deed: dict[str, Any]) -> None:
        await _do(database_url, models, deed)

    fork_for_each(do)


if __name__ == "__main__":
    keep_time()
    main(*sys.argv[1:])
