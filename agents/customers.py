"""The customers specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="customers",
    title="Customers",
    handles="Finds customers and tells what they bought; registers them and corrects their details and addresses.",
    tools=(
        "list_customers",
        "get_customer",
        "create_customer",
        "update_customer",
        "list_addresses",
        "add_address",
        "update_address",
    ),
)
