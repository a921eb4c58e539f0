"""Whether a warehouse takes anything in, or ships."""

from db.models.warehouse import Warehouse
from tools.contract.errors import Conflict


class WarehouseClosed(Conflict):
    """The warehouse takes nothing in and ships nothing."""

    hint = "Use another warehouse, or open this one again with update_warehouse."


def refuse_closed(warehouse: Warehouse) -> None:
    if not warehouse.active:
        raise WarehouseClosed(f"{warehouse.name} ({warehouse.reference}) is closed.")
