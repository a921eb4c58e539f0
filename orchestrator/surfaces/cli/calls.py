"""Calling operations: in process over the database, or over HTTP. Both give the same answers and the same refusals."""

import asyncio
import sys
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.settings import Settings
from orchestrator.surfaces.cli import show
from orchestrator.surfaces.cli.answers import Answer, Client, Refused
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
            yield Local(_shop(database, settings), credentials.merchant, credentials.user)
        finally:
            await database.close()


def _shop(database: "Database", settings: Settings) -> "Shop":
    """What calls need; what was decided is carried out at once, as everywhere. A chat that waited for it goes on in the worker."""
    from orchestrator.approvals import CARRY_OUT, carry_out
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

    shop = Shop(database, site=settings.site, after_commit=after_commit)
    return shop


class Local:
    """Calls in this process, as a person of the shop."""

    def __init__(self, shop: "Shop", merchant: uuid.UUID, user: uuid.UUID) -> None:
        from tools.contract.actors import Caller, Door, Hand, Proof

        self.shop = shop
        self.caller = Caller(merchant, Door.cli, Hand.person, Proof.user, str(user))

    async def call(
        self, tool: Tool[Any, Any], arguments: Mapping[str, Any], *, key: str | None = None, preview: bool = False
    ) -> Answer:
        from tools.contract.call import call
        from tools.contract.errors import ShopError
        from tools.contract.reading import from_json

        try:
            args = from_json(tool, arguments)
            done = await call(self.shop, tool, args, self.caller, key=key, preview=preview, wait=True)
        except ShopError as refused:
            raise Refused(refused.status, refused.problem()) from None
        result = None if done.result is None else done.result.model_dump(mode="json")
        card = None if done.card is None else done.card.model_dump(mode="json")
        return Answer(result, card, done.approval, done.why, done.replayed)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end. On Windows psycopg needs the older of the two event loops."""
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop if sys.platform == "win32" else None) as runner:
        return runner.run(work)
