"""Where customers want parcels and invoices: one default of each, however many addresses."""

from typing import Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import func, select

from db.models.customers import Address, Customer, CustomerStatus
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import AddressRef, City, Country, CustomerRef, Name
from tools.contract.page import Page, Paged, page_of, place, total_of
from tools.customers.fields import Line, Phone, Postcode, Said
from tools.rules.lookup import find_customer
from tools.rules.told import tell_edits

MOST = 100


class TooManyAddresses(Conflict):
    """A customer has as many addresses as one may have."""

    hint = "Change one that is not used any more, with update_address."


class DefaultAddressNeeded(Conflict):
    """A customer with addresses has a default one for parcels and one for invoices."""

    hint = "Make another address the default instead: this one then stops being it."


class CustomerErased(Conflict):
    """The person asked to be forgotten: nothing may be written about them any more."""

    hint = "Register them anew with create_customer, if they buy again."


class Postal(Input):
    """A postal address."""

    name: Name | None = Field(default=None, description="Who lives there; omit for the customer's own name.")
    company: Line | None = Field(default=None, description="The company at that address.")
    line1: Line = Field(description="Street and number.")
    line2: Line | None = Field(default=None, description="Floor, building, what else helps.")
    city: City = Field(description="Town.")
    region: Line | None = Field(default=None, description="State, province or county, where the country has them.")
    postcode: Postcode = Field(description="Postcode, as the country writes it.")
    country: Country | None = Field(
        default=None,
        description="ISO 3166 alpha-2, such as FR; unless said, that of their other addresses, or the shop's.",
    )
    phone: Phone | None = Field(default=None, description="Phone number for the carrier.")
    label: Line | None = Field(default=None, description="What the customer calls it, such as `office`.")


class AddAddress(Postal):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    default_shipping: bool = Field(default=False, description="Send parcels there unless another address is said.")
    default_billing: bool = Field(default=False, description="Make invoices out to it unless another address is said.")


class UpdateAddress(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    address: AddressRef = Field(description="The address, such as `ADR-1001`.")
    name: Name | None = Field(default=None, description="Who lives there.")
    company: Line | None = Field(default=None, description="The company at that address; null takes it away.")
    line1: Line | None = Field(default=None, description="Street and number.")
    line2: Line | None = Field(default=None, description="Floor, building, what else helps; null takes it away.")
    city: City | None = Field(default=None, description="Town.")
    region: Line | None = Field(default=None, description="State, province or county; null takes it away.")
    postcode: Postcode | None = Field(default=None, description="Postcode, as the country writes it.")
    country: Country | None = Field(default=None, description="ISO 3166 alpha-2, such as FR.")
    phone: Phone | None = Field(default=None, description="Phone number for the carrier; null takes it away.")
    label: Line | None = Field(default=None, description="What the customer calls it; null takes it away.")
    default_shipping: bool | None = Field(default=None, description="True: parcels go there unless said otherwise.")
    default_billing: bool | None = Field(
        default=None, description="True: invoices are made out to it unless said otherwise."
    )
    version: int | None = Field(default=None, description="The version that was read.")

    @model_validator(mode="after")
    def keeps_what_an_address_needs(self) -> Self:
        needed = {"name", "line1", "city", "postcode", "country"}
        gone = [name for name in sorted(needed & self.model_fields_set) if getattr(self, name) is None]
        if gone:
            raise ValueError(f"An address needs its {', '.join(gone)}.")
        return self


class ListAddresses(Paged):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")


class AddressDetail(Result):
    """An address of a customer."""

    reference: str = Field(description="The address's reference.")
    label: Said | None = Field(description="What the customer calls it.")
    name: Said = Field(description="Who lives there.")
    company: Said | None = Field(description="The company at that address.")
    line1: Said = Field(description="Street and number.")
    line2: Said | None = Field(description="Floor, building, what else helps.")
    city: Said = Field(description="Town.")
    region: Said | None = Field(description="State, province or county.")
    postcode: Said = Field(description="Postcode.")
    country: str = Field(description="ISO 3166 alpha-2.")
    phone: Said | None = Field(description="Phone number for the carrier.")
    default_shipping: bool = Field(description="Whether parcels go there unless another address is said.")
    default_billing: bool = Field(description="Whether invoices are made out to it unless another address is said.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")

    @classmethod
    def of(cls, row: Address) -> "AddressDetail":
        flags = {"default_shipping": row.is_default_shipping, "default_billing": row.is_default_billing}
        own = {name: getattr(row, name) for name in cls.model_fields if name not in flags}
        return cls.model_validate(own | flags)


@tool(
    route="POST /customers/{customer}/addresses",
    effect=Effect.write,
    permission="customers:write",
    raises=[TooManyAddresses, CustomerErased],
    examples=[
        "Add 12 rue Victor Hugo, 69002 Lyon, FR to CUS-1001",
        "Ana Torres moved: new delivery address 5 Hauptstr., 10115 Berlin, DE",
    ],
)
async def add_address(ctx: Context, args: AddAddress) -> AddressDetail:
    """Add a postal address to a customer.

    The first one becomes the default for parcels and for invoices. Orders that exist keep their address:
    change_order_address.
    """
    customer = await writable(ctx, args.customer)
    addresses = await addresses_of(ctx, customer)
    if len(addresses) >= MOST:
        raise TooManyAddresses(f"{customer.reference} has {len(addresses)} addresses, and {MOST} is the most.")
    said = args.model_dump(exclude={"customer", "default_shipping", "default_billing"})
    who = f"{customer.name} ({customer.reference})"
    row = await new_address(ctx, customer, who, said, addresses, args.default_shipping, args.default_billing)
    return AddressDetail.of(row)


async def writable(ctx: Context, written: str) -> Customer:
    """A customer, locked. Raises `CustomerErased`."""
    customer = await find_customer(ctx, written, for_update=True)
    if customer.status is CustomerStatus.erased:
        raise CustomerErased(f"{customer.reference} was erased.")
    return customer


async def addresses_of(ctx: Context, customer: Customer) -> list[Address]:
    query = select(Address).where(Address.merchant_id == ctx.merchant.id, Address.customer_id == customer.id)
    return list((await ctx.db.scalars(query.order_by(Address.id))).all())


async def new_address(
    ctx: Context,
    customer: Customer,
    who: str,
    said: dict[str, Any],
    others: list[Address],
    shipping: bool,
    billing: bool,
) -> Address:
    """An address that is a default where it was asked to be, and where there is no other; `who` gets it, for the card."""
    shipping = shipping or not any(other.is_default_shipping for other in others)
    billing = billing or not any(other.is_default_billing for other in others)
    defaults = [row for row in others if (shipping and row.is_default_shipping) or (billing and row.is_default_billing)]
    await _take_over(ctx, others, shipping=shipping, billing=billing)
    country = said["country"] or next((other.country for other in defaults or others), ctx.merchant.country)
    row = await ctx.add(
        Address, customer_id=customer.id, **(said | {"name": said["name"] or customer.name, "country": country}),
        is_default_shipping=shipping, is_default_billing=billing,
    )  # fmt: skip
    ctx.tell(f"{who} gets an address: {_postal(row)}.")
    _tell_defaults(ctx, defaults, shipping=shipping, billing=billing)
    return row


def _postal(row: Address) -> str:
    """An address on one line."""
    parts = (row.company, row.line1, row.line2, f"{row.postcode} {row.city}", row.region, row.country)
    return ", ".join(part for part in parts if part)


def _tell_defaults(ctx: Context, before: list[Address], *, shipping: bool, billing: bool) -> None:
    """What goes to an address from now on, and where it went."""
    if not shipping and not billing:
        return
    what = "Parcels and invoices go" if shipping and billing else "Parcels go" if shipping else "Invoices go"
    instead = [_postal(row) for row in before]
    no_longer = f", and no longer to {words.listed(instead)}" if instead else ""
    ctx.tell(f"{what} there from now on{no_longer}.")


async def _take_over(ctx: Context, others: list[Address], *, shipping: bool, billing: bool) -> None:
    """The defaults that were are none any more; sent at once, since two are refused even for a moment."""
    for other in others:
        lost = {
            flag: False
            for flag, taken in (("is_default_shipping", shipping), ("is_default_billing", billing))
            if taken and getattr(other, flag)
        }
        if lost:
            ctx.edit(other, None, **lost)
    await ctx.sql.flush()


@tool(
    route="PATCH /customers/{customer}/addresses/{address}",
    effect=Effect.write,
    permission="customers:write",
    raises=[DefaultAddressNeeded, CustomerErased],
    examples=[
        "Correct the postcode of ADR-1004 of CUS-1001 to 69003",
        "Make ADR-1007 the default delivery address of CUS-1002",
    ],
)
async def update_address(ctx: Context, args: UpdateAddress) -> AddressDetail:
    """Correct an address of a customer, or make it the default.

    Orders that exist keep their address: change_order_address.
    """
    customer = await writable(ctx, args.customer)
    addresses = await addresses_of(ctx, customer)
    row = await _one_of(ctx, addresses, args.address)
    _refuse_to_leave_none(row, args)

    _tell_edits(ctx, customer, row, args)
    others = [other for other in addresses if other is not row]
    shipping = args.default_shipping is True and not row.is_default_shipping
    billing = args.default_billing is True and not row.is_default_billing
    defaults = [one for one in others if (shipping and one.is_default_shipping) or (billing and one.is_default_billing)]
    _tell_defaults(ctx, defaults, shipping=shipping, billing=billing)
    await _take_over(ctx, others, shipping=args.default_shipping is True, billing=args.default_billing is True)
    said = args.model_dump(
        exclude={"customer", "address", "version", "default_shipping", "default_billing"}, exclude_unset=True
    )
    said["is_default_shipping"] = row.is_default_shipping or args.default_shipping is True
    said["is_default_billing"] = row.is_default_billing or args.default_billing is True
    ctx.edit(row, args.version, **said)
    return AddressDetail.of(row)


_LABELS = {"line1": "street", "line2": "second line"}


def _tell_edits(ctx: Context, customer: Customer, row: Address, args: UpdateAddress) -> None:
    whose, told = f"{row.reference} of {customer.name} ({customer.reference})", len(ctx.sentences)
    given = args.model_dump(
        exclude={"customer", "address", "version", "default_shipping", "default_billing"}, exclude_unset=True
    )
    edits = [(_LABELS.get(name, name), getattr(row, name), value) for name, value in given.items()]
    tell_edits(ctx, whose, edits)
    if len(ctx.sentences) == told:
        ctx.tell(f"{whose}, {_postal(row)}, stays as it is written.")


async def _one_of(ctx: Context, addresses: list[Address], written: str) -> Address:
    meant = [row for row in addresses if row.reference == Kind.address.canonical(written)]
    meant = meant or [row for row in addresses if row.external_reference == written]
    if not meant:
        raise await ctx.not_found(Kind.address, written)
    ctx.means(Kind.address, written, meant[0].reference)
    return meant[0]


def _refuse_to_leave_none(row: Address, args: UpdateAddress) -> None:
    for what, is_default, asked in (
        ("parcels", row.is_default_shipping, args.default_shipping),
        ("invoices", row.is_default_billing, args.default_billing),
    ):
        if is_default and asked is False:
            raise DefaultAddressNeeded(f"{row.reference} is the default for {what}.")


@tool(
    route="GET /customers/{customer}/addresses",
    effect=Effect.read,
    permission="customers:read",
    raises=[],
    examples=["Which addresses does CUS-1001 have?", "Where does ana@example.com get her parcels?"],
)
async def list_addresses(ctx: Context, args: ListAddresses) -> Page[AddressDetail]:
    """List a customer's addresses, the oldest first, with which are the defaults."""
    customer = await find_customer(ctx, args.customer)
    query = select(Address).where(Address.merchant_id == ctx.merchant.id, Address.customer_id == customer.id)
    total = await ctx.db.scalar(select(func.count()).select_from(query.subquery())) if args.counts else None
    since = place(args.after, UUID)
    if since:
        query = query.where(Address.id > since[0])
    rows = (await ctx.db.scalars(query.order_by(Address.id).limit(args.limit + 1))).all()
    ctx.discloses(1)
    return page_of(
        rows, args.limit, AddressDetail.of, lambda row: (row.id,), total_of(total) if total is not None else None
    )
