"""The products specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="products",
    title="Products",
    handles="Keeps the catalogue: finds, creates, changes and archives products, and tells what sells and what runs low.",
    tools=(
        "search_products",
        "list_products",
        "get_product",
        "list_categories",
        "create_product",
        "update_product",
        "archive_product",
        "set_price",
        "get_price_history",
        "change_prices",
        "undo_price_change",
        "top_selling_products",
        "low_stock_products",
    ),
)
