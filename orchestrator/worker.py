"""The worker: what calls left on the outbox, what is due, and what was interrupted. Every effect goes through `call.py`."""

import logging
import uuid
from typing import Any

import procrastinate
from procrastinate import JobContext, PsycopgConnector, RetryStrategy
from procrastinate.jobs import Status

from orchestrator import mail
from orchestrator.approvals import CARRY_OUT
from orchestrator.services import Services
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import call
from tools.contract.errors import ShopError
from tools.contract.guesses import FORGOTTEN
from tools.contract.seal import seal

_log = logging.getLogger(__name__)
AGAIN = RetryStrategy(max_attempts=10, exponential_wait=2)
EVERY_MINUTE, EVERY_NIGHT = "* * * * *", "23 3 * * *"
DONE_KEPT = 72  # hours for which a job that was done can be looked up
SEARCH_PATH = "public,jobs"

_UPKEEP = (
    "update approvals set status = 'expired' where merchant_id = %(m)s and status = 'pending' and expires_at < now()",
    "delete from idempotency_records where merchant_id = %(m)s and expires_at < now()",
)


def make_worker(services: Services, url: str) -> procrastinate.App:
    """The queue's application; `url` is the database's, past any pooler: it listens."""
    own = {"options": f"-c search_path={SEARCH_PATH}"}  # whatever the role's is: somebody else may have made it
    app = procrastinate.App(connector=PsycopgConnector(conninfo=url, kwargs=own, min_size=1, max_size=4))

    deliver, database = mail.smtp(services.settings), services.shop.database

    @app.task(name="expire_order", retry=AGAIN, pass_context=True)
    async def expire_order(context: JobContext, merchant: str, order: str) -> None:
        await _call(services, context, merchant, "cancel_order", {"order": order, "reason": "not_paid"})

    @app.task(name="release_expired_reservation", retry=AGAIN, pass_context=True)
    async def release_expired_reservation(context: JobContext, merchant: str, reservation: str) -> None:
        await _call(services, context, merchant, "release_reservation", {"reservation": reservation})

    @app.task(name=CARRY_OUT, retry=AGAIN)
    async def carry_out_approval(merchant: str, approval: str) -> None:
        await services.chat.carry_out(uuid.UUID(merchant), approval)

    @app.task(name="mail_invitation", retry=AGAIN)
    async def mail_invitation(merchant: str, user: str) -> None:
        if deliver:
            await mail.mail_invitation(database, deliver, services.shop.site.address, uuid.UUID(merchant), user)

    @app.task(name="mail_password_reset", retry=AGAIN)
    async def mail_password_reset(merchant: str, user: str) -> None:
        if deliver:
            await mail.mail_password_reset(database, deliver, services.shop.site.address, uuid.UUID(user))

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="keep_up", queueing_lock="keep_up")
    async def keep_up(timestamp: int) -> None:
        await pick_up(app)
        await upkeep(services)

    @app.periodic(cron=EVERY_NIGHT)
    @app.task(name="clear_up", queueing_lock="clear_up")
    async def clear_up(timestamp: int) -> None:
        await app.job_manager.delete_old_jobs(nb_hours=DONE_KEPT)

    _ = (
        expire_order,
        release_expired_reservation,
        carry_out_approval,
        mail_invitation,
        mail_password_reset,
        keep_up,
        clear_up,
    )
    return app


async def pick_up(app: procrastinate.App) -> None:
    """Jobs that a killed worker had begun are done again; those that come again by themselves are dropped."""
    for job in await app.job_manager.get_stalled_jobs():
        if job.queueing_lock is None:
            await app.job_manager.retry_job(job)
        else:
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)


async def upkeep(services: Services) -> None:
    """What is due in every shop: expired approvals, old records, the audit's seal, decisions and turns left behind."""
    async with services.shop.database.connection() as connection:
        await connection.execute("delete from sessions where expires_at < now()")
        await connection.execute("delete from guesses where last_at < now() - %s", (FORGOTTEN,))
        cursor = await connection.execute("select id from merchants")
        merchants: list[uuid.UUID] = [row[0] for row in await cursor.fetchall()]
    for merchant in merchants:
        try:
            await _upkeep_of(services, merchant)
        except Exception:  # one shop's trouble is not the next one's
            _log.exception("the upkeep of the shop %s will be tried again", merchant)


async def _upkeep_of(services: Services, merchant: uuid.UUID) -> None:
    async with services.shop.database.transaction(merchant) as sql:
        for statement in _UPKEEP:
            await sql.execute(statement, {"m": merchant})
        await seal(sql)
        await sql.commit()
    await services.chat.sweep(merchant)


async def _call(services: Services, context: JobContext, merchant: str, name: str, arguments: dict[str, Any]) -> None:
    """A tool, as the system; a repeated job has the same key. What the shop's rules refuse by now needs no doing any more."""
    caller = Caller(uuid.UUID(merchant), Door.worker, Hand.program, Proof.system, "worker")
    try:
        await call(services.shop, registry.tool(name), arguments, caller, key=f"job:{context.job.id}", wait=True)
    except ShopError as refused:
        if refused.retryable:
            raise
        _log.info("job %s needs no doing: %s", context.job.id, refused)
