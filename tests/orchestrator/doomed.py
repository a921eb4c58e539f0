"""A process that posts a message, or carries a decision out, and is killed (-9) right after a tool's commit.

Run as a program: `python -m tests.orchestrator.doomed <database> <model> <merchant> <user> post <conversation> <text>`,
or `… carry_out <approval>`. It dies when the tool that it runs left a job behind.
"""

import asyncio
import os
import signal
import sys
from uuid import UUID

from db.session import Database
from orchestrator.chat import Chat
from orchestrator.language_model import remote_models
from orchestrator.saver import open_saver
from orchestrator.settings import Settings
from orchestrator.supervisor import Supervisor
from tests.orchestrator import probes
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop
from tools.contract.context import Job


async def die(_: UUID, __: list[Job]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(database_url: str, model_url: str, merchant: UUID, user: str, deed: str, *what: str) -> None:
    database = Database(database_url, size=4)
    await database.open()
    settings = Settings.model_validate({"openai_api_key": "test", "openai_base_url": model_url, "model": "scripted"})
    async with open_saver(database_url) as saver, remote_models(settings) as models:
        supervisor = Supervisor(probes.SCOPES, probes.TOOLS, models, probes.words(), saver)
        chat = Chat(Shop(database, after_commit=die), supervisor, probes.TOOLS)
        if deed == "post":
            caller = Caller(merchant, Door.rest, Hand.person, Proof.user, user)
            await chat.post_message(caller, what[0], what[1], "the message's key")
        else:
            await chat.carry_out(merchant, what[0])
        await asyncio.sleep(30)


if __name__ == "__main__":
    database_, model_, merchant_, *rest = sys.argv[1:]
    asyncio.run(main(database_, model_, UUID(merchant_), *rest))
