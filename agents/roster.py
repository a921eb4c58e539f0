"""The specialists, in the order of the rooms."""

from agents import after_sales, backoffice, customers, inventory, orders, payments, products, transport, warehouse
from agents.specialist import Specialist

ROSTER: tuple[Specialist, ...] = (
    orders.SPECIALIST,
    products.SPECIALIST,
    inventory.SPECIALIST,
    customers.SPECIALIST,
    payments.SPECIALIST,
    transport.SPECIALIST,
    warehouse.SPECIALIST,
    after_sales.SPECIALIST,
    backoffice.SPECIALIST,
)

# What a greeting, or the question what can be asked, is answered from: quick reads of what waits today.
AT_HAND = ("list_approvals", "order_kpis", "low_stock_products", "list_orders")
