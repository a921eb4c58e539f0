"""Who is at the door: an API key, or a signed-in browser; and how often they may knock."""

import math
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from starlette.requests import Request

from db.clock import now
from db.session import Database
from orchestrator import accounts
from orchestrator.accounts import Visit
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from tools.contract.guesses import count_guess, forget_guesses, names_of
from tools.rules.passwords import matches

COOKIE = "shopkeeper_session"
SAFE = {"GET", "HEAD", "OPTIONS"}
NO_SHOP = uuid.UUID(int=0)  # until an operation finds which one is meant


class CrossSite(Forbidden):
    """A browser's write came from another site."""


class Identity:
    """Finds the caller of a request. Sessions and users are outside the wall; which shop they belong to is decided here."""

    def __init__(self, database: Database, limiter: "RateLimiter", clock: Callable[[], datetime] = now) -> None:
        self.database = database
        self.clock = clock
        self.limiter = limiter
        self.from_an_address = RateLimiter(max(1, limiter.per_minute // 20))  # attempts to sign in

    async def caller_of(self, request: Request) -> Caller:
        """Raises `Unauthenticated`, `CrossSite` or `TooManyRequests`."""
        caller = await self._caller(request)
        self.limiter.check(f"{caller.merchant}{caller.name}")
        return caller

    async def _caller(self, request: Request) -> Caller:
        request_id: str = request.state.request_id
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        bearer = key.strip() if scheme.lower() == "bearer" else ""
        if bearer and not accounts.is_session(bearer):
            return Caller.of_key(bearer, door=Door.rest, request_id=request_id)
        token = bearer or request.cookies.get(COOKIE)
        if not token:
            raise Unauthenticated("This needs an API key or a signed-in session.")
        if not bearer:  # no browser sends a header along by itself
            refuse_cross_site(request)
        session = await accounts.session_of(self.database, token)
        if session is None:
            raise Unauthenticated("The session has ended.", hint="Sign in again.")
        slug = request.headers.get("shopkeeper-merchant")
        merchant = await self._shop(slug, session.user_id) if slug else session.merchant_id
        await accounts.note_seen(self.database, session, merchant)
        who = str(session.user_id)
        return Caller(merchant, Door.rest, Hand.person, Proof.user, who, request_id=request_id, session=session.id)

    async def visitor(self, request: Request) -> Caller:
        """Somebody who is not signed in, at an operation that takes a one-time link or just an address.

        Raises `CrossSite` or `TooManyRequests`.
        """
        refuse_cross_site(request)
        visit = visit_of(request)
        self.from_an_address.check(visit.address)
        return Caller(
            NO_SHOP, Door.rest, Hand.person, Proof.visitor, visit.network, request_id=request.state.request_id
        )

    async def sign_in(self, email: str, password: str, slug: str | None, visit: Visit) -> str:
        """A session's token for the right password; in the shop named, else in the one used last.

        Passwords are not to be guessed: how often is said in `tools/contract/guesses.py`.
        Raises `Unauthenticated`, `TooManyRequests` or `TooManyTries`.
        """
        email = email.strip().lower()
        self.from_an_address.check(visit.address)
        person = await accounts.person_of(self.database, email, visit.network)
        names = names_of(email, visit.network, at_home=person is not None and person.at_home)
        await count_guess(self.database, names, self.clock())
        right = await matches(person.password_hash if person else None, password)
        if person is None or not right:
            raise Unauthenticated("That e-mail and password do not belong together.", hint="Check both and try again.")
        if slug:
            merchant = await self._shop(slug, person.id)
        else:
            merchant = await accounts.shop_of(self.database, person.id)
        if merchant is None:
            raise Unauthenticated("You are in no shop here any more.", hint="Ask an owner to invite you.")
        async with self.database.transaction(merchant) as sql:
            await forget_guesses(sql, names)
            await sql.commit()
        return await accounts.open_session(self.database, person.id, merchant, visit)

    async def sign_out(self, token: str) -> None:
        await accounts.close_session(self.database, token)

    async def _shop(self, slug: str, user: uuid.UUID) -> uuid.UUID:
        """One answer for a shop that is not theirs and for one that there is not."""
        shop = await accounts.shop_named(self.database, slug, user)
        if shop is None:
            raise NotFound(f"You are in no shop {slug}.", hint="Leave the Shopkeeper-Merchant header out for your own.")
        return shop


def visit_of(request: Request) -> Visit:
    return Visit(request.client.host if request.client else "", request.headers.get("user-agent", ""))


def refuse_cross_site(request: Request) -> None:
    """A cookie is sent along by any site's form; the browser says where the request came from (Fetch Metadata, or Origin)."""
    if request.method in SAFE:
        return
    origin = urlsplit(request.headers.get("origin", "")).netloc
    foreign = "cross-site" if origin and origin != request.headers.get("host") else "same-origin"
    if request.headers.get("sec-fetch-site", foreign) not in ("same-origin", "none"):
        raise CrossSite("This write came from another site.", hint="Use the shop's own pages, or an API key.")


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
            wait = math.ceil((1 - tokens) * 60 / self.per_minute)
            raise TooManyRequests(
                f"More than {self.per_minute} requests a minute.", hint=f"Wait {wait} s.", retry_after=wait
            )
        self.buckets[name] = (tokens - 1, now)
        if len(self.buckets) > 10_000:  # a bucket is full again, and as good as new, after ten seconds
            self.buckets = {caller: kept for caller, kept in self.buckets.items() if now - kept[1] < 10}
