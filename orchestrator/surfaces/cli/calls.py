"""Calling operations: in process over the database, or over HTTP. Both give the same answers and the same refusals."""

import asyncio
import sys
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.settings import Settings
from orchestrator.surfaces.cli import show
from orchestrator.surfaces.cli.answers import Answer, Client, Download, Refused
from tools.contract.declare import Tool

if TYPE_CHECKING:
    from db.session import Database
    from tools.contract.call import Shop
    from tools.contract.context import Job

Progress = Callable[[str], None]
T = TypeVar("T")


@asynccontextmanager
async def connected(settings: Settings, progress: Progress = lambda _: None) -> AsyncGenerator[Client]:
    """The shop: the server that SHOPKEEPER_URL names, or the database of this installation, as its owner."""
    if settings.server_url:
        from orchestrator.surfaces.cli.remote import Remote

        async with Remote.at(settings) as remote:
            yield remote
        return
    async with _in_process(settings, progress) as local:
        yield local


@asynccontextmanager
async def _in_process(settings: Settings, progress: Progress) -> AsyncGenerator["Local"]:
    from db.session import Database
    from orchestrator import installation

    credentials = installation.read_credentials(settings)
    with installation.database(settings, progress) as urls:
        database = Database(urls.runtime, size=2, prepare=urls.direct == urls.runtime)
        await database.open()
        try:
            yield Local(_shop(database, settings), settings, credentials.merchant, credentials.user)
        finally:
            await database.close()


def _shop(database: "Database", settings: Settings) -> "Shop":
    """What calls need; what was decided is carried out at once, as everywhere. A chat that waited for it goes on in the worker."""
    from orchestrator.approvals import CARRY_OUT, carry_out
    from orchestrator.outside import Outside, first_secret, providers_of
    from tools import registry
    from tools.contract.call import Shop
    from tools.contract.errors import ShopError

    async def after_commit(merchant: uuid.UUID, jobs: "list[Job]") -> None:
        for job in jobs:
            if job.task == CARRY_OUT:
                try:
                    await carry_out(shop, registry.tools(), merchant, job.arguments["approval"])
                except ShopError as in_the_way:
                    show.say(f"It is decided, and the worker will carry it out: {in_the_way.message}")

    async def try_outside(merchant: uuid.UUID, intents: list[str]) -> None:
        await outside.first_try(merchant, intents)

    shop = Shop(database, site=settings.site, after_commit=after_commit, outside=try_outside)
    outside = Outside(shop, providers_of(shop, {}, first_secret()))  # real providers are asked by the worker
    return shop


class Local:
    """Calls in this process, as a person of the shop."""

    def __init__(self, shop: "Shop", settings: Settings, merchant: uuid.UUID, user: uuid.UUID) -> None:
        from tools.contract.actors import Caller, Door, Hand, Proof

        self.shop = shop
        self.settings = settings
        self.caller = Caller(merchant, Door.cli, Hand.person, Proof.user, str(user))

    async def call(
        self, tool: Tool[Any, Any], arguments: Mapping[str, Any], *, key: str | None = None, preview: bool = False
    ) -> Answer:
        from tools.contract.call import call
        from tools.contract.reading import from_json

        with _as_refused():
            args = from_json(tool, arguments)
            done = await call(self.shop, tool, args, self.caller, key=key, preview=preview, wait=True)
        result = None if done.result is None else done.result.model_dump(mode="json")
        card = None if done.card is None else done.card.model_dump(mode="json")
        return Answer(result, card, done.approval, done.why, done.replayed)

    @asynccontextmanager
    async def fetch(self, tool: Tool[Any, Any], arguments: Mapping[str, Any]) -> AsyncGenerator[Download]:
        from tools.contract.call import call
        from tools.contract.reading import from_json

        with _as_refused():
            done = await call(self.shop, tool, from_json(tool, arguments), self.caller)
        assert done.result is not None
        async with aclosing(done.result.stream(self.shop, self.caller.merchant)) as pieces:
            yield Download(done.result.name, pieces)

    async def upload(self, path: Path, key: str) -> str:
        from orchestrator import files

        with _as_refused(), path.open("rb") as content:
            kept = await files.upload(self.shop, self.settings, self.caller, key, path.name, "", content)
        return kept.reference

    async def job(self, reference: str) -> dict[str, Any]:
        import orjson

        from orchestrator import jobs

        with _as_refused():
            found = await jobs.job_of(self.shop, self.caller, reference)
        return orjson.loads(orjson.dumps(found.shown()))

    @asynccontextmanager
    async def errors(self, reference: str) -> AsyncGenerator[Download]:
        from orchestrator import jobs

        with _as_refused():
            pieces = await jobs.error_file(self.shop, self.caller, reference)
        async with aclosing(pieces):
            yield Download(jobs.error_file_name(reference), pieces)

    @asynccontextmanager
    async def working(self, reference: str) -> AsyncGenerator[None]:
        """Perhaps no worker runs; where one does, whoever comes second finds the job taken."""
        from orchestrator import jobs
        from tools.contract.errors import IdempotencyInFlight

        work = asyncio.create_task(jobs.work_off(self.shop, self.caller.merchant, reference))
        try:
            yield
        finally:
            with _as_refused(), suppress(IdempotencyInFlight):  # a worker has it
                await work


@contextmanager
def _as_refused() -> Generator[None]:
    from tools.contract.errors import ShopError

    try:
        yield
    except ShopError as refused:
        raise Refused(refused.status, refused.problem()) from None


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end. On Windows psycopg needs the older of the two event loops."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop if sys.platform == "win32" else None) as runner:
        return runner.run(work)
