"""What few have is looked up, however large the shop: orders of a kind, customers and parcels of a town, price groups as written"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

# Row-level security lets no index serve a function, and these need settings of the planner: functions of the owner, which keep to
# the merchant themselves. How many are few depends on how many there are: to look up n of N takes n reads, and to go along the list
# until a page is full 20 N / n shorter ones. A caller that gets `most` rows knows that there are too many to be looked up.
FUNCTION = """
create or replace function {name} returns setof uuid
language plpgsql stable security definer rows 10 set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_bitmapscan = off as $$
declare
    merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
    numbers bigint := coalesce((select value - 1000 from counters where merchant_id = merchant and name = '{counter}'), 0);
    few integer := least(most, greatest(300, sqrt(2 * numbers)::integer));
    fitting integer;
    asked text := {asked} || ' limit $1';
begin
    {body}
end $$
"""
IN_FULL = """
    return query execute asked using few, merchant, {given};
    get diagnostics fitting = row_count;
    if fitting >= few then
        return query select merchant from generate_series(fitting + 1, most);
    end if;
"""
# The kinds are a few hundred, and lie in one small index: there alone it is counted whether few orders are of those asked for.
COUNTED = """
    execute 'select count(*) from (' || asked || ') o' into fitting using few, merchant, {given};
    if fitting >= few then
        return query select merchant from generate_series(1, most);
    else
        return query execute asked using few, merchant, {given};
    end if;
"""
ORDERS_OF = FUNCTION.format(
    name="orders_of(paid text[], fulfilled text[], returned text[], channels text[], country text, most integer)",
    counter="ORD",
    asked="""'select id from orders where merchant_id = $2 and payment_state = any($3) and fulfilment_state = any($4)'
        || ' and return_state = any($5) and channel = any($6)' || case when country is null then '' else ' and ship_country = $7' end""",
    body=COUNTED.format(given="paid, fulfilled, returned, channels, country"),
)
ORDERS_TO = FUNCTION.format(
    name="orders_to(city text, region text, most integer)",
    counter="ORD",
    asked="""'select id from orders where merchant_id = $2'
        || case when city is null then ' and folded(ship_region) = $4 and ship_region is not null' else ' and folded(ship_city) = $3' end""",
    body=IN_FULL.format(given="city, region"),
)
CUSTOMERS_AT = FUNCTION.format(
    name="customers_at(town text, land text, code text, most integer)",
    counter="CUS",
    asked="""'select customer_id from addresses where merchant_id = $2'
        || case when town is null then '' else ' and folded(city) = $3' end
        || case when land is null then '' else ' and country = $4' end
        || case when code is null then '' else ' and replace(upper(postcode), '' '', '''') = $5' end""",
    body=IN_FULL.format(given="town, land, code"),
)

# A parcel goes where its label says, and one whose label says nothing where its order goes.
PARCELS_TO = FUNCTION.format(
    name="parcels_to(town text, land text, most integer)",
    counter="SHP",
    asked="""'select id from fulfilments where merchant_id = $2'
        || case when town is null then ' and ship_to ->> ''country'' = $4' else ' and folded(ship_to ->> ''city'') = $3' end""",
    body="""
    declare going_there uuid[];
    begin
        return query execute asked using few, merchant, town, land;
        get diagnostics fitting = row_count;
        if fitting < few then
            execute 'select array(select id from orders where merchant_id = $2'
                || case when town is null then ' and ship_country = $4' else ' and folded(ship_city) = $3' end || ' limit $1)'
                into going_there using few, merchant, town, land;
            fitting := greatest(fitting, cardinality(going_there));
        end if;
        if fitting >= few then
            return query select merchant from generate_series(1, most);
        else
            return query select f.id from fulfilments f
            where f.merchant_id = merchant and f.order_id = any(going_there)
              and case when town is null then f.ship_to ->> 'country' is null else f.ship_to ->> 'city' is null end;
        end if;
    end;
""",
)


def upgrade() -> None:
    op.create_index(
        "ix_orders_kinds", "orders",
        ["merchant_id", "payment_state", "fulfilment_state", "return_state", "channel", "ship_country"],
    )  # fmt: skip
    op.drop_index("ix_addresses_merchant_id_postcode", "addresses")
    op.create_index("ix_addresses_postcode", "addresses", ["merchant_id", sa.text("replace(upper(postcode), ' ', '')")])
    op.create_index("ix_addresses_city", "addresses", ["merchant_id", sa.text("folded(city)"), "country"])
    op.create_index("ix_fulfilments_city", "fulfilments", ["merchant_id", sa.text("folded(ship_to ->> 'city')")])
    op.create_index("ix_fulfilments_country", "fulfilments", ["merchant_id", sa.text("(ship_to ->> 'country')")])
    op.execute(ORDERS_TO)  # keeps its owner and grants
    for definition, function in (
        (ORDERS_OF, "orders_of(text[], text[], text[], text[], text, integer)"),
        (CUSTOMERS_AT, "customers_at(text, text, text, integer)"),
        (PARCELS_TO, "parcels_to(text, text, integer)"),
    ):
        op.execute(definition)
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to app_rt")
    for table in ("customers", "prices"):
        op.create_index(
            f"ix_{table}_group", table, ["merchant_id", "customer_group"],
            postgresql_where=sa.text("customer_group is not null"),
        )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
