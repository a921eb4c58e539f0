"""Ending background tasks for certain."""

import asyncio
from typing import Any


async def ended(*tasks: asyncio.Task[Any], again: float = 1) -> None:
    """Cancel until all have ended: a wait that is over at this very moment may swallow a cancellation.

    `asyncio.wait_for` does before Python 3.12, and so does a pool that hands out a connection just then. What has something to
    finish first needs longer than a second until it is cancelled `again`.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=again)
