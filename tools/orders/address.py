"""Where an order goes: its own copy of an address, which may change until something of it has left."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, Self

from pydantic import Field, TypeAdapter, model_validator

from db.models.customers import Address
from db.models.orders import Order
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import AddressRef, OrderRef
from tools.orders.quote import located
from tools.orders.shown import PostalAddress, sight
from tools.orders.wishes import AddressOfAnother, CorrectedAddress, NoShippingAddress, NoShippingMethod, WrittenAddress
from tools.rules.standing import OrderAlreadyShipped, OrderClosed, refuse_closed, refuse_shipped
from tools.rules.tax import Rate, rate_for
from tools.rules.told import named_order


class AddressChangesPrice(Conflict):
    """The goods are taxed differently at the new address, so the order would cost something else."""

    hint = "Cancel the order and place it anew for that address."


PLACE = ("city", "region", "postcode", "country")


class ChangeOrderAddress(Input):
    order: OrderRef = Field(description="The order, such as `ORD-1042`.")
    shipping_address: AddressRef | CorrectedAddress | None = Field(
        default=None,
        description="Where to from now on: an address of its customer (`ADR-7`), or written out, without the city where only the "
        "street changes; omit to keep it.",
    )
    billing_address: AddressRef | CorrectedAddress | None = Field(
        default=None, description="Whom to bill from now on, likewise; omit to keep it."
    )
    version: int | None = Field(default=None, description="The version that was read; a later one is refused.")

    @model_validator(mode="after")
    def something_changes(self) -> Self:
        if self.shipping_address is None and self.billing_address is None:
            raise ValueError("Give a `shipping_address` or a `billing_address`.")
        return self


class OrderAddressed(Result):
    """Where the order goes now, and whom it is billed to."""

    reference: str = Field(description="The order's number.")
    shipping_address: PostalAddress | None = Field(description="Where to; null where the caller may not see it.")
    billing_address: PostalAddress | None = Field(description="Whom to bill; null where the caller may not see it.")
    version: int = Field(description="Grows with each change.")


@tool(
    route="PATCH /orders/{order}/address",
    effect=Effect.write,
    permission="orders:write",
    raises=[
        OrderAlreadyShipped,
        OrderClosed,
        AddressOfAnother,
        AddressChangesPrice,
        NoShippingAddress,
        NoShippingMethod,
    ],
    examples=[
        "Send order 1042 to 12 rue Mercière, 69002 Lyon instead",
        "ORD-1017 goes to ADR-7, she has moved",
        "Correct the postcode of ORD-1042: 5 rue des Lilas, 69003 Lyon, France",
    ],
)
async def change_order_address(ctx: Context, args: ChangeOrderAddress) -> OrderAddressed:
    """Send an order somewhere else, or bill somebody else, before it has left.

    The customer's own addresses stay as they are: use update_address for coming orders. What the order costs stays too; an
    address where it would be taxed differently is refused.
    """
    order = await ctx.find(Order, args.order, for_update=True)
    refuse_closed(order, "its address")
    refuse_shipped(order)
    ctx.edit(order, args.version)
    if args.shipping_address is not None:
        shipped = await _address(ctx, order, args.shipping_address, order.shipping_address)
        await _refuse_another_price(ctx, order, shipped)
        _tell(ctx, order, "goes", order.shipping_address, shipped)
        order.shipping_address = shipped
        order.ship_city, order.ship_region = shipped["city"], shipped["region"]
        order.ship_postcode, order.ship_country = shipped["postcode"], shipped["country"]
    if args.billing_address is not None:
        billed = await _address(ctx, order, args.billing_address, order.billing_address)
        _tell(ctx, order, "is billed", order.billing_address, billed)
        order.billing_address = billed
    ctx.event(
        "readdressed", order, order_id=order.id, shipping=args.shipping_address is not None,
        billing=args.billing_address is not None,
    )  # fmt: skip
    seen = sight(ctx)["names"]
    return OrderAddressed(
        reference=order.reference,
        shipping_address=PostalAddress.model_validate(order.shipping_address) if seen else None,
        billing_address=PostalAddress.model_validate(order.billing_address) if seen else None,
        version=order.version,
    )


async def _address(
    ctx: Context, order: Order, asked: str | CorrectedAddress, before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The address as the order keeps it; in the place where it was before, where no other is said."""
    if isinstance(asked, CorrectedAddress):
        written = _in_place(order, asked, before or order.shipping_address)
        return (await located(ctx, written, order.ship_country)).kept(order.customer_name)
    address = await ctx.find(Address, asked)
    if address.customer_id != order.customer_id:
        raise AddressOfAnother(f"{address.reference} is not an address of the customer of {order.reference}.")
    return WrittenAddress.model_validate(address, from_attributes=True).model_dump()


def _in_place(order: Order, asked: CorrectedAddress, before: Mapping[str, Any] | None) -> WrittenAddress:
    """The whole address: with the city, region, postcode and country of the one before, as far as they are not said."""
    said = asked.model_dump(exclude_none=True)
    if asked.city is None and not (before and before.get("city")):
        raise NoShippingAddress(f"{order.reference} has no address yet whose city could be kept.")
    kept = {name: before[name] for name in PLACE if before and before.get(name)} if asked.city is None else {}
    return WrittenAddress.model_validate(kept | said)


class _Line(NamedTuple):
    sku: str
    tax_class: str
    tax_rate: Decimal


class _There(NamedTuple):
    rates: list[dict[str, Any]]
    served: bool


_RATES = TypeAdapter(list[Rate])
_LINES = """
select sku, tax_class, tax_rate from order_lines
where merchant_id = %(m)s and order_id = %(order)s and quantity > cancelled order by position
"""
_THERE = """
select (select coalesce(json_agg(x), '[]') from (
            select r.country, r.region, r.tax_class, r.rate from tax_rates r
            where r.merchant_id = %(m)s and r.country = %(country)s
              and r.valid_from <= %(now)s and (r.valid_until is null or r.valid_until > %(now)s)) x) as rates,
       not exists (select from shipping_methods s where s.merchant_id = %(m)s and s.code = %(method)s
                   and cardinality(s.countries) > 0 and %(country)s <> all(s.countries)) as served
"""


async def _refuse_another_price(ctx: Context, order: Order, to: dict[str, Any]) -> None:
    """Within its country and region nothing changes; beyond, goods have to be taxed as they are, and sent the same way."""
    country, region = to["country"], to["region"]
    if (country, region) == (order.ship_country, order.ship_region):
        return
    params = {
        "m": ctx.merchant.id, "now": ctx.now(), "order": order.id, "country": country, "method": order.shipping_method,
    }  # fmt: skip
    there = await ctx.sql.row(_THERE, params, as_=_There)
    assert there is not None
    if not there.served:
        raise NoShippingMethod(
            f"{order.shipping_method}, by which {order.reference} is sent, does not go to {country}.",
            hint="Cancel the order and place it anew for that address, with a method that goes there.",
        )
    rates = _RATES.validate_python(there.rates)
    for line in await ctx.sql.rows(_LINES, params, as_=_Line):
        rate = rate_for(rates, line.tax_class, country, region)
        if rate != line.tax_rate:
            raise AddressChangesPrice(
                f"{line.sku} is taxed at {words.percent(line.tax_rate * 100)} on {order.reference}, "
                f"and at {words.percent(rate * 100)} there."
            )


def _tell(ctx: Context, order: Order, deed: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    ctx.tell(
        f"{named_order(order)} {deed} to {_written(after)} from now on (until now: {_written(before) or 'nowhere'})."
    )


def _written(address: dict[str, Any]) -> str:
    """An address in a sentence: "Ana Torres, 5 rue des Lilas, 69001 Lyon, FR"."""
    town: str = " ".join(part for name in ("postcode", "city") if (part := address.get(name)))
    parts = [address.get("name"), address.get("company"), address.get("line1"), address.get("line2"), town]
    return ", ".join(part for part in (*parts, address.get("country")) if part)
