"""A catalogue of 46 tools over five rooms, enough to plan for: the planner knows nothing but what is handed to it."""

from pathlib import Path

from pydantic import BaseModel

from planner.choose.index import Entry
from tests.planner import inputs

TOOLS: list[tuple[str, str, type[BaseModel], bool, str]] = [
    ("orders", "create_order", inputs.CreateOrder, True, "Place an order for a customer and reserve its stock."),
    ("orders", "list_orders", inputs.ListOrders, False, "List orders by status, customer, place, period or amount."),
    ("orders", "get_order", inputs.OneOrder, False, "Show one order: lines, amounts, payments, shipments, notes."),
    ("orders", "set_order_status", inputs.SetOrderStatus, True, "Move an order to pending, confirmed or completed."),
    ("orders", "cancel_order", inputs.CancelOrder, True, "Stop an unshipped order, release its stock and refund it."),
    ("orders", "add_order_note", inputs.AddOrderNote, True, "Write a note on an order, internal or for the customer."),
    ("orders", "get_order_timeline", inputs.OneOrder, False, "Tell what happened to an order, when and by whom."),
    ("orders", "sales_report", inputs.SalesReport, False, "Report sales of a period: gross, net, orders, units."),
    ("orders", "order_kpis", inputs.Nothing, False, "Show the key figures of today, 7 and 30 days."),
    ("products", "list_products", inputs.ListProducts, False, "List products by category, brand, status or price."),
    ("products", "get_product", inputs.OneProduct, False, "Show one product with its variants, prices and stock."),
    ("products", "create_product", inputs.CreateProduct, True, "Put a new product into the catalogue."),
    ("products", "update_product", inputs.UpdateProduct, True, "Change the name, text or status of a product."),
    (
        "products",
        "archive_product",
        inputs.ArchiveProduct,
        True,
        "Take a product off sale for good, keeping its history.",
    ),
    ("products", "search_products", inputs.SearchProducts, False, "Search the catalogue for products by words."),
    ("products", "list_categories", inputs.Nothing, False, "Show the tree of categories with product counts."),
    ("products", "low_stock_products", inputs.LowStock, False, "List what is running low, with days of cover."),
    ("products", "top_selling_products", inputs.TopSelling, False, "Rank products by what they sold in a period."),
    ("inventory", "list_stock", inputs.ListStock, False, "Show stock per variant and warehouse: on hand, reserved."),
    (
        "inventory",
        "check_availability",
        inputs.CheckAvailability,
        False,
        "Tell how many units can be promised, and when.",
    ),
    ("inventory", "reserve_stock", inputs.ReserveStock, True, "Hold units of a variant for a while."),
    ("inventory", "release_reservation", inputs.ReleaseReservation, True, "Free the units that a reservation holds."),
    ("inventory", "adjust_stock", inputs.AdjustStock, True, "Correct the stock of a variant up or down."),
    ("inventory", "transfer_stock", inputs.TransferStock, True, "Move units from one warehouse to another."),
    ("inventory", "list_stock_movements", inputs.ListMovements, False, "List what went in and out of stock, and why."),
    ("customers", "list_customers", inputs.ListCustomers, False, "Find customers by name, e-mail, place or spend."),
    ("customers", "get_customer", inputs.OneCustomer, False, "Show one customer: profile, totals, open orders."),
    ("customers", "create_customer", inputs.CreateCustomer, True, "Register a new customer."),
    ("customers", "update_customer", inputs.UpdateCustomer, True, "Change the name, e-mail or phone of a customer."),
    ("customers", "add_address", inputs.AddAddress, True, "Add a postal address to a customer."),
    ("customers", "update_address", inputs.UpdateAddress, True, "Correct an address of a customer."),
    ("customers", "list_addresses", inputs.OneCustomer, False, "Show the addresses of a customer."),
    ("backoffice", "list_users", inputs.ListUsers, False, "List the people who may sign in, with their roles."),
    ("backoffice", "get_settings", inputs.Nothing, False, "Show the settings of the shop."),
    ("backoffice", "set_setting", inputs.SetSetting, True, "Change one setting of the shop."),
    ("backoffice", "get_merchant", inputs.Nothing, False, "Show the shop's name, address, currency and time zone."),
    ("backoffice", "update_merchant", inputs.UpdateMerchant, True, "Change the shop's own name, address or time zone."),
    ("backoffice", "list_tax_rates", inputs.ByCountry, False, "List tax rates by country and class."),
    ("backoffice", "set_tax_rate", inputs.SetTaxRate, True, "Set the tax rate of a country and class."),
    ("backoffice", "list_shipping_methods", inputs.ByCountry, False, "List shipping methods with zones and prices."),
    ("backoffice", "list_approvals", inputs.ListApprovals, False, "List what waits for approval, or was decided."),
    ("backoffice", "get_approval", inputs.GetApproval, False, "Show one approval: who asked, for what, its preview."),
    ("backoffice", "list_api_keys", inputs.Nothing, False, "List the API keys with their scopes and last use."),
    ("backoffice", "get_approval_policy", inputs.Nothing, False, "Show who may approve what, up to which amount."),
    ("backoffice", "dashboard_metrics", inputs.Nothing, False, "Show the figures of the console's first page."),
    ("backoffice", "create_task", inputs.CreateTask, True, "Put a task on the list, with a due date."),
]


def examples() -> dict[str, list[str]]:
    """The phrasings of `examples.md`, by tool."""
    found: dict[str, list[str]] = {}
    tool = ""
    for line in Path(__file__).with_name("examples.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            tool = line[3:]
        elif line.startswith("- "):
            found.setdefault(tool, []).append(line[2:])
    return found


def entries() -> list[Entry]:
    """The whole catalogue, as the application hands it to the planner."""
    phrasings = examples()
    return [
        Entry(
            name=name,
            room=room,
            summary=summary,
            description=summary,
            writes=writes,
            schema=model.model_json_schema(),
            examples=phrasings[name],
        )
        for room, name, model, writes, summary in TOOLS
    ]
