"""Segments: customers who fit a filter that has a name, whoever they are at the moment."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import func, select

from db.models.customers import Segment
from db.text import fold
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import AlreadyTaken
from tools.contract.fields import Name
from tools.contract.page import MOST_COUNTED, Page, Paged, page_of, place, total_of
from tools.rules.segments import LONGEST, FilterNotUnderstood, condition_of

Filter = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]


class SegmentNameTaken(AlreadyTaken):
    """Another segment is called so."""


class CreateSegment(Input):
    name: Name = Field(description="What it is called, such as `Gone quiet`; no two are called the same.")
    filter: Filter = Field(
        description='Who is in it: `orders >= 3 and city = "Lyon" and last_order before 90 days ago`. Fields: orders, points, '
        "spend (whole units of the home currency), name, email, company, price_group, language, status, city, region, postcode, "
        "country, tag, bought (a SKU), consent (a channel), last_order, registered; joined by and, or, not and brackets."
    )


class ListSegments(Paged):
    members: bool | None = Field(
        default=None,
        description=f"Count who is in each now; unless said, in shops of up to {MOST_COUNTED:,} customers.",
    )


class SegmentLine(Result):
    """A segment, and how many are in it."""

    reference: str = Field(description="The segment's reference.")
    name: str = Field(description="What it is called.")
    filter: str = Field(description="Who is in it.")
    customers: int | None = Field(description="How many are in it now; null where they were not counted.")
    version: int = Field(description="Grows with each change.")


class _Members(NamedTuple):
    members: list[int]


class _Few(NamedTuple):
    few: bool


# Whether so few customers were ever registered that those of all segments are soon counted: one look at the number of the last one.
_FEW = """
select coalesce((select value - 1000 from counters where merchant_id = %(m)s and name = 'CUS'), 0) <= %(most)s as few
"""


@tool(
    route="POST /segments",
    effect=Effect.write,
    permission="customers:write",
    heavy=True,
    raises=[FilterNotUnderstood, SegmentNameTaken],
    examples=[
        "Create a segment Gone quiet: orders >= 3 and last_order before 90 days ago",
        'New segment Lyon regulars with city = "Lyon" and orders > 5',
    ],
)
async def create_segment(ctx: Context, args: CreateSegment) -> SegmentLine:
    """Give a filter of customers a name, and count who fits it.

    It is a question and no list: who fits is found anew each time. list_customers with this segment shows them.
    """
    condition_of(ctx, args.filter)
    key = fold(args.name)
    query = select(Segment).where(Segment.merchant_id == ctx.merchant.id, Segment.name_key == key)
    holder = (await ctx.db.scalars(query)).one_or_none()
    if holder is not None:
        raise SegmentNameTaken(f"{holder.reference} is called {holder.name} already.", segment=holder.reference)
    row = await ctx.add(Segment, name=args.name, name_key=key, filter=args.filter)
    members = (await _members(ctx, [row]))[row.id]
    ctx.tell(f"The segment {args.name} has {words.count(members, 'customer')} now: “{words.quoted(args.filter)}”.")
    return _shown(row, members)


@tool(
    route="GET /segments",
    effect=Effect.read,
    permission="customers:read",
    heavy=True,
    raises=[],
    examples=["Which segments do we have?", "How many customers are in each segment?"],
)
async def list_segments(ctx: Context, args: ListSegments) -> Page[SegmentLine]:
    """List the segments by name, with their filters and how many are in each.

    Who is in a segment is found anew each time; in a shop of many customers it is counted where `members` asks for it.
    """
    query = select(Segment).where(Segment.merchant_id == ctx.merchant.id)
    counted = select(func.count()).select_from(query.limit(MOST_COUNTED + 1).subquery())
    total = (await ctx.db.scalars(counted)).one() if args.counts else None
    since = place(args.after, str, unknown=False)
    if since:
        query = query.where(Segment.name_key > since[0])
    rows = (await ctx.db.scalars(query.order_by(Segment.name_key).limit(args.limit + 1))).all()
    counts = args.members if args.members is not None else await _few_customers(ctx)
    members = await _members(ctx, rows) if counts and rows else {}
    return page_of(
        rows,
        args.limit,
        lambda row: _shown(row, members.get(row.id)),
        lambda row: (row.name_key,),
        total_of(total) if total is not None else None,
    )


async def _few_customers(ctx: Context) -> bool:
    (found,) = await ctx.sql.rows(_FEW, {"m": ctx.merchant.id, "most": MOST_COUNTED}, as_=_Few)
    return found.few


async def _members(ctx: Context, segments: Sequence[Segment]) -> dict[UUID, int]:
    """How many are in each segment: each is counted as is quickest for its filter."""
    conditions = [condition_of(ctx, row.filter, f"s{nth}_", of_all=True) for nth, row in enumerate(segments)]
    params: dict[str, Any] = {"m": ctx.merchant.id}
    for condition in conditions:
        params |= condition.params
    counts = ", ".join(f"({condition.counted})" for condition in conditions)
    (counted,) = await ctx.sql.rows(f"select array[{counts}]::int[] as members", params, as_=_Members)
    return dict(zip((segment.id for segment in segments), counted.members, strict=True))


def _shown(row: Segment, members: int | None) -> SegmentLine:
    return SegmentLine(
        reference=row.reference, name=row.name, filter=row.filter, customers=members, version=row.version
    )
