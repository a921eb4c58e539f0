"""What providers kept of payouts is in the ledger: money at the providers and the bank was told too high by it"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

FEES = """
with kept as (
    select p.*, gen_random_uuid() as journal_id from payouts p
    where p.fees > 0 and not exists (
        select from journal_entries j where j.merchant_id = p.merchant_id and j.description = 'fees of ' || p.reference))
insert into journal_entries (merchant_id, id, journal_id, account, amount, currency, description, occurred_at, created_at)
select merchant_id, gen_random_uuid(), journal_id, side.account, side.sign * fees, currency, 'fees of ' || reference, created_at, now()
from kept cross join (values ('fees', 1), ('clearing', -1)) as side (account, sign)
"""


def upgrade() -> None:
    op.execute(FEES)
    op.execute("alter index uq_pickups_day rename to uq_pickups_merchant_id_carrier_id_warehouse_id_day")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
