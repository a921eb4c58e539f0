"""The worker: what a killed one had begun is done by another, and one shop's trouble is not the next one's."""

import uuid
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import NamedTuple

import procrastinate
import pytest

from db import clock
from orchestrator.chat import Chat
from orchestrator.services import Services
from orchestrator.settings import Settings
from orchestrator.worker import make_worker, pick_up
from tests.factories import NewShop

LATER = clock.now() + timedelta(days=300)


class JobRow(NamedTuple):
    status: str


@pytest.fixture
async def worker(settings: Settings, chat: Chat, runtime_url: str) -> AsyncGenerator[procrastinate.App]:
    app = make_worker(Services(settings, chat.shop, chat), runtime_url)
    async with app.open_async():
        yield app


async def begun(worker: procrastinate.App, mine: NewShop, task: str, queueing_lock: str | None = None) -> int:
    """A job that some worker had begun when it was killed."""
    deferrer = worker.configure_task(task, schedule_at=LATER, queueing_lock=queueing_lock)
    job = await deferrer.defer_async(merchant=str(mine.id), order="ORD-1")
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update jobs.procrastinate_jobs set status = 'doing' where id = %s", (job,))
        await sql.commit()
    return job


async def status_of(mine: NewShop, job: int) -> str | None:
    async with mine.shop.database.transaction(mine.id, read_only=True) as sql:
        found = await sql.row("select status::text from jobs.procrastinate_jobs where id = %s", (job,), as_=JobRow)
    return found.status if found else None


async def test_a_job_that_a_killed_worker_had_begun_is_done_again(worker: procrastinate.App, mine: NewShop) -> None:
    job = await begun(worker, mine, "expire_order")

    await pick_up(worker)

    assert await status_of(mine, job) == "todo"


async def test_a_job_that_comes_again_by_itself_is_dropped(worker: procrastinate.App, mine: NewShop) -> None:
    job = await begun(worker, mine, "keep_up", queueing_lock=uuid.uuid4().hex)

    await pick_up(worker)

    assert await status_of(mine, job) is None
