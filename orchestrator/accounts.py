"""Accounts beside the shops: which shop a person used last, the sessions of their browsers, and the links that reach them.

Users and sessions stand outside the wall between merchants; what is asked here is asked for one person at a time.
"""

import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from psycopg.rows import class_row

from db import clock
from db.model import new_id
from db.session import Database
from tools.contract.actors import digest_of
from tools.contract.errors import NotFound
from tools.contract.guesses import network_of
from tools.contract.links import Link, LinkKind, new_link

Row = TypeVar("Row")

SIGNED_IN = timedelta(days=14)
SEEN = timedelta(minutes=5)  # how exactly it is known when a session was last used
LONGEST_AGENT = 200


@dataclass(frozen=True)
class Visit:
    """Where a request came from, as far as it is kept."""

    address: str
    user_agent: str = ""

    @property
    def network(self) -> str:
        return network_of(self.address)


class Person(NamedTuple):
    id: uuid.UUID
    password_hash: str | None
    at_home: bool  # signed in from the same network already


class SignedIn(NamedTuple):
    id: uuid.UUID
    user_id: uuid.UUID
    merchant_id: uuid.UUID
    last_seen_at: datetime


class _Shop(NamedTuple):
    id: uuid.UUID


class _Member(NamedTuple):
    reference: str


class Offer(NamedTuple):
    """An invitation that waits: what its link's page shows."""

    shop: str
    role: str
    email: str
    name: str
    reference: str


class Lost(NamedTuple):
    """Somebody who asked for a link to set a new password."""

    email: str
    asked_at: datetime


async def one(database: Database, query: str, params: tuple[object, ...], as_: type[Row]) -> Row | None:
    """A row outside the wall."""
    async with database.connection() as connection, connection.cursor(row_factory=class_row(as_)) as cursor:
        await cursor.execute(query.encode(), params)
        return await cursor.fetchone()


async def person_of(database: Database, email: str, network: str) -> Person | None:
    query = """
    select id, password_hash, exists (select from sessions s where s.user_id = u.id and s.network = %s and s.network <> ''
                                      and s.expires_at > %s) as at_home
    from users u where email = %s
    """
    return await one(database, query, (network, clock.now(), email), Person)


async def is_member(database: Database, shop: uuid.UUID, user: uuid.UUID) -> bool:
    query = "select reference from memberships where merchant_id = %s and user_id = %s and deactivated_at is null"
    async with database.transaction(shop, read_only=True) as sql:
        return await sql.row(query, (shop, user), as_=_Member) is not None


async def shop_named(database: Database, slug: str, user: uuid.UUID) -> uuid.UUID | None:
    """The shop of that name, if the person is in it. A name that no shop has is asked for in the same way as another's."""
    found = await one(database, "select id from merchants where slug = %s", (slug,), _Shop)
    shop = found.id if found else new_id()
    return shop if await is_member(database, shop, user) else None


async def shop_of(database: Database, user: uuid.UUID) -> uuid.UUID | None:
    """The shop that the person used last; of those that they are in the oldest, where that is not known or they have left it.

    Memberships are behind the wall, so each shop has to be asked in turn then; where nobody is so called, none is.
    """
    query = """
    select m.id from users u join merchants m on true where u.id = %s
    order by m.id is distinct from u.last_merchant_id, m.created_at, m.id
    """
    async with database.connection() as connection, connection.cursor(row_factory=class_row(_Shop)) as cursor:
        await cursor.execute(query, (user,))
        shops = await cursor.fetchall()
    for shop in shops:
        if await is_member(database, shop.id, user):
            return shop.id
    return None


async def open_session(database: Database, user: uuid.UUID, shop: uuid.UUID, visit: Visit) -> str:
    """A session's token; the shop is the one used last from now on."""
    token, now = secrets.token_urlsafe(32), clock.now()
    async with database.connection() as connection, connection.transaction():
        await connection.execute(
            "insert into sessions (id, token_hash, user_id, merchant_id, network, user_agent, created_at, last_seen_at, expires_at)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (new_id(), digest_of(token), user, shop, visit.network, visit.user_agent[:LONGEST_AGENT], now, now, now + SIGNED_IN),
        )  # fmt: skip
        await connection.execute("update users set last_merchant_id = %s where id = %s", (shop, user))
    return token


def is_session(token: str) -> bool:
    """Whether it has a session token's shape; an API key is longer."""
    return re.fullmatch(r"[\w-]{43}", token, re.ASCII) is not None


async def session_of(database: Database, token: str) -> SignedIn | None:
    query = "select id, user_id, merchant_id, last_seen_at from sessions where token_hash = %s and expires_at > %s"
    return await one(database, query, (digest_of(token), clock.now()), SignedIn)


async def note_seen(database: Database, session: SignedIn, shop: uuid.UUID) -> None:
    """Keep when a session was last used, and in which shop; once in a while, not with each request."""
    now = clock.now()
    if now - session.last_seen_at < SEEN:
        return
    async with database.connection() as connection, connection.transaction():
        await connection.execute("update sessions set last_seen_at = %s where id = %s", (now, session.id))
        await connection.execute("update users set last_merchant_id = %s where id = %s", (shop, session.user_id))


async def close_session(database: Database, token: str) -> None:
    async with database.connection() as connection:
        await connection.execute("delete from sessions where token_hash = %s", (digest_of(token),))


async def offer_of(database: Database, link: Link) -> Offer | None:
    """What an invitation's link offers, to whoever holds it; None when it is used, void or too old."""
    query = """
    select p.name as shop, s.role, i.email, i.name, s.reference
    from invitations i
    join memberships s on s.merchant_id = i.merchant_id and s.id = i.membership_id
    join merchant_profiles p on p.merchant_id = i.merchant_id
    where i.merchant_id = %s and i.token_hash = %s and i.expires_at > %s and s.user_id is null and s.deactivated_at is null
    """
    async with database.transaction(link.merchant, read_only=True) as sql:
        return await sql.row(query, (link.merchant, link.digest, clock.now()), as_=Offer)


async def reset_link(database: Database, user: uuid.UUID, address: str) -> str | None:
    """A new link to set a password, the former one is void; None for who is in no shop, and could not sign in."""
    shop = await shop_of(database, user)
    if shop is None:
        return None
    link = new_link(LinkKind.reset, shop, address)
    async with database.connection() as connection:
        await connection.execute(
            "update users set reset_hash = %s, reset_expires_at = %s where id = %s",
            (link.digest, clock.now() + LinkKind.reset.lives, user),
        )
    return link.url


async def link_for(database: Database, email: str, address: str) -> str:
    """The same for whoever has that address. Raises `NotFound`."""
    person = await person_of(database, email.strip().lower(), "")
    link = await reset_link(database, person.id, address) if person else None
    if link is None:
        raise NotFound(f"Nobody with the address {email} is in a shop here.", hint="Is it written as they sign in?")
    return link


async def who_lost_it(database: Database) -> list[Lost]:
    """Who asked within a day for a link to set a new password, and has not set one since; the last first."""
    async with database.connection() as connection, connection.cursor(row_factory=class_row(Lost)) as cursor:
        await cursor.execute(
            "select email, reset_asked_at as asked_at from users where reset_asked_at > %s - interval '1 day'"
            " and reset_asked_at > coalesce(reset_expires_at, '-infinity') order by 2 desc",
            (clock.now(),),
        )
        return await cursor.fetchall()
