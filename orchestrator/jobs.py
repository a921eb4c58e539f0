"""Long jobs: the worker goes on with what a call began, tells how far it is, and whoever asked reads what came of it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from db.model import new_id
from db.models.files import JobStatus
from db.references import Kind
from db.session import DatabaseBusy, Transaction
from orchestrator.tasks import ended
from tools import registry
from tools.contract.actors import Caller
from tools.contract.declare import validated
from tools.contract.errors import Busy, NotFound, ShopError
from tools.contract.files import Piece
from tools.contract.idempotency import enter
from tools.contract.jobs import Came, Progress, carried_out
from tools.contract.page import Page, page_of, place
from tools.contract.plain import as_jsonb
from tools.contract.shop import Shop
from tools.rules.spreadsheets import row_of

_log = logging.getLogger(__name__)
TELLS = 0.5  # seconds between two words about how far a job is
ERRORS_A_PIECE = 500


class JobCrashed(Busy):
    """The job failed because of a fault in Shopkeeper, each time that it was tried; nothing of it was kept."""

    hint = "Look into the log for its reference; then begin it again."


class JobRow(NamedTuple):
    """A job as it is read."""

    id: UUID
    reference: str
    tool: str
    status: JobStatus
    asked_by: str
    asker: dict[str, str]
    arguments: dict[str, Any]
    step: str | None
    total: int | None
    done: int
    failed: int
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    def shown(self) -> dict[str, Any]:
        hidden = ("id", "asker", "reference")
        return {"job": self.reference, **{name: part for name, part in self._asdict().items() if name not in hidden}}


_COLUMNS = ", ".join(JobRow._fields)
_FIND = f"select {_COLUMNS} from jobs where merchant_id = %(m)s and reference = %(r)s"
_TAKE = f"""
update jobs set status = 'running', started_at = coalesce(started_at, %(now)s)
where merchant_id = %(m)s and reference = %(r)s and status in ('queued', 'running') returning {_COLUMNS}
"""
_TELL = """
update jobs set step = %(step)s, total = %(total)s, done = %(done)s, failed = %(failed)s
where merchant_id = %(m)s and id = %(id)s and status = 'running'
"""
_END = """
with ended as (
    update jobs set status = %(status)s, step = %(step)s, total = %(total)s, done = %(done)s, failed = %(failed)s,
                    result = %(result)s, problem = %(problem)s, finished_at = %(now)s
    where merchant_id = %(m)s and id = %(id)s and status = 'running' returning id
), refused as (
    insert into job_errors (merchant_id, id, job_id, position, line, column_name, code, message, hint, created_at)
    select %(m)s, e.id, ended.id, e.position, e.line, e.column_name, e.code, e.message, e.hint, %(now)s
    from ended, jsonb_to_recordset(%(errors)s)
        as e(id uuid, position int, line int, column_name text, code text, message text, hint text)
)
insert into events (merchant_id, id, kind, subject_kind, subject_id, actor, data, created_at)
select %(m)s, %(event)s, %(status)s, 'job', id, 'system:worker', '{}', %(now)s from ended
"""
SWEEP = "delete from jobs where merchant_id = %(m)s and finished_at < %(now)s - interval '90 days'"


# ---- the worker's ---------------------------------------------------------------------------------------------------------


async def work_off(shop: Shop, merchant: UUID, reference: str, *, last: bool = False) -> None:
    """Go on with a job to its end. Doing it again does nothing more; `last` says that nobody will try once more."""
    async with shop.database.transaction(merchant) as sql:
        job = await sql.row(_TAKE, {"m": merchant, "r": reference, "now": shop.clock()}, as_=JobRow)
        await sql.commit()
    if job is None:
        return
    progress = Progress()
    try:
        came = await _carried_out(shop, merchant, job, progress)
    except ShopError as refused:
        if refused.retryable and not last:
            raise
        await _end(shop, merchant, job, progress, refused=refused)
    except Exception:
        if last:
            await _end(shop, merchant, job, progress, refused=JobCrashed(f"{reference} could not be worked through."))
        raise
    else:
        await _end(shop, merchant, job, progress, refused=came.refused, result=came.result)


async def _carried_out(shop: Shop, merchant: UUID, job: JobRow, progress: Progress) -> Came:
    if job.result is not None:  # by a worker that died before it could say so
        return Came(job.result)
    tool = registry.tool(job.tool)
    caller = Caller.from_json(merchant, job.asker)
    async with _told(shop, merchant, job, progress):
        return await carried_out(shop, tool, validated(tool, job.arguments), caller, job.reference, progress)


@asynccontextmanager
async def _told(shop: Shop, merchant: UUID, job: JobRow, progress: Progress) -> AsyncGenerator[None]:
    """While the work goes on, its row says how far it is: in transactions of its own, for nobody could look into the work's."""

    async def tell() -> None:
        said: dict[str, Any] = {}
        while True:
            await asyncio.sleep(TELLS)
            if (now := _counts(progress)) == said:
                continue
            with contextlib.suppress(DatabaseBusy, psycopg.Error):  # it is said half a second later
                async with shop.database.transaction(merchant) as sql:
                    await sql.commit(_TELL, {"m": merchant, "id": job.id, **now})
                said = now

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        await ended(telling)


def _counts(progress: Progress) -> dict[str, Any]:
    return {"step": progress.step, "total": progress.total, "done": progress.done, "failed": progress.failed}


async def _end(
    shop: Shop, merchant: UUID, job: JobRow, progress: Progress, *,
    refused: ShopError | None = None, result: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    errors = [
        {"id": new_id(), "position": position, "line": error.line, "column_name": error.column, "code": error.code,
         "message": error.message, "hint": error.hint}
        for position, error in enumerate(progress.errors)
    ]  # fmt: skip
    if refused is not None:
        _log.info("%s failed: %s", job.reference, refused.code())
    params = {
        "m": merchant, "id": job.id, "now": shop.clock(), "event": new_id(), "errors": as_jsonb(errors),
        "status": JobStatus.failed if refused else JobStatus.done,
        "result": as_jsonb(result) if result is not None else None,
        "problem": as_jsonb(refused.problem()) if refused else None, **_counts(progress),
    }  # fmt: skip
    async with shop.database.transaction(merchant, patience=shop.room.jobs) as sql:
        await sql.commit(_END, params)


# ---- whoever asked ---------------------------------------------------------------------------------------------------------


class ErrorRow(NamedTuple):
    position: int
    line: int
    column: str
    code: str
    message: str
    hint: str

    def shown(self) -> dict[str, Any]:
        return {name: part for name, part in self._asdict().items() if name != "position"}


_ERRORS = """
select position, line, column_name as "column", code, message, hint from job_errors
where merchant_id = %(m)s and job_id = %(job)s and position > %(after)s order by position limit %(limit)s
"""


async def job_of(shop: Shop, caller: Caller, reference: str) -> JobRow:
    """A job that the caller asked for, or could have. Raises `NotFound`."""
    async with shop.database.transaction(caller.merchant, read_only=True) as sql:
        actor = (await enter(sql, caller, None, shop.clock())).actor(caller)
        found = await sql.row(_FIND, {"m": caller.merchant, "r": Kind.job.canonical(reference)}, as_=JobRow)
    if found is None or (
        found.asked_by != actor.reference and registry.tool(found.tool).permission not in actor.permissions
    ):
        raise NotFound(f"There is no job {reference}.")
    return found


async def errors_of(
    shop: Shop, caller: Caller, reference: str, *, limit: int, after: str | None
) -> Page[dict[str, Any]]:
    """What a job could not take, in the order of its file."""
    job = await job_of(shop, caller, reference)
    from_ = place(after, int)
    async with shop.database.transaction(caller.merchant, read_only=True) as sql:
        rows = await _errors(sql, job, from_[0] if from_ else -1, limit + 1)
    return page_of(rows, limit, lambda row: row.shown(), lambda row: (row.position,))


def error_file_name(reference: str) -> str:
    return f"{Kind.job.canonical(reference)}-errors.csv"


async def error_file(shop: Shop, caller: Caller, reference: str) -> AsyncGenerator[bytes]:
    """The same as a CSV file, for a spreadsheet beside the one that was imported."""
    job = await job_of(shop, caller, reference)

    async def pieces() -> AsyncGenerator[bytes]:
        yield row_of(["Line", "Column", "What is wrong", "What to do", "Code"])
        after: int | None = -1
        while after is not None:
            async with shop.database.transaction(caller.merchant, read_only=True) as sql:
                content, after = await _piece(sql, job, after)
            yield content

    return pieces()


async def _piece(sql: Transaction, job: JobRow, after: int) -> Piece:
    rows = await _errors(sql, job, after, ERRORS_A_PIECE)
    content = b"".join(row_of([row.line, row.column, row.message, row.hint, row.code]) for row in rows)
    return Piece(content, rows[-1].position if len(rows) == ERRORS_A_PIECE else None)


async def _errors(sql: Transaction, job: JobRow, after: int, limit: int) -> list[ErrorRow]:
    params = {"m": sql.merchant, "job": job.id, "after": after, "limit": limit}
    return await sql.rows(_ERRORS, params, as_=ErrorRow)
