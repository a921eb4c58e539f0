"""The customers specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="customers",
    title="Customers",
    handles="Finds customers and tells what they bought; registers them and corrects their details and addresses; "
    "tags, consents, loyalty points, messages, contacts, segments, and who buys how much.",
    tools=(
        "list_customers",
        "get_customer",
        "create_customer",
        "update_customer",
        "list_addresses",
        "add_address",
        "update_address",
        "tag_customer",
        "set_consent",
        "log_interaction",
        "list_interactions",
        "get_loyalty",
        "adjust_loyalty_points",
        "notify_customer",
        "create_segment",
        "list_segments",
        "segment_customers",
        "sales_by_customer",
        "merge_customers",
        "erase_customer",
        "export_customer_data",
    ),
)
