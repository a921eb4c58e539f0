"""A shop of a million orders, and a catalogue of fifty thousand products, from the demo's year.

The demo's finished orders are copied again and again, each time longer ago, with all that hangs on them (lines, payments,
ledgers, parcels, returns, movements, events) and with their customers; receipts oppose the units that left, so that every
ledger still explains its counts. The last year stays as it is: what a report of the last 30 days reads is the same, and the
shop around it is a hundred times as large. Products get a made-up word each, as a make or a pattern would give them.

Works in sets, as the server's superuser, with foreign keys unchecked and the secondary indexes made at the end. What was done
is remembered in the schema `bench`, batch by batch: an interrupted multiplication goes on where it stopped.
"""

import time
import uuid
from collections.abc import Iterator

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import Date, DateTime, Table, Uuid

from db.figures import ADD_UP
from db.model import Base
from db.references import TABLES

Connection = psycopg.Connection[TupleRow]

BATCH = 10  # copies in one transaction, which takes minutes
FIRST, STEP = 364, 91  # days by which the first copy lies back, and each further one more: whole weeks
# What is copied, parents before children, and the rows of it that are the demo's own: `b` are the kept ids.
_SOLD = {
    "customers": "join bench.buyers b on b.id = t.id",
    **dict.fromkeys(("addresses", "consents"), "join bench.buyers b on b.id = t.customer_id"),
    "orders": "join bench.sold b on b.id = t.id",
    **dict.fromkeys(
        (
            "order_bundles", "order_lines", "order_notes", "interactions", "loyalty_entries", "payments", "payment_transactions",
            "journal_entries", "credit_entries", "reservations", "fulfilments", "returns", "stock_movements", "events",
        ),
        "join bench.sold b on b.id = t.order_id",
    ),
    **dict.fromkeys(
        ("fulfilment_lines", "tracking_events"),
        "join fulfilments f on f.merchant_id = t.merchant_id and f.id = t.fulfilment_id join bench.sold b on b.id = f.order_id",
    ),
    "return_lines": "join returns r on r.merchant_id = t.merchant_id and r.id = t.return_id join bench.sold b on b.id = r.order_id",
    "return_inspections": "join return_lines l on l.merchant_id = t.merchant_id and l.id = t.return_line_id"
    " join returns r on r.merchant_id = t.merchant_id and r.id = l.return_id join bench.sold b on b.id = r.order_id",
}  # fmt: skip
_SHELVES = {
    "products": "join bench.shelves b on b.id = t.id",
    "variants": "join bench.shelves b on b.id = t.product_id",
    **dict.fromkeys(
        ("prices", "stock_levels", "bundle_components"),
        "join variants v on v.merchant_id = t.merchant_id and v.id = t.variant_id join bench.shelves b on b.id = v.product_id",
    ),
}
# Columns of which a copy has its own; `k` is the copy's number.
_OWN = {
    # Some are named after their order, with a number more.
    "reference": "split_part(t.reference, '-', 1) || '-' || (split_part(t.reference, '-', 2)::bigint + k * ("
    "select value from bench.numbers where name = split_part(t.reference, '-', 1)))"
    " || regexp_replace(t.reference, '^[A-Z]+-[0-9]+', '')",
    "external_reference": "t.external_reference || '-' || k",
    "provider_reference": "t.provider_reference || '-' || k",
    "customers.email": "k || '.' || t.email",
    "customers.email_key": "k || '.' || t.email_key",
    "products.title": "t.title || ' ' || initcap(bench.word(k + position))",
    "products.search": "t.search || ' ' || bench.word(k + position)",
    "variants.sku": "t.sku || '-' || k",
    "variants.sku_key": "t.sku_key || '-' || k",
    "stock_levels.on_hand": "t.on_hand - t.reserved - t.damaged",
    **dict.fromkeys(
        ("stock_levels.reserved", "stock_levels.damaged", "stock_levels.incoming", "stock_levels.binned"), "0"
    ),
}

_PREPARE = """
create schema if not exists bench;
create table if not exists bench.copies (of text, number int, primary key (of, number));
create table if not exists bench.indexes (name text primary key, definition text not null);
create table if not exists bench.sold as select id, 0 as position from orders
    where merchant_id = '{merchant}' and status in ('completed', 'cancelled', 'expired');
create table if not exists bench.buyers as select id, 0 as position from customers where merchant_id = '{merchant}';
create table if not exists bench.shelves as select id, row_number() over (order by id)::int * 977 as position from products
    where merchant_id = '{merchant}' and status = 'active';
create table if not exists bench.numbers as select name, value from counters where merchant_id = '{merchant}';
create or replace function bench.earlier(id uuid, days int) returns uuid language sql immutable parallel safe as $$
    select (lpad(to_hex(('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint - days * 86400000::bigint), 12, '0')
            || substr(id::text, 14))::uuid
$$;
create or replace function bench.word(k int) returns text language sql immutable parallel safe as $$
    select string_agg((array['ba','do','fi','gu','ka','lo','mi','nu','pe','ra','so','ti','vu','we','xa','zo'])
                      [1 + (k * 7919 / 16 ^ n)::int % 16], '' order by n) from generate_series(0, 3) n
$$;
"""
_RECEIPTS = """
insert into stock_movements (merchant_id, id, warehouse_id, variant_id, kind, quantity, damaged, actor, occurred_at, created_at)
select %(m)s::uuid, gen_random_uuid(), warehouse_id, variant_id, 'receipt', -%(copies)s::int * sum(quantity),
       -%(copies)s::int * sum(damaged), 'system:bench', '1990-01-01', '1990-01-01'
from stock_movements s join bench.sold on sold.id = s.order_id
where s.merchant_id = %(m)s
group by warehouse_id, variant_id having sum(quantity) <> 0 or sum(damaged) <> 0
"""
_OPENING = """
insert into stock_movements (merchant_id, id, warehouse_id, variant_id, kind, quantity, actor, occurred_at, created_at)
select l.merchant_id, gen_random_uuid(), l.warehouse_id, l.variant_id, 'opening', l.on_hand, 'system:bench', '1990-01-01',
       '1990-01-01'
from stock_levels l
where l.merchant_id = %(m)s and l.on_hand > 0 and not exists (
    select from stock_movements s where s.merchant_id = l.merchant_id and s.variant_id = l.variant_id)
"""
# Credit is not copied, but what was given and spent of it is: whoever has it gets that again and again.
_BALANCES = """
update saved_methods s set balance = e.balance
from (select saved_method_id, sum(amount) as balance from credit_entries where merchant_id = %(m)s group by 1) e
where s.merchant_id = %(m)s and s.id = e.saved_method_id
"""


def multiply_orders(url: str, merchant: uuid.UUID, wanted: int) -> int:
    """Bring the merchant's demo shop to that many orders; returns how many it has. `url` is the superuser's."""
    return _multiply(url, merchant, "orders", "bench.sold", _SOLD, [_RECEIPTS], [ADD_UP, _BALANCES], wanted)


def multiply_products(url: str, merchant: uuid.UUID, wanted: int) -> int:
    """The same for its catalogue."""
    return _multiply(url, merchant, "products", "bench.shelves", _SHELVES, [], [_OPENING], wanted)


def _multiply(
    url: str,
    merchant: uuid.UUID,
    of: str,
    base: str,
    tables: dict[str, str],
    each: list[str],
    after: list[str],
    wanted: int,
) -> int:
    with psycopg.connect(url, autocommit=True) as admin:
        for setting in (
            "session_replication_role = replica",
            "synchronous_commit = off",
            "maintenance_work_mem = '512MB'",
        ):
            admin.execute(f"set {setting}".encode())
        admin.execute(_PREPARE.format(merchant=merchant).encode())
        lacking = wanted - _count(admin, f"select count(*) from {of} where merchant_id = '{merchant}'")
        copies = max(-(-lacking // _count(admin, f"select count(*) from {base}")), 0)
        done = _count(admin, f"select count(*) from bench.copies where of = '{of}'")
        if copies:
            _drop_indexes(admin, list(tables))
        for first in range(done + 1, done + copies + 1, BATCH):
            _copy(admin, merchant, of, range(first, min(first + BATCH, done + copies + 1)), tables, each)
        _make_indexes(admin)
        if copies:
            _say("sums, vacuum and statistics")
            for statement in after:
                admin.execute(statement.encode(), {"m": merchant, "merchant": merchant})
            admin.execute("vacuum analyze")
        return _count(admin, f"select count(*) from {of} where merchant_id = '{merchant}'")


def _copy(
    admin: Connection, merchant: uuid.UUID, of: str, copies: range, tables: dict[str, str], each: list[str]
) -> None:
    began = time.monotonic()
    params = {"m": merchant, "first": copies.start, "last": copies.stop - 1, "copies": len(copies), "of": of}
    with admin.transaction():
        for name, own in tables.items():
            admin.execute(_copy_of(Base.metadata.tables[name], own, tables).encode(), params)
        for statement in each:
            admin.execute(statement.encode(), params)
        admin.execute(
            "update counters c set value = n.value * (%(last)s::int + 1) from bench.numbers n"
            " where c.merchant_id = %(m)s and c.name = n.name and n.name = any(%(kinds)s)",
            params | {"kinds": [TABLES[name].value for name in tables if name in TABLES]},
        )
        admin.execute("insert into bench.copies select %(of)s, generate_series(%(first)s::int, %(last)s::int)", params)
    _say(f"{of}: copies {copies.start} to {copies.stop - 1}, {time.monotonic() - began:.0f} s")


def _copy_of(table: Table, own: str, tables: dict[str, str]) -> str:
    columns = dict(_columns(table, tables))
    return f"""
        insert into {table.name} ({", ".join(columns)}) select {", ".join(columns.values())} from {table.name} t {own}
        cross join lateral (
            select k, {FIRST} + (k - 1) * {STEP} as days from generate_series(%(first)s::int, %(last)s::int) k
        ) copy
        where t.merchant_id = %(m)s
    """


def _columns(table: Table, tables: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each column that is written, and its value in a copy: moments earlier, ids with them, names of its own."""
    outside = {
        name
        for key in table.foreign_key_constraints
        if next(iter(key.elements)).column.table.name not in tables
        for name in key.column_keys
    } | {"merchant_id"}
    for column in table.columns:
        name = column.name
        if column.computed is not None:
            continue
        value = _OWN.get(f"{table.name}.{name}") or _OWN.get(name)
        if value is None and isinstance(column.type, Uuid) and name not in outside:
            value = f"bench.earlier(t.{name}, days)"
        elif value is None and isinstance(column.type, DateTime) and name not in ("valid_from", "valid_until"):
            value = f"t.{name} - make_interval(days => days)"
        elif value is None and isinstance(column.type, Date):
            value = f"t.{name} - days"
        yield name, value or f"t.{name}"


def _drop_indexes(admin: Connection, tables: list[str]) -> None:
    """Do without the secondary indexes of what grows; `bench.indexes` has their definitions."""
    with admin.transaction():
        admin.execute(
            """
            insert into bench.indexes
            select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
            from pg_index i where not i.indisunique and not i.indisexclusion and i.indrelid = any(%s::text[]::regclass[])
            """,
            [tables],
        )
        for (name,) in admin.execute("select name from bench.indexes").fetchall():
            admin.execute(f"drop index if exists {name}".encode())


def _make_indexes(admin: Connection) -> None:
    for name, definition in admin.execute("select name, definition from bench.indexes order by name").fetchall():
        began = time.monotonic()
        with admin.transaction():
            admin.execute(definition)
            admin.execute("delete from bench.indexes where name = %s", [name])
        if (took := time.monotonic() - began) > 1:
            _say(f"{name}, {took:.0f} s")


def _count(admin: Connection, query: str) -> int:
    row = admin.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _say(what: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')}  {what}", flush=True)
