"""A process beside the tests that forks off those who are to be killed."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


@asynccontextmanager
async def forking(module: str, *told: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """`python -m module told…`, which is written to and read from; it ends when nothing more can be written."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *told, stdin=pipe, stdout=pipe)
    yield process
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()
