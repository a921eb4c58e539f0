"""A shop that came from tau2, given back in its shape: what is in it now, whatever our operations have changed since."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, dict_row

from db.models.after_sales import ASKED
from importers.tau2 import COUNTRIES, METHODS, MOVES, REASONS, STANDINGS

Row = dict[str, Any]

_COUNTRY = {ours: theirs for theirs, ours in COUNTRIES.items()}
_SOURCE = {ours.value: theirs for theirs, ours in METHODS.items()}
_MOVE = {ours.value: theirs for theirs, ours in MOVES.items()}
_REASON = {ours.value: theirs for theirs, ours in REASONS.items()}
_STANDING = {standing.status.value: theirs for theirs, standing in reversed(STANDINGS.items())}

# What has no name of theirs, having been made here, has ours.
_THEIRS = "coalesce({0}.external_reference, {0}.reference)"
_PRODUCTS = f"""
select {_THEIRS.format("p")} as product, p.title, v.sku, v.options, v.sellable, (
    select amount from prices r where r.merchant_id = %(m)s and r.variant_id = v.id and r.valid_until is null
    order by r.valid_from desc limit 1) as price
from products p join variants v on v.merchant_id = %(m)s and v.product_id = p.id and v.archived_at is null
where p.merchant_id = %(m)s order by v.id
"""
_CUSTOMERS = f"""
select {_THEIRS.format("c")} as customer, c.first_name, c.last_name, c.email, a.line1, a.line2, a.city, a.region, a.postcode,
       a.country
from customers c left join addresses a on a.merchant_id = %(m)s and a.customer_id = c.id and a.is_default_shipping
where c.merchant_id = %(m)s and c.status = 'active' order by c.id
"""
_METHODS = f"""
select {_THEIRS.format("c")} as customer, s.external_reference as name, s.method, s.brand, s.last_four, s.balance
from saved_methods s join customers c on c.merchant_id = %(m)s and c.id = s.customer_id
where s.merchant_id = %(m)s order by s.id
"""
_ORDERS = f"""
select {_THEIRS.format("o")} as number, {_THEIRS.format("c")} as customer, o.status, o.fulfilment_state, o.cancel_reason,
       o.shipping_address, exists (
           select from order_changes x where x.merchant_id = %(m)s and x.order_id = o.id) as modified, r.wanted, r.difference,
       s.external_reference as settled_by, r.back, r.instead
from orders o left join lateral (
    select r.wanted, r.difference, r.saved_method_id, array_agg(x.sku order by x.sku) as back, (
        select array_agg(w.sku order by w.sku) from return_lines y
        cross join jsonb_to_recordset(y.wants) as w(sku text, quantity int) cross join generate_series(1, w.quantity)
        where y.merchant_id = %(m)s and y.return_id = r.id) as instead
    from returns r join (
        select y.return_id, l.sku from return_lines y join order_lines l on l.merchant_id = %(m)s and l.id = y.order_line_id
        cross join generate_series(1, y.quantity) where y.merchant_id = %(m)s) x on x.return_id = r.id
    where r.merchant_id = %(m)s and r.order_id = o.id and r.status = any(%(asked)s) group by r.merchant_id, r.id
    order by r.id limit 1
) r on true left join saved_methods s on s.merchant_id = %(m)s and s.id = r.saved_method_id
join customers c on c.merchant_id = %(m)s and c.id = o.customer_id
where o.merchant_id = %(m)s and o.status in ('confirmed', 'completed', 'cancelled') order by o.placed_at, o.id
"""
_LINES = f"""
select {_THEIRS.format("o")} as number, l.sku, p.title, {_THEIRS.format("p")} as product, l.options, l.unit_price,
       l.quantity - l.cancelled as units
from orders o join order_lines l on l.merchant_id = %(m)s and l.order_id = o.id
join products p on p.merchant_id = %(m)s and p.id = l.product_id
where o.merchant_id = %(m)s order by o.id, l.position
"""
_PARCELS = f"""
select {_THEIRS.format("o")} as number, f.tracking_number, array_agg(l.sku order by l.position) as skus
from orders o join fulfilments f on f.merchant_id = %(m)s and f.order_id = o.id
join fulfilment_lines x on x.merchant_id = %(m)s and x.fulfilment_id = f.id
join order_lines l on l.merchant_id = %(m)s and l.id = x.order_line_id
where o.merchant_id = %(m)s group by o.merchant_id, o.id, f.merchant_id, f.id order by f.id
"""
_ENTRIES = f"""
select {_THEIRS.format("o")} as number, t.kind, t.amount, s.external_reference as method, t.occurred_at as at, t.id
from payment_transactions t join orders o on o.merchant_id = %(m)s and o.id = t.order_id
join payments p on p.merchant_id = %(m)s and p.id = t.payment_id
join saved_methods s on s.merchant_id = %(m)s and s.id = coalesce(t.saved_method_id, p.saved_method_id)
where t.merchant_id = %(m)s and t.kind in ('capture', 'refund') and t.outcome = 'succeeded'
union all
select {_THEIRS.format("o")}, 'refund', 0, s.external_reference, x.created_at, x.id
from order_changes x join orders o on o.merchant_id = %(m)s and o.id = x.order_id
join saved_methods s on s.merchant_id = %(m)s and s.id = x.saved_method_id
where x.merchant_id = %(m)s and x.total_before = x.total_after order by at, id
"""


def export_tau2(connection: psycopg.Connection[TupleRow], merchant: uuid.UUID) -> dict[str, Any]:
    """The shop as an object of products, users and orders, read at one moment."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set transaction isolation level repeatable read read only")
        cursor.execute(sql.SQL("set local app.merchant_id = {}").format(sql.Literal(str(merchant))))

        def rows(query: str) -> list[Row]:
            return cursor.execute(
                query.encode(), {"m": merchant, "asked": [status.value for status in ASKED]}
            ).fetchall()

        orders = rows(_ORDERS)
        return {
            "products": _products(rows(_PRODUCTS)),
            "users": _users(rows(_CUSTOMERS), _by(rows(_METHODS), "customer"), _by(orders, "customer")),
            "orders": _orders(orders, *(_by(rows(query), "number") for query in (_LINES, _PARCELS, _ENTRIES))),
        }


def _by(rows: Sequence[Row], key: str) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return found


def _dollars(amount: int) -> float:
    return amount / 100


def _products(rows: Sequence[Row]) -> Row:
    return {
        product: {
            "product_id": product,
            "name": variants[0]["title"],
            "variants": {
                variant["sku"]: {
                    "item_id": variant["sku"], "options": variant["options"], "available": variant["sellable"],
                    "price": _dollars(variant["price"]),
                } for variant in variants
            },
        } for product, variants in _by(rows, "product").items()
    }  # fmt: skip


def _users(customers: Sequence[Row], methods: Mapping[str, list[Row]], orders: Mapping[str, list[Row]]) -> Row:
    return {
        customer["customer"]: {
            "user_id": customer["customer"],
            "name": {"first_name": customer["first_name"], "last_name": customer["last_name"]},
            "address": _address(customer),
            "email": customer["email"],
            "payment_methods": {method["name"]: _method(method) for method in methods.get(customer["customer"], ())},
            "orders": [order["number"] for order in orders.get(customer["customer"], ())],
        }
        for customer in customers
    }


def _method(row: Row) -> Row:
    told = {"source": _SOURCE[row["method"]], "id": row["name"]}
    if row["brand"]:
        told |= {"brand": row["brand"], "last_four": row["last_four"]}
    if row["balance"] is not None:
        told["balance"] = _dollars(row["balance"])
    return told


def _address(ours: Row) -> Row:
    return {
        "address1": ours["line1"], "address2": ours["line2"] or "", "city": ours["city"], "state": ours["region"],
        "zip": ours["postcode"], "country": _COUNTRY.get(ours["country"], ours["country"]),
    }  # fmt: skip


def _orders(
    orders: Sequence[Row],
    lines: Mapping[str, list[Row]],
    parcels: Mapping[str, list[Row]],
    entries: Mapping[str, list[Row]],
) -> Row:
    return {
        order["number"]: _order(order, *(of.get(order["number"], []) for of in (lines, parcels, entries)))
        for order in orders
    }


def _order(order: Row, lines: Sequence[Row], parcels: Sequence[Row], entries: Sequence[Row]) -> Row:
    told = {
        "order_id": order["number"],
        "user_id": order["customer"],
        "address": _address(order["shipping_address"]),
        "items": [_item(line) for line in lines for _ in range(line["units"])],
        "status": _status(order),
        "fulfillments": [
            {"tracking_id": parcel["tracking_number"].split(), "item_ids": parcel["skus"]} for parcel in parcels
        ],
        "payment_history": [
            {
                "transaction_type": _MOVE[entry["kind"]], "amount": _dollars(entry["amount"]),
                "payment_method_id": entry["method"],
            } for entry in entries
        ],
    }  # fmt: skip
    reason = _REASON.get(order["cancel_reason"])
    return told | ({"cancel_reason": reason} if reason else {}) | _asked(order)


def _asked(order: Row) -> Row:
    """The return that is asked for, or the exchange."""
    match order["wanted"]:
        case None:
            return {}
        case "exchange":
            return {
                "exchange_items": order["back"], "exchange_new_items": order["instead"],
                "exchange_payment_method_id": order["settled_by"],
                "exchange_price_difference": _dollars(order["difference"] or 0),
            }  # fmt: skip
        case _:
            return {"return_items": order["back"], "return_payment_method_id": order["settled_by"]}


def _status(order: Row) -> str:
    """Confirmed is pending there, until something has left; and otherwise called once its lines were changed."""
    if order["wanted"]:
        return "exchange requested" if order["wanted"] == "exchange" else "return requested"
    if order["status"] != "confirmed":
        return _STANDING[order["status"]]
    if order["fulfilment_state"] != "unfulfilled":
        return "processed"
    return "pending (item modified)" if order["modified"] else "pending"


def _item(line: Row) -> Row:
    return {
        "name": line["title"], "product_id": line["product"], "item_id": line["sku"], "price": _dollars(line["unit_price"]),
        "options": line["options"],
    }  # fmt: skip
