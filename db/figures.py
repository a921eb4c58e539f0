"""Figures that are kept, added up from what they are kept of: for shops that came in bulk, past the calls that keep them."""

# What customers without figures bought so far. Parameter: `merchant`.
ADD_UP = """
insert into customer_figures (merchant_id, id, orders, spend, last_order_at, points, created_at)
select c.merchant_id, c.id, count(o.id) filter (where o.status <> 'cancelled'),
       coalesce(sum(o.total - o.refunded) filter (where o.currency = m.currency), 0),
       coalesce(max(o.placed_at) filter (where o.status <> 'cancelled'), 'epoch'),
       coalesce(max(l.points), 0), c.created_at
from customers c
join merchant_profiles m on m.merchant_id = c.merchant_id
left join orders o on o.merchant_id = c.merchant_id and o.customer_id = c.id
  and (o.status in ('pending', 'confirmed', 'completed') or o.status = 'cancelled' and o.total < 0)
left join (
    select customer_id, sum(points) as points from loyalty_entries where merchant_id = %(merchant)s group by customer_id
) l on l.customer_id = c.id
where c.merchant_id = %(merchant)s
  and not exists (select from customer_figures f where f.merchant_id = c.merchant_id and f.id = c.id)
group by c.merchant_id, c.id
"""
