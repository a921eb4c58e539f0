"""What providers kept of payouts is in the ledger: money at the providers and the bank was told too high by it"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

FEES = """
with kept as (select *, gen_random_uuid() as journal_id from payouts where fees > 0 and status <> 'failed')
insert into journal_entries (merchant_id, id, journal_id, account, amount, currency, description, occurred_at, created_at)
select merchant_id, gen_random_uuid(), journal_id, side.account, side.sign * fees, currency, 'fees of ' || reference, created_at, now()
from kept cross join (values ('fees', 1), ('clearing', -1)) as side (account, sign)
"""


def upgrade() -> None:
    op.execute(FEES)


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
