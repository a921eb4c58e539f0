"""After rows came in bulk the planner knows of them, and reads again of no table that they did not change."""

import psycopg

from db.statistics import refresh_statistics
from tests.factories import NewShop

ROWS = """
insert into counters (merchant_id, id, name, value, created_at)
select %(m)s, gen_random_uuid(), 'T' || n, 0, now() from generate_series(1, 60 + (
    select reltuples / 50 from pg_class where relname = 'counters')::int) n
"""


def read(owner_url: str) -> dict[str, int]:
    """How often each table was read for statistics."""
    with psycopg.connect(owner_url) as owner:
        counts = owner.execute("select relname, analyze_count from pg_stat_all_tables where schemaname = 'public'")
        return dict(counts.fetchall())


def test_statistics_are_made_of_what_was_changed(mine: NewShop, runtime_url: str, owner_url: str) -> None:
    with psycopg.connect(runtime_url, autocommit=True) as connection:
        refresh_statistics(connection)
        before = read(owner_url)
        with connection.transaction():
            connection.execute(f"set local app.merchant_id = '{mine.id}'".encode())
            connection.execute(ROWS, {"m": mine.id})
        refresh_statistics(connection)

    after = read(owner_url)
    assert {name for name in after if after[name] != before[name]} == {"counters"}
