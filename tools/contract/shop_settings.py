"""What a shop may choose, declared as data: keys, types, what holds until somebody chooses, and what it is for.

A tool reads a choice with `await chosen(ctx, EXPIRE_UNPAID_AFTER)`; a hot statement that has read the `settings` row itself
uses `EXPIRE_UNPAID_AFTER.of(value)`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Generic, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from db.exact import Exact
from db.models.after_sales import Priority
from db.models.orders import CancelReason, Channel
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
LOCK_CHANGED_ORDERS: ShopSetting[bool] = ShopSetting(
    "orders.lines_change_once",
    TypeAdapter(bool),
    False,
    "Whether the lines of an order can be changed once only; after that it cannot be cancelled either.",
)
CHANGE_PAYMENT_ONCE: ShopSetting[bool] = ShopSetting(
    "orders.payment_changes_once",
    TypeAdapter(bool),
    False,
    "Whether how an order is paid can be changed only while it has the one payment that it began with.",
)
CANCEL_REASONS: ShopSetting[list[CancelReason]] = ShopSetting(
    "orders.cancel_reasons",
    TypeAdapter(Annotated[list[CancelReason], Field(max_length=len(CancelReason))]),
    [],
    "The only reasons for which people cancel orders; none chosen is any.",
)
SWAP_WITHIN_PRODUCT: ShopSetting[bool] = ShopSetting(
    "orders.swaps_stay_within_product",
    TypeAdapter(bool),
    True,
    "Whether a variant on an order can be swapped only for another variant of the same product.",
)
SWAP_FOR_ITSELF: ShopSetting[bool] = ShopSetting(
    "orders.swaps_for_the_same_variant",
    TypeAdapter(bool),
    False,
    "Whether a variant on an order can be swapped for itself, at the price of the day.",
)
RETURN_ONCE: ShopSetting[bool] = ShopSetting(
    "after_sales.one_return_for_an_order",
    TypeAdapter(bool),
    False,
    "Whether a return or an exchange is asked for once for an order, with all that comes back.",
)
RETURN_DELIVERED: ShopSetting[bool] = ShopSetting(
    "after_sales.returns_once_delivered",
    TypeAdapter(bool),
    False,
    "Whether a return is asked for only once the order has arrived, and not while it is on its way.",
)
RETURN_DAYS: ShopSetting[int] = ShopSetting(
    "after_sales.return_days",
    TypeAdapter(Annotated[int, Field(ge=7, le=730)]),
    60,
    "Days from its approval in which the goods of a return have to come; then it has expired, and can be asked for anew.",
)
EXCHANGE_WITHIN_PRODUCT: ShopSetting[bool] = ShopSetting(
    "after_sales.exchanges_stay_within_product",
    TypeAdapter(bool),
    False,
    "Whether goods that come back can be exchanged only for another variant of the same product.",
)
LOW_STOCK_DAYS: ShopSetting[int] = ShopSetting(
    "inventory.low_stock_days_of_cover",
    TypeAdapter(Annotated[int, Field(ge=1, le=365)]),
    14,
    "Stock is low when it lasts fewer days than this, at the recent pace of sales.",
)
DELIVERY_TOLERANCE: ShopSetting[int] = ShopSetting(
    "inventory.delivery_tolerance_percent",
    TypeAdapter(Annotated[int, Field(ge=0, le=100)]),
    5,
    "Per cent of a purchase order's line by which more may arrive than was ordered, or less and the line is complete.",
)
SERVICE_LEVEL: ShopSetting[int] = ShopSetting(
    "inventory.service_level_percent",
    TypeAdapter(Annotated[int, Field(ge=50, le=99)]),
    95,
    "Per cent of lead times that the safety stock of a reorder suggestion is to last through.",
)
REVIEW_DAYS: ShopSetting[int] = ShopSetting(
    "inventory.review_days",
    TypeAdapter(Annotated[int, Field(ge=1, le=180)]),
    28,
    "Days between two orders to a supplier: what is suggested lasts so long beyond the lead time.",
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


class AttributeKind(StrEnum):
    text = "text"
    integer = "integer"
    number = "number"
    boolean = "boolean"
    date = "date"
    choice = "choice"


class AttributeType(Exact):
    """What an attribute of products can be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: AttributeKind = Field(description="Text, a whole number, a number, true or false, a day, or one of `values`.")
    values: Annotated[list[Written], Field(max_length=200)] = Field(
        default=[], description="Of a choice: what there is."
    )
    unit: Written | None = Field(default=None, description="Of a number: in what it is told, such as `ml`.")

    @model_validator(mode="after")
    def _choices_have_values(self) -> Self:
        if bool(self.values) != (self.type is AttributeKind.choice):
            raise ValueError("`values` are what a choice is made of, and nothing else has any")
        return self


ATTRIBUTE_TYPES: ShopSetting[dict[str, AttributeType]] = ShopSetting(
    "products.attribute_types",
    TypeAdapter(Annotated[dict[Written, AttributeType], Field(max_length=200)]),
    {},
    'Of which type attributes of products are: {"volume": {"type": "number", "unit": "ml"}}. Others may be anything.',
)
SYNONYMS: ShopSetting[list[list[str]]] = ShopSetting(
    "products.search_synonyms",
    TypeAdapter(Annotated[list[Annotated[list[Written], Field(min_length=2, max_length=20)]], Field(max_length=500)]),
    [],
    'Words that mean the same in searches of the catalogue, as lists of two or more: [["couch", "sofa"]].',
)


def _ascending(tiers: dict[str, int]) -> dict[str, int]:
    """Tiers from the lowest; one needs nothing, and no two need the same."""
    ordered = dict(sorted(tiers.items(), key=lambda tier: tier[1]))
    if next(iter(ordered.values()), None) != 0:
        raise ValueError("one tier has to begin at 0 points")
    if len(set(ordered.values())) < len(ordered):
        raise ValueError("two tiers begin at the same number of points")
    return ordered


_TierName = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]
LOYALTY_TIERS: ShopSetting[dict[str, int]] = ShopSetting(
    "customers.loyalty_tiers",
    TypeAdapter(
        Annotated[
            dict[_TierName, Annotated[int, Field(ge=0, le=1_000_000_000)]],
            Field(max_length=20),
            AfterValidator(_ascending),
        ]
    ),
    {"bronze": 0, "silver": 500, "gold": 2_000},
    "Loyalty tiers, each with the points that it begins at; all points ever earned count, spent or not.",
)


def _with_fields(text: str) -> str:
    if re.search(r"[{}]", FIELD.sub("", text)):
        raise ValueError("a field is a word in braces, such as {order}, and there are no other braces")
    return text


FIELD = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")  # of a template: `{order}`
_Written = Annotated[str, AfterValidator(_with_fields)]


class MessageTemplate(Exact):
    """What the shop writes to customers, with `{fields}` in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    marketing: bool = Field(description="Whether it needs consent; what is about an order itself does not.")
    subject: Annotated[_Written, Field(min_length=1, max_length=200)] = Field(description="The subject line.")
    text: Annotated[_Written, Field(min_length=1, max_length=10_000)] = Field(
        description="What is written, in plain text."
    )

    @property
    def fields(self) -> list[str]:
        """The fields that it has, each once."""
        return list(dict.fromkeys(FIELD.findall(f"{self.subject}\n{self.text}")))

    def filled(self, values: Mapping[str, str]) -> tuple[str, str]:
        """Subject and text with their fields filled in; what stands in a value is not looked at again."""
        subject, text = (FIELD.sub(lambda field: values[field[1]], part) for part in (self.subject, self.text))
        return " ".join(subject.split()), text


_OURS = {
    "order_message": (False, "Your order {order}", "Hello {name},\n\n{message}\n\nIt is about your order {order}."),
    "order_delayed": (
        False,
        "Your order {order} takes a little longer",
        "Hello {name},\n\nwe are sorry: your order {order} will leave us on {date}.",
    ),
    "news": (
        True,
        "{subject}",
        "Hello {name},\n\n{message}\n\nIf you want no more such letters, just answer this one.",
    ),
    "back_in_stock": (
        True,
        "{product} is back",
        "Hello {name},\n\n{product} is in stock again.\n\nIf you want no more such letters, just answer this one.",
    ),
}
MESSAGE_TEMPLATES: ShopSetting[dict[str, MessageTemplate]] = ShopSetting(
    "customers.message_templates",
    TypeAdapter(
        Annotated[
            dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")], MessageTemplate],
            Field(max_length=200),
        ]
    ),
    {
        name: MessageTemplate(marketing=marketing, subject=subject, text=f"{text}\n\n{{shop}}")
        for name, (marketing, subject, text) in _OURS.items()
    },
    "Templates of messages to customers; their fields {name}, {first_name}, {shop} and {order} are known, the others are given.",
)


class Box(Exact):
    """A box that the shop packs into."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[str, Field(min_length=1, max_length=20)] = Field(description="What it is called, such as `M`.")
    length_mm: Annotated[int, Field(ge=10, le=3000)] = Field(description="Its longest side, in millimetres.")
    width_mm: Annotated[int, Field(ge=10, le=3000)] = Field(description="The next side, in millimetres.")
    height_mm: Annotated[int, Field(ge=1, le=3000)] = Field(description="The shortest side, in millimetres.")
    weight_grams: Annotated[int, Field(ge=0, le=50_000)] = Field(description="What it weighs empty, in grams.")
    holds_grams: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="What may be in it, in grams.")


def _named_once(boxes: list[Box]) -> list[Box]:
    if len({box.code.casefold() for box in boxes}) < len(boxes):
        raise ValueError("two boxes have the same code")
    return boxes


BOXES: ShopSetting[list[Box]] = ShopSetting(
    "warehouse.boxes",
    TypeAdapter(Annotated[list[Box], Field(min_length=1, max_length=50), AfterValidator(_named_once)]),
    [
        Box(code=code, length_mm=length, width_mm=width, height_mm=height, weight_grams=weight, holds_grams=holds)
        for code, length, width, height, weight, holds in (
            ("S", 250, 180, 100, 90, 3_000),
            ("M", 350, 250, 150, 180, 8_000),
            ("L", 450, 350, 250, 350, 15_000),
            ("XL", 600, 400, 400, 700, 25_000),
        )
    ],
    "The boxes that orders are packed into, with their sides in millimetres and weights in grams.",
)

ANSWER_HOURS: ShopSetting[dict[Priority, int]] = ShopSetting(
    "after_sales.answer_hours",
    TypeAdapter(
        Annotated[
            dict[Priority, Annotated[int, Field(ge=1, le=2160)]],
            Field(min_length=len(Priority), max_length=len(Priority)),
        ]
    ),
    {Priority.low: 72, Priority.normal: 24, Priority.high: 8, Priority.urgent: 2},
    "Hours in which a ticket of each priority is answered, from when the customer wrote.",
)
WARRANTY_MONTHS: ShopSetting[int] = ShopSetting(
    "after_sales.warranty_months",
    TypeAdapter(Annotated[int, Field(ge=0, le=240)]),
    24,
    "Months from delivery in which the shop answers for what breaks.",
)

SHOP_SETTINGS: dict[str, ShopSetting[Any]] = {
    setting.key: setting
    for setting in (
        EXPIRE_UNPAID_AFTER,
        DEFAULT_CHANNEL,
        LOCK_CHANGED_ORDERS,
        CHANGE_PAYMENT_ONCE,
        CANCEL_REASONS,
        SWAP_WITHIN_PRODUCT,
        SWAP_FOR_ITSELF,
        LOW_STOCK_DAYS,
        DELIVERY_TOLERANCE,
        SERVICE_LEVEL,
        REVIEW_DAYS,
        DEFAULT_COUNTRY,
        LOYALTY_TIERS,
        MESSAGE_TEMPLATES,
        REQUIRED_ATTRIBUTES,
        ATTRIBUTE_TYPES,
        SYNONYMS,
        BOXES,
        ANSWER_HOURS,
        WARRANTY_MONTHS,
        RETURN_ONCE,
        RETURN_DELIVERED,
        RETURN_DAYS,
        EXCHANGE_WITHIN_PRODUCT,
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
