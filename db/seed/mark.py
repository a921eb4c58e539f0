"""What tells the demo shop from others, apart from it: only the first start needs the shop itself."""

import uuid

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

MARK = "demo"  # the `source` of its warehouses


def is_loaded(connection: psycopg.Connection[TupleRow], merchant: uuid.UUID) -> bool:
    """Whether the merchant has the demo shop."""
    with connection.transaction():
        connection.execute(sql.SQL("set local app.merchant_id = {}").format(sql.Literal(str(merchant))))
        found = connection.execute(
            "select 1 from warehouses where merchant_id = %s and source = %s limit 1", [merchant, MARK]
        )
        return found.fetchone() is not None
