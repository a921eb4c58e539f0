"""Words that many have are known for it by a few of the newest, and by how many there are"""

from importlib import import_module

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

# A list goes along itself where more fit than are looked up. In a shop of a million orders, finding out that a word is in 20,000
# of them took longer than the list: so it is reckoned from the newest and from how many numbers were given out. What is often
# said whatever the shop's size stays as it was; in a small shop nothing else is, and everything is looked up.
MERCHANT = "nullif(current_setting('app.merchant_id', true), '')::uuid"
NUMBERS = "coalesce((select value - 1000 from counters where merchant_id = {merchant} and name = '{name}'), 0)"
OFTEN_SAID = f"""
create function often_said(words text[], most integer) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_indexscan = on as $$
    select l.said >= 20 or o.said >= 15
        or {NUMBERS.format(merchant=MERCHANT, name="ORD")} * greatest(
            case when l.said >= 10 then l.said / 1000.0 end, case when o.said >= 5 then o.said / 500.0 end, 0) > 2 * most
    from (select count(*) as said
          from (select words_key from order_lines where merchant_id = {MERCHANT} order by id desc limit 1000) newest
          where words_key like all (words)) l,
         (select count(*) as said
          from (select words_key from orders where merchant_id = {MERCHANT} order by id desc limit 500) newest
          where words_key like all (words)) o
$$
"""
OFTEN_NAMED = f"""
create function often_named(words text[], most integer) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_indexscan = on as $$
    select case when c.numbers > 10 * most then (
        select count(*) >= 5 and count(*) / 500.0 * c.numbers > 2 * most
        from (select words_key from customers where merchant_id = {MERCHANT} order by id desc limit 500) newest
        where words_key like all (words)
    ) else false end
    from (select {NUMBERS.format(merchant=MERCHANT, name="CUS")} as numbers) c
$$
"""
INSTEAD = """begin
    if {probe} then  -- so many that whoever asks goes along the list instead
        return query select merchant from generate_series(1, most);  -- as many, and no row of theirs
        return;
    end if;
"""
EARLIER = import_module("db.migrations.versions.0003_growth")


def _replaced(definition: str, probe: str) -> str:
    made = definition.replace("create function", "create or replace function")  # keeps its owner and grants
    return made.replace("begin\n", INSTEAD.format(probe=probe), 1)


def upgrade() -> None:
    for definition, name in ((OFTEN_SAID, "often_said"), (OFTEN_NAMED, "often_named")):
        op.execute(definition)
        op.execute(f"revoke all on function {name}(text[], integer) from public")
    op.execute(_replaced(EARLIER.SEARCH_ORDERS, "often_said(words, most)"))
    op.execute(_replaced(EARLIER.SEARCH_CUSTOMERS, "often_named(words, most)"))
    op.execute("drop function often_said(text[])")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
