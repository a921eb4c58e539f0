"""Processes that are forked for one deed each, and killed (-9) after a given number of steps.

A step is whatever leaves the database in another state: a commit, or a statement that writes without a transaction. With `outside`
an answer from somebody outside is one, too.
"""

import asyncio
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
from psycopg.pq import TransactionStatus

Execute = Callable[..., Awaitable[Any]]
Deed = dict[str, Any]
WRITES = re.compile(r"\s*(insert|update|delete|commit|with)\b", re.IGNORECASE)


@asynccontextmanager
async def forking(module: str, *told: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The process that forks them, `python -m module told…`: it is written to and read from, and ends when nothing more comes."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *told, stdin=pipe, stdout=pipe)
    yield process
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


def fork_for_each(do: Callable[[Deed], Coroutine[Any, Any, None]]) -> None:
    """Deeds come as a JSON list of them a line; answers how each ended: 0, or minus the signal."""
    for line in sys.stdin:
        children = [_forked(do, deed) for deed in json.loads(line)]
        ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        sys.stdout.write(json.dumps(ends) + "\n")
        sys.stdout.flush()


def _forked(do: Callable[[Deed], Coroutine[Any, Any, None]], deed: Deed) -> int:
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(do(deed))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def die_after(steps: int, *, outside: bool = False) -> None:
    """psycopg tells: a statement was sent that writes, or commits what was written; its connection is at rest again."""
    left = steps
    writing: set[int] = set()

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def noting(execute: Execute) -> Execute:
        async def noted(self: psycopg.AsyncCursor[Any], query: bytes | str, *args: Any, **kwargs: Any) -> Any:
            said = query.decode() if isinstance(query, bytes) else str(query)
            if WRITES.match(said):
                writing.add(id(self.connection))
            return await execute(self, query, *args, **kwargs)

        return noted

    wait: Execute = psycopg.AsyncConnection.wait
    request: Execute = httpx.AsyncClient.request

    async def counted(self: psycopg.AsyncConnection[Any], *args: Any, **kwargs: Any) -> Any:
        came = await wait(self, *args, **kwargs)
        if id(self) in writing and self.pgconn.transaction_status == TransactionStatus.IDLE:
            writing.discard(id(self))
            step()
        return came

    async def answered(self: httpx.AsyncClient, *args: Any, **kwargs: Any) -> Any:
        came = await request(self, *args, **kwargs)
        step()
        return came

    kinds: Any = psycopg
    kinds.AsyncConnection.wait = counted
    kinds.AsyncCursor.execute = noting(kinds.AsyncCursor.execute)
    kinds.AsyncCursor.executemany = noting(kinds.AsyncCursor.executemany)
    if outside:
        client: Any = httpx.AsyncClient
        client.request = answered
