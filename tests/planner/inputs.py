"""Input models in the shape that the rooms' tools declare: references, value kinds and enums with their synonyms."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic.config import JsonDict
from pydantic.json_schema import WithJsonSchema

Email = Annotated[str, WithJsonSchema({"type": "string", "format": "email"})]
OrderRef = Annotated[str, Field(json_schema_extra={"x-reference": "order", "x-prefix": "ORD"})]
CustomerRef = Annotated[str, Field(json_schema_extra={"x-reference": "customer", "x-prefix": "CUS"})]
ProductRef = Annotated[str, Field(json_schema_extra={"x-reference": "product", "x-prefix": "PRD"})]
VariantRef = Annotated[str, Field(json_schema_extra={"x-reference": "variant", "x-prefix": "VAR"})]
WarehouseRef = Annotated[str, Field(json_schema_extra={"x-reference": "warehouse", "x-prefix": "WH"})]
CategoryRef = Annotated[str, Field(json_schema_extra={"x-reference": "category", "x-prefix": "CAT"})]
ReservationRef = Annotated[str, Field(json_schema_extra={"x-reference": "reservation", "x-prefix": "RSV"})]
AddressRef = Annotated[str, Field(json_schema_extra={"x-reference": "address", "x-prefix": "ADR"})]
ApprovalRef = Annotated[str, Field(json_schema_extra={"x-reference": "approval", "x-prefix": "APR"})]
UserRef = Annotated[str, Field(json_schema_extra={"x-reference": "user", "x-prefix": "USR"})]
MinorUnits = Annotated[int, Field(gt=0, json_schema_extra={"x-kind": "money"})]
Quantity = Annotated[int, Field(gt=0, json_schema_extra={"x-kind": "quantity"})]
Delta = Annotated[int, Field(json_schema_extra={"x-kind": "delta"})]
Search = Annotated[str, Field(json_schema_extra={"x-kind": "search"})]
Name = Annotated[str, Field(json_schema_extra={"x-kind": "name"})]
City = Annotated[str, Field(json_schema_extra={"x-kind": "city"})]
Country = Annotated[str, Field(json_schema_extra={"x-kind": "country"})]
ReasonText = Annotated[str, Field(json_schema_extra={"x-kind": "reason_text"})]
Limit = Annotated[int, Field(ge=1, le=100, json_schema_extra={"x-kind": "limit"})]
PeriodStart = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time", "x-kind": "period_start"})]
PeriodEnd = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time", "x-kind": "period_end"})]
DayStart = Annotated[str, WithJsonSchema({"type": "string", "format": "date", "x-kind": "period_start"})]
DayEnd = Annotated[str, WithJsonSchema({"type": "string", "format": "date", "x-kind": "period_end"})]


class OrderStatus(StrEnum):
    pending = "pending"
    confirmed = "confirmed"
    completed = "completed"
    cancelled = "cancelled"


ORDER_STATUS: JsonDict = {
    "x-synonyms": {"pending": ["open", "new"], "completed": ["done"], "cancelled": ["canceled", "called off"]}
}
PAYMENT_STATUS: JsonDict = {
    "x-synonyms": {
        "unpaid": ["not paid", "awaiting payment", "outstanding"],
        "partially_paid": ["partly paid"],
        "refunded": ["reimbursed"],
        "failed": ["declined", "bounced"],
    }
}
FULFILMENT_STATUS: JsonDict = {
    "x-synonyms": {
        "unfulfilled": [
            "not shipped",
            "unshipped",
            "to be shipped",
            "waiting to be shipped",
            "to ship",
            "not yet shipped",
        ],
        "fulfilled": ["shipped", "sent", "dispatched"],
        "delivered": ["arrived"],
    }
}
GROUPING: JsonDict = {
    "x-synonyms": {
        "day": ["daily", "per day", "by day"],
        "week": ["weekly", "per week", "by week"],
        "month": ["monthly", "per month", "by month"],
        "channel": ["by channel", "per channel"],
        "country": ["by country", "per country"],
        "category": ["by category", "per category"],
    },
    "x-cue": ["by", "per"],
}
CANCEL_REASON: JsonDict = {
    "x-synonyms": {
        "customer_request": [
            "changed their mind",
            "changed his mind",
            "changed her mind",
            "no longer wants",
            "customer asked",
        ],
        "out_of_stock": ["out of stock", "cannot deliver", "can't deliver", "sold out"],
        "duplicate": ["duplicate", "twice", "double"],
        "fraud": ["fraud", "fraudulent", "scam"],
    }
}
ADJUST_REASON: JsonDict = {
    "x-synonyms": {
        "damaged": ["broken", "broke", "wet", "cracked", "smashed"],
        "lost": ["missing", "lost", "stolen"],
        "found": ["found", "turned up"],
        "recount": ["count", "counted", "miscounted", "recount"],
        "expired": ["expired", "out of date"],
    }
}


class Line(BaseModel):
    variant: VariantRef
    quantity: Quantity


class Postal(BaseModel):
    """A postal address."""

    name: Name | None = None
    line1: str = Field(description="Street and number.")
    postcode: str | None = None
    city: City
    country: Country | None = None


class CreateOrder(BaseModel):
    customer: CustomerRef = Field(description="Customer who buys, such as `CUS-301`.")
    lines: list[Line] = Field(min_length=1, description="What is bought: SKU and quantity of each line.")
    shipping_address: Postal | None = None


class ListOrders(BaseModel):
    status: OrderStatus | None = Field(default=None, json_schema_extra=ORDER_STATUS)
    payment_status: Literal["unpaid", "partially_paid", "paid", "refunded", "failed"] | None = Field(
        default=None, json_schema_extra=PAYMENT_STATUS
    )
    fulfilment_status: Literal["unfulfilled", "fulfilled", "delivered"] | None = Field(
        default=None, json_schema_extra=FULFILMENT_STATUS
    )
    customer: CustomerRef | None = None
    city: City | None = None
    country: Country | None = None
    channel: Literal["web", "amazon", "phone", "shop"] | None = None
    variant: VariantRef | None = None
    placed_from: PeriodStart | None = None
    placed_to: PeriodEnd | None = None
    min_total: MinorUnits | None = None
    max_total: MinorUnits | None = None
    search: Search | None = None
    count: bool = Field(default=False, description="Count all that match.")
    limit: Limit = 20
    cursor: str | None = None


class OneOrder(BaseModel):
    order: OrderRef = Field(description="Order, such as `ORD-1042`.")


class SetOrderStatus(OneOrder):
    status: Literal["pending", "confirmed", "completed"] = Field(
        description="New status.",
        json_schema_extra={"x-synonyms": {"completed": ["complete", "done"], "confirmed": ["confirm"]}},
    )


class CancelOrder(OneOrder):
    reason: Literal["customer_request", "out_of_stock", "duplicate", "fraud", "other"] = Field(
        default="customer_request", description="Why it is cancelled.", json_schema_extra=CANCEL_REASON
    )
    note: ReasonText | None = None


class AddOrderNote(OneOrder):
    text: str = Field(description="Text of the note.", json_schema_extra={"x-kind": "note"})
    visible_to_customer: bool = False


class SalesReport(BaseModel):
    start: PeriodStart | None = None
    end: PeriodEnd | None = None
    group_by: Literal["day", "week", "month", "channel", "country", "category"] | None = Field(
        default=None, json_schema_extra=GROUPING
    )
    country: Country | None = None
    category: CategoryRef | None = None
    search: Search | None = Field(default=None, description="Product name or SKU.")
    compare: bool = False


class Nothing(BaseModel):
    pass


class ListProducts(BaseModel):
    category: CategoryRef | None = None
    brand: str | None = Field(default=None, json_schema_extra={"x-kind": "name"})
    status: Literal["draft", "active", "archived"] | None = Field(
        default=None,
        json_schema_extra={"x-synonyms": {"active": ["online", "live", "published"], "draft": ["unpublished"]}},
    )
    stock_state: Literal["in_stock", "low", "out_of_stock"] | None = Field(
        default=None, json_schema_extra={"x-synonyms": {"out_of_stock": ["sold out"], "low": ["running low"]}}
    )
    min_price: MinorUnits | None = None
    max_price: MinorUnits | None = None
    tag: str | None = None
    limit: Limit = 20


class OneProduct(BaseModel):
    product: ProductRef = Field(description="Product, such as `PRD-7`, a SKU or its name.")


class CreateProduct(BaseModel):
    name: Name = Field(description="Name of the product.")
    price: MinorUnits = Field(description="Price in minor units.")
    sku: str | None = Field(default=None, json_schema_extra={"x-kind": "sku"})
    category: CategoryRef | None = None


class UpdateProduct(OneProduct):
    name: Name | None = None
    description: str | None = None
    brand: str | None = None
    category: CategoryRef | None = None
    status: Literal["draft", "active"] | None = Field(
        default=None,
        json_schema_extra={"x-synonyms": {"active": ["publish", "online", "live"], "draft": ["unpublish", "offline"]}},
    )
    weight_grams: int | None = None


class ArchiveProduct(OneProduct):
    stop_selling_only: bool = False


class SearchProducts(BaseModel):
    query: Search = Field(description="Words to look for.")
    category: CategoryRef | None = None
    max_price: MinorUnits | None = None
    in_stock: bool = False


class LowStock(BaseModel):
    warehouse: WarehouseRef | None = None
    category: CategoryRef | None = None
    limit: Limit = 20


class TopSelling(BaseModel):
    start: PeriodStart | None = None
    end: PeriodEnd | None = None
    by: Literal["revenue", "units"] = Field(
        default="revenue",
        json_schema_extra={
            "x-synonyms": {"units": ["quantity", "pieces", "most sold"], "revenue": ["turnover", "money"]}
        },
    )
    category: CategoryRef | None = None
    limit: Limit = 10


class ListStock(BaseModel):
    warehouse: WarehouseRef | None = None
    variant: VariantRef | None = None
    search: Search | None = None
    below: Quantity | None = Field(default=None, description="Only levels with fewer units than this.")


class CheckAvailability(BaseModel):
    variant: VariantRef = Field(description="Variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity | None = None
    by: Annotated[str, WithJsonSchema({"type": "string", "format": "date"})] | None = None


class ReserveStock(BaseModel):
    variant: VariantRef = Field(description="Variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(description="Units to hold.")
    warehouse: WarehouseRef | None = None
    order: OrderRef | None = None
    days: int | None = Field(default=None, json_schema_extra={"x-kind": "days"})


class ReleaseReservation(BaseModel):
    reservation: ReservationRef = Field(description="Reservation, such as `RSV-17`.")


class AdjustStock(BaseModel):
    variant: VariantRef = Field(description="Variant, by SKU such as `MUG-BLUE`.")
    delta: Delta = Field(description="Units to add, or with a minus to take off.")
    reason: Literal["damaged", "lost", "found", "recount", "expired", "other"] = Field(
        default="other", json_schema_extra=ADJUST_REASON
    )
    warehouse: WarehouseRef | None = None
    note: ReasonText | None = None


class TransferStock(BaseModel):
    variant: VariantRef = Field(description="Variant, by SKU such as `MUG-BLUE`.")
    quantity: Quantity = Field(description="Units to move.")
    from_warehouse: WarehouseRef = Field(description="Warehouse that the units leave.")
    to_warehouse: WarehouseRef = Field(description="Warehouse that receives them.")


class ListMovements(BaseModel):
    variant: VariantRef | None = None
    warehouse: WarehouseRef | None = None
    kind: Literal["sale", "return", "adjustment", "transfer", "receipt"] | None = Field(
        default=None,
        json_schema_extra={"x-synonyms": {"adjustment": ["adjustments", "corrections"], "transfer": ["transfers"]}},
    )
    start: PeriodStart | None = None
    end: PeriodEnd | None = None


class ListCustomers(BaseModel):
    search: Search | None = Field(default=None, description="Name or part of it.")
    email: Email | None = None
    city: City | None = None
    country: Country | None = None
    tag: str | None = None
    min_orders: Quantity | None = Field(default=None, description="At least so many orders.")
    min_spent: MinorUnits | None = None
    limit: Limit = 20


class OneCustomer(BaseModel):
    customer: CustomerRef = Field(description="Customer, such as `CUS-301`.")


class CreateCustomer(BaseModel):
    name: Name = Field(description="Full name.")
    email: Email | None = None
    phone: str | None = None


class UpdateCustomer(OneCustomer):
    name: Name | None = None
    email: Email | None = None
    phone: str | None = None


class AddAddress(OneCustomer):
    address: Postal = Field(description="Street, postcode, city and country.")
    kind: Literal["shipping", "billing"] = Field(
        default="shipping", json_schema_extra={"x-synonyms": {"shipping": ["delivery"], "billing": ["invoice"]}}
    )


class UpdateAddress(BaseModel):
    address: AddressRef = Field(description="Address, such as `ADR-5`.")
    customer: CustomerRef | None = None
    line1: str | None = None
    postcode: str | None = None
    city: City | None = None
    country: Country | None = None
    kind: Literal["shipping", "billing"] | None = None


class ListUsers(BaseModel):
    role: Literal["owner", "manager", "support", "warehouse", "viewer"] | None = None


class SetSetting(BaseModel):
    key: Literal["reservation_minutes", "low_stock_threshold", "guest_checkout", "back_orders", "order_prefix"] = Field(
        description="Setting to change.",
        json_schema_extra={
            "x-synonyms": {"reservation_minutes": ["reservation time"], "back_orders": ["back order", "backorders"]}
        },
    )
    value: str | int | bool = Field(description="New value.")


class UpdateMerchant(BaseModel):
    name: Name | None = None
    email: Email | None = None
    time_zone: str | None = None
    vat_number: str | None = None


class ByCountry(BaseModel):
    country: Country | None = None


class SetTaxRate(BaseModel):
    country: Country = Field(description="Country, as ISO code such as `DE`.")
    percent: float = Field(ge=0, le=100, description="Rate in percent.", json_schema_extra={"x-kind": "percent"})
    tax_class: Literal["standard", "reduced", "zero"] = "standard"
    valid_from: DayStart | None = None


class ListApprovals(BaseModel):
    status: Literal["pending", "approved", "rejected", "expired"] | None = Field(
        default=None,
        json_schema_extra={"x-synonyms": {"pending": ["waiting", "open"], "rejected": ["declined", "refused"]}},
    )
    start: DayStart | None = None
    end: DayEnd | None = None


class GetApproval(BaseModel):
    approval: ApprovalRef = Field(description="Approval, such as `APR-12`.")


class CreateTask(BaseModel):
    title: str = Field(description="What is to be done.", json_schema_extra={"x-kind": "note"})
    due: Annotated[str, WithJsonSchema({"type": "string", "format": "date"})] | None = None
