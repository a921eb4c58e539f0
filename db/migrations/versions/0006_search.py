"""What in a shop is called so, or nearly: one search over customers, products, SKUs, shelves, brands, tags, warehouses, cities, orders"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What the function `folded` does, without the cost of a call: here no column is computed by it.
FOLDED = "unaccent('public.unaccent', lower({}))"
# Cities that orders go to, the first `most` that begin with each prefix. No more orders are read than cities are found: from each
# the index leads to the next.
CITIES = f"""
create function cities_of_orders(prefixes text[], most integer) returns table (key text, city text)
language plpgsql stable security definer rows 100 set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off
set plan_cache_mode = force_generic_plan as $$
declare merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
begin
    return query
    with recursive walk as (
        select 1 as nth, prefix, first.* from unnest(prefixes) as prefix cross join lateral (
            select {FOLDED.format('o.ship_city')} as key, o.ship_city as city from orders o
            where o.merchant_id = merchant and folded(o.ship_city) >= prefix order by folded(o.ship_city) limit 1) first
        where starts_with(first.key, prefix)
        union all
        select w.nth + 1, w.prefix, further.* from walk w cross join lateral (
            select {FOLDED.format('o.ship_city')} as key, o.ship_city as city from orders o
            where o.merchant_id = merchant and folded(o.ship_city) > w.key order by folded(o.ship_city) limit 1) further
        where w.nth < most and starts_with(further.key, w.prefix)
    )
    select distinct on (w.key) w.key, w.city from walk w;
end $$
"""
# Rows of a table that have all words, or for `alike` something like each; never more than 150: which of so many is meant, no
# order could tell. Each search is planned for its shop and its words, lest a plan for the average shop reads a large one through; and
# a row costs so much that the index of trigrams is taken, which grows with what it finds and not with the shop.
ROWS = """
create function rows_of_words(relation text, words text[], alike boolean) returns setof uuid
language plpgsql stable rows 20 set search_path = pg_catalog, public, pg_temp set cpu_tuple_cost = 1 as $$
declare
    searched text := case relation when 'products' then 'search' else 'words_key' end;
    has text := case when alike then '%I %%> %L' else '%I like ''%%'' || %L || ''%%''' end;
begin
    if words is not null then
        return query execute (
            select format('select id from %I where merchant_id = $1 and ', relation)
                   || string_agg(format(has, searched, word), ' and ') || ' limit 150' from unnest(words) as word
        ) using nullif(current_setting('app.merchant_id', true), '')::uuid;
    end if;
end $$
"""
# What phrases may mean, in two steps: as they were written, and then, for those that nothing fits so, nearly. Tables are searched
# by the three longest words that an index of trigrams knows. A name fits as 4 (it is the phrase), 3 (it begins with it), 2 (its
# words begin with those of the phrase), or less than 1 (it has words like them); of those that fit so, the shortest is likeliest
# meant. No more than 200 cities are compared, the first of the shop and those that begin with the phrase's two letters.
STEP = """
{step}_products as materialized (
    select f.nth, f.words, p.* from {phrases} f cross join lateral (
        select p.id, p.reference, p.title, p.title_key, p.brand, p.tags from products p
        where p.merchant_id = merchant and p.id = any(array(select rows_of_words('products', f.long, {alike})))) p
    where 'product' = any(kinds)
), {step}_called as materialized (
    select f.nth, 'customer' as kind, c.reference, c.name, c.email as about,
           {customer} as called
    from {phrases} f cross join lateral (
        select * from customers c
        where c.merchant_id = merchant and c.id = any(array(select rows_of_words('customers', f.long, {alike})))) c
    where 'customer' = any(kinds) and c.status not in ('merged', 'erased')
    union all
    select nth, 'product', reference, title, brand, title_key from {step}_products
    union all
    select p.nth, 'variant', v.reference, v.sku, concat_ws(' / ', p.title, nullif(v.title, p.title)), called
    from {step}_products p join variants v on v.merchant_id = merchant and v.product_id = p.id and v.archived_at is null
    cross join lateral (
        select {sku} union all select {variant} where not p.title_key %> all(p.words)) as names(called)
    union all
    select nth, 'brand', null, brand, null, {brand} from {step}_products where brand <> ''
    union all
    select nth, 'tag', null, tag, null, {tag} from {step}_products, unnest(tags) as tag
    union all
    select f.nth, c.kind, c.reference, c.name, c.about, c.key
    from {phrases} f join {places} c on c.key {has}
), {step} as materialized (
    select c.nth, c.kind, c.reference, c.name, c.about, case
        when called = f.key then 4
        when starts_with(called, f.key) then 3 + 0.9 * similarity(f.key, called)
        when called ~ all(f.starts) then 2 + 0.9 * similarity(f.key, called)
        when called %> all(f.words) then 0.7 * word_similarity(f.key, called) + 0.2 * similarity(f.key, called)
        end::real as fits
    from {step}_called c join {phrases} f on f.nth = c.nth
)"""
NAMES = {
    "customer": "concat_ws(' ', c.name, c.company, c.email)",
    "sku": "v.sku",
    "variant": "p.title || ' ' || v.title",
    "brand": "brand",
    "tag": "tag",
}


def _step(step: str, phrases: str, places: str, alike: str, has: str) -> str:
    called = {name: FOLDED.format(expression) for name, expression in NAMES.items()}
    return STEP.format(step=step, phrases=phrases, places=places, alike=alike, has=has, **called)


WRITTEN = _step("written", "phrases", "places", "false", "like all(f.patterns)")
NEARLY = _step("nearly", "left_over", "all_places", "true", "%> all(f.words)")
# `asked` are phrases as they were written, `keys` the same folded, `spoken` their words with spaces between, `refs` the reference
# that each may be, else null. `kinds` are those that the caller may see; a product's are its variants, brand and tags too.
# Numbers are found as they are, never nearly: another order's number is no spelling of this one's.
SEARCH = f"""
create function search_shop(asked text[], keys text[], spoken text[], refs text[], kinds text[], most integer)
returns table (nth integer, kind text, reference text, name text, about text, fits real)
language plpgsql security definer rows 20 set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_indexscan = off set enable_indexonlyscan = off set enable_hashjoin = off
set enable_mergejoin = off set jit = off set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
begin
    perform set_config('pg_trgm.word_similarity_threshold', '0.6', true);
    return query
    with phrases as materialized (
        select f.*, array[f.said, upper(f.said), '#' || f.said, '#' || upper(f.said)] as elsewhere,
               (select array_agg('\\m' || word) from unnest(f.words) as word) as starts,
               (select array_agg('%' || word || '%') from unnest(f.words) as word) as patterns,
               (select (array_agg(word order by length(word) desc, word))[1:3] from unnest(f.words) as word
                where length(word) >= 3) as long
        from (select f.nth::integer, f.said, lower(f.said) as small, f.key, f.ref, nullif(string_to_array(f.spoken, ' '), '{{}}') as words
              from unnest(asked, keys, spoken, refs) with ordinality as f(said, key, spoken, ref, nth)) f
    ), places as materialized (
        select 'category' as kind, reference, external_reference, name, null as about, {FOLDED.format('name')} as key, slug as code
        from categories where merchant_id = merchant and 'product' = any(kinds)
        union all
        select 'warehouse', reference, external_reference, name, code, {FOLDED.format('name')}, lower(code)
        from warehouses where merchant_id = merchant and 'warehouse' = any(kinds)
        union all
        select 'city', null, null, city, null, key, null from cities_of_orders(keys, 1) where 'city' = any(kinds)
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
    ), all_places as materialized (
        select * from places
        union all
        select 'city', null, null, city, null, key, null
        from cities_of_orders(array(select '' from left_over union select left(key, 2) from left_over), 200)
        where 'city' = any(kinds)
    ), {NEARLY}, found as (
        select distinct on (nth, kind, coalesce(reference, {FOLDED.format('name')})) *
        from (select * from fitted union all select * from nearly where fits is not null) f
        order by nth, kind, coalesce(reference, {FOLDED.format('name')}), fits desc
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
    "rows_of_words(text, text[], boolean)": ROWS,
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
