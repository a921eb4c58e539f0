"""What the planner knows of the tables: made anew after rows came in bulk, for what autovacuum knows of them is a minute old."""

from typing import Any

import psycopg


def refresh_statistics(connection: psycopg.Connection[Any]) -> None:
    """Of the tables that what was committed last changed by a hundredth. In autocommit mode, outside a transaction."""
    connection.execute("select pg_stat_force_next_flush()")  # else it is told up to a second later
    connection.execute("select refresh_statistics()")
