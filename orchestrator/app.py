"""The one place where the parts meet: settings, database, graph, surfaces."""

import asyncio
import logging
import re
import uuid
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import Any

import psycopg
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.roster import ROSTER
from connectors.carriers import Carriage
from connectors.payments import Provider
from db.model import new_id
from db.session import RUNTIME_SEARCH_PATH, Database, refuse_unsafe_role
from orchestrator import limits, telemetry
from orchestrator.approvals import CARRY_OUT
from orchestrator.carriage import Carriers, carriers_of
from orchestrator.chat import Chat
from orchestrator.chat.listening import listening
from orchestrator.index import read_index
from orchestrator.installation import NotReady, Urls
from orchestrator.language_model import open_models
from orchestrator.outside import Outside, first_secret, providers_of
from orchestrator.saver import open_saver
from orchestrator.services import Services
from orchestrator.settings import Settings
from orchestrator.supervisor import Supervisor, build_graph
from orchestrator.surfaces import carriers, completions, files, openapi, pages, rest, session
from orchestrator.surfaces import chat as chat_routes
from orchestrator.surfaces.identity import Identity, RateLimiter
from orchestrator.surfaces.paths import joined
from orchestrator.surfaces.problems import crash_response, database_response, problem_response
from orchestrator.surfaces.webhooks import with_webhooks
from orchestrator.tasks import ended
from orchestrator.worker import make_worker
from tools import registry
from tools.contract.asking import Question
from tools.contract.call import Shop
from tools.contract.context import Job
from tools.contract.errors import DATABASE_ERRORS, ShopError

VERSION = version("shopkeeper")
TO_FINISH = 10.0  # seconds that a worker has for what it has begun when its process closes
_log = logging.getLogger(__name__)


class UnknownPath(ShopError):
    """Nothing is served at that path."""

    status = 404
    hint = "The routes are listed in /openapi.json."


class WrongMethod(ShopError):
    """That path is not asked in this way."""

    status = 405
    hint = "The routes and their methods are listed in /openapi.json."


@asynccontextmanager
async def services(settings: Settings, urls: Urls) -> AsyncGenerator[Services]:
    """The parts, put together over a migrated database. Raises `NotReady` or `UnsafeRole`."""
    direct = urls.direct == urls.runtime
    index = await asyncio.to_thread(read_index)
    async with AsyncExitStack() as opened:
        opened.enter_context(_traced(settings))
        database = await _opened(opened, urls.runtime, settings, prepare=direct)
        await _refuse_unready(database)
        replica = await _opened(opened, urls.replica, settings, prepare=direct) if urls.replica else None
        if replica:
            await _refuse_unready(replica)
        saver = await opened.enter_async_context(open_saver(urls.direct))
        models = await opened.enter_async_context(open_models(settings, index))
        supervisor = build_graph(ROSTER, registry.tools(), models, index, saver)
        stripe, easypost = await _stripe(opened, settings, database), await _easypost(opened, settings, database)
        parts = _put_together(settings, database, replica, supervisor, stripe, easypost)
        opened.push_async_callback(parts.chat.close)
        await opened.enter_async_context(listening(parts.chat.bell, urls.direct))
        yield parts


@contextmanager
def _traced(settings: Settings) -> Generator[None]:
    try:
        with telemetry.sending(settings):
            yield
    except telemetry.NoExporter as missing:
        raise NotReady(
            str(missing), hint="Install it with `pip install -e '.[traces]'`, or unset SHOPKEEPER_TRACES."
        ) from missing


async def _opened(stack: AsyncExitStack, url: str, settings: Settings, *, prepare: bool) -> Database:
    database = Database(url, size=settings.pool_size, prepare=prepare, patience=limits.call_patience(settings))
    stack.push_async_callback(database.close)
    await database.open()
    return database


async def _stripe(stack: AsyncExitStack, settings: Settings, database: Database) -> dict[uuid.UUID, Provider]:
    """The shop that is paid through Stripe, and its account there."""
    if not (settings.stripe_shop and settings.stripe_key and settings.stripe_webhook_secret):
        return {}
    from connectors.payments.stripe import Stripe  # a second of imports, for who uses it

    merchant = await _shop_named(database, settings.stripe_shop, "SHOPKEEPER_STRIPE_SHOP")
    key, secret = settings.stripe_key.get_secret_value(), settings.stripe_webhook_secret.get_secret_value()
    stripe = Stripe(key, secret, settings.stripe_api_base, settings.stripe_return_url)
    stack.push_async_callback(stripe.close)
    return {merchant: stripe}


async def _easypost(stack: AsyncExitStack, settings: Settings, database: Database) -> dict[uuid.UUID, Carriage]:
    """The shop whose carriers may be asked through EasyPost, and its account there."""
    if not (settings.easypost_shop and settings.easypost_key and settings.easypost_webhook_secret):
        return {}
    from connectors.carriers.easypost import EasyPost

    merchant = await _shop_named(database, settings.easypost_shop, "SHOPKEEPER_EASYPOST_SHOP")
    key, secret = settings.easypost_key.get_secret_value(), settings.easypost_webhook_secret.get_secret_value()
    easypost = EasyPost(key, secret, settings.easypost_api_base)
    stack.push_async_callback(easypost.close)
    return {merchant: easypost}


async def _shop_named(database: Database, slug: str, setting: str) -> uuid.UUID:
    async with database.connection() as connection:
        cursor = await connection.execute("select id from merchants where slug = %s", (slug,))
        found = await cursor.fetchone()
    if found is None:
        raise NotReady(f"There is no shop {slug}.", hint=f"{setting} names a shop by its slug.")
    return found[0]


def _put_together(
    settings: Settings,
    database: Database,
    replica: Database | None,
    supervisor: Supervisor,
    others: Mapping[uuid.UUID, Provider],
    carriages: Mapping[uuid.UUID, Carriage],
) -> Services:
    async def after_commit(merchant: uuid.UUID, jobs: list[Job]) -> None:
        for job in jobs:
            if job.task == CARRY_OUT:
                await carry_out(merchant, job.arguments["approval"])

    async def carry_out(merchant: uuid.UUID, approval: str) -> None:
        try:
            await chat.carry_out(merchant, approval)
        except Exception:
            _log.exception("%s is left to the worker", approval)

    async def try_outside(merchant: uuid.UUID, intents: list[str]) -> None:
        await outside.first_try(merchant, intents)  # each takes up its own kinds alone
        await parcels.first_try(merchant, intents)

    async def ask(merchant: uuid.UUID, questions: Sequence[Question]) -> Mapping[str, str]:
        return await parcels.ask(merchant, questions)

    own = [(one.name, merchant) for accounts in (others, carriages) for merchant, one in accounts.items()]
    shop = Shop(
        database,
        replica,
        replace(settings.site, owned=dict(own)),
        after_commit=after_commit,
        outside=try_outside,
        ask=ask,
        room=limits.room(settings),
    )
    outside = Outside(shop, providers_of(shop, others, first_secret()))
    parcels = Carriers(shop, carriers_of(carriages))
    chat = Chat(
        shop, supervisor, registry.tools(), limits=limits.turn_limits(settings), room=limits.chat_limits(settings)
    )
    return Services(settings, shop, chat, outside, parcels)


async def _refuse_unready(database: Database) -> None:
    async with database.connection() as connection:
        await refuse_unsafe_role(connection)
        try:
            await connection.execute("select 1 from merchants limit 1")
        except psycopg.errors.UndefinedTable:
            raise NotReady("The database has no tables yet.", hint="Run `shopkeeper migrate` as its owner.") from None
        except psycopg.errors.InsufficientPrivilege:
            raise NotReady(
                "The role of DATABASE_URL may not read the shop's tables.",
                hint="It has to be app_rt, or a member of it.",
            ) from None
        found = await connection.execute("select 'jobs' = any (current_schemas(false))")
        if await found.fetchone() != (True,):
            raise NotReady(
                "The role of DATABASE_URL does not find the schema `jobs`.",
                hint=f"Run this as an administrator: alter role app_rt set search_path = {RUNTIME_SEARCH_PATH};",
            )


def web(parts: Services) -> FastAPI:
    """The web application over parts that are open."""
    app = FastAPI(title="Shopkeeper", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None)
    identity = Identity(parts.shop.database, RateLimiter(parts.settings.requests_per_minute))
    tools = list(registry.tools().values())
    doors = [
        *session.routes(identity, parts.shop.database, VERSION),
        *chat_routes.routes(parts.chat, identity.caller_of),
        *completions.routes(parts.chat, identity.caller_of),
        *files.routes(parts.shop, parts.settings, identity.caller_of),
        *carriers.routes(parts.shop, parts.carriers),
        *with_webhooks(rest.routes(parts.shop, tools, identity.caller_of, identity.visitor), parts.outside),
        *pages.routes(parts.shop, identity),
    ]
    app.router.routes.extend(joined(doors))

    @cache  # made when it is first asked for: a start need not wait for it
    def document() -> dict[str, Any]:
        return openapi.document(tools, VERSION)

    async def openapi_json(_: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(document))

    app.add_route("/openapi.json", openapi_json)
    app.add_exception_handler(HTTPException, _unknown)
    for refusal in DATABASE_ERRORS:
        app.add_exception_handler(refusal, _refused_by_database)
    app.add_exception_handler(Exception, _crashed)
    app.add_middleware(RequestId)
    return app


@asynccontextmanager
async def working(parts: Services, urls: Urls) -> AsyncGenerator[None]:
    """A worker beside whatever runs inside; it finishes what it has begun when that ends."""
    worker = make_worker(parts, urls.direct)
    async with worker.open_async():
        running = asyncio.create_task(
            worker.run_worker_async(concurrency=4, install_signal_handlers=False, shutdown_graceful_timeout=TO_FINISH)
        )
        try:
            yield
        finally:
            await ended(running, again=TO_FINISH + 5)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        answer = problem_response(WrongMethod(f"{request.url.path} is not asked with {request.method}."), request)
        known = (error.headers or {}).get("Allow", "").split(", ")
        answer.headers["Allow"] = ", ".join(sorted(set(known) - ({"PUT"} if "PATCH" in known else set())))
        return answer
    return problem_response(UnknownPath(f"There is nothing at {request.url.path}."), request)


async def _refused_by_database(request: Request, failed: Exception) -> Response:
    return database_response(request, failed)


async def _crashed(request: Request, crash: Exception) -> Response:
    return crash_response(request, crash)


class RequestId:
    """Each request has a name, the caller's or a new one: in the answer, in problems, in the audit."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
        name = asked if re.fullmatch(r"[\w.-]{1,100}", asked) else str(new_id())
        scope.setdefault("state", {})["request_id"] = name

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-request-id", name.encode()))
            await send(message)

        await self.app(scope, receive, named)
