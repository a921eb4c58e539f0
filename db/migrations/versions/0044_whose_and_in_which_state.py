"""The planner knows that a supplier or carrier has one shop, and how much of a shop's work is in which state"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

# Taken for independent, a shop and its supplier make few purchase orders, and the shares of each state in other shops are those of
# this one: a shop's open work was then looked for in all that it ever had of a supplier, or along its list.
TOGETHER = {
    "purchase_orders": "merchant_id, supplier_id, status",
    "fulfilments": "merchant_id, carrier_id, status",
    "returns": "merchant_id, status",
}


def upgrade() -> None:
    for table, columns in TOGETHER.items():
        op.execute(f"create statistics st_{table} on {columns} from {table}")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; restore a dump to go back.")
