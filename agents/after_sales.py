"""The after-sales specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="after_sales",
    title="After-sales",
    handles="Takes returns from the request to the refund, by the shop's policy, and looks after complaints and claims.",
    tools=(
        "list_returns",
        "get_return",
        "check_return_eligibility",
        "request_return",
        "approve_return",
        "reject_return",
        "cancel_return",
        "receive_return",
        "inspect_return",
        "settle_return",
        "exchange_items",
        "get_return_policy",
        "set_return_policy",
    ),
)
