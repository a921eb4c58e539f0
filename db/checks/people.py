"""Of customers, counters, what is overdue, and the audit."""

from db.checks.check import Check, equal
from db.references import TABLES
from db.seal import MISFITS

CUSTOMERS = (
    Check(
        "customer_figures",
        "What a customer bought, in orders and money of the home currency, and when last, is what their orders add up to.",
        equal(
            "customer_id",
            "orders, spend, last_order",
            """
            select id, orders, spend, extract(epoch from last_order_at) from customer_figures where merchant_id = %(merchant)s
            """,
            """
            select o.customer_id, -count(*) filter (where c.counts),
                   -coalesce(sum(o.total - o.refunded) filter (where o.currency = m.currency), 0),
                   -extract(epoch from coalesce(max(o.placed_at) filter (where c.counts), 'epoch'))
            from orders o join merchant_profiles m on m.merchant_id = o.merchant_id
            cross join lateral (select o.status in ('pending', 'confirmed', 'completed') as counts) c
            where o.merchant_id = %(merchant)s and o.customer_id is not null and (c.counts or o.total < 0)
            group by o.customer_id
            """,
        ),
    ),
    Check(
        "loyalty_points",
        "A customer's points are the sum of what they were given and what was taken.",
        equal(
            "customer_id",
            "points",
            "select id, points from customer_figures where merchant_id = %(merchant)s",
            "select customer_id, -points from loyalty_entries where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "merged_customers",
        "Whoever was merged leads to a customer who was not, in one step, and has nothing of their own.",
        """
        select c.reference, s.reference as leads_to from customers c
        join customers s on s.merchant_id = %(merchant)s and s.id = c.merged_into_id
        where c.merchant_id = %(merchant)s and (
            s.merged_into_id is not null
            or exists (select from orders o where o.merchant_id = %(merchant)s and o.customer_id = c.id)
            or exists (select from customer_figures f where f.merchant_id = %(merchant)s and f.id = c.id and f.points <> 0))
        """,
    ),
    Check(
        "customers_have_figures",
        "Each customer has figures, if they are naught: lists of customers are read along them.",
        """
        select c.reference from customers c left join customer_figures f on f.merchant_id = c.merchant_id and f.id = c.id
        where c.merchant_id = %(merchant)s and f.id is null
        """,
    ),
)

COUNTERS = Check(
    "references_continue",
    "No reference is beyond its counter: the next one that is given out is new.",
    "\nunion all\n".join(
        f"""
        select '{kind.value}' as kind, max(number) as last, max(counter) as counter from (
            select substring(reference from '^{kind.value}-([0-9]{{1,12}})$')::bigint as number, null::bigint as counter
            from {table} where merchant_id = %(merchant)s
            union all
            select null, value from counters where merchant_id = %(merchant)s and name = '{kind.value}'
        ) t having max(number) > coalesce(max(counter), 1000)
        """
        for table, kind in TABLES.items()
    ),
)

DUE = (
    Check(
        "nothing_overdue",
        "An order that nobody paid in time has lapsed, a reservation whose time is over holds nothing, and a link is closed.",
        """
        select reference, expires_at from orders
        where merchant_id = %(merchant)s and status = 'pending' and payment_state = 'unpaid'
          and expires_at < %(now)s::timestamptz - interval '1 hour'
        union all
        select reference, expires_at from reservations
        where merchant_id = %(merchant)s and status = 'active' and order_id is null
          and expires_at < %(now)s::timestamptz - interval '1 hour'
        union all
        select reference, expires_at from payment_links
        where merchant_id = %(merchant)s and status = 'open' and expires_at < %(now)s::timestamptz - interval '1 hour'
        order by expires_at
        """,
    ),
    Check(
        "jobs_done",
        "No job of the last two weeks was given up.",
        """
        select id as job, task_name as task, args, attempts from jobs.procrastinate_jobs
        where status = 'failed' and args ->> 'merchant' = %(merchant)s::text order by id
        """,
    ),
)

AUDIT = (
    Check(
        "audit_chain",
        "Each entry of the audit is as it was sealed, once, or waits for its seal.",
        MISFITS,
    ),
    Check(
        "daily_totals",
        "What somebody answers for today is what the audit has of their calls, and of those that they approved.",
        """
        select d.actor, d.since, d.money, d.stops, e.money as audited, e.stops as audited_stops
        from daily_totals d cross join lateral (
            select coalesce(sum(e.money), 0) as money, coalesce(sum(e.stops), 0) as stops from audit_entries e
            where e.merchant_id = %(merchant)s and e.created_at >= d.since
              and (e.approved_by = d.actor or (e.actor = d.actor and e.approved_by is null))
        ) e
        where d.merchant_id = %(merchant)s and (d.money, d.stops) <> (e.money, e.stops)
        """,
    ),
)
