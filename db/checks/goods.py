"""Of stock and what lies in the warehouses."""

from db.checks.check import Check, equal

STOCK = (
    Check(
        "stock_on_hand",
        "The units on hand, and the damaged among them, are the sum of the stock movements.",
        equal(
            "warehouse_id, variant_id",
            "on_hand, damaged",
            "select warehouse_id, variant_id, on_hand, damaged from stock_levels where merchant_id = %(merchant)s",
            "select warehouse_id, variant_id, -quantity, -damaged from stock_movements where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "stock_of_its_product",
        "The stock of a variant is told for the product that it is of.",
        """
        select v.sku from stock_levels s join variants v on v.merchant_id = s.merchant_id and v.id = s.variant_id
        where s.merchant_id = %(merchant)s and s.product_id <> v.product_id
        """,
    ),
    Check(
        "stock_reserved",
        "The reserved units are the sum of the active reservations.",
        equal(
            "warehouse_id, variant_id",
            "reserved",
            "select warehouse_id, variant_id, reserved from stock_levels where merchant_id = %(merchant)s",
            "select warehouse_id, variant_id, -quantity from reservations where merchant_id = %(merchant)s and status = 'active'",
        ),
    ),
    Check(
        "stock_incoming",
        "The incoming units are what open purchase orders and transfers have still to bring.",
        equal(
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
        equal(
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
        equal(
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

WAREHOUSE = (
    Check(
        "bins_hold_what_was_moved",
        "What lies in a bin is the sum of what was moved into it and out of it.",
        equal(
            "bin_id, variant_id",
            "quantity",
            "select bin_id, variant_id, quantity from bin_stock where merchant_id = %(merchant)s",
            "select bin_id, variant_id, -quantity from bin_movements where merchant_id = %(merchant)s and bin_id is not null",
        ),
    ),
    Check(
        "bin_units",
        "A bin has as many units as lie in it.",
        equal(
            "bin_id",
            "units",
            "select id, units from bins where merchant_id = %(merchant)s",
            "select bin_id, -quantity from bin_stock where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "stock_in_bins",
        "What a warehouse has in bins is the sum of its bins; what it has on hand beyond that lies on the floor.",
        equal(
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

UNTRACKED = Check(
    "untracked_hold_nothing",
    "What is not counted (made to order, digital) is never held for anybody.",
    """
    select r.reference, v.sku from reservations r join variants v on v.merchant_id = r.merchant_id and v.id = r.variant_id
    where r.merchant_id = %(merchant)s and r.status = 'active' and not v.tracked
    """,
)
