"""Searches stay quick where many are alike: slips in products are put right word by word; frequent words are known from a few orders"""

from importlib import import_module

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# What is written is looked for first: all words, then each put right, then any. A word that stands nowhere is put right by those
# of some products that have one most like it. Only bitmaps can be trusted with a limit, whatever the statistics say.
WORDS_LIKE = """
create function words_like(asked text) returns table (word text, fits real)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_indexscan = off as $$
declare
    merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
    enough real;
begin
    if exists (select from products p where p.merchant_id = merchant and p.search like '%' || asked || '%') then
        return query select asked, 1::real;
        return;
    end if;
    foreach enough in array array[0.75, 0.6, 0.5, 0.45] loop
        perform set_config('pg_trgm.word_similarity_threshold', enough::text, true);
        return query
            select w.word, max(word_similarity(asked, w.word))
            from (select search from products p where p.merchant_id = merchant and p.search %> asked limit 200) near,
                 regexp_split_to_table(near.search, '[^[:alnum:]]+') as w(word)
            where word_similarity(asked, w.word) >= enough
            group by 1 order by 2 desc, 1 limit 8;
        exit when found;
    end loop;
end $$
"""
SEARCH_PRODUCTS = """
create or replace function search_products(asked text, most integer default 20) returns table (product_id uuid, score real)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_indexscan = off as $$
declare
    merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
    words text[] := array(
        select distinct word from regexp_split_to_table(unaccent(lower(asked)), '[^[:alnum:]]+') as word where word <> '');
    written text := (select string_agg(format('p.search like %L', '%' || word || '%'), ' and ') from unnest(words) as word);
    corrected text;
    step text;
    nths integer[] := array(select generate_subscripts(words, 1));
    patterns text[] := array(select '%' || word || '%' from unnest(words) as word);
    fits real[] := array_fill(1::real, array[cardinality(words)]);
    more integer;
    left_over integer := least(greatest(most, 0), 1000);
begin
    if words = '{}' then
        return;
    end if;
    for nth in 1 .. 3 loop
        if nth = 2 then
            select array_agg(w.nth), array_agg('%' || l.word || '%'), array_agg(l.fits)
            into nths, patterns, fits
            from unnest(words) with ordinality as w(word, nth) cross join lateral words_like(w.word) l;
            exit when nths is null;
            corrected := (
                select case when count(*) = cardinality(words) then string_agg(one, ' and ') else 'false' end
                from (select format('p.search like any (%L)', array_agg(pattern)) as one
                      from unnest(nths, patterns) as c(nth, pattern) group by c.nth) each);
        end if;
        step := case nth when 1 then written || ' limit 2000'
                         when 2 then corrected || ' and not (' || written || ') limit 2000'
                         else 'p.search like any ($3) and not (' || corrected || ') limit 2000' end;
        return query execute '
            select p.id, (s.told + 0.5 * (s.fits = 1 and p.search ~ all ($5))::int)::real as score
            from (select * from products p where p.merchant_id = $1 and ' || step || ') p
            cross join lateral (
                select avg(coalesce(w.told, 0)) as told, avg(coalesce(w.fits, 0)) as fits
                from (select max(c.fits) filter (where p.search like c.pattern) as fits,
                             max(c.fits * (0.7 + 0.3 * (p.title_key like c.pattern)::int)) filter (where p.search like c.pattern)
                                 as told
                      from unnest($2, $3, $4) as c(nth, pattern, fits) group by c.nth) w
            ) s
            where s.fits >= 0.45 order by score desc, p.id limit $6
        ' using merchant, nths, patterns, fits, array(select '\\m' || word || '\\M' from unnest(words) as word), left_over;
        get diagnostics more = row_count;
        left_over := left_over - more;
        exit when left_over <= 0 or least(greatest(most, 0), 1000) - left_over >= 20;
    end loop;
end $$
"""

# Whether many orders have the words, by the newest few of them and of their lines: an index would first gather all that do.
OFTEN_SAID = """
create function often_said(words text[]) returns boolean
language sql stable security definer set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_indexscan = on as $$
    select count(*) >= 20 from (
        select words_key from order_lines where merchant_id = nullif(current_setting('app.merchant_id', true), '')::uuid
        order by id desc limit 1000
    ) newest where words_key like all (words)
    union all
    select count(*) >= 15 from (
        select words_key from orders where merchant_id = nullif(current_setting('app.merchant_id', true), '')::uuid
        order by id desc limit 500
    ) newest where words_key like all (words)
    order by 1 desc limit 1
$$
"""
BEFORE = import_module("db.migrations.versions.0003_growth").SEARCH_ORDERS
SEARCH_ORDERS = BEFORE.replace("create function", "create or replace function").replace(
    "begin\n",
    """begin
    if often_said(words) then  -- so many that whoever asks goes along the list instead
        return query select gen_random_uuid() from generate_series(1, most);
        return;
    end if;
""",
    1,
)


def upgrade() -> None:
    op.execute(OFTEN_SAID)
    op.execute("revoke all on function often_said(text[]) from public")
    op.execute(SEARCH_ORDERS)
    op.execute(WORDS_LIKE)
    op.execute("revoke all on function words_like(text) from public")
    op.execute(SEARCH_PRODUCTS)  # keeps its owner and grants


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
