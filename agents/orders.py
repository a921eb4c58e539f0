"""The orders specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="orders",
    title="Orders",
    handles="Places, finds, changes, holds and cancels orders, records their payments, and reports sales and key figures.",
    tools=(
        "list_orders",
        "get_order",
        "get_order_timeline",
        "create_order",
        "set_order_status",
        "set_order_statuses",
        "hold_order",
        "release_order",
        "change_order_lines",
        "change_order_address",
        "change_order_payment",
        "mark_order_paid",
        "cancel_order",
        "add_order_note",
        "sales_report",
        "order_kpis",
    ),
)
