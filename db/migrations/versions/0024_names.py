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
"""
# Of promotions a shop has had many: the code is found, not what is like it.
ORDERS = "        select f.nth, 'order' as kind, o.reference,"
CODES = """\
        select f.nth, 'promotion' as kind, p.reference, p.name, p.code as about,
               case when p.reference = f.ref then 4.5 else 4 end::real as fits
        from phrases f join promotions p
        on p.merchant_id = merchant and (p.reference = f.ref or p.code_key = f.small)
        where 'promotion' = any(kinds) and p.status <> 'ended'
        union all
"""


def upgrade() -> None:
    definition = BEFORE.SEARCH.replace("create function", "create or replace function")
    for place, more in ((CITIES, MORE), (ORDERS, CODES)):
        assert definition.count(place) == 1
        definition = definition.replace(place, more + place)
    op.execute(definition)


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
