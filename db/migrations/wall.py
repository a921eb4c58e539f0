"""The wall between merchants, as the migrations build it: row-level security with a policy for each role, and grants.

Autogenerate sees none of this; `tests/db/test_schema.py` does.
"""

from typing import Any

OWN_ROWS = "merchant_id = nullif(current_setting('app.merchant_id', true), '')::uuid"


def secure(op: Any, table: str, *, append_only: bool = False) -> None:
    """Put a new tenant table behind the wall: app_rt sees and writes the rows of the merchant that its transaction names.

    The migrating owner, bound by FORCE too, sees all: data migrations, dumps, the search function. Rows of an append-only
    table can be neither changed nor removed by app_rt.
    """
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy merchant on {table} to app_rt using ({OWN_ROWS})")
    op.execute(f"create policy owner on {table} to current_user using (true)")
    op.execute(f"grant {'select, insert' if append_only else 'select, insert, update, delete'} on {table} to app_rt")
