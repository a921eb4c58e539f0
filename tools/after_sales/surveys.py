"""What customers think: marks as they gave them, and what they come to."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from pydantic import Field, model_validator

from db.models.after_sales import Survey, Ticket
from db.models.customers import InteractionChannel
from db.models.orders import Order
from tools.after_sales.desk import HowItCame
from tools.after_sales.fields import Said
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import CustomerRef, OrderRef, PeriodEnd, PeriodStart, Text, TicketRef
from tools.rules.lookup import find_customer
from tools.rules.periods import Period, asked_period

SHOWN = 10  # of the newest comments
FEW = 30  # answers that prove little


class AnsweredBefore(Conflict):
    """The customer has given marks for this order or ticket already."""

    hint = "satisfaction_report counts each answer once; what came later can be noted with log_interaction."


class SubmitSurvey(Input):
    score: int | None = Field(default=None, ge=1, le=5, description="How content, from 1 to 5; 5 is very.")
    recommend: int | None = Field(
        default=None, ge=0, le=10, description="How likely to recommend the shop, from 0 to 10."
    )
    customer: CustomerRef | None = Field(
        default=None, description="Who said so; omit where the order or ticket says it."
    )
    order: OrderRef | None = Field(default=None, description="The order that it is about, such as `ORD-1042`.")
    ticket: TicketRef | None = Field(default=None, description="The ticket that it is about, such as `TCK-12`.")
    comment: Text | None = Field(default=None, description="What the customer said about it.")
    channel: HowItCame = Field(default=InteractionChannel.other, description="How they said it.")

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if self.score is None and self.recommend is None:
            raise ValueError("Give the `score` (1 to 5), or `recommend` (0 to 10).")
        return self


class SurveySaved(Result):
    """The marks as they were kept."""

    says: str = Field(description="Who said what, as a sentence.")
    score: int | None = Field(description="How content, from 1 to 5.")
    recommend: int | None = Field(description="How likely to recommend the shop, from 0 to 10.")
    customer: str | None = Field(description="The customer's reference; null where nobody knows.")
    submitted_at: datetime = Field(description="When, UTC.")


@tool(
    route="POST /surveys",
    effect=Effect.write,
    permission="after_sales:write",
    raises=[AnsweredBefore],
    examples=["Ana Torres gives us 4 of 5 for order 1042", "He would recommend us, 9 of 10, ticket TCK-12"],
)
async def submit_survey(ctx: Context, args: SubmitSurvey) -> SurveySaved:
    """Note the marks that a customer gave: for an order, a ticket, or the shop.

    Content is from 1 to 5, recommending from 0 to 10.
    """
    order = await ctx.find(Order, args.order, for_update=True) if args.order else None
    ticket = await ctx.find(Ticket, args.ticket, for_update=True) if args.ticket else None
    customer = await find_customer(ctx, args.customer) if args.customer else None
    whose = customer.id if customer else (order and order.customer_id) or (ticket and ticket.customer_id)
    await _refuse_twice(ctx, order, ticket)

    row = ctx.new(
        Survey, customer_id=whose, order_id=order.id if order else None, ticket_id=ticket.id if ticket else None,
        score=args.score, recommend=args.recommend, comment=args.comment, channel=args.channel, actor=ctx.actor.reference,
        submitted_at=ctx.now(),
    )  # fmt: skip
    about = [one.reference for one in (order, ticket) if one]
    marks = [f"{args.score} of 5"] if args.score is not None else []
    marks += [f"{args.recommend} of 10 for recommending"] if args.recommend is not None else []
    of = f" for {words.listed(about)}" if about else ""
    who = f"{customer.name} ({customer.reference})" if customer else "A customer"
    ctx.tell(f"{who} gives {words.listed(marks)}{of}.")
    if args.comment:
        ctx.tell(f"They said: “{words.quoted(args.comment)}”")
    known = await _reference(ctx, row)
    return SurveySaved(
        says=f"{known or 'A customer'} gave {words.listed(marks)}{of}.", score=args.score, recommend=args.recommend,
        customer=known, submitted_at=ctx.now(),
    )  # fmt: skip


class _Known(NamedTuple):
    reference: str


async def _reference(ctx: Context, row: Survey) -> str | None:
    query = "select reference from customers where merchant_id = %s and id = %s"
    known = await ctx.sql.row(query, (ctx.merchant.id, row.customer_id), as_=_Known) if row.customer_id else None
    return known.reference if known else None


async def _refuse_twice(ctx: Context, order: Order | None, ticket: Ticket | None) -> None:
    """Each order and each ticket is answered for once. Two at once meet at its row, which is locked."""
    query = """
        select coalesce(o.reference, t.reference) as reference from surveys s
        left join orders o on o.merchant_id = %(m)s and o.id = s.order_id
        left join tickets t on t.merchant_id = %(m)s and t.id = s.ticket_id
        where s.merchant_id = %(m)s and (s.order_id = %(order)s or s.ticket_id = %(ticket)s) limit 1
    """
    params = {"m": ctx.merchant.id, "order": order and order.id, "ticket": ticket and ticket.id}
    if found := await ctx.sql.row(query, params, as_=_Known):
        raise AnsweredBefore(f"Marks were given for {found.reference} before.")


class SatisfactionReport(Input):
    submitted_from: PeriodStart | None = Field(
        default=None, description="Beginning of the period, UTC; unless said, 30 days before its end."
    )
    submitted_until: PeriodEnd | None = Field(
        default=None, description="End of the period, exclusive, UTC; unless said, the end of today."
    )


class SatisfactionFigures(Result):
    """What customers gave in a period, and how soon they were answered."""

    answers: int = Field(description="Customers who gave marks.")
    average: float | None = Field(description="The mean of the marks from 1 to 5.")
    content: float | None = Field(description="Per cent who gave 4 or 5.")
    recommenders: int = Field(description="Who said how likely they would recommend the shop.")
    net_promoter: float | None = Field(description="Per cent who gave 9 or 10, less per cent who gave 6 or less.")
    tickets: int = Field(description="Tickets opened in the period.")
    answered: int = Field(description="Of those, answered so far.")
    in_time: float | None = Field(description="Per cent of those answered that were answered in time.")


class MarksGiven(Result):
    """How many gave a mark."""

    score: int = Field(description="The mark.")
    answers: int = Field(description="How many gave it.")


class Comment(Result):
    """What a customer said."""

    score: int | None = Field(description="The mark that went with it.")
    text: Said = Field(description="What was said.")
    order: str | None = Field(description="The order that it was about.")
    ticket: str | None = Field(description="The ticket that it was about.")
    submitted_at: datetime = Field(description="When, UTC.")


class Satisfaction(Result):
    """How content customers were, compared with the period before, like with like."""

    says: str = Field(description="The answer, as a sentence.")
    submitted_from: datetime = Field(description="The period's beginning, UTC.")
    submitted_until: datetime = Field(description="Its end, exclusive, UTC.")
    zone: str = Field(description="The time zone whose days these are.")
    figures: SatisfactionFigures = Field(description="The period.")
    before: SatisfactionFigures = Field(description="The period before.")
    scores: list[MarksGiven] = Field(description="How many gave which mark.")
    comments: list[Comment] = Field(description="The newest comments, the worst marks first among them; ten at most.")


class _Figures(NamedTuple):
    period: str
    answers: int
    average: float | None
    content: float | None
    recommenders: int
    net_promoter: float | None
    tickets: int
    answered: int
    in_time: float | None


class _Marks(NamedTuple):
    score: int
    answers: int


class _Comment(NamedTuple):
    score: int | None
    text: str
    order: str | None
    ticket: str | None
    submitted_at: datetime


_FIGURES = """
with periods(period, start, until) as (values ('now', %(start)s::timestamptz, %(until)s::timestamptz),
                                              ('before', %(before)s::timestamptz, %(before_until)s::timestamptz))
select p.period, s.answers, s.average, s.content, s.recommenders, s.net_promoter, t.tickets, t.answered, t.in_time
from periods p cross join lateral (
    select count(*)::int as answers, round(avg(score), 2)::float8 as average,
           round(100.0 * count(*) filter (where score >= 4) / nullif(count(score), 0), 1)::float8 as content,
           count(recommend)::int as recommenders,
           round(100.0 * (count(*) filter (where recommend >= 9) - count(*) filter (where recommend <= 6))
                 / nullif(count(recommend), 0), 1)::float8 as net_promoter
    from surveys where merchant_id = %(m)s and submitted_at >= p.start and submitted_at < p.until
) s cross join lateral (
    select count(*)::int as tickets, count(answered_at)::int as answered,
           round(100.0 * count(*) filter (where in_time) / nullif(count(answered_at), 0), 1)::float8 as in_time
    from tickets where merchant_id = %(m)s and opened_at >= p.start and opened_at < p.until
) t
"""
_MARKS = """
select score, count(*)::int as answers from surveys
where merchant_id = %(m)s and submitted_at >= %(start)s and submitted_at < %(until)s and score is not null
group by score order by score desc
"""
_COMMENTS = """
select * from (
    select s.score, s.comment as text, o.reference as order, t.reference as ticket, s.submitted_at from surveys s
    left join orders o on o.merchant_id = %(m)s and o.id = s.order_id
    left join tickets t on t.merchant_id = %(m)s and t.id = s.ticket_id
    where s.merchant_id = %(m)s and s.submitted_at >= %(start)s and s.submitted_at < %(until)s and s.comment is not null
    order by s.submitted_at desc, s.id desc limit %(shown)s
) newest order by score nulls last, submitted_at desc
"""


@tool(
    route="GET /analytics/satisfaction",
    effect=Effect.read,
    permission="after_sales:read",
    raises=[],
    heavy=True,
    examples=["How content are our customers?", "Satisfaction last quarter, compared with the one before"],
)
async def satisfaction_report(ctx: Context, args: SatisfactionReport) -> Satisfaction:
    """Report how content customers were, and how soon tickets were answered.

    Marks are from 1 to 5 and, for recommending, from 0 to 10. Compared with the period before, like with like.
    """
    period = asked_period(ctx, args.submitted_from, args.submitted_until)
    before = period.before(ctx.merchant.zone, ctx.now())
    params: dict[str, Any] = {
        "m": ctx.merchant.id, "start": period.start, "until": period.until, "before": before.start,
        "before_until": before.until, "shown": SHOWN,
    }  # fmt: skip
    found = {row.period: _figures(row) for row in await ctx.sql.rows(_FIGURES, params, as_=_Figures)}
    marks = await ctx.sql.rows(_MARKS, params, as_=_Marks)
    comments = await ctx.sql.rows(_COMMENTS, params, as_=_Comment)
    return Satisfaction(
        says=_says(ctx, period, found["now"], found["before"]), submitted_from=period.start, submitted_until=period.until,
        zone=ctx.merchant.zone.key, figures=found["now"], before=found["before"],
        scores=[MarksGiven(score=row.score, answers=row.answers) for row in marks],
        comments=[Comment.model_validate(row._asdict()) for row in comments],
    )  # fmt: skip


def _figures(row: _Figures) -> SatisfactionFigures:
    return SatisfactionFigures.model_validate(
        {name: value for name, value in row._asdict().items() if name != "period"}
    )


def _says(ctx: Context, period: Period, now: SatisfactionFigures, before: SatisfactionFigures) -> str:
    ends = period.start, period.until - timedelta(microseconds=1)
    start, last = (words.day(at.astimezone(ctx.merchant.zone)) for at in ends)
    if not now.answers:
        return f"Nobody gave marks from {start} until {last}."
    marks = ""
    if now.average is not None and now.content is not None:
        marks = f", on average {now.average:g} of 5 ({now.content:g} % gave 4 or 5)"
    than = f"; before it was {before.average:g}" if now.average is not None and before.average is not None else ""
    few = ", which is few" if now.answers < FEW else ""
    return f"{words.count(now.answers, 'customer')} gave marks from {start} until {last}{few}{marks}{than}."
