"""What in a shop is called so, or nearly: one search over customers, products, SKUs, shelves, brands, tags, warehouses, cities, orders"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# How well a folded name fits a folded phrase: 4 it is the phrase, 3 it begins with it, 2 a word of it begins with each word, below
# 1 each word is like something in it; null it does not fit. Between names that fit equally the shorter one is likelier meant.
FITTING = """
create function fitting(asked text, words text[], called text) returns real language plpgsql immutable parallel safe
set search_path = pg_catalog, public, pg_temp as $$
declare likeness real;
begin
    if called = asked then
        return 4;
    elsif starts_with(called, asked) then
        return 3 + 0.9 * similarity(asked, called);
    elsif (select bool_and(called ~ ('\\m' || word)) from unnest(words) as word) then
        return 2 + 0.9 * similarity(asked, called);
    end if;
    select avg(word_similarity(word, called)) into likeness from unnest(words) as word
    having min(word_similarity(word, called)) >= 0.6;
    return 0.7 * likeness + 0.2 * similarity(asked, called);
end $$
"""
# The cities that orders go to, without reading the orders: from each the index leads to the next, `most` times. Those of `keys`
# are found in any shop.
CITIES = """
create function cities_of_orders(keys text[], most integer) returns table (key text, city text)
language plpgsql stable security definer rows 100 set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off
set plan_cache_mode = force_generic_plan as $$
declare merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
begin
    return query
    with recursive walk as (
        (select folded(o.ship_city) as key, o.ship_city as city from orders o
         where o.merchant_id = merchant and folded(o.ship_city) > '' order by folded(o.ship_city) limit 1)
        union all
        select n.* from walk w cross join lateral (
            select folded(o.ship_city), o.ship_city from orders o
            where o.merchant_id = merchant and folded(o.ship_city) > w.key order by folded(o.ship_city) limit 1) n
    ), reached as (select * from walk limit most)
    select * from reached
    union all
    select n.* from unnest(keys) as asked cross join lateral (
        select folded(o.ship_city), o.ship_city from orders o
        where o.merchant_id = merchant and folded(o.ship_city) = asked limit 1) n
    where (select count(*) from reached) = most;
end $$
"""
# What phrases may mean, in two steps: as they were written, and then, for those that nothing fits so, nearly. `{has}` looks for
# a word by an index of trigrams, so words of two letters find nothing by themselves. Of what a phrase fits no more than 400 rows
# of a table are looked at: which of so many is meant, no order could tell.
STEP = """
{step}_products as materialized (
    select f.nth, f.key, f.words, p.* from {phrases} f cross join lateral (
        select p.id, p.reference, p.title, p.title_key, p.brand, p.tags from products p
        where p.merchant_id = merchant and p.search {w1} and p.search {w2} and p.search {w3} limit 400) p
    where 'product' = any(kinds)
), {step} as materialized (
    select f.nth, 'customer' as kind, c.reference, c.name, c.email as about,
           fitting(f.key, f.words, folded(concat_ws(' ', c.name, c.company, c.email))) as fits
    from {phrases} f cross join lateral (
        select * from customers c
        where c.merchant_id = merchant and c.words_key {w1} and c.words_key {w2} and c.words_key {w3} limit 400) c
    where 'customer' = any(kinds) and c.status not in ('merged', 'erased')
    union all
    select nth, 'product', reference, title, brand, fitting(key, words, title_key) from {step}_products
    union all
    select f.nth, 'variant', v.reference, v.sku, concat_ws(' / ', f.title, nullif(v.title, f.title)),
           coalesce(fitting(f.key, f.words, folded(v.sku)), case when coalesce(fitting(f.key, f.words, f.title_key), 0) < 2
                    then fitting(f.key, f.words, folded(f.title || ' ' || v.title)) end)
    from {step}_products f join variants v on v.merchant_id = merchant and v.product_id = f.id and v.archived_at is null
    union all
    select nth, 'brand', null, brand, null, fitting(key, words, folded(brand)) from {step}_products where brand <> ''
    union all
    select nth, 'tag', null, tag, null, fitting(key, words, folded(tag)) from {step}_products, unnest(tags) as tag
    union all
    select f.nth, c.kind, c.reference, c.name, c.about, fitting(f.key, f.words, c.key)
    from {phrases} f join places c on c.key {w1} and c.key {w2} and c.key {w3}
)"""


def _step(step: str, phrases: str, has: str) -> str:
    words = {w: has.format(word=f"f.{w}") for w in ("w1", "w2", "w3")}
    return STEP.format(step=step, phrases=phrases, **words)


WRITTEN = _step("written", "phrases", "like '%' || {word} || '%'")
NEARLY = _step("nearly", "left_over", "%> {word}")
# `asked` are phrases as they were written, `keys` the same folded, `spoken` their words with spaces between, `refs` the reference
# that each may be, else null. `kinds` are those that the caller may see; a product's are its variants, brand and tags too.
# Numbers are found as they are, never nearly: another order's number is no spelling of this one's.
SEARCH = f"""
create function search_shop(asked text[], keys text[], spoken text[], refs text[], kinds text[], most integer)
returns table (nth integer, kind text, reference text, name text, about text, fits real)
language plpgsql security definer rows 20 set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_indexscan = off set enable_indexonlyscan = off set jit = off
set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
begin
    perform set_config('pg_trgm.word_similarity_threshold', '0.6', true);
    return query
    with phrases as materialized (
        select f.*, array[f.said, upper(f.said), '#' || f.said, '#' || upper(f.said)] as elsewhere,
               l.long[1] as w1, coalesce(l.long[2], l.long[1]) as w2, coalesce(l.long[3], l.long[1]) as w3
        from (select f.nth::integer, f.said, lower(f.said) as small, f.key, f.ref, string_to_array(f.spoken, ' ') as words
              from unnest(asked, keys, spoken, refs) with ordinality as f(said, key, spoken, ref, nth)) f
        cross join lateral (select array_agg(word order by length(word) desc, word) as long
                            from unnest(f.words) as word where length(word) >= 3) l
    ), places as materialized (
        select 'category' as kind, reference, external_reference, name, null as about, folded(name) as key, slug as code
        from categories where merchant_id = merchant and 'product' = any(kinds)
        union all
        select 'warehouse', reference, external_reference, name, code, folded(name), lower(code)
        from warehouses where merchant_id = merchant and 'warehouse' = any(kinds)
        union all
        select distinct on (key) 'city', null, null, city, null, key, null
        from cities_of_orders(keys, 1000) where 'city' = any(kinds)
    ), named as (
        select f.nth, 'order' as kind, o.reference, coalesce(o.external_reference, o.reference) as name, o.status::text as about,
               case when o.reference = f.ref then 4.5 else 4 end::real as fits
        from phrases f join orders o
        on o.merchant_id = merchant and (o.reference = f.ref or o.external_reference = any(f.elsewhere))
        where 'order' = any(kinds)
        union all
        select f.nth, 'customer', c.reference, c.name, c.email, case when c.reference = f.ref then 4.5 else 4 end
        from phrases f cross join lateral (
            select * from customers c
            where c.merchant_id = merchant and (c.reference = f.ref or c.external_reference = any(f.elsewhere)
                                                or c.email_key = f.small or c.name_key = f.key) limit 20) c
        where 'customer' = any(kinds) and c.status not in ('merged', 'erased')
        union all
        select f.nth, 'product', p.reference, p.title, p.brand, case when p.reference = f.ref then 4.5 else 4 end
        from phrases f join products p
        on p.merchant_id = merchant and (p.reference = f.ref or p.external_reference = any(f.elsewhere) or p.title_key = f.key)
        where 'product' = any(kinds)
        union all
        select f.nth, 'variant', v.reference, v.sku, concat_ws(' / ', p.title, nullif(v.title, p.title)),
               case when v.reference = f.ref then 4.5 else 4 end
        from phrases f join variants v
        on v.merchant_id = merchant and (v.reference = f.ref or v.sku_key = f.small or v.external_reference = any(f.elsewhere)
                                         or v.barcode = f.said)
        join products p on p.merchant_id = merchant and p.id = v.product_id
        where 'product' = any(kinds)
        union all
        select f.nth, c.kind, c.reference, c.name, c.about, case when c.reference = f.ref then 4.5 else 4 end
        from phrases f join places c
        on c.key = f.key or c.code in (f.small, f.key) or c.reference = f.ref or c.external_reference = any(f.elsewhere)
    ), {WRITTEN}, fitted as materialized (select * from named union all select * from written where fits >= 2
    ), left_over as materialized (
        select * from phrases where key ~ '[[:alpha:]]' and nth not in (select nth from fitted)
    ), {NEARLY}, found as (
        select distinct on (nth, kind, coalesce(reference, folded(name))) *
        from (select * from fitted union all select * from nearly where fits is not null) f
        order by nth, kind, coalesce(reference, folded(name)), fits desc
    ), of_kind as (
        select *, row_number() over (partition by nth, kind order by fits desc, name, reference) as nth_of_kind from found
    )
    select nth, kind, reference, name, about, fits from (
        select *, row_number() over (partition by nth order by least(floor(fits), 4) desc, nth_of_kind, fits desc, kind) as place
        from of_kind) f
    order by place, nth limit most;
end $$
"""
FUNCTIONS = {
    "fitting(text, text[], text)": FITTING,
    "cities_of_orders(text[], integer)": CITIES,
    "search_shop(text[], text[], text[], text[], text[], integer)": SEARCH,
}


def upgrade() -> None:
    op.add_column("products", sa.Column("title_key", sa.Text(), sa.Computed("folded(title)", persisted=True), nullable=False))
    op.create_index(op.f("ix_products_merchant_id_title_key"), "products", ["merchant_id", "title_key"])
    op.create_index("ix_orders_city", "orders", ["merchant_id", sa.text("folded(ship_city)")])
    for function, definition in FUNCTIONS.items():
        op.execute(definition)
        op.execute(f"revoke all on function {function} from public")
    op.execute("grant execute on function search_shop(text[], text[], text[], text[], text[], integer) to app_rt")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
