"""A worker that is killed (-9) when an import has written everything, right before it commits.

Run as a program: `python -m tests.orchestrator.doomed_import <database> <merchant> <job>`.
"""

import asyncio
import os
import signal
import sys
from typing import Any
from uuid import UUID

from db.session import Database
from orchestrator import jobs
from tests.ahead import keep_time
from tools.contract import jobs as contract
from tools.contract.call import Shop


async def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(database_url: str, merchant: UUID, job: str) -> None:
    database = Database(database_url, size=4)
    await database.open()
    setattr(contract, "leave", die)  # noqa: B010  # a module's name, to the type checker
    await jobs.work_off(Shop(database), merchant, job)


if __name__ == "__main__":
    keep_time()
    database_, merchant_, job_ = sys.argv[1:]
    asyncio.run(main(database_, UUID(merchant_), job_))
