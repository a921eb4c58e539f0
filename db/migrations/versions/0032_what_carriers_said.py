"""What carriers said is proof, and stays as they said it: but what they say of a person goes with the person"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# Where a parcel was left, and who took it: in the carrier's words, which are no name of the customer's. That it was, and when, stays.
ERASE_TRACKING = """
create function erase_tracking(orders uuid[]) returns setof uuid
language sql security definer set search_path = pg_catalog, public, pg_temp as $$
    update tracking_events set place = null, description = null
    where merchant_id = nullif(current_setting('app.merchant_id', true), '')::uuid
      and (place is not null or description is not null)
      and fulfilment_id in (
          select id from fulfilments
          where merchant_id = nullif(current_setting('app.merchant_id', true), '')::uuid and order_id = any(orders))
    returning id
$$
"""


def upgrade() -> None:
    op.execute("revoke update, delete on tracking_events from app_rt")
    op.execute(ERASE_TRACKING)
    op.execute("revoke all on function erase_tracking(uuid[]) from public")
    op.execute("grant execute on function erase_tracking(uuid[]) to app_rt")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
