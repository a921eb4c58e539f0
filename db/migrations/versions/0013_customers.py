"""Customers complete: points, the outbox of messages, segments, consents that stay as they were given, and the law's erasure"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations.wall import secure

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

REASONS = ("purchase", "refund", "redemption", "gift", "correction", "expiry", "merge")

# A JSON value in which what fits a pattern stands no more, whether it was a key, a text or a number.
ERASED = """
create function erased(value jsonb, pattern text) returns jsonb
language plpgsql immutable set search_path = pg_catalog, public, pg_temp as $$
begin
    return case jsonb_typeof(value)
        when 'object' then (
            select coalesce(jsonb_object_agg(regexp_replace(key, pattern, '[erased]', 'gi'), erased(one, pattern)), '{}')
            from jsonb_each(value) as each(key, one))
        when 'array' then (
            select coalesce(jsonb_agg(erased(one, pattern) order by nth), '[]')
            from jsonb_array_elements(value) with ordinality as each(one, nth))
        when 'string' then to_jsonb(regexp_replace(value #>> '{}', pattern, '[erased]', 'gi'))
        when 'number' then case when value #>> '{}' ~* pattern then to_jsonb('[erased]'::text) else value end
        else value end;
end $$
"""
# Takes what fits a pattern out of every text of a table, for the merchant of the transaction; returns the rows that had any. It is
# the owner's, because books that nobody may change (events, the access log) lose a person too, when the law says so. It can only
# take away; and it refuses the sealed envelopes of the audit, in which nobody stands but those who work here.
ERASE_WORDS = """
create function erase_words(relation text, pattern text) returns setof uuid
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    merchant uuid := nullif(current_setting('app.merchant_id', true), '')::uuid;
    changes text;
    fits text;
    named boolean;
begin
    if relation in ('audit_entries', 'audit_seals') then
        raise insufficient_privilege using message = format('%s is sealed', relation);
    end if;
    select string_agg(format(case kind
               when 'jsonb' then '%1$I = erased(%1$I, $1)'
               when 'text[]' then '%1$I = array(select regexp_replace(one, $1, ''[erased]'', ''gi'') from unnest(%1$I) as one)'
               else '%1$I = regexp_replace(%1$I, $1, ''[erased]'', ''gi'')' end, name), ', '),
           string_agg(format(case kind
               when 'jsonb' then '%1$I <> ''{}'' and %1$I::text ~* $1'
               when 'text[]' then 'array_to_string(%1$I, chr(10)) ~* $1'
               else '%1$I ~* $1' end, name), ' or '),
           bool_or(has_id)
    into changes, fits, named
    from (
        select a.attname as name, format_type(a.atttypid, null) as kind,
               exists (select from pg_attribute i where i.attrelid = a.attrelid and i.attname = 'id') as has_id
        from pg_attribute a
        where a.attrelid = format('public.%I', relation)::regclass and a.attnum > 0 and not a.attisdropped
          and a.attgenerated = '' and format_type(a.atttypid, null) in ('text', 'text[]', 'jsonb')
    ) columns;
    if changes is not null then
        return query execute format('update %I set %s where merchant_id = $2 and (%s) returning %s', relation, changes, fits,
                                    case when named then 'id' else 'null::uuid' end) using pattern, merchant;
    end if;
end $$
"""
# What was agreed to is proof, and cannot be changed: but with the person it goes.
ERASE_CONSENTS = """
create function erase_consents(people uuid[]) returns setof uuid
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    delete from consents
    where merchant_id = nullif(current_setting('app.merchant_id', true), '')::uuid and customer_id = any(people) returning id
$$
"""
# Points are a ledger, whose notes may say anything of the person.
ERASE_LOYALTY_NOTES = """
create function erase_loyalty_notes(people uuid[]) returns setof uuid
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    update loyalty_entries set note = null
    where merchant_id = nullif(current_setting('app.merchant_id', true), '')::uuid and customer_id = any(people)
      and note is not null returning id
$$
"""


def upgrade() -> None:
    _keep_points()
    _make_the_outbox()
    _make_segments()
    op.create_index(op.f("ix_customers_merchant_id_merged_into_id"), "customers", ["merchant_id", "merged_into_id"])
    op.execute("revoke update, delete on consents from app_rt")
    op.execute("grant update (customer_id) on consents to app_rt")
    op.execute(ERASED)
    for definition, function in (
        (ERASE_WORDS, "erase_words(text, text)"),
        (ERASE_CONSENTS, "erase_consents(uuid[])"),
        (ERASE_LOYALTY_NOTES, "erase_loyalty_notes(uuid[])"),
    ):
        op.execute(definition)
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to app_rt")


def _keep_points() -> None:
    op.add_column("customer_figures", sa.Column("points", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        """
        update customer_figures f set points = l.points from (
            select merchant_id, customer_id, sum(points) as points from loyalty_entries group by merchant_id, customer_id
        ) l where l.merchant_id = f.merchant_id and l.customer_id = f.id
        """
    )
    op.create_check_constraint(op.f("ck_customer_figures_points"), "customer_figures", "points >= 0")
    op.drop_constraint(op.f("ck_loyalty_entries_reason"), "loyalty_entries")
    listed = ", ".join(f"'{reason}'" for reason in REASONS)
    op.create_check_constraint(op.f("ck_loyalty_entries_reason"), "loyalty_entries", f"reason in ({listed})")


def _make_the_outbox() -> None:
    deliveries = sa.Enum("queued", "sent", "withheld", "failed", name="delivery", native_enum=False, length=40)
    op.add_column("interactions", sa.Column("template", sa.Text()))
    op.add_column("interactions", sa.Column("marketing", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("interactions", sa.Column("delivery", deliveries))
    op.add_column("interactions", sa.Column("delivered_at", postgresql.TIMESTAMP(timezone=True)))
    op.add_column("interactions", sa.Column("trouble", sa.Text()))
    op.create_check_constraint(
        op.f("ck_interactions_delivery"), "interactions", "delivery in ('queued', 'sent', 'withheld', 'failed')"
    )
    op.create_check_constraint(
        op.f("ck_interactions_delivery_of_a_template"), "interactions", "(template is null) = (delivery is null)"
    )
    op.drop_index(op.f("ix_interactions_merchant_id_customer_id_occurred_at"), "interactions")
    op.create_index(
        op.f("ix_interactions_merchant_id_customer_id_occurred_at_id"),
        "interactions",
        ["merchant_id", "customer_id", "occurred_at", "id"],
    )


def _make_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("merchant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("source", sa.Text()),
        sa.Column("external_reference", sa.Text()),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_segments")),
        sa.UniqueConstraint("merchant_id", "reference", name=op.f("uq_segments_merchant_id_reference")),
        sa.UniqueConstraint(
            "merchant_id", "source", "external_reference", name=op.f("uq_segments_merchant_id_source_external_reference")
        ),
        sa.UniqueConstraint("merchant_id", "name_key", name=op.f("uq_segments_merchant_id_name_key")),
    )
    op.create_index(
        op.f("ix_segments_merchant_id_external_reference"), "segments", ["merchant_id", "external_reference"]
    )
    secure(op, "segments")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
