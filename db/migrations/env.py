"""Alembic's entry. The connection, its transaction and the settings come from `db.migrate`."""

from alembic import context

from db.migrate import COMPARED
from db.model import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, **COMPARED)
with context.begin_transaction():
    context.run_migrations()
