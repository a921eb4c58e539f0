"""The worker: what a killed one had begun is done by another, and one shop's trouble is not the next one's."""

import logging
import uuid
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import NamedTuple

import procrastinate
import pytest

from db import clock
from orchestrator.carriage import Carriers, carriers_of
from orchestrator.chat import Chat
from orchestrator.outside import Outside, first_secret, providers_of
from orchestrator.services import Services
from orchestrator.settings import Settings
from orchestrator.worker import let_lapse, make_worker, pick_up, upkeep_of
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.cases import orders
from tests.tools.misfits import misfits
from tests.tools.probes import count
from tests.tools.returning import MUG, delivered
from tests.tools.till import choose
from tools.after_sales.decisions import approve_return
from tools.after_sales.detail import get_return
from tools.after_sales.receiving import ReturnNotExpected, receive_return
from tools.contract.actors import Hand
from tools.contract.call import call
from tools.flows.cancel_order import cancel_order
from tools.flows.create_payment_link import create_payment_link
from tools.flows.request_return import request_return
from tools.inventory.reservations import reserve_stock

LATER = clock.now() + timedelta(days=300)
DUE = ("nothing_overdue", "jobs_done", "audit_chain")  # what the upkeep looks after


def services_of(settings: Settings, chat: Chat) -> Services:
    outside = Outside(chat.shop, providers_of(chat.shop, {}, first_secret()))
    return Services(settings, chat.shop, chat, outside, Carriers(chat.shop, carriers_of({})))


class JobRow(NamedTuple):
    status: str


@pytest.fixture
async def worker(settings: Settings, chat: Chat, runtime_url: str) -> AsyncGenerator[procrastinate.App]:
    app = make_worker(services_of(settings, chat), runtime_url)
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


# ---- what should have lapsed ---------------------------------------------------------------------------------------------


async def overdue(mine: NewShop) -> tuple[str, str]:
    """An order that nobody paid and a reservation, both long over; their jobs are lost."""
    order = (await orders.add_order_note(mine))["order"]
    holding = {"sku": "MUG-BLUE", "quantity": 1, "expires_at": mine.shop.clock() + timedelta(hours=1)}
    held = await call(mine.shop, reserve_stock, holding, mine.caller("owner"), key="hold")
    assert held.result is not None
    reservation = held.result.reference
    async with mine.shop.database.transaction(mine.id) as sql:
        for table in ("orders", "reservations"):
            await sql.execute(
                f"update {table} set expires_at = %s where merchant_id = %s and expires_at is not null",
                (mine.shop.clock() - timedelta(hours=2), mine.id),
            )
        await sql.execute("delete from jobs.procrastinate_jobs where args ->> 'merchant' = %s", (str(mine.id),))
        await sql.commit()
    return order, reservation


async def test_what_should_have_lapsed_is_shown_by_the_check_and_taken_up_by_the_upkeep(
    worker: procrastinate.App, settings: Settings, chat: Chat, mine: NewShop
) -> None:
    order, reservation = await overdue(mine)
    before = await misfits(mine, *DUE)

    await let_lapse(services_of(settings, chat), mine.id)
    await let_lapse(services_of(settings, chat), mine.id)

    assert {name: len(rows) for name, rows in before.items()} == {"nothing_overdue": 2}
    assert await misfits(mine, *DUE) == {}
    assert await count(mine, "orders", f"reference = '{order}' and status = 'expired'") == 1
    assert await count(mine, "reservations", f"reference = '{reservation}' and status = 'expired'") == 1
    assert await count(mine, "audit_entries", "actor = 'system:worker'") == 2


async def test_one_upkeep_does_all_that_is_due_and_finds_nothing_to_complain_of(
    settings: Settings, chat: Chat, mine: NewShop, caplog: pytest.LogCaptureFixture
) -> None:
    order, _ = await overdue(mine)
    await call(mine.shop, create_payment_link, {"order": order}, mine.caller("owner"), key="link")
    model = mine.caller("owner", hand=Hand.model)
    waits = await call(mine.shop, cancel_order, {"order": order, "reason": "duplicate"}, model, key="card")
    async with mine.shop.database.transaction(mine.id) as sql:
        for table, more in (("payment_links", "status = 'open', "), ("approvals", ""), ("idempotency_records", "")):
            over = f"update {table} set {more}expires_at = %s where merchant_id = %s"
            await sql.execute(over, (mine.shop.clock() - timedelta(hours=2), mine.id))
        await sql.commit()

    with caplog.at_level(logging.WARNING):
        await upkeep_of(services_of(settings, chat), mine.id)

    assert caplog.messages == []
    assert await misfits(mine, *DUE) == {}
    assert await count(mine, "payment_links", "status = 'void'") == 1  # with its order, which lapsed first
    assert await count(mine, "approvals", f"reference = '{waits.approval}' and status = 'expired'") == 1
    assert await count(mine, "idempotency_records", "key in ('hold', 'link', 'card')") == 0
    assert await count(mine, "audit_unsealed", "true") <= 3  # of what lapsed just now


async def test_a_payment_link_whose_time_is_over_is_taken_away(settings: Settings, chat: Chat, mine: NewShop) -> None:
    order = (await orders.add_order_note(mine))["order"]
    await call(mine.shop, create_payment_link, {"order": order}, mine.caller("owner"), key="link")
    async with mine.shop.database.transaction(mine.id) as sql:
        over = "update payment_links set status = 'open', expires_at = %s where merchant_id = %s"
        assert await sql.execute(over, (mine.shop.clock() - timedelta(hours=2), mine.id)) == 1
        await sql.commit()
    assert list(await misfits(mine, *DUE)) == ["nothing_overdue"]

    await let_lapse(services_of(settings, chat), mine.id)

    assert await misfits(mine, *DUE) == {}
    assert await count(mine, "payment_links", "status = 'expired'") == 1


async def test_a_return_whose_goods_never_came_expires_and_can_be_asked_for_anew(
    settings: Settings, chat: Chat, mine: NewShop, do: Do
) -> None:
    await choose(mine, "after_sales.return_days", 14)
    order, _ = await delivered(mine)
    asked = {"order": order, "sku": MUG, "quantity": 2, "reason": "changed_mind"}
    forgotten, recent = both = [(await do(request_return, **asked)).reference for _ in range(2)]
    for rma in both:
        await do(approve_return, rma=rma)
    async with mine.shop.database.transaction(mine.id) as sql:
        for rma, days in ((forgotten, 14), (recent, 13)):
            approved = mine.shop.clock() - timedelta(days=days)
            await sql.execute(
                "update returns set approved_at = %s where merchant_id = %s and reference = %s",
                (approved, mine.id, rma),
            )
        await sql.commit()

    for _ in range(2):
        await let_lapse(services_of(settings, chat), mine.id)

    assert [(await do(get_return, rma=rma)).status for rma in both] == ["expired", "approved"]
    anew = await do(request_return, **asked)
    assert anew.status == "requested"
    with pytest.raises(
        ReturnNotExpected, match=f"has expired, and its {MUG} are in {recent} and {anew.reference} by now"
    ):
        await do(receive_return, rma=forgotten)
    assert await count(mine, "audit_entries", "actor = 'system:worker'") == 1


async def test_a_job_that_is_refused_for_good_is_a_failure_that_shows(
    worker: procrastinate.App, mine: NewShop, caplog: pytest.LogCaptureFixture
) -> None:
    await worker.configure_task("expire_order", queue=mine.slug).defer_async(merchant=str(mine.id), order="ORD-9")

    with caplog.at_level(logging.WARNING):
        await worker.run_worker_async(queues=[mine.slug], wait=False, install_signal_handlers=False)

    assert "ORD-9 should have lapsed, and cancel_order was refused: There is no order ORD-9." in caplog.text
    assert list(await misfits(mine, *DUE)) == ["jobs_done"]


async def test_a_job_whose_order_was_settled_otherwise_is_done(worker: procrastinate.App, mine: NewShop) -> None:
    order = (await orders.cancel_order(mine))["order"]
    await call(mine.shop, cancel_order, {"order": order, "reason": "duplicate"}, mine.caller("owner"), key="cancel")
    await worker.configure_task("expire_order", queue=mine.slug).defer_async(merchant=str(mine.id), order=order)

    await worker.run_worker_async(queues=[mine.slug], wait=False, install_signal_handlers=False)

    assert await misfits(mine, *DUE) == {}
    assert await count(mine, "orders", f"reference = '{order}' and status = 'cancelled'") == 1
