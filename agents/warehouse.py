"""The warehouse specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="warehouse",
    title="Warehouse",
    handles="Runs the warehouses: which there are and how full, what lies in which bin, which warehouse ships what; makes pick "
    "lists, books what was picked, packed, received, put away and counted, and says how well it goes.",
    tools=(
        "list_warehouses",
        "get_warehouse",
        "create_warehouse",
        "update_warehouse",
        "close_warehouse",
        "list_bins",
        "create_bin",
        "allocate_order",
        "create_pick_list",
        "get_pick_list",
        "list_pick_lists",
        "start_pick",
        "confirm_pick",
        "report_mispick",
        "plan_packing",
        "pack_order",
        "receive_inbound",
        "put_away",
        "move_stock",
        "count_stock",
        "warehouse_capacity",
        "warehouse_performance",
    ),
)
