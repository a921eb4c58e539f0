"""The products specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="products",
    title="Products",
    handles="Keeps the catalogue and its prices: finds, creates, changes and archives products and their variants, sets prices "
    "one by one and by rule, runs promotions and discount codes, imports and exports, and tells what sells and runs low.",
    tools=(
        "search_products",
        "list_products",
        "get_product",
        "list_categories",
        "create_category",
        "move_category",
        "create_product",
        "update_product",
        "archive_product",
        "create_promotion",
        "list_promotions",
        "update_promotion",
        "end_promotion",
        "add_variant",
        "update_variant",
        "set_price",
        "get_price_history",
        "change_prices",
        "undo_price_change",
        "top_selling_products",
        "low_stock_products",
        "product_revenue",
        "product_performance",
        "check_catalogue",
        "import_products",
        "export_products",
    ),
)
