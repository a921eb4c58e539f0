"""What the planner knows of the tables: made anew after rows came in bulk, for what autovacuum knows of them is a minute old."""

from collections.abc import Sequence
from typing import Any

import psycopg


def refresh_statistics(connection: psycopg.Connection[Any], tables: Sequence[str] | None = None) -> None:
    """Of these tables; or, in autocommit mode, of those that what was committed last changed by a hundredth."""
    if tables is None:
        connection.execute("select pg_stat_force_next_flush()")  # else it is told up to a second later
    connection.execute("select refresh_statistics(%s)", [tables])
