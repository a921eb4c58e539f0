"""The back office specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="backoffice",
    title="Back office",
    handles="Runs the shop itself: its details, settings, people, keys, taxes, shipping methods, and what waits for approval.",
    tools=(
        "search_shop",
        "get_merchant",
        "update_merchant",
        "get_settings",
        "set_setting",
        "list_tax_rates",
        "set_tax_rate",
        "list_shipping_methods",
        "set_shipping_method",
        "list_users",
        "get_user",
        "list_sessions",
        "list_api_keys",
        "list_approvals",
        "get_approval",
        "get_approval_policy",
    ),
)
