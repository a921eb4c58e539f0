"""Which revision this code's tables have, and whether a database has it: asked at each start, without waking Alembic."""

from pathlib import Path

import psycopg

VERSIONS = Path(__file__).parent / "migrations" / "versions"


def newest() -> str:
    """The last of the migrations, which are numbered in their order."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


def is_current(url: str) -> bool:
    """Whether the database has just this code's tables. A database without any, or with newer ones, has not."""
    with psycopg.connect(url) as connection:
        try:
            return connection.execute("select version_num from public.alembic_version").fetchall() == [(newest(),)]
        except psycopg.errors.UndefinedTable:
            return False
