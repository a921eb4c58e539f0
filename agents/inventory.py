"""The inventory specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="inventory",
    title="Inventory",
    handles="Knows what is on hand, reserved and available in each warehouse; reserves, corrects and moves stock.",
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
    ),
)
