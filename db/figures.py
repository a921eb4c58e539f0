"""Figures that are kept, added up from what they are kept of: for shops that came in bulk, past the calls that keep them."""

# What customers without figures bought so far, and their points. Parameter: `merchant`. One pass over each table, however stale
# the statistics: a shop that comes in bulk is unknown to them.
ADD_UP = """
insert into customer_figures (merchant_id, id, orders, spend, last_order_at, points, created_at)
select %(merchant)s, customer_id, sum(orders), sum(spend), max(last_order_at), sum(points), max(created_at)
from (
    select c.id as customer_id, 0 as orders, 0 as spend, timestamptz 'epoch' as last_order_at, 0 as points, c.created_at
    from customers c
    where c.merchant_id = %(merchant)s
      and not exists (select from customer_figures f where f.merchant_id = %(merchant)s and f.id = c.id)
    union all
    select customer_id, (status <> 'cancelled')::int,
           case when currency = (select currency from merchant_profiles where merchant_id = %(merchant)s)
                then total - refunded else 0 end,
           case when status <> 'cancelled' then placed_at else 'epoch' end, 0, null
    from orders
    where merchant_id = %(merchant)s and customer_id is not null
      and (status in ('pending', 'confirmed', 'completed') or status = 'cancelled' and total < 0)
    union all
    select customer_id, 0, 0, 'epoch', points, null from loyalty_entries where merchant_id = %(merchant)s
) as added_up
group by customer_id having max(created_at) is not null
"""
