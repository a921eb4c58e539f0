"""One installation: its database made ready, its first shop loaded once, and the credentials to it."""

import asyncio
import os
import secrets
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import argon2
import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy.exc import DBAPIError

from db import clock, embedded
from db.model import new_id
from db.models.backoffice import Role
from db.references import Kind
from db.revision import is_current
from db.seed.mark import is_loaded
from db.seed.merchant import NewMerchant, NewPerson, add_merchant
from db.session import Database
from orchestrator.settings import Settings
from tools.contract.actors import digest_of
from tools.contract.shop import Shop

Progress = Callable[[str], None]
DEMO = NewMerchant("demo", "Fernway Home", currency="EUR", zone="Europe/Paris", country="FR")


class NotReady(Exception):
    """The installation lacks something; the message says what to do."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class NewOwner(NamedTuple):
    email: str
    name: str


OWNER = NewOwner("owner@demo.example", "Ines Marchand")


@dataclass(frozen=True)
class Urls:
    """The database by role. `direct` goes past a pooler."""

    runtime: str
    owner: str | None
    direct: str
    replica: str | None


@dataclass(frozen=True)
class Credentials:
    """The demo shop's owner, as the first start wrote them down."""

    merchant: uuid.UUID
    user: uuid.UUID
    email: str
    password: str
    key: str


@contextmanager
def database(settings: Settings, progress: Progress = lambda _: None) -> Generator[Urls]:
    """The database's addresses; without DATABASE_URL the embedded server runs meanwhile."""
    if settings.database_url or settings.database_owner_url:
        yield external(settings, progress)
        return
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    server = embedded.start(settings.home, progress=progress)
    try:
        yield Urls(server.url("app_rt"), server.url("app_owner"), server.url("app_rt"), settings.database_replica_url)
    finally:
        embedded.stop(server)


def external(settings: Settings, progress: Progress) -> Urls:
    """A server of the merchant's own. Given only its owner, the runtime role is made, and its password kept in the home."""
    owner, runtime = settings.database_owner_url, settings.database_url
    if runtime is None:
        if owner is None:
            raise NotReady(
                "No database is named.", hint="Set DATABASE_URL, or leave it out to use the embedded server."
            )
        runtime = _runtime_role(owner, settings.home / "runtime-role", progress)
    return Urls(runtime, owner, settings.database_direct_url or runtime, settings.database_replica_url)


def _runtime_role(owner: str, kept: Path, progress: Progress) -> str:
    """The address of app_rt on the owner's server, which lacks it at first. Its password is kept in the home before it is made."""
    known = kept.exists()
    if not known:
        write_secret(kept, secrets.token_urlsafe(24))
    password = kept.read_text().strip()
    with _owning(), psycopg.connect(owner, autocommit=True) as connection:
        created = embedded.provision(connection, {"app_rt": password})
    if created:
        progress("The runtime role app_rt was created; its password is in the home.")
    elif not known:
        kept.unlink()
        raise NotReady(
            "The server has the runtime role app_rt, and this home does not know its password.",
            hint="Set DATABASE_URL to app_rt's own address.",
        )
    return make_conninfo(owner, user="app_rt", password=password)


@contextmanager
def _owning() -> Generator[None]:
    try:
        yield
    except (psycopg.errors.InsufficientPrivilege, DBAPIError) as denied:
        cause = denied.orig if isinstance(denied, DBAPIError) else denied
        if not isinstance(cause, psycopg.errors.InsufficientPrivilege):
            raise
        raise NotReady(
            f"The role of DATABASE_OWNER_URL may not do this: {str(cause).splitlines()[0]}.",
            hint="It has to own the database, and needs CREATEROLE where the runtime role app_rt does not exist yet.",
        ) from denied


def migrate(urls: Urls, progress: Progress = lambda _: None) -> None:
    """Bring the schema up to date. Raises `NotReady` without the owner's address."""
    from orchestrator.saver import set_up_saver  # brings LangGraph, which most commands need not wake

    if urls.owner is None:
        raise NotReady("Migrations need the owner of the tables.", hint="Set DATABASE_OWNER_URL.")
    with _owning():
        if not is_current(urls.owner):
            from db.migrate import upgrade  # Alembic takes longer to import than most commands to run

            upgrade(urls.owner, progress)
        asyncio.run(set_up_saver(urls.owner))


async def ensure_demo(database: Database, urls: Urls, settings: Settings, progress: Progress) -> Credentials:
    """Create the demo shop with its owner once, fill it once, and return the credentials that were written then."""
    if not settings.credentials.exists():
        progress("Creating the demo shop and its owner")
        await open_shop(database, DEMO, OWNER, settings.credentials, settings.address)
    credentials = read_credentials(settings)
    await _refuse_foreign(database, credentials, settings)
    with psycopg.connect(urls.runtime, autocommit=True) as connection:
        if not is_loaded(connection, credentials.merchant):
            from db.seed import demo  # only the first start needs its catalogue of names

            progress("Loading the demo shop: a year of orders, up to now")
            demo.load(connection, credentials.merchant, now=clock.now(), progress=progress)
            progress("Living an evening in it")
            await _live_an_evening(Shop(database, site=settings.site), credentials)
    return credentials


async def _live_an_evening(shop: Shop, credentials: Credentials) -> None:
    from orchestrator.demo_evening import live  # only the first start needs the rooms by then

    await live(shop, credentials.merchant, credentials.user)


async def _refuse_foreign(database: Database, credentials: Credentials, settings: Settings) -> None:
    async with database.connection() as connection:
        found = await connection.execute("select 1 from merchants where id = %s", (credentials.merchant,))
        if await found.fetchone() is None:
            raise NotReady(
                f"{settings.credentials} opens a shop that this database does not have.",
                hint="Start with the database that it belongs to; or move the file away, to begin with a new demo shop.",
            )


async def open_shop(database: Database, shop: NewMerchant, owner: NewOwner, file: Path, address: str) -> None:
    """Create an empty shop. Its owner's password and a first API key are drawn, and written to the file and nowhere else.

    Raises `NotReady` when the database has a shop of that name.
    """
    password, secret = secrets.token_urlsafe(12), secrets.token_urlsafe(32)
    person = NewPerson(owner.email, owner.name, Role.owner, argon2.PasswordHasher().hash(password))
    async with database.transaction(new_id()) as sql:
        if (await sql.connection.execute("select 1 from merchants where slug = %s", (shop.slug,))).rowcount:
            raise NotReady(
                f"The database has a shop {shop.slug}, and its key is not in {file}.",
                hint="Put that file back; or choose another name for a new shop, or another SHOPKEEPER_HOME or database.",
            )
        (user,) = await add_merchant(sql, shop, [person])
        await sql.flush()
        await sql.execute(
            "insert into api_keys (merchant_id, id, reference, name, secret_hash, last_four, scopes, limit_per_call, limit_per_day,"
            " created_by, created_at) values (%s, %s, %s, 'First key', %s, %s, '{*}', 0, 0, %s, now())",
            (
                sql.merchant,
                new_id(),
                Kind.api_key.reference(1000),
                digest_of(secret),
                secret[-4:],
                Kind.user.reference(1001),
            ),
        )
        lines = {
            "ADDRESS": address,
            "EMAIL": owner.email,
            "PASSWORD": password,
            "SHOPKEEPER_KEY": f"sk_{sql.merchant}_{secret}",
            "MERCHANT": str(sql.merchant),
            "USER": str(user),
        }
        write_secret(file, "".join(f"{name}={value}\n" for name, value in lines.items()))
        await sql.commit()  # last: a shop whose key nobody has could never be opened


def read_credentials(settings: Settings) -> Credentials:
    """The owner of the demo shop. Raises `NotReady` before the first start."""
    if not settings.credentials.exists():
        raise NotReady("There is no shop in this home yet.", hint="Run `make start` (or `shopkeeper start`) first.")
    kept = dict(line.split("=", 1) for line in settings.credentials.read_text().splitlines())
    return Credentials(
        uuid.UUID(kept["MERCHANT"]), uuid.UUID(kept["USER"]), kept["EMAIL"], kept["PASSWORD"], kept["SHOPKEEPER_KEY"]
    )


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read; it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
