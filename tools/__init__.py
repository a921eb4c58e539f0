"""What can be done in the shop, room by room. The rooms are named here, where naming them imports none."""

ROOMS = (
    "orders",
    "products",
    "inventory",
    "customers",
    "payments",
    "transport",
    "warehouse",
    "after_sales",
    "backoffice",
)
