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
        "list_tickets",
        "get_ticket",
        "open_ticket",
        "reply_to_ticket",
        "assign_ticket",
        "escalate_ticket",
        "close_ticket",
        "hand_over",
        "file_warranty_claim",
        "decide_warranty_claim",
        "list_warranty_claims",
        "submit_survey",
        "satisfaction_report",
        "get_return_policy",
        "set_return_policy",
    ),
)
