"""The worker: what calls left on the outbox, what is due, and what was interrupted. Every effect goes through `call.py`."""

import contextlib
import logging
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import procrastinate
from procrastinate import JobContext, PsycopgConnector, RetryDecision, RetryStrategy
from procrastinate.jobs import Job, Status

from db import seal
from orchestrator import carriage, files, jobs, mail, parcels
from orchestrator.approvals import CARRY_OUT
from orchestrator.services import Services
from tools.after_sales.requests import expire_return
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.declare import Tool
from tools.contract.errors import IllegalMove, ShopError
from tools.contract.guesses import FORGOTTEN
from tools.contract.jobs import WORK_OFF
from tools.contract.shop_settings import RETURN_DAYS
from tools.flows.cancel_order import OrderAlreadyShipped, OrderDoesNotExpire, cancel_order
from tools.flows.create_payment_link import expire_payment_link
from tools.inventory.reservations import release_reservation

_log = logging.getLogger(__name__)


class Again(RetryStrategy):
    """Ten times, in growing distances; what the shop's rules refuse for good is given up at once."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        for_good = isinstance(exception, ShopError) and not exception.retryable
        return None if for_good else super().get_retry_decision(exception=exception, job=job)


ATTEMPTS = 10
AGAIN = Again(max_attempts=ATTEMPTS, exponential_wait=2)
EVERY_MINUTE, EVERY_NIGHT = "* * * * *", "23 3 * * *"
DONE_KEPT = 72  # hours for which a job that was done can be looked up
FAILED_KEPT = 14 * 24  # hours for which one that was given up is shown by `shopkeeper check`
OVERDUE = 10  # minutes after which what should have lapsed is taken up, whatever became of its job
MOOT = (OrderAlreadyShipped, OrderDoesNotExpire, IllegalMove)  # what was due was settled otherwise meanwhile
SEARCH_PATH = "public,jobs"

_UPKEEP = (
    "update approvals set status = 'expired' where merchant_id = %(m)s and status = 'pending' and expires_at < %(now)s",
    "delete from idempotency_records where merchant_id = %(m)s and expires_at < %(now)s",
    files.SWEEP,
    jobs.SWEEP,
    carriage.SWEEP,
)


class _Lapse(NamedTuple):
    """What lets go of something: the operation, how it calls its row, what else it is told; and which rows are `overdue`, the
    longest first."""

    tool: Tool[Any, Any]
    row: str
    more: Mapping[str, str]
    overdue: str


ORDER = _Lapse(
    cancel_order, "order", {"reason": "not_paid"},
    """
        select reference from orders where merchant_id = %(m)s and status = 'pending' and payment_state = 'unpaid'
        and expires_at < %(before)s order by expires_at limit 100
    """,
)  # fmt: skip
RESERVATION = _Lapse(
    release_reservation, "reservation", {},
    """
        select reference from reservations where merchant_id = %(m)s and status = 'active' and order_id is null
        and expires_at < %(before)s order by expires_at limit 100
    """,
)  # fmt: skip
LINK = _Lapse(
    expire_payment_link, "link", {},
    """
        select reference from payment_links where merchant_id = %(m)s and status = 'open'
        and expires_at <= %(now)s order by expires_at limit 100
    """,
)  # fmt: skip
RETURN = _Lapse(
    expire_return, "rma", {},
    f"""
        select reference from returns where merchant_id = %(m)s and status in ('approved', 'label_sent')
        and exchange_order_id is null and approved_at <= %(now)s - make_interval(days => coalesce(
            (select (value ->> 'value')::int from settings where merchant_id = %(m)s and key = '{RETURN_DAYS.key}'),
            {RETURN_DAYS.default}))
        order by approved_at limit 100
    """,
)  # fmt: skip


class _Lapsed(NamedTuple):
    reference: str


def make_worker(services: Services, url: str) -> procrastinate.App:
    """The queue's application; `url` is the database's, past any pooler: it listens."""
    own = {"options": f"-c search_path={SEARCH_PATH}"}  # whatever the role's is: somebody else may have made it
    app = procrastinate.App(connector=PsycopgConnector(conninfo=url, kwargs=own, min_size=1, max_size=4))
    _carries_out(app, services)
    _mails(app, services)
    _keeps_up(app, services)
    return app


def _carries_out(app: procrastinate.App, services: Services) -> None:
    """What lapses, what was approved, and long work."""

    @app.task(name="expire_order", retry=AGAIN, pass_context=True)
    async def expire_order(context: JobContext, merchant: str, order: str) -> None:
        await _let_go(services, uuid.UUID(merchant), ORDER, order, key=f"job:{context.job.id}")

    @app.task(name="release_expired_reservation", retry=AGAIN, pass_context=True)
    async def release_expired_reservation(context: JobContext, merchant: str, reservation: str) -> None:
        await _let_go(services, uuid.UUID(merchant), RESERVATION, reservation, key=f"job:{context.job.id}")

    @app.task(name=CARRY_OUT, retry=AGAIN)
    async def carry_out_approval(merchant: str, approval: str) -> None:
        await services.chat.carry_out(uuid.UUID(merchant), approval)

    @app.task(name=WORK_OFF, retry=AGAIN, pass_context=True)
    async def work_off(context: JobContext, merchant: str, job: str) -> None:
        last = context.job.attempts + 1 >= ATTEMPTS
        await jobs.work_off(services.shop, uuid.UUID(merchant), job, last=last)

    _ = expire_order, release_expired_reservation, carry_out_approval, work_off


def _mails(app: procrastinate.App, services: Services) -> None:
    """The outbox; without SMTP what is in it stays there."""
    deliver, database = mail.smtp(services.settings), services.shop.database

    @app.task(name="mail_invitation", retry=AGAIN)
    async def mail_invitation(merchant: str, user: str) -> None:
        if deliver:
            await mail.mail_invitation(database, deliver, services.shop.site.address, uuid.UUID(merchant), user)

    @app.task(name="mail_password_reset", retry=AGAIN)
    async def mail_password_reset(merchant: str, user: str) -> None:
        if deliver:
            await mail.mail_password_reset(database, deliver, services.shop.site.address, uuid.UUID(user))

    @app.task(name="mail_customer", retry=AGAIN)
    async def mail_customer(merchant: str, interaction: str) -> None:
        if deliver:
            await mail.mail_customer(database, deliver, uuid.UUID(merchant), uuid.UUID(interaction))

    _ = mail_invitation, mail_password_reset, mail_customer


def _keeps_up(app: procrastinate.App, services: Services) -> None:
    """What is done every minute, and every night."""

    @app.periodic(cron=EVERY_MINUTE)  # pyrefly: ignore[bad-argument-type]  # it cannot solve the library's Concatenate
    @app.task(name="keep_up", queueing_lock="keep_up")
    async def keep_up(timestamp: int) -> None:
        await pick_up(app)
        await upkeep(services)

    @app.periodic(cron=EVERY_NIGHT)  # pyrefly: ignore[bad-argument-type]
    @app.task(name="clear_up", queueing_lock="clear_up")
    async def clear_up(timestamp: int) -> None:
        await app.job_manager.delete_old_jobs(nb_hours=DONE_KEPT)
        await app.job_manager.delete_old_jobs(nb_hours=FAILED_KEPT, include_failed=True)

    _ = keep_up, clear_up


async def pick_up(app: procrastinate.App) -> None:
    """Jobs that a killed worker had begun are done again; those that come again by themselves are dropped."""
    for job in await app.job_manager.get_stalled_jobs():
        if job.queueing_lock is None:
            await app.job_manager.retry_job(job)
        else:
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)


async def upkeep(services: Services) -> None:
    """What is due in every shop: expired approvals, old records, the audit's seal, what lapsed, decisions and turns left behind."""
    async with services.shop.database.connection() as connection:
        now = services.shop.clock()
        await connection.execute("delete from sessions where expires_at < %s", (now,))
        await connection.execute("delete from guesses where last_at < %s", (now - FORGOTTEN,))
        cursor = await connection.execute("select id from merchants")
        merchants: list[uuid.UUID] = [row[0] for row in await cursor.fetchall()]
    for merchant in merchants:
        try:
            await upkeep_of(services, merchant)
        except Exception:  # one shop's trouble is not the next one's
            _log.exception("the upkeep of the shop %s will be tried again", merchant)


async def upkeep_of(services: Services, merchant: uuid.UUID) -> None:
    """The same in one shop."""
    async with services.shop.database.transaction(merchant, patience=services.shop.room.jobs) as sql:
        for statement in _UPKEEP:
            await sql.execute(statement, {"m": merchant, "now": services.shop.clock()})
        await sql.commit()
    while await _sealed(services, merchant) == seal.BATCH:
        pass
    await services.chat.sweep(merchant)
    await let_lapse(services, merchant)
    await services.outside.sweep(merchant)
    await services.outside.tell(merchant)
    await services.carriers.sweep(merchant)
    await parcels.travel(services.shop, merchant)


async def _sealed(services: Services, merchant: uuid.UUID) -> int:
    async with services.shop.database.transaction(merchant, patience=services.shop.room.jobs) as sql:
        count = await seal.seal(sql)
        await sql.commit()
    return count


async def let_lapse(services: Services, merchant: uuid.UUID) -> None:
    """Orders and reservations whose time has long been over, and whose job was lost or given up; links and returns whose time
    is over."""
    now = services.shop.clock()
    params = {"now": now, "before": now - timedelta(minutes=OVERDUE)}
    for lapse in (ORDER, RESERVATION, LINK, RETURN):
        async with services.shop.database.transaction(merchant, read_only=True) as sql:
            overdue = await sql.rows(lapse.overdue, params | {"m": merchant}, as_=_Lapsed)
        for row in overdue:
            with contextlib.suppress(ShopError):  # it was logged, `shopkeeper check` shows it, and it is tried again
                await _let_go(services, merchant, lapse, row.reference, key=f"job:{lapse.tool.name}:{row.reference}")


async def _let_go(services: Services, merchant: uuid.UUID, lapse: _Lapse, reference: str, *, key: str) -> None:
    """What lapsed is let go, by the system; the same key does it once. Raises what the shop refuses, after a warning."""
    caller = Caller(merchant, Door.worker, Hand.program, Proof.system, "worker")
    arguments = {lapse.row: reference, **lapse.more}
    try:
        outcome = await call(services.shop, lapse.tool, arguments, caller, key=key, wait=True)
    except MOOT as settled:
        _log.info("%s needs no letting go: %s", reference, settled)
    except ShopError as refused:
        _log.warning("%s should have lapsed, and %s was refused: %s", reference, lapse.tool.name, refused)
        raise
    else:
        if outcome.approval:
            _log.warning("%s should have lapsed, and waits for %s: %s", reference, outcome.approval, outcome.why)
