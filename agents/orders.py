"""The orders specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="orders",
    title="Orders",
    handles="Places, finds, changes and cancels orders, tells their history, and reports sales and key figures.",
    tools=(
        "list_orders",
        "get_order",
        "get_order_timeline",
        "create_order",
        "set_order_status",
        "cancel_order",
        "add_order_note",
        "sales_report",
        "order_kpis",
    ),
)
