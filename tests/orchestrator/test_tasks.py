"""A background task that is to end does."""

import asyncio

import pytest

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


@pytest.mark.parametrize(("again", "finishes"), [(60.0, True), (0.01, False)])
async def test_what_has_something_to_finish_is_given_its_time(again: float, finishes: bool) -> None:
    finished = False

    async def finishing() -> None:
        nonlocal finished
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
            finished = True

    task = asyncio.create_task(finishing())
    await asyncio.sleep(0)

    await ended(task, again=again)

    assert finished is finishes


async def test_a_task_that_has_ended_is_left_alone() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    await task

    await ended(task)

    assert not task.cancelled()
