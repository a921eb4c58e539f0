"""What a shop may choose, declared as data: keys, types, what holds until somebody chooses, and what it is for.

A tool reads a choice with `await chosen(ctx, EXPIRE_UNPAID_AFTER)`; a hot statement that has read the `settings` row itself
uses `EXPIRE_UNPAID_AFTER.of(value)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from pydantic import Field, TypeAdapter

from db.models.orders import Channel
from tools.contract.context import Context
from tools.contract.fields import Country, Written

Value = TypeVar("Value")


@dataclass(frozen=True)
class ShopSetting(Generic[Value]):
    """One choice. It is stored as `{"value": …}` in the row of `settings` that has its key."""

    key: str
    type: TypeAdapter[Value]
    default: Value
    description: str

    def of(self, stored: Mapping[str, Any] | None) -> Value:
        """The choice that a row's `value` holds; the default where there is no row."""
        return self.default if stored is None else self.type.validate_python(stored["value"])


EXPIRE_UNPAID_AFTER: ShopSetting[int] = ShopSetting(
    "orders.expire_unpaid_after_hours",
    TypeAdapter(Annotated[int, Field(ge=1, le=2160)]),
    72,
    "Hours after which an order that nobody paid expires, and its stock is free again.",
)
DEFAULT_CHANNEL: ShopSetting[Channel] = ShopSetting(
    "orders.default_channel",
    TypeAdapter(Channel),
    Channel.web,
    "The channel of an order that is entered without one.",
)
LOW_STOCK_DAYS: ShopSetting[int] = ShopSetting(
    "inventory.low_stock_days_of_cover",
    TypeAdapter(Annotated[int, Field(ge=1, le=365)]),
    14,
    "Stock is low when it lasts fewer days than this, at the recent pace of sales.",
)
DEFAULT_COUNTRY: ShopSetting[str | None] = ShopSetting(
    "customers.default_country",
    TypeAdapter(Country | None),
    None,
    "ISO 3166 alpha-2 country of an address that is entered without one; null is the shop's own.",
)
REQUIRED_ATTRIBUTES: ShopSetting[list[str]] = ShopSetting(
    "products.required_attributes",
    TypeAdapter(Annotated[list[Written], Field(max_length=20)]),
    [],
    "Attributes that every product shall have, because sales channels ask for them: check_catalogue lists what lacks one.",
)
SYNONYMS: ShopSetting[list[list[str]]] = ShopSetting(
    "products.search_synonyms",
    TypeAdapter(Annotated[list[Annotated[list[Written], Field(min_length=2, max_length=20)]], Field(max_length=500)]),
    [],
    'Words that mean the same in searches of the catalogue, as lists of two or more: [["couch", "sofa"]].',
)

SHOP_SETTINGS: dict[str, ShopSetting[Any]] = {
    setting.key: setting
    for setting in (
        EXPIRE_UNPAID_AFTER,
        DEFAULT_CHANNEL,
        LOW_STOCK_DAYS,
        DEFAULT_COUNTRY,
        REQUIRED_ATTRIBUTES,
        SYNONYMS,
    )
}


class _Stored(NamedTuple):
    value: dict[str, Any]


async def chosen(ctx: Context, setting: ShopSetting[Value]) -> Value:
    """What this shop chose."""
    stored = await ctx.sql.row(
        "select value from settings where merchant_id = %s and key = %s", (ctx.merchant.id, setting.key), as_=_Stored
    )
    return setting.of(stored.value if stored else None)
