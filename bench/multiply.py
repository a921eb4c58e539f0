"""A shop of a million orders from the demo's year: its finished orders again and again, each time longer ago.

Everything that hangs on an order is copied with it (lines, payments, ledgers, parcels, returns, movements, events), and so are
the customers; the units that left are opposed by receipts, so that every ledger still explains its counts. The last year stays
as it is: what a report of the last 30 days reads is the same, and the shop around it is a hundred times as large.

Works in sets, as the server's superuser with foreign keys unchecked and the secondary indexes made at the end. What was done
is remembered in the schema `bench`, batch by batch: an interrupted multiplication goes on where it stopped.
"""

import time
import uuid
from collections.abc import Iterator

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import DateTime, Table, Uuid

from db.model import Base
from db.references import TABLES

Connection = psycopg.Connection[TupleRow]

BATCH = 10  # copies of the year in one transaction
FIRST, STEP = 364, 91  # days by which the first copy lies back, and each further one more: whole weeks
# Which rows of the demo's year are copied, parents before children.
_OF_BUYERS = ("addresses", "consents")
_OF_ORDERS = (
    "order_lines", "order_notes", "interactions", "loyalty_entries", "payments", "payment_transactions", "journal_entries",
    "reservations", "fulfilments", "returns", "stock_movements", "events",
)  # fmt: skip
_BELOW = {"fulfilment_lines": "fulfilments", "tracking_events": "fulfilments", "return_lines": "returns"}
_KEY_OF = {"fulfilments": "fulfilment_id", "returns": "return_id"}
GROWN = ("customers", *_OF_BUYERS, "orders", *_OF_ORDERS, *_BELOW)

_PREPARE = """
create schema if not exists bench;
create table if not exists bench.copies (number int primary key);
create table if not exists bench.indexes (name text primary key, definition text not null);
create table if not exists bench.sold as
    select id from orders where merchant_id = '{merchant}' and status in ('completed', 'cancelled', 'expired')
      and updated_at < now() - interval '1 minute';
create table if not exists bench.buyers as select id from customers where merchant_id = '{merchant}';
create table if not exists bench.numbers as select name, value from counters where merchant_id = '{merchant}';
create or replace function bench.earlier(id uuid, days int) returns uuid language sql immutable parallel safe as $$
    select (lpad(to_hex(('x' || left(id::text, 8) || substr(id::text, 10, 4))::bit(48)::bigint - days * 86400000::bigint), 12, '0')
            || substr(id::text, 14))::uuid
$$;
"""
_RECEIPTS = """
insert into stock_movements (merchant_id, id, warehouse_id, variant_id, kind, quantity, damaged, actor, occurred_at, created_at)
select %(m)s::uuid, gen_random_uuid(), warehouse_id, variant_id, 'receipt', -%(copies)s::int * sum(quantity),
       -%(copies)s::int * sum(damaged), 'system:bench', %(at)s::timestamptz, %(at)s::timestamptz
from stock_movements s join bench.sold on sold.id = s.order_id
where s.merchant_id = %(m)s
group by warehouse_id, variant_id having sum(quantity) <> 0 or sum(damaged) <> 0
"""


def multiply(url: str, merchant: uuid.UUID, orders: int) -> int:
    """Bring the merchant's demo shop to that many orders; returns how many it has. `url` is the superuser's."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("set synchronous_commit = off")
        admin.execute("set maintenance_work_mem = '512MB'")
        admin.execute(_PREPARE.format(merchant=merchant).encode())
        year = _number(admin, "select count(*) from bench.sold")
        done = _number(admin, "select count(*) from bench.copies")
        wanted = max((orders - _number(admin, "select count(*) from orders") + year - 1) // year, 0) + done
        if wanted > done:
            _drop_indexes(admin)
            for first in range(done + 1, wanted + 1, BATCH):
                _copy(admin, merchant, range(first, min(first + BATCH, wanted + 1)))
        _make_indexes(admin)
        if wanted > done:
            _say("vacuum and statistics")
            admin.execute("vacuum analyze")
        return _number(admin, "select count(*) from orders")


def _copy(admin: Connection, merchant: uuid.UUID, copies: range) -> None:
    began = time.monotonic()
    with admin.transaction():
        params = {"m": merchant, "first": copies.start, "last": copies.stop - 1}
        for name in GROWN:
            admin.execute(_copy_of(Base.metadata.tables[name]).encode(), params)
        admin.execute(_RECEIPTS, {"m": merchant, "copies": len(copies), "at": "1990-01-01T00:00:00Z"})
        admin.execute(
            "update counters c set value = n.value * (%(last)s::int + 1) from bench.numbers n"
            " where c.merchant_id = %(m)s and c.name = n.name and n.name = any(%(kinds)s)",
            params | {"kinds": [TABLES[name].value for name in GROWN if name in TABLES]},
        )
        admin.execute("insert into bench.copies select generate_series(%(first)s::int, %(last)s::int)", params)
    _say(f"copies {copies.start} to {copies.stop - 1} of the year, {time.monotonic() - began:.0f} s")


def _copy_of(table: Table) -> str:
    columns = dict(_columns(table))
    kind = TABLES[table.name].value if table.name in TABLES else ""
    return f"""
        insert into {table.name} ({", ".join(columns)}) select {", ".join(columns.values())} from {_rows_of(table.name)}
        cross join lateral (
            select k, {FIRST} + (k - 1) * {STEP} as days, (select value from bench.numbers where name = '{kind}') as numbers
            from generate_series(%(first)s::int, %(last)s::int) k
        ) copy
        where t.merchant_id = %(m)s
    """


def _rows_of(name: str) -> str:
    """The rows of the demo's own year."""
    if name in ("customers", *_OF_BUYERS):
        return f"{name} t join bench.buyers b on b.id = t.{'id' if name == 'customers' else 'customer_id'}"
    if name in _BELOW:
        above = _BELOW[name]
        return (
            f"{name} t join {above} a on a.merchant_id = t.merchant_id and a.id = t.{_KEY_OF[above]}"
            " join bench.sold b on b.id = a.order_id"
        )
    return f"{name} t join bench.sold b on b.id = t.{'id' if name == 'orders' else 'order_id'}"


def _columns(table: Table) -> Iterator[tuple[str, str]]:
    """Each column that is written, and its value in a copy: moments earlier, ids with them, names of its own."""
    outside = {
        name
        for key in table.foreign_key_constraints
        if next(iter(key.elements)).column.table.name not in GROWN
        for name in key.column_keys
    }
    for column in table.columns:
        name = column.name
        if column.computed is not None:
            continue
        value = f"t.{name}"
        if name == "reference":
            value = "split_part(t.reference, '-', 1) || '-' || (split_part(t.reference, '-', 2)::bigint + k * numbers)"
        elif name in ("external_reference", "provider_reference"):
            value = f"t.{name} || '-' || k"
        elif name in ("email", "email_key") and table.name == "customers":
            value = f"k || '.' || t.{name}"
        elif isinstance(column.type, Uuid) and name != "merchant_id" and name not in outside:
            value = f"bench.earlier(t.{name}, days)"
        elif isinstance(column.type, DateTime):
            value = f"t.{name} - make_interval(days => days)"
        elif column.type.python_type.__name__ == "date":
            value = f"t.{name} - days"
        yield name, value


def _drop_indexes(admin: Connection) -> None:
    """Forget the secondary indexes of what grows; `bench.indexes` has their definitions."""
    with admin.transaction():
        admin.execute(
            """
            insert into bench.indexes
            select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
            from pg_index i where not i.indisunique and i.indrelid = any(%s::text[]::regclass[])
            """,
            [list(GROWN)],
        )
        for (name,) in admin.execute("select name from bench.indexes").fetchall():
            admin.execute(f"drop index if exists {name}".encode())


def _make_indexes(admin: Connection) -> None:
    kept = admin.execute("select name, definition from bench.indexes order by name").fetchall()
    for name, definition in kept:
        began = time.monotonic()
        with admin.transaction():
            admin.execute(definition)
            admin.execute("delete from bench.indexes where name = %s", [name])
        _say(f"{name}, {time.monotonic() - began:.0f} s")


def _number(admin: Connection, query: str) -> int:
    row = admin.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _say(what: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')}  {what}", flush=True)
