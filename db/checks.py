"""What must always hold between the tables: each check is a statement that returns the rows which break it, and should none.

Ledgers are the truth and counters their caches; these are the reconciliations, for `shopkeeper check`, monitoring and tests.
Each runs inside a merchant's transaction, with the parameter `merchant`. Two sides are compared by adding one and taking away
the other: one pass over both, however stale the statistics.
"""

from typing import NamedTuple

from db.references import TABLES
from db.seal import MISFITS


class Check(NamedTuple):
    """`sentence` says what holds; `sql` returns what breaks it: whose it is, then by how much."""

    name: str
    sentence: str
    sql: str


def _equal(keys: str, values: str, cached: str, *counted: str) -> str:
    """The keys for which the sums of both sides differ, with the differences (cached - counted)."""
    sides = "\nunion all\n".join([cached, *counted])
    names = [name.strip() for name in values.split(",")]
    sums = ", ".join(f"sum({name}) as {name}" for name in names)
    differ = " or ".join(f"sum({name}) <> 0" for name in names)
    return f"select {keys}, {sums} from ({sides}) as both_sides ({keys}, {values}) group by {keys} having {differ}"


_STOCK = (
    Check(
        "stock_on_hand",
        "The units on hand, and the damaged among them, are the sum of the stock movements.",
        _equal(
            "warehouse_id, variant_id",
            "on_hand, damaged",
            "select warehouse_id, variant_id, on_hand, damaged from stock_levels where merchant_id = %(merchant)s",
            "select warehouse_id, variant_id, -quantity, -damaged from stock_movements where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "stock_reserved",
        "The reserved units are the sum of the active reservations.",
        _equal(
            "warehouse_id, variant_id",
            "reserved",
            "select warehouse_id, variant_id, reserved from stock_levels where merchant_id = %(merchant)s",
            "select warehouse_id, variant_id, -quantity from reservations where merchant_id = %(merchant)s and status = 'active'",
        ),
    ),
    Check(
        "stock_incoming",
        "The incoming units are what open purchase orders and transfers have still to bring.",
        _equal(
            "warehouse_id, variant_id",
            "incoming",
            "select warehouse_id, variant_id, incoming from stock_levels where merchant_id = %(merchant)s",
            """
            select o.warehouse_id, l.variant_id, -greatest(l.quantity - l.received, 0)
            from purchase_orders o
            join purchase_order_lines l on l.merchant_id = o.merchant_id and l.purchase_order_id = o.id
            where o.merchant_id = %(merchant)s and o.status in ('sent', 'partially_received')
            """,
            """
            select t.to_warehouse_id, l.variant_id, -(l.quantity - l.received - l.damaged - l.lost)
            from transfers t join transfer_lines l on l.merchant_id = t.merchant_id and l.transfer_id = t.id
            where t.merchant_id = %(merchant)s and t.status in ('in_transit', 'partially_received')
            """,
        ),
    ),
    Check(
        "stock_costs_of_receipts",
        "Each unit that a supplier delivered is once in the average cost, at what it was bought for.",
        _equal(
            "purchase_order_line_id, unit_cost",
            "received",
            "select id, unit_cost, received from purchase_order_lines where merchant_id = %(merchant)s",
            "select purchase_order_line_id, unit_cost, -units from stock_costs where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "stock_costs_continue",
        "An average cost begins where the one before ended, and is what the units before and those that came cost together.",
        """
        select variant_id, number, average from (
            select *, lag(number, 1, 0) over chain as number_before, lag(average) over chain as ended,
                   lag(currency) over chain as currency_before
            from stock_costs where merchant_id = %(merchant)s window chain as (partition by variant_id order by number)
        ) c
        where number <> number_before + 1
           or number > 1 and average_before is distinct from case when currency = currency_before then ended end
           or average <> round((units_before * coalesce(average_before, unit_cost) + units * unit_cost)
                               / (units_before + units), 4)
        """,
    ),
    Check(
        "open_orders_hold_their_stock",
        "An open order holds, reserved or backordered, each counted unit that has not left; any other order holds none.",
        _equal(
            "order_line_id",
            "units",
            """
            select l.id, l.quantity - l.cancelled - l.fulfilled
            from orders o
            join order_lines l on l.merchant_id = o.merchant_id and l.order_id = o.id
            join variants v on v.merchant_id = l.merchant_id and v.id = l.variant_id
            where o.merchant_id = %(merchant)s and o.status in ('pending', 'confirmed') and v.tracked
            """,
            """
            select order_line_id, -(quantity + backordered) from reservations
            where merchant_id = %(merchant)s and status = 'active' and order_line_id is not null
            """,
        ),
    ),
)

_WAREHOUSE = (
    Check(
        "bins_hold_what_was_moved",
        "What lies in a bin is the sum of what was moved into it and out of it.",
        _equal(
            "bin_id, variant_id",
            "quantity",
            "select bin_id, variant_id, quantity from bin_stock where merchant_id = %(merchant)s",
            "select bin_id, variant_id, -quantity from bin_movements where merchant_id = %(merchant)s and bin_id is not null",
        ),
    ),
    Check(
        "bin_units",
        "A bin has as many units as lie in it.",
        _equal(
            "bin_id",
            "units",
            "select id, units from bins where merchant_id = %(merchant)s",
            "select bin_id, -quantity from bin_stock where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "stock_in_bins",
        "What a warehouse has in bins is the sum of its bins; what it has on hand beyond that lies on the floor.",
        _equal(
            "warehouse_id, variant_id",
            "binned",
            "select warehouse_id, variant_id, binned from stock_levels where merchant_id = %(merchant)s",
            "select warehouse_id, variant_id, -quantity from bin_stock where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "bin_moves_are_pairs",
        "Each move inside a warehouse is a pair: out of one place, and as many units into another.",
        """
        select move_id, sum(quantity) as units from bin_movements where merchant_id = %(merchant)s
        group by move_id having sum(quantity) <> 0 or count(*) <> 2
        """,
    ),
    Check(
        "picked_units_are_there",
        "What was picked for open orders and has not left lies on the floor of its warehouse.",
        """
        select p.warehouse_id, p.variant_id, sum(p.units) as picked, s.on_hand - s.binned as on_the_floor
        from (
            select t.warehouse_id, t.variant_id, least(sum(t.picked - t.gone), (
                select coalesce(sum(r.quantity), 0) from reservations r
                where r.merchant_id = %(merchant)s and r.order_id = t.order_id and r.order_line_id = t.order_line_id
                  and r.warehouse_id = t.warehouse_id and r.status = 'active'
            )) as units
            from pick_tasks t where t.merchant_id = %(merchant)s and t.picked > t.gone
            group by t.warehouse_id, t.variant_id, t.order_id, t.order_line_id
        ) p join stock_levels s on s.merchant_id = %(merchant)s and s.warehouse_id = p.warehouse_id and s.variant_id = p.variant_id
        group by p.warehouse_id, p.variant_id, s.on_hand, s.binned having sum(p.units) > s.on_hand - s.binned
        """,
    ),
    Check(
        "packed_units_were_picked",
        "What is in closed packages was picked, and has not left.",
        """
        select l.order_line_id, sum(l.quantity) as packed, t.units as picked
        from packages p
        join package_lines l on l.merchant_id = %(merchant)s and l.package_id = p.id
        join order_lines o on o.merchant_id = %(merchant)s and o.id = l.order_line_id
        join variants v on v.merchant_id = %(merchant)s and v.id = o.variant_id and v.tracked
        cross join lateral (
            select coalesce(sum(picked - gone), 0) as units from pick_tasks t
            where t.merchant_id = %(merchant)s and t.order_id = p.order_id and t.order_line_id = l.order_line_id
              and t.warehouse_id = p.warehouse_id
        ) t
        where p.merchant_id = %(merchant)s and p.status = 'sealed'
        group by p.warehouse_id, l.order_line_id, t.units having sum(l.quantity) > t.units
        """,
    ),
)

_UNTRACKED = Check(
    "untracked_hold_nothing",
    "What is not counted (made to order, digital) is never held for anybody.",
    """
    select r.reference, v.sku from reservations r join variants v on v.merchant_id = r.merchant_id and v.id = r.variant_id
    where r.merchant_id = %(merchant)s and r.status = 'active' and not v.tracked
    """,
)

_ORDERS = (
    Check(
        "order_amounts",
        "An order's amounts and counts are the sums of its lines.",
        _equal(
            "order_id",
            "subtotal, discount, tax, units, fulfilled, returned",
            """
            select id, subtotal, discount, tax - shipping_tax, units, units_fulfilled, units_returned
            from orders where merchant_id = %(merchant)s
            """,
            """
            select order_id, -subtotal, -discount, -tax, cancelled - quantity, -fulfilled, -returned
            from order_lines where merchant_id = %(merchant)s
            """,
        ),
    ),
    Check(
        "order_adjustments",
        "What an order says of its adjustments is their sum.",
        _equal(
            "order_id",
            "adjustments",
            "select id, adjustments from orders where merchant_id = %(merchant)s and adjustments <> 0",
            "select order_id, -amount from order_adjustments where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "order_line_totals",
        "A line's total contains its tax once, whichever way the order's prices are quoted.",
        """
        select l.id, l.total from order_lines l join orders o on o.merchant_id = l.merchant_id and o.id = l.order_id
        where l.merchant_id = %(merchant)s
          and l.total <> l.subtotal - l.discount + case when o.prices_include_tax then 0 else l.tax end
        """,
    ),
    Check(
        "lines_fulfilled",
        "The units of a line that left are those in its parcels, and those that came back are in its returns.",
        _equal(
            "order_line_id",
            "fulfilled, returned",
            "select id, fulfilled, returned from order_lines where merchant_id = %(merchant)s",
            """
            select l.order_line_id, -l.quantity, 0
            from fulfilments f join fulfilment_lines l on l.merchant_id = f.merchant_id and l.fulfilment_id = f.id
            where f.merchant_id = %(merchant)s and f.status not in ('draft', 'rated', 'voided')
            """,
            "select order_line_id, 0, -received from return_lines where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "parcels_arrived",
        "What has not been delivered has no time of arrival.",
        """
        select reference, status, delivered_at from fulfilments
        where merchant_id = %(merchant)s and delivered_at is not null and status <> 'delivered'
        """,
    ),
    Check(
        "manifests",
        "A manifest has as many parcels, and as heavy ones, as the shipments that were handed over with it.",
        _equal(
            "manifest_id",
            "parcels, weight_grams",
            "select id, parcels, weight_grams from manifests where merchant_id = %(merchant)s",
            """
            select manifest_id, -greatest(jsonb_array_length(parcels), 1), -coalesce(weight_grams, 0)
            from fulfilments where merchant_id = %(merchant)s and manifest_id is not null
            """,
        ),
    ),
    Check(
        "orders_left_or_not",
        "A completed order has left, but for what is never held; one not confirmed, or cancelled, has not left at all.",
        """
        select o.reference, o.status, o.units, o.units_fulfilled from orders o
        where o.merchant_id = %(merchant)s and (o.status in ('draft', 'pending', 'cancelled', 'expired') and o.units_fulfilled > 0
              or o.status = 'completed' and o.units_fulfilled <> o.units and exists (
                  select from order_lines l left join variants v on v.merchant_id = %(merchant)s and v.id = l.variant_id
                  where l.merchant_id = %(merchant)s and l.order_id = o.id and l.quantity - l.cancelled > l.fulfilled
                    and coalesce(v.tracked, true)))
        """,
    ),
    Check(
        "order_changes",
        "An order costs what the last change of its lines left, and each change began where the one before it ended.",
        """
        select o.reference, c.version, c.total_after, c.next_total from (
            select order_id, version, total_after, lead(total_before) over line_of_changes as next_total
            from order_changes where merchant_id = %(merchant)s window line_of_changes as (partition by order_id order by version)
        ) c join orders o on o.merchant_id = %(merchant)s and o.id = c.order_id
        where c.total_after <> coalesce(c.next_total, o.total) or c.version > o.version
        """,
    ),
    Check(
        "order_bundles",
        "A bundle on an order is all of what is in it, at prices that add up to its own.",
        """
        select o.reference, b.sku, b.quantity from order_bundles b
        join orders o on o.merchant_id = %(merchant)s and o.id = b.order_id
        join order_lines l on l.merchant_id = %(merchant)s and l.bundle_id = b.id
        where b.merchant_id = %(merchant)s group by o.reference, b.id, b.sku, b.quantity, b.unit_price
        having bool_or(l.order_id <> b.order_id or l.quantity - l.cancelled <> l.per_bundle * b.quantity)
            or sum(l.unit_price * l.per_bundle) <> b.unit_price
        """,
    ),
    Check(
        "bundles_of_single_things",
        "A bundle consists of something, and of no bundle; nothing else consists of anything.",
        """
        select v.sku, c.sku as component from variants v
        left join bundle_components b on b.merchant_id = %(merchant)s and b.variant_id = v.id
        left join variants c on c.merchant_id = %(merchant)s and c.id = b.component_id
        where v.merchant_id = %(merchant)s and (v.bundle and c.bundle is not false or not v.bundle and b.id is not null)
        """,
    ),
    Check(
        "promotion_uses",
        "A promotion was used as often as orders that stand used it.",
        _equal(
            "promotion_id",
            "used",
            "select id, used from promotions where merchant_id = %(merchant)s",
            "select promotion_id, -1 from promotion_uses where merchant_id = %(merchant)s and released_at is null",
        ),
    ),
    Check(
        "line_discounts",
        "Where a line says which promotions make up its discount, their shares are all of it.",
        """
        select l.id as order_line_id, l.discount, sum((share ->> 'amount')::bigint) as shares
        from order_lines l cross join jsonb_array_elements(l.discounts) as share
        where l.merchant_id = %(merchant)s and l.discounts <> '[]'
        group by l.id, l.discount having l.discount <> sum((share ->> 'amount')::bigint)
        """,
    ),
)

_MONEY = (
    Check(
        "payment_amounts",
        "A payment's amounts are the sums of its transactions that succeeded.",
        _equal(
            "payment_id",
            "authorized, captured, voided, refunded, charged_back",
            "select id, authorized, captured, voided, refunded, charged_back from payments where merchant_id = %(merchant)s",
            """
            select payment_id, case kind when 'authorization' then -amount else 0 end,
                   case kind when 'capture' then -amount else 0 end, case kind when 'void' then -amount else 0 end,
                   case kind when 'refund' then -amount else 0 end,
                   case kind when 'chargeback' then -amount when 'chargeback_reversal' then amount else 0 end
            from payment_transactions where merchant_id = %(merchant)s and outcome = 'succeeded'
            """,
        ),
    ),
    Check(
        "payment_statuses",
        "A payment's status says what its amounts say.",
        """
        select reference, status, authorized, captured, voided, refunded from payments
        where merchant_id = %(merchant)s and not case status
              when 'authorized' then authorized > 0 and captured = 0 and voided < authorized
              when 'partially_captured' then captured > 0 and captured < authorized and refunded = 0
              when 'captured' then captured > 0 and refunded = 0
              when 'partially_refunded' then refunded > 0 and refunded < captured
              when 'refunded' then refunded > 0 and refunded + charged_back = captured
              when 'voided' then voided = authorized and captured = 0
              when 'disputed' then captured > 0
              when 'won' then captured > 0
              when 'lost' then charged_back > 0
              else captured = 0 end
        """,
    ),
    Check(
        "order_payments",
        "What an order says is authorized, paid and refunded are the sums of its payments.",
        _equal(
            "order_id",
            "authorized, paid, refunded",
            "select id, authorized, paid, refunded from orders where merchant_id = %(merchant)s",
            """
            select order_id, voided - authorized, -captured, -(refunded + charged_back)
            from payments where merchant_id = %(merchant)s
            """,
        ),
    ),
    Check(
        "journals_balance",
        "Each journal of the ledger sums to zero in its currency.",
        """
        select journal_id, currency, sum(amount) from journal_entries where merchant_id = %(merchant)s
        group by journal_id, currency having sum(amount) <> 0
        """,
    ),
    Check(
        "ledger_has_every_payment",
        "The ledger has for each payment what was taken through a provider less what was given back there.",
        _equal(
            "payment_id",
            "kept",
            """
            select payment_id, case when kind in ('capture', 'chargeback_reversal') then amount else -amount end
            from payment_transactions
            where merchant_id = %(merchant)s and outcome = 'succeeded' and kind not in ('authorization', 'void')
              and provider not in ('gift_card', 'store_credit')
            """,
            """
            select payment_id, -amount from journal_entries
            where merchant_id = %(merchant)s and account = 'clearing' and payment_id is not null
            """,
        ),
    ),
    Check(
        "credit_entries",
        "What is left on a gift card or of store credit is the sum of what was given and taken.",
        _equal(
            "saved_method_id",
            "balance",
            "select id, balance from saved_methods where merchant_id = %(merchant)s and balance > 0",
            "select saved_method_id, -amount from credit_entries where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "credit_balances",
        "What is left on gift cards and of store credit is what the ledger owes for it.",
        _equal(
            "method, currency",
            "owed",
            "select method, currency, balance from saved_methods where merchant_id = %(merchant)s and balance > 0",
            """
            select case account when 'gift_cards' then 'gift_card' else 'store_credit' end, currency, amount
            from journal_entries where merchant_id = %(merchant)s and account in ('gift_cards', 'store_credit')
            """,
        ),
    ),
    Check(
        "return_refunds",
        "A return gives back what its lines are worth, and the shipping where that is due, less its fee.",
        _equal(
            "return_id",
            "refund",
            "select id, refund + fee - shipping from returns where merchant_id = %(merchant)s",
            "select return_id, -refund from return_lines where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "return_inspections",
        "The units of a return that are paid for, and those on sale again, are those that inspections found so.",
        _equal(
            "return_line_id",
            "accepted, restocked",
            """
            select l.id, l.accepted, l.restocked from return_lines l
            join returns r on r.merchant_id = %(merchant)s and r.id = l.return_id
            where l.merchant_id = %(merchant)s and r.warehouse_id is not null
            """,
            """
            select return_line_id, case when accepted then -quantity else 0 end,
                   case when disposition = 'restock' then -quantity else 0 end
            from return_inspections where merchant_id = %(merchant)s
            """,
        ),
    ),
    Check(
        "returned_stock",
        "What came back by a return lies in the stock, set aside until inspected or where it is refurbished, unless it left again.",
        _equal(
            "return_id, variant_id",
            "units, set_aside",
            """
            select l.return_id, l.variant_id, l.received, l.received from return_lines l
            join returns r on r.merchant_id = %(merchant)s and r.id = l.return_id
            join variants v on v.merchant_id = %(merchant)s and v.id = l.variant_id
            where l.merchant_id = %(merchant)s and r.warehouse_id is not null and v.tracked
            """,
            """
            select l.return_id, l.variant_id, case when i.disposition in ('dispose', 'supplier') then -i.quantity else 0 end,
                   -i.quantity
            from return_inspections i
            join return_lines l on l.merchant_id = %(merchant)s and l.id = i.return_line_id
            join variants v on v.merchant_id = %(merchant)s and v.id = l.variant_id
            where i.merchant_id = %(merchant)s and i.disposition <> 'refurbish' and v.tracked
            """,
            """
            select subject_id, variant_id, -quantity, -damaged from stock_movements
            where merchant_id = %(merchant)s and subject_kind = 'return'
            """,
        ),
    ),
)

_CUSTOMERS = (
    Check(
        "customer_figures",
        "What a customer bought, in orders and money of the home currency, and when last, is what their orders add up to.",
        _equal(
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
        _equal(
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

_COUNTERS = Check(
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

_DUE = (
    Check(
        "nothing_overdue",
        "An order that nobody paid in time has lapsed, and a reservation whose time is over holds nothing.",
        """
        select reference, expires_at from orders
        where merchant_id = %(merchant)s and status = 'pending' and payment_state = 'unpaid'
          and expires_at < now() - interval '1 hour'
        union all
        select reference, expires_at from reservations
        where merchant_id = %(merchant)s and status = 'active' and order_id is null and expires_at < now() - interval '1 hour'
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

_AUDIT = Check(
    "audit_chain",
    "Each entry of the audit is as it was sealed, once, or waits for its seal.",
    MISFITS,
)

CHECKS: tuple[Check, ...] = (*_STOCK, *_WAREHOUSE, _UNTRACKED, *_ORDERS, *_MONEY, *_CUSTOMERS, _COUNTERS, *_DUE, _AUDIT)
