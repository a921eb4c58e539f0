"""Names of suppliers, carriers and promotions are found by the search for names, too"""

from importlib import import_module

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BEFORE = import_module("db.migrations.versions.0006_search")
CITIES = "        select 'city', null, null, city, null, key, null from cities_of_orders(keys, 1) where 'city' = any(kinds)\n"
MORE = f"""\
        select 'supplier', reference, external_reference, name, null, {BEFORE.FOLDED.format("name")}, null
        from suppliers where merchant_id = merchant and active and 'supplier' = any(kinds)
        union all
        select 'carrier', reference, external_reference, name, code, {BEFORE.FOLDED.format("name")}, lower(code)
        from carriers where merchant_id = merchant and active and 'carrier' = any(kinds)
        union all
        select 'promotion', reference, external_reference, name, code, {BEFORE.FOLDED.format("name")}, code_key
        from promotions where merchant_id = merchant and status <> 'ended' and 'promotion' = any(kinds)
        union all
"""


def upgrade() -> None:
    assert BEFORE.SEARCH.count(CITIES) == 1
    op.execute(BEFORE.SEARCH.replace("create function", "create or replace function").replace(CITIES, MORE + CITIES))


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
