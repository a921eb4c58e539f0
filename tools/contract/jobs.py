"""Long work: an operation begins it, the worker goes on with it, and whoever asked can see how far it is.

The call that begins it leaves a row and a line on the outbox, in its own transaction. The worker then looks through the whole
of it first, changing nothing (`check`): a dry run ends there. The deed (`carry_out`) is one transaction with its audit row and
its idempotency record `job:JOB-12`: a worker that is killed leaves nothing half done, and who comes after it does it once.
The numbers of new references are taken in between, so that nobody waits for a counter until the deed is through.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import Field

from db.model import new_id
from db.models.files import Job, JobStatus
from db.references import TAKE, Kind
from tools.contract.actors import Caller
from tools.contract.call import opened
from tools.contract.context import Context, Taken
from tools.contract.declare import Input, Result, Tool
from tools.contract.errors import IdempotencyInFlight, ShopError
from tools.contract.files import PREFIX
from tools.contract.idempotency import canonical, leave
from tools.contract.plain import as_jsonb
from tools.contract.secret import without_secrets
from tools.contract.shop import Shop

WORK_OFF = "work_off"
MOST_ERRORS = 10_000  # that are kept of a job: nobody reads more, and what is wrong with all rows shows in the first

I = TypeVar("I", bound=Input)  # noqa: E741


class JobStarted(Result):
    """Work has begun, and goes on without the caller."""

    job: str = Field(description="The job, such as `JOB-12`.")
    status: JobStatus = Field(description="How far it is: queued, running, done or failed.")
    link: str = Field(description="Where its progress and result are read.")


class LineError(NamedTuple):
    """What cannot be taken: where it stands, what is wrong, what to do about it."""

    line: int
    column: str
    code: str
    message: str
    hint: str


@dataclass
class Progress:
    """How far the work is, as it says itself; others read it meanwhile."""

    step: str = "waiting"
    total: int | None = None
    done: int = 0
    errors: list[LineError] = field(default_factory=list[LineError])
    failed: int = 0

    def begin(self, step: str, total: int | None = None) -> None:
        self.step, self.total, self.done, self.failed = step, total, 0, 0
        self.errors.clear()

    def refuse(self, error: LineError) -> None:
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(error)


@dataclass(frozen=True)
class Checked:
    """What looking through came to: whether the deed follows, and how many new references of each kind it needs."""

    result: Result
    goes_on: bool
    needs: dict[Kind, int] = field(default_factory=dict[Kind, int])
    refused: ShopError | None = None


Numbers = dict[Kind, Iterator[str]]


@dataclass(frozen=True)
class Work(Generic[I]):
    """The two halves of an operation that takes long."""

    check: Callable[[Context, I, Progress], Awaitable[Checked]]
    carry_out: Callable[[Context, I, Progress, Numbers], Awaitable[Result]]


class Came(NamedTuple):
    """What a job came to; `refused` says why it did not do what was asked."""

    result: dict[str, Any]
    refused: ShopError | None = None


# With the deed, on the job's own row: its idempotency record lapses after a month, and a worker may be away for longer.
_DONE = "update jobs set result = %(result)s where merchant_id = %(m)s and reference = %(job)s"


async def begin(ctx: Context, tool: Tool[Any, Any], args: Input) -> JobStarted:
    """Leave the rest of an operation to the worker. Jobs of one operation follow each other: they would change the same rows."""
    job = await ctx.add(
        Job, status=JobStatus.queued, tool=tool.name, asked_by=ctx.actor.reference, asker=ctx.asker,
        arguments=args.model_dump(mode="json", exclude_unset=True), done=0, failed=0,
    )  # fmt: skip
    ctx.event(JobStatus.queued, job)
    ctx.enqueue(WORK_OFF, lock=f"{tool.name}:{ctx.merchant.id}", job=job.reference)
    return JobStarted(job=job.reference, status=job.status, link=f"{ctx.site.address}{PREFIX}/jobs/{job.reference}")


async def carried_out(
    shop: Shop, tool: Tool[Any, Any], args: Input, caller: Caller, job: str, progress: Progress
) -> Came:
    """Do the work of a job, or find that it was done. Raises what the shop refuses, and `IdempotencyInFlight`."""
    assert tool.work is not None
    key = f"job:{job}"
    async with opened(shop, tool, caller, key=key) as (ctx, entered):
        if not ctx.sql.locked:
            raise IdempotencyInFlight(f"{job} is being worked on.", retry_after=5)
        if entered.response is not None:
            return Came(entered.response)
        checked = await tool.work.check(ctx, args, progress)
    if not checked.goes_on:
        return Came(checked.result.model_dump(mode="json"), checked.refused)
    numbers = await _numbers(shop, caller, checked.needs)
    async with opened(shop, tool, caller, key=key) as (ctx, entered):
        if not ctx.sql.locked:
            raise IdempotencyInFlight(f"{job} is being worked on.", retry_after=5)
        if entered.response is not None:
            return Came(entered.response)
        result = without_secrets(await tool.work.carry_out(ctx, args, progress, numbers))
        await ctx.sql.execute(
            _DONE, {"m": caller.merchant, "job": job, "result": as_jsonb(result.model_dump(mode="json"))}
        )
        await ctx.sql.commit(*await leave(ctx, caller, tool, canonical(args, as_sent=True), canonical(result)))
    return Came(result.model_dump(mode="json"))


async def _numbers(shop: Shop, caller: Caller, needs: dict[Kind, int]) -> Numbers:
    numbers: Numbers = {}
    async with shop.database.transaction(caller.merchant) as sql:
        for kind, count in needs.items():
            params = {
                "merchant": caller.merchant,
                "id": new_id(),
                "name": kind.value,
                "count": count,
                "now": shop.clock(),
            }
            last = (await sql.rows(TAKE, params, as_=Taken))[0].value
            numbers[kind] = map(kind.reference, range(last - count + 1, last + 1))
        await sql.commit()
    return numbers
