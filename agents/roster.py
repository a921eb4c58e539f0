"""The specialists, in the order of the rooms."""

from agents import backoffice, customers, inventory, orders, products
from agents.specialist import Specialist

ROSTER: tuple[Specialist, ...] = (
    orders.SPECIALIST,
    products.SPECIALIST,
    inventory.SPECIALIST,
    customers.SPECIALIST,
    backoffice.SPECIALIST,
)
