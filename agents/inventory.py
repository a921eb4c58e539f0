"""The inventory specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="inventory",
    title="Inventory",
    handles="Knows what is on hand, reserved and available in each warehouse; reserves, corrects and moves stock, buys it from "
    "suppliers, and says what it is worth and what will be needed.",
    tools=(
        "list_stock",
        "check_availability",
        "list_stock_movements",
        "list_reservations",
        "list_transfers",
        "reserve_stock",
        "release_reservation",
        "adjust_stock",
        "transfer_stock",
        "receive_transfer",
        "list_suppliers",
        "create_supplier",
        "update_supplier",
        "set_reorder_rule",
        "create_purchase_order",
        "list_purchase_orders",
        "get_purchase_order",
        "cancel_purchase_order",
        "receive_purchase_order",
        "inventory_valuation",
        "inventory_turnover",
        "abc_analysis",
        "forecast_demand",
        "suggest_reorders",
    ),
)
