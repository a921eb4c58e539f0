"""Of orders and money."""

from db.checks.check import Check, equal

ORDERS = (
    Check(
        "order_amounts",
        "An order's amounts and counts are the sums of its lines.",
        equal(
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
        equal(
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
        equal(
            "order_line_id",
            "fulfilled, returned",
            "select id, fulfilled, returned from order_lines where merchant_id = %(merchant)s",
            """
            select l.order_line_id, -l.quantity, 0
            from fulfilments f join fulfilment_lines l on l.merchant_id = f.merchant_id and l.fulfilment_id = f.id
            where f.merchant_id = %(merchant)s and f.status not in ('draft', 'voided')
              and (f.status <> 'rated' or f.shipped_at is not null)
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
        equal(
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
        equal(
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

MONEY = (
    Check(
        "payment_amounts",
        "A payment's amounts are the sums of its transactions that succeeded.",
        equal(
            "payment_id",
            "authorized, captured, voided, refunded, charged_back",
            "select id, authorized, captured, voided, refunded, charged_back from payments where merchant_id = %(merchant)s",
            """
            select payment_id, case kind when 'authorization' then -amount else 0 end,
                   case kind when 'capture' then -amount else 0 end, case kind when 'void' then -amount else 0 end,
                   case kind when 'refund' then -amount when 'refund_reversal' then amount else 0 end,
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
              when 'expired' then voided = authorized and captured = 0
              when 'disputed' then captured > 0
              when 'won' then captured > 0
              when 'lost' then charged_back > 0
              else captured = 0 end
        """,
    ),
    Check(
        "order_payments",
        "What an order says is authorized, paid and refunded are the sums of its payments.",
        equal(
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
        "payment_links",
        "A link can be paid only while its amount is what is open of an order that stands; a paid one has a payment of its order.",
        """
        select l.reference, l.status, l.amount from payment_links l
        join orders o on o.merchant_id = %(merchant)s and o.id = l.order_id
        left join payments p on p.merchant_id = %(merchant)s and p.id = l.payment_id and p.order_id = l.order_id
        where l.merchant_id = %(merchant)s and (
              l.status in ('pending', 'open') and (
                  o.status in ('draft', 'cancelled', 'expired') or l.amount > o.total - o.authorized + o.refunded)
              or l.status = 'paid' and (p.id is null or p.provider <> l.provider or p.captured = 0))
        """,
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
        equal(
            "payment_id",
            "kept",
            """
            select payment_id, case when kind in ('capture', 'refund_reversal', 'chargeback_reversal') then amount else -amount end
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
        "payout_fees",
        "The ledger has as fees what providers kept of their payouts.",
        equal(
            "currency",
            "fees",
            "select currency, fees from payouts where merchant_id = %(merchant)s",
            "select currency, -amount from journal_entries where merchant_id = %(merchant)s and account = 'fees'",
        ),
    ),
    Check(
        "credit_entries",
        "What is left on a gift card or of store credit is the sum of what was given and taken.",
        equal(
            "saved_method_id",
            "balance",
            "select id, balance from saved_methods where merchant_id = %(merchant)s and balance > 0",
            "select saved_method_id, -amount from credit_entries where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "credit_balances",
        "What is left on gift cards and of store credit is what the ledger owes for it.",
        equal(
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
        equal(
            "return_id",
            "refund",
            "select id, refund + fee - shipping from returns where merchant_id = %(merchant)s",
            "select return_id, -refund from return_lines where merchant_id = %(merchant)s",
        ),
    ),
    Check(
        "return_inspections",
        "The units of a return that are paid for, and those on sale again, are those that inspections found so.",
        equal(
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
        equal(
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
