"""A background task that is to end does."""

import asyncio

from orchestrator.tasks import ended


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(0.01 if swallowed else 60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)

    await ended(task)

    assert task.cancelled()
    assert swallowed == 2


async def test_a_task_that_has_ended_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    await task

    await ended(task)

    assert not task.cancelled()
