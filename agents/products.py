"""The products specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="products",
    title="Products",
    handles="Keeps the catalogue: finds, creates, changes, archives, imports and exports products; tells what sells and runs low.",
    tools=(
        "search_products",
        "list_products",
        "get_product",
        "list_categories",
        "create_product",
        "update_product",
        "archive_product",
        "top_selling_products",
        "low_stock_products",
        "import_products",
        "export_products",
    ),
)
