"""Who a customer is."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, model_validator
from sqlalchemy import select

from db.models.after_sales import ReturnStatus
from db.models.customers import ConsentChannel, Customer, CustomerStatus
from db.models.orders import FulfilmentState, OrderStatus, PaymentState
from db.money import Money
from db.text import fold
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import CustomerRef, Email, Name, NotOurs, Synonyms, Text
from tools.contract.outside import outside
from tools.customers.addresses import AddressDetail, CustomerErased, Postal, new_address, writable
from tools.customers.fields import Line, Phone, Said, Tags, email_key
from tools.rules.lookup import find_customer
from tools.rules.sales import COUNTED
from tools.rules.tags import retagged
from tools.rules.told import tell_edits

SHOWN = 20  # open orders and returns at most; list_orders has them all


class CustomerEmailTaken(Conflict):
    """Another customer of the shop has that e-mail address."""

    hint = "Use the customer who has it, or give another address."


class GetCustomer(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")


class CreateCustomer(Input):
    name: Name = Field(description="What the person is called, first and last name; or the company.")
    email: Email | None = Field(default=None, description="E-mail address; no two customers have the same.")
    phone: Phone | None = Field(default=None, description="Phone number, with the country's code where it is known.")
    first_name: Line | None = Field(default=None, description="First name, for letters.")
    last_name: Line | None = Field(default=None, description="Last name, for letters.")
    company: Line | None = Field(default=None, description="The company that the person buys for.")
    tax_number: Line | None = Field(default=None, description="VAT or tax number.")
    locale: Line | None = Field(default=None, description="Language and country for letters, such as fr-FR.")
    customer_group: Line | None = Field(default=None, description="Price group, such as `wholesale`.")
    tags: Tags = Field(default=[], max_length=50, description="Words to find them by; kept in lower case.")
    note: Text | None = Field(default=None, description="What colleagues should know.")
    address: Postal | None = Field(default=None, description="First postal address, for parcels and invoices.")
    source: Line | None = Field(default=None, description="The system that they come from, such as a marketplace.")
    external_reference: Annotated[Line, NotOurs] | None = Field(
        default=None, description="Their number in that system; it cannot look like one of this shop, such as CUS-1042."
    )


class MayOrder(StrEnum):
    active = "active"
    blocked = "blocked"


MAY_ORDER_WORDS = Synonyms(
    {
        "active": ("unblock", "let them order again", "may order again", "reinstate", "unban"),
        "blocked": ("block", "ban", "banned", "may not order", "no more orders", "take no orders from"),
    }
)


class UpdateCustomer(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    name: Name | None = Field(default=None, description="What the person is called, first and last name.")
    email: Email | None = Field(default=None, description="E-mail address; null takes it away.")
    phone: Phone | None = Field(default=None, description="Phone number; null takes it away.")
    first_name: Line | None = Field(default=None, description="First name, for letters; null takes it away.")
    last_name: Line | None = Field(default=None, description="Last name, for letters; null takes it away.")
    company: Line | None = Field(default=None, description="Company; null takes it away.")
    tax_number: Line | None = Field(default=None, description="VAT or tax number; null takes it away.")
    locale: Line | None = Field(
        default=None, description="Language and country for letters, such as fr-FR; null takes it away."
    )
    status: Annotated[MayOrder, MAY_ORDER_WORDS] | None = Field(
        default=None, description="blocked: takes no more orders from them, those that stand go on; active: takes them."
    )
    customer_group: Line | None = Field(default=None, description="Price group; null takes it away.")
    tags: Tags | None = Field(
        default=None, max_length=50, description="All the words to find them by, instead of those before."
    )
    tags_add: Tags = Field(default=[], max_length=50, description="Tags to add to those that there are.")
    tags_remove: Tags = Field(default=[], max_length=50, description="Tags to take away; the others stay.")
    note: Text | None = Field(
        default=None, description="What colleagues should know, instead of what was noted; null takes it away."
    )
    version: int | None = Field(default=None, description="The version that was read.")

    @model_validator(mode="after")
    def keeps_a_name(self) -> Self:
        for field in ("name", "status"):
            if field in self.model_fields_set and getattr(self, field) is None:
                raise ValueError(f"A customer needs a {field}.")
        return self


class TagCustomer(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    add: Tags = Field(default=[], max_length=50, description="Tags to add to those that there are; kept in lower case.")
    remove: Tags = Field(default=[], max_length=50, description="Tags to take away; the others stay.")
    version: int | None = Field(default=None, description="The version that was read.")

    @model_validator(mode="after")
    def changes_something(self) -> Self:
        if not self.add and not self.remove:
            raise ValueError("Say which tags to `add` or to `remove`.")
        return self


class CustomerProfile(Result):
    """A person or company that buys."""

    reference: str = Field(description="The customer's reference.")
    status: CustomerStatus = Field(description="Prospect, active, blocked, merged or erased.")
    name: Said = Field(description="What they are called.")
    first_name: Said | None = Field(description="First name.")
    last_name: Said | None = Field(description="Last name.")
    email: Said | None = Field(description="E-mail address.")
    phone: Said | None = Field(description="Phone number, as it is dialled.")
    company: Said | None = Field(description="Company.")
    tax_number: Said | None = Field(description="VAT or tax number.")
    locale: Said | None = Field(description="Language and country for letters.")
    customer_group: str | None = Field(description="Price group.")
    tags: list[str] = Field(description="Words to find them by.")
    note: Said | None = Field(description="What colleagues should know.")
    source: str | None = Field(description="The system that they come from.")
    external_reference: Said | None = Field(description="Their number in that system.")
    created_at: datetime = Field(description="Customer since, UTC.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class OpenOrder(Result):
    """An order that is not done."""

    reference: str = Field(description="The order's reference.")
    status: OrderStatus = Field(description="Pending or confirmed.")
    payment_state: PaymentState = Field(description="How far it is paid.")
    fulfilment_state: FulfilmentState = Field(description="How much of it has left.")
    total: Money = Field(description="What it costs the customer, in minor units.")
    placed_at: datetime = Field(description="When it was placed, UTC.")


class OpenReturn(Result):
    """A return that is not settled."""

    reference: str = Field(description="The return's reference.")
    order: str = Field(description="The order that it comes from.")
    status: ReturnStatus = Field(description="How far it is.")
    requested_at: datetime = Field(description="When it was asked for, UTC.")


class ConsentGiven(Result):
    """Whether a channel may be used for marketing."""

    channel: ConsentChannel = Field(description="E-mail, SMS, phone or post.")
    granted: bool = Field(description="What they last said.")
    since: datetime = Field(description="When they said it, UTC.")


class CustomerDetail(CustomerProfile):
    """A customer, with what they bought and what is open."""

    orders: int = Field(description="Orders pending, confirmed or completed.")
    spend: Money = Field(description="What those cost, less refunds, in minor units of the home currency.")
    spend_elsewhere: list[Money] = Field(description="The same in other currencies, in minor units.")
    first_order_at: datetime | None = Field(description="When the first of them was placed, UTC.")
    last_order_at: datetime | None = Field(description="When the last of them was placed, UTC.")
    open_orders: list[OpenOrder] = Field(description="Orders that are not done, newest first; twenty at most.")
    open_returns: list[OpenReturn] = Field(description="Returns that are not settled, newest first; twenty at most.")
    addresses: list[AddressDetail] = Field(description="Their addresses, oldest first.")
    consents: list[ConsentGiven] = Field(description="What they last said about marketing, by channel.")


class _About(NamedTuple):
    orders: int
    spend: int
    elsewhere: list[dict[str, Any]]
    first_order_at: datetime | None
    last_order_at: datetime | None
    open_orders: list[dict[str, Any]]
    open_returns: list[dict[str, Any]]
    addresses: list[dict[str, Any]]
    consents: list[dict[str, Any]]


_OPEN_RETURNS = [
    ReturnStatus.requested, ReturnStatus.approved, ReturnStatus.label_sent, ReturnStatus.in_transit, ReturnStatus.received,
    ReturnStatus.inspecting, ReturnStatus.accepted, ReturnStatus.partially_accepted, ReturnStatus.rejected,
]  # fmt: skip
_ABOUT = """
with bought as (
    select currency, count(*) filter (where counts) as orders, sum(total - refunded)::bigint as spend,
           min(placed_at) filter (where counts) as first, max(placed_at) filter (where counts) as last
    from orders cross join lateral (select status = any(%(counted)s) as counts) c
    where merchant_id = %(m)s and customer_id = %(c)s and (counts or total < 0) group by currency
)
select coalesce(sum(orders), 0)::int as orders, coalesce(sum(spend) filter (where currency = %(home)s), 0)::bigint as spend,
    coalesce(json_agg(json_build_object('amount', spend, 'currency', currency) order by currency)
             filter (where currency <> %(home)s), '[]') as elsewhere,
    min(first) as first_order_at, max(last) as last_order_at,
    array(select json_build_object('reference', o.reference, 'status', o.status, 'payment_state', o.payment_state,
              'fulfilment_state', o.fulfilment_state, 'placed_at', o.placed_at,
              'total', json_build_object('amount', o.total, 'currency', o.currency))
          from orders o where o.merchant_id = %(m)s and o.customer_id = %(c)s and o.status in ('pending', 'confirmed')
          order by o.placed_at desc, o.id desc limit %(shown)s) as open_orders,
    array(select json_build_object('reference', r.reference, 'order', o.reference, 'status', r.status,
              'requested_at', r.requested_at)
          from returns r join orders o on o.merchant_id = r.merchant_id and o.id = r.order_id
          where o.merchant_id = %(m)s and o.customer_id = %(c)s and r.status = any(%(open_returns)s)
          order by r.requested_at desc, r.id desc limit %(shown)s) as open_returns,
    array(select json_build_object('reference', a.reference, 'label', a.label, 'name', a.name, 'company', a.company,
              'line1', a.line1, 'line2', a.line2, 'city', a.city, 'region', a.region, 'postcode', a.postcode,
              'country', a.country, 'phone', a.phone, 'default_shipping', a.is_default_shipping,
              'default_billing', a.is_default_billing, 'version', a.version)
          from addresses a where a.merchant_id = %(m)s and a.customer_id = %(c)s order by a.id) as addresses,
    array(select distinct on (channel) json_build_object('channel', channel, 'granted', granted, 'since', occurred_at)
          from consents where merchant_id = %(m)s and customer_id = %(c)s
          order by channel, occurred_at desc, id desc) as consents
from bought
"""


@tool(
    route="GET /customers/{customer}",
    effect=Effect.read,
    permission="customers:read",
    raises=[],
    examples=[
        "Who is CUS-1001?",
        "Show me ana@example.com with her open orders",
        "How much has CUS-1042 spent so far?",
    ],
)
async def get_customer(ctx: Context, args: GetCustomer) -> CustomerDetail:
    """Show a customer: profile, addresses, what they bought, what is open.

    Of all their orders, list_orders with this customer has the list.
    """
    customer = await find_customer(ctx, args.customer)
    params = {
        "m": ctx.merchant.id, "c": customer.id, "home": ctx.merchant.currency, "counted": COUNTED, "shown": SHOWN,
        "open_returns": [status.value for status in _OPEN_RETURNS],
    }  # fmt: skip
    (about,) = await ctx.sql.rows(_ABOUT, params, as_=_About)
    ctx.discloses(1)
    found = about._asdict()
    elsewhere = found.pop("elsewhere")
    return CustomerDetail.model_validate(
        _profile(customer)
        | found
        | {"spend": Money(amount=about.spend, currency=ctx.merchant.currency), "spend_elsewhere": elsewhere}
    )


@tool(
    route="POST /customers",
    effect=Effect.write,
    permission="customers:write",
    raises=[CustomerEmailTaken],
    examples=[
        "New customer Ana Torres, ana@example.com",
        "Register Paul Martin, 06 12 34 56 78, 5 rue des Lilas, 69001 Lyon, FR",
    ],
)
async def create_customer(ctx: Context, args: CreateCustomer) -> CustomerProfile:
    """Register somebody who buys.

    An e-mail address belongs to one customer of the shop alone.
    """
    await _refuse_taken(ctx, args.email)
    said = args.model_dump(exclude={"address"})
    customer = await ctx.add(
        Customer, status=CustomerStatus.active, name_key=fold(args.name), email_key=email_key(args.email), **said
    )
    reached = (
        words.listed(filter(None, (args.email, args.phone and f"phone {args.phone}")))
        if args.email or args.phone
        else ""
    )
    ctx.tell(f"{args.name} becomes a customer{reached and f' ({reached})'}.")
    if args.address:
        await new_address(ctx, customer, args.name, args.address.model_dump(), [], shipping=True, billing=True)
    return CustomerProfile.model_validate(_profile(customer))


@tool(
    route="PATCH /customers/{customer}",
    effect=Effect.write,
    permission="customers:write",
    raises=[CustomerEmailTaken, CustomerErased],
    examples=[
        "Change the e-mail of CUS-1001 to ana.torres@example.com",
        "CUS-1007 is called Ana Torres-Vidal now",
        "Block CUS-1042, no more orders from her",
    ],
)
async def update_customer(ctx: Context, args: UpdateCustomer) -> CustomerProfile:
    """Change a customer's name, e-mail, phone, company, tags or note; block them.

    What is not given stays as it is. A blocked customer may not order, not as a guest of that e-mail either. Addresses are changed
    with add_address and update_address.
    """
    customer = await writable(ctx, args.customer)
    changes = args.model_dump(exclude=NOT_A_COLUMN, exclude_unset=True)
    if "email" in changes:
        changes["email_key"] = email_key(args.email)
        await _refuse_taken(ctx, args.email, but=customer)
    if args.name:
        changes["name_key"] = fold(args.name)
    if {"tags", "tags_add", "tags_remove"} & args.model_fields_set:
        kept = customer.tags if "tags" not in changes else args.tags or []
        changes["tags"] = retagged(kept, args.tags_add, args.tags_remove)
    moves = args.status is not None and args.status.value != customer.status.value
    if moves and args.status:
        ctx.tell(f"{customer.name} ({customer.reference}) {_BECOMES[args.status]}.")
    if changes or not moves:
        _tell_edits(ctx, customer, changes)
    ctx.edit(customer, args.version, **changes)
    if moves and args.status:
        ctx.move(customer, CustomerStatus(args.status))
    return CustomerProfile.model_validate(_profile(customer))


_BECOMES = {
    MayOrder.active: "may order from now on",
    MayOrder.blocked: "is blocked: no more orders are taken from them, and those that stand go on",
}


@tool(
    route="PUT /customers/{customer}/tags",
    effect=Effect.write,
    permission="customers:write",
    raises=[CustomerErased],
    examples=["Tag CUS-1001 as vip", "Take the tag wholesale off ana@example.com and add club"],
)
async def tag_customer(ctx: Context, args: TagCustomer) -> CustomerProfile:
    """Add tags to a customer, or take some away; the others stay."""
    customer = await writable(ctx, args.customer)
    tags = retagged(customer.tags, args.add, args.remove)
    _tell_edits(ctx, customer, {"tags": tags})
    ctx.edit(customer, args.version, tags=tags)
    return CustomerProfile.model_validate(_profile(customer))


NOT_A_COLUMN = {"customer", "version", "status", "tags_add", "tags_remove"}
_LABELS = {"email": "e-mail", "locale": "language", "customer_group": "price group"}


def _tell_edits(ctx: Context, customer: Customer, changes: Mapping[str, Any]) -> None:
    whose, told = f"{customer.name} ({customer.reference})", len(ctx.sentences)
    said = [(name, value) for name, value in changes.items() if not name.endswith("_key")]
    edits = [(_LABELS.get(n, words.word(n)), _worded(getattr(customer, n)), _worded(v)) for n, v in said]
    tell_edits(ctx, whose, edits)
    if len(ctx.sentences) == told:
        ctx.tell(f"{whose} stays as it is.")


def _worded(value: str | list[str] | None) -> str | None:
    if isinstance(value, list):
        return words.listed(value) if value else None
    return value and words.quoted(value)


async def _refuse_taken(ctx: Context, email: str | None, but: Customer | None = None) -> None:
    query = select(Customer).where(Customer.merchant_id == ctx.merchant.id, Customer.email_key == email_key(email))
    holder = (await ctx.db.scalars(query)).one_or_none() if email else None
    if holder is not None and holder is not but:
        raise CustomerEmailTaken(
            f"{holder.reference} ({outside(holder.name)}) has the e-mail {outside(email)}.",
            hint=f"Use {holder.reference}, or give another address.",
            customer=holder.reference,
        )


def _profile(customer: Customer) -> dict[str, Any]:
    return {name: getattr(customer, name) for name in CustomerProfile.model_fields}
