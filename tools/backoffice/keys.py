"""API keys: what programs may do in the shop, and up to which amounts."""

import secrets
from datetime import datetime
from difflib import get_close_matches
from typing import NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.backoffice import ApiKey
from db.money import Money
from tools.backoffice.grants import GrantsMoreThanYouHave, must_be_within, must_hold
from tools.contract import words
from tools.contract.actors import digest_of
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Invalid, NotFound
from tools.contract.fields import ApiKeyRef, Instant, MinorUnits, Name, SecretText
from tools.contract.page import Page, Paged, paged, place
from tools.contract.permissions import EVERY_PERMISSION, STOPPING, expand
from tools.contract.policy import KEY_STOPS_PER_DAY, Limits


class UnknownScope(Invalid):
    """A scope stands for no permission."""


class ExpiryInThePast(Invalid):
    """A key has to be valid for a while."""


class ApiKeySummary(Result):
    """A key, without its secret."""

    reference: str = Field(description="Reference of the key, such as KEY-1001.")
    name: str = Field(description="What the key is for.")
    last_four: str = Field(description="The last four characters of the key, to tell it from others.")
    scopes: list[str] = Field(description="What the key may do: permissions, `room:*`, `*:read` or `*`.")
    limit_per_call: Money = Field(description="What one call may move without waiting for a person, minor units.")
    limit_per_day: Money = Field(description="What a day's calls may move together, minor units.")
    created_by: str = Field(description="The person who made the key, such as USR-1001.")
    created_at: datetime = Field(description="When the key was made, UTC.")
    expires_at: datetime | None = Field(description="When the key ends by itself, UTC; null is never.")
    revoked_at: datetime | None = Field(description="When the key was taken back, UTC.")
    active: bool = Field(description="Whether the key works now.")


class CreatedApiKey(ApiKeySummary):
    """The key, this once with its secret."""

    key: SecretText = Field(
        description="The key itself: `sk_<shop>_<secret>`. It is shown this once and stored nowhere."
    )


class _Key(NamedTuple):
    id: UUID
    reference: str
    name: str
    last_four: str
    scopes: list[str]
    limit_per_call: int
    limit_per_day: int
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class CreateApiKey(Input):
    """What a program shall be allowed to do."""

    name: Name = Field(description="What the key is for, such as `Warehouse scanner`.")
    scopes: list[str] = Field(
        min_length=1, max_length=50, description="Permissions such as `orders:read`, or `orders:*`, `*:read`, `*`."
    )
    limit_per_call: MinorUnits = Field(
        default=0,
        ge=0,
        description="Minor units of the home currency that one call may move; 0: each waits for a person.",
    )
    limit_per_day: MinorUnits = Field(
        default=0, ge=0, description="Minor units of the home currency that a day's calls may move together."
    )
    expires_at: Instant | None = Field(default=None, description="When the key ends, UTC; omit for never.")


@tool(
    route="POST /api-keys",
    effect=Effect.access,
    permission="keys:write",
    raises=[ExpiryInThePast, GrantsMoreThanYouHave, UnknownScope],
    examples=["Create an API key that may read orders", "I need a key for the warehouse scanner until new year"],
    for_people=True,
)
async def create_api_key(ctx: Context, args: CreateApiKey) -> CreatedApiKey:
    """Create an API key for a program; the key itself is shown this once.

    A key never has more than whoever makes it: neither permissions nor limits. Limits are minor units of the home currency.
    """
    for scope in args.scopes:
        _must_mean_something(scope)
    permissions, called = expand(args.scopes), f"A key with {', '.join(args.scopes)}"
    must_hold(ctx, permissions, called)
    stops = 0 if permissions.isdisjoint(STOPPING) else KEY_STOPS_PER_DAY
    limits = Limits(per_call=args.limit_per_call, per_day=args.limit_per_day, stops_per_day=stops)
    must_be_within(ctx, limits, called)
    if args.expires_at is not None and args.expires_at <= ctx.now():
        raise ExpiryInThePast(
            f"{args.expires_at.isoformat()} is over; it is {ctx.now().isoformat(timespec='seconds')}."
        )

    secret = secrets.token_urlsafe(32)
    made = await ctx.add(
        ApiKey,
        **args.model_dump(),
        secret_hash=digest_of(secret),
        last_four=secret[-4:],
        created_by=await person_behind(ctx, ctx.actor.reference),
        revoked_at=None,
    )
    _tell(ctx, args)
    return CreatedApiKey(**_shown(ctx, made).model_dump(), key=f"sk_{ctx.merchant.id}_{secret}")


def _tell(ctx: Context, args: CreateApiKey) -> None:
    ctx.tell(f"Whoever holds the new key {args.name} may {words.listed(map(_may, args.scopes))}.")
    a_call, a_day = (words.money(limit, ctx.merchant.currency) for limit in (args.limit_per_call, args.limit_per_day))
    if args.limit_per_call and args.limit_per_day:
        ctx.tell(f"It moves up to {a_call} a call and {a_day} a day without asking anybody.")
    else:
        ctx.tell("It moves no money without a person's approval.")
    ends = f"on {words.moment(args.expires_at, ctx.merchant.zone)}" if args.expires_at else "when somebody revokes it"
    ctx.tell(f"It ends {ends}.")


def _may(scope: str) -> str:
    """A scope as something to do: `orders:read` is "read orders", `orders:*` "do everything in orders"."""
    room, _, verb = words.word(scope).partition(":")
    what = "everything" if room == "*" else room
    if (room == "*" and not verb) or verb == "*":
        return "do everything" if room == "*" else f"do everything in {room}"
    return f"{'change' if verb == 'write' else verb} {what}"


def _must_mean_something(scope: str) -> None:
    if expand([scope]):
        return
    nearest = get_close_matches(scope, sorted(EVERY_PERMISSION), n=3, cutoff=0.5)
    raise UnknownScope(
        f"The scope {scope} stands for none of the {len(EVERY_PERMISSION)} permissions.",
        hint=f"The nearest are {', '.join(nearest)}." if nearest else "Try `orders:read`, `orders:*`, `*:read` or `*`.",
    )


class _Person(NamedTuple):
    created_by: str


async def person_behind(ctx: Context, actor: str) -> str:
    """The person who answers for an actor: for a key, whoever made it."""
    key = await ctx.sql.row(
        "select created_by from api_keys where merchant_id = %s and reference = %s",
        (ctx.merchant.id, actor),
        as_=_Person,
    )
    return key.created_by if key else actor


class ListApiKeys(Paged):
    """Which keys are wanted."""

    active: bool | None = Field(default=None, description="True: keys that work; false: revoked and expired ones.")


@tool(
    route="GET /api-keys",
    effect=Effect.read,
    permission="keys:read",
    raises=[],
    examples=["Which API keys do we have?", "List the keys that still work"],
)
async def list_api_keys(ctx: Context, args: ListApiKeys) -> Page[ApiKeySummary]:
    """List the shop's API keys with their scopes and limits, the newest first."""
    after = place(args.after, UUID)
    return await paged(
        ctx,
        args,
        """
        select id, reference, name, last_four, scopes, limit_per_call, limit_per_day, created_by, created_at, expires_at, revoked_at
        from api_keys
        where merchant_id = %(m)s and (%(after)s::uuid is null or id < %(after)s)
          and (%(active)s::bool is null
               or (revoked_at is null and (expires_at is null or expires_at > %(now)s)) = %(active)s)
        order by id desc limit %(limit)s
        """,
        args.model_dump() | {"m": ctx.merchant.id, "now": ctx.now(), "after": after[0] if after else None},
        as_=_Key,
        show=lambda row: _shown(ctx, row),
        at=lambda row: (row.id,),
    )


class RevokeApiKey(Input):
    """Which key."""

    key: ApiKeyRef = Field(description="Reference of the key, such as KEY-1001; never the key itself.")


@tool(
    route="DELETE /api-keys/{key}",
    effect=Effect.access,
    permission="keys:write",
    raises=[NotFound],
    examples=["Revoke KEY-1003", "The scanner's key leaked, take KEY-1007 back"],
    for_people=True,
)
async def revoke_api_key(ctx: Context, args: RevokeApiKey) -> ApiKeySummary:
    """Take an API key back, at once and for good.

    A key that was revoked before stays as it is.
    """
    key = await ctx.find(ApiKey, args.key, for_update=True)
    named = f"The key {key.name} ({key.reference}, …{key.last_four})"
    before = key.revoked_at and words.moment(key.revoked_at, ctx.merchant.zone)
    ctx.tell(f"{named} was revoked on {before}." if before else f"{named} stops working at once, and for good.")
    key.revoked_at = key.revoked_at or ctx.now()
    return _shown(ctx, key)


def _shown(ctx: Context, key: _Key | ApiKey) -> ApiKeySummary:
    return ApiKeySummary(
        reference=key.reference,
        name=key.name,
        last_four=key.last_four,
        scopes=key.scopes,
        limit_per_call=Money(amount=key.limit_per_call, currency=ctx.merchant.currency),
        limit_per_day=Money(amount=key.limit_per_day, currency=ctx.merchant.currency),
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        active=key.revoked_at is None and (key.expires_at is None or key.expires_at > ctx.now()),
    )
