"""A promotion is found by its name, too, and not by its code alone: "that Tea time code" """

from importlib import import_module

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

BEFORE = import_module("db.migrations.versions.0006_search")
NAMES = import_module("db.migrations.versions.0024_names")
BY_CODE = "(p.reference = f.ref or p.code_key = f.small)"
BY_NAME = "(p.reference = f.ref or p.code_key = f.small or folded(p.name) = f.key)"


def upgrade() -> None:
    op.create_index("ix_promotions_name", "promotions", ["merchant_id", sa.text("folded(name)")])
    definition = BEFORE.SEARCH.replace("create function", "create or replace function")
    codes = NAMES.CODES.replace(BY_CODE, BY_NAME)
    assert codes != NAMES.CODES
    for place, more in ((NAMES.CITIES, NAMES.MORE), (NAMES.ORDERS, codes)):
        assert definition.count(place) == 1
        definition = definition.replace(place, more + place)
    op.execute(definition)


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
