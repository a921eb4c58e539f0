"""Who is at the door: an API key, or a signed-in browser; and how often they may knock."""

import asyncio
import secrets
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple, TypeVar

import argon2
from psycopg.rows import class_row
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from db.session import Database
from tools.contract.actors import Caller, Door, Hand, Proof, digest_of
from tools.contract.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated

Row = TypeVar("Row")

COOKIE = "shopkeeper_session"
SIGNED_IN = timedelta(days=14)
SAFE = {"GET", "HEAD", "OPTIONS"}

_hasher = argon2.PasswordHasher()
_NO_ONE = _hasher.hash(secrets.token_hex())  # compared with when nobody has that e-mail: both ways take as long


class SignedIn(NamedTuple):
    user_id: uuid.UUID
    merchant_id: uuid.UUID


class Person(NamedTuple):
    id: uuid.UUID
    password_hash: str | None


class Member(NamedTuple):
    reference: str


class Shopname(NamedTuple):
    id: uuid.UUID


class CrossSite(Forbidden):
    """A browser's write came from another site."""


class Identity:
    """Finds the caller of a request. Sessions and users are outside the wall; which shop they belong to is decided here."""

    def __init__(self, database: Database, limiter: "RateLimiter") -> None:
        self.database = database
        self.limiter = limiter
        self.from_an_address = RateLimiter(max(1, limiter.per_minute // 20))  # attempts to sign in
        self.for_a_person = RateLimiter(max(1, limiter.per_minute // 10))
        self._one_at_a_time = asyncio.Lock()  # comparing a password takes 64 MB

    async def caller_of(self, request: Request) -> Caller:
        """Raises `Unauthenticated`, `CrossSite` or `TooManyRequests`."""
        caller = await self._caller(request)
        self.limiter.check(f"{caller.merchant}{caller.name}")
        return caller

    async def _caller(self, request: Request) -> Caller:
        request_id: str = request.state.request_id
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key:
            return Caller.of_key(key.strip(), door=Door.rest, request_id=request_id)
        token = request.cookies.get(COOKIE)
        if not token:
            raise Unauthenticated("This needs an API key or a signed-in session.")
        refuse_cross_site(request)
        session = await self._session(token)
        slug = request.headers.get("shopkeeper-merchant")
        merchant = await self._merchant(slug) if slug else session.merchant_id
        return Caller(merchant, Door.rest, Hand.person, Proof.user, str(session.user_id), request_id=request_id)

    async def sign_in(self, email: str, password: str, slug: str | None, *, address: str) -> str:
        """A session's token for the right password; in the shop named, else in the first that knows the person.

        Passwords are not to be guessed: attempts are counted by network address and by person, known or not.
        Raises `Unauthenticated` or `TooManyRequests`.
        """
        email = email.strip().lower()
        self.from_an_address.check(address)
        self.for_a_person.check(email)
        person = await self._one("select id, password_hash from users where email = %s", (email,), Person)
        async with self._one_at_a_time:
            matches = await run_in_threadpool(_verify, person.password_hash if person else None, password)
        if person is None or not matches:
            raise Unauthenticated("That e-mail and password do not belong together.", hint="Check both and try again.")
        merchant = await self._shop_of(person.id, slug)
        token = secrets.token_urlsafe(32)
        async with self.database.connection() as connection:
            await connection.execute(
                "insert into sessions (token_hash, user_id, merchant_id, created_at, expires_at)"
                " values (%s, %s, %s, now(), now() + %s)",
                (digest_of(token), person.id, merchant, SIGNED_IN),
            )
        return token

    async def sign_out(self, token: str) -> None:
        async with self.database.connection() as connection:
            await connection.execute("delete from sessions where token_hash = %s", (digest_of(token),))

    async def _session(self, token: str) -> SignedIn:
        query = "select user_id, merchant_id from sessions where token_hash = %s and expires_at > now()"
        found = await self._one(query, (digest_of(token),), SignedIn)
        if found is None:
            raise Unauthenticated("The session has ended.", hint="Sign in again.")
        return found

    async def _merchant(self, slug: str) -> uuid.UUID:
        found = await self._one("select id from merchants where slug = %s", (slug,), Shopname)
        if found is None:
            raise NotFound(
                f"There is no shop {slug} here.", hint="Leave the Shopkeeper-Merchant header out for your own."
            )
        return found.id

    async def _shop_of(self, user: uuid.UUID, slug: str | None) -> uuid.UUID:
        """The shop that the person works in: memberships are behind the wall, so each shop is asked in turn."""
        async with (
            self.database.connection() as connection,
            connection.cursor(row_factory=class_row(Shopname)) as cursor,
        ):
            await cursor.execute(
                "select id from merchants where slug = coalesce(%s, slug) order by created_at", (slug,)
            )
            shops = await cursor.fetchall()
        for shop in shops:
            async with self.database.transaction(shop.id, read_only=True) as sql:
                query = "select reference from memberships where merchant_id = %s and user_id = %s and deactivated_at is null"
                if await sql.row(query, (shop.id, user), as_=Member):
                    return shop.id
        raise Unauthenticated("You are not a member of that shop.", hint="Ask an owner to invite you.")

    async def _one(self, query: str, params: tuple[object, ...], as_: type[Row]) -> Row | None:
        async with self.database.connection() as connection, connection.cursor(row_factory=class_row(as_)) as cursor:
            await cursor.execute(query.encode(), params)
            return await cursor.fetchone()


def refuse_cross_site(request: Request) -> None:
    """A cookie is sent along by any site's form; the browser says where the request came from (Fetch Metadata)."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.method not in SAFE and site not in ("same-origin", "none"):
        raise CrossSite("This write came from another site.", hint="Use the shop's own pages, or an API key.")


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        return _hasher.verify(password_hash or _NO_ONE, password) and password_hash is not None
    except argon2.exceptions.VerificationError:
        return False


@dataclass
class RateLimiter:
    """A token bucket for each caller of this process: `per_minute` requests, a sixth of that at once."""

    per_minute: int
    buckets: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    def check(self, name: str) -> None:
        """Take a token. Raises `TooManyRequests` with the seconds to wait."""
        now = time.monotonic()
        most = max(self.per_minute / 6, 1.0)
        tokens, since = self.buckets.get(name, (most, now))
        tokens = min(most, tokens + (now - since) * self.per_minute / 60)
        if tokens < 1:
            wait = max(1, round((1 - tokens) * 60 / self.per_minute))
            raise TooManyRequests(
                f"More than {self.per_minute} requests a minute.", hint=f"Wait {wait} s.", retry_after=wait
            )
        self.buckets[name] = (tokens - 1, now)
        if len(self.buckets) > 10_000:  # a bucket is full again, and as good as new, after ten seconds
            self.buckets = {caller: kept for caller, kept in self.buckets.items() if now - kept[1] < 10}
