"""Bring a database's schema to what this code knows: as its owner, in one transaction, one process at a time."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from db import models as models  # maps every table
from db.model import Base

# How Alembic compares the models with the tables; `migrations/env.py` reads it too.
COMPARED: dict[str, Any] = {
    "compare_server_default": True,
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
}


class NewerSchema(Exception):
    """The database was migrated by a newer version of this program."""

    hint = "Update Shopkeeper to the version that migrated it, or restore a dump from before."


def upgrade(owner_url: str, progress: Callable[[str], None] = lambda _: None, *, to: str = "head") -> None:
    """Apply the migrations that the database lacks, all or none. Processes that come at once take turns.

    `owner_url` is a libpq address of the role that owns the tables; the role app_rt exists. Raises `NewerSchema`.
    """
    with _owner(owner_url) as connection:
        connection.execute(text("select pg_advisory_xact_lock(hashtext('shopkeeper migrate'))"))
        config = _config(connection)
        scripts = ScriptDirectory.from_config(config)
        current = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision: script for script in scripts.walk_revisions()}
        if current is not None and current not in known:
            raise NewerSchema(
                f"The database is at revision {current}; this version knows up to {scripts.get_current_head()}."
            )
        for script in reversed(list(scripts.iterate_revisions(to, current or "base"))):
            progress(f"Migrating to {script.revision}: {script.doc}")
        command.upgrade(config, to)


def check(owner_url: str) -> list[str]:
    """What the models have and the tables lack, or the other way round; empty when they agree."""
    with _owner(owner_url) as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts=COMPARED), Base.metadata)
        return [str(difference) for difference in differences]


def draft(owner_url: str, message: str) -> Path:
    """Write the next migration from the differences, to be read and edited: it knows nothing of policies and grants."""
    with _owner(owner_url) as connection:
        config = _config(connection)
        number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
        made: Any = command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")
        return Path(made.path)


@contextmanager
def _owner(url: str) -> Generator[Connection]:
    """A connection in a transaction, which commits unless something is raised. Unqualified names are those of `public`."""
    held = psycopg.connect(url)  # here, so that trouble with the server has psycopg's name
    engine = create_engine("postgresql+psycopg://", creator=lambda: held, poolclass=NullPool)
    with held, engine.begin() as connection:
        connection.execute(text("set local search_path = public"))
        yield connection


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config
