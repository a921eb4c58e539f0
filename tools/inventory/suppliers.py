"""Who sells to the shop."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import Field
from sqlalchemy import func, or_, select

from db.models.inventory import Supplier
from db.models.products import Variant
from db.money import Currency
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, NotFound, StaleVersion
from tools.contract.fields import Country, Days, Email, Name, ProductRef, Search, SupplierRef, VariantRef
from tools.contract.page import Page, Paged, paged, place
from tools.rules.lookup import containing, find_product, find_variant
from tools.rules.told import tell_edits


class SupplierInactive(Conflict):
    """Nothing is bought from that supplier any more."""

    hint = "Choose another supplier, or set `active` on this one with update_supplier."


class SupplierUnknown(Conflict):
    """Who sells the goods is not known, or several do."""

    hint = "Say from whom, as `supplier`."


class SupplierDetail(Result):
    """Somebody who sells to the shop."""

    reference: str = Field(description="The supplier's reference, such as `SUP-1001`.")
    name: str = Field(description="What it is called.")
    email: str | None = Field(description="Where orders are sent.")
    phone: str | None = Field(description="Whom to call.")
    country: str | None = Field(description="Where it is, ISO 3166 alpha-2.")
    currency: str = Field(description="What its invoices are in, ISO 4217.")
    lead_time_days: int = Field(description="Days from the order to the goods at the door.")
    active: bool = Field(description="Whether the shop still buys from it.")
    open_orders: int = Field(description="Purchase orders that have not come in full.")
    version: int = Field(description="Grows with each change.")


class ListSuppliers(Paged):
    supplier: SupplierRef | None = Field(default=None, description="Only this one: `SUP-1001` or its name.")
    text: Search | None = Field(default=None, description="Words of the name or the e-mail address.")
    sku: VariantRef | None = Field(default=None, description="Only those from whom this variant was bought, by SKU.")
    product: ProductRef | None = Field(
        default=None, description="Only those from whom a variant of this product was bought, by `PRD-7` or its title."
    )
    country: Country | None = Field(default=None, description="Only suppliers in this country, ISO 3166 alpha-2.")
    active: bool | None = Field(default=None, description="Only those that the shop buys from, or no longer buys from.")


class _Id(NamedTuple):
    id: UUID


class _SupplierRow(NamedTuple):
    id: UUID
    reference: str
    name: str
    email: str | None
    phone: str | None
    country: str | None
    currency: str
    lead_time_days: int
    active: bool
    open_orders: int
    version: int

    def shown(self) -> SupplierDetail:
        return SupplierDetail.model_validate(self._asdict())


_SOLD = """exists (
    select from purchase_order_lines l join purchase_orders o on o.merchant_id = %(m)s and o.id = l.purchase_order_id
    where l.merchant_id = %(m)s and o.supplier_id = s.id and o.status <> 'cancelled' and l.variant_id = any(%(variants)s))"""
_SUPPLIERS = """
select s.id, s.reference, s.name, s.email, s.phone, s.country, s.currency, s.lead_time_days, s.active, s.version, (
           select count(*) from purchase_orders o
           where o.merchant_id = %(m)s and o.supplier_id = s.id and o.status in ('sent', 'partially_received')
       ) as open_orders
from suppliers s where s.merchant_id = %(m)s {filters} order by s.name, s.id limit %(limit)s
"""


@tool(
    route="GET /suppliers",
    effect=Effect.read,
    permission="inventory:read",
    raises=[NotFound, Ambiguous],
    examples=["Who are our suppliers?", "Which suppliers do we have in Portugal?", "Who sells us MUG-BLUE?"],
)
async def list_suppliers(ctx: Context, args: ListSuppliers) -> Page[SupplierDetail]:
    """List those who sell to the shop, by name, with their lead times.

    What was ordered from one of them is a question for list_purchase_orders.
    """
    asked: dict[str, tuple[str, Any]] = {}
    if args.supplier:
        asked["s.id = %(supplier)s"] = ("supplier", (await find_supplier(ctx, args.supplier)).id)
    if args.text:
        fits = "unaccent(lower(concat_ws(' ', s.name, s.email))) like all(%(words)s::text[])"
        asked[fits] = ("words", containing(args.text))
    if args.country:
        asked["s.country = %(country)s"] = ("country", args.country)
    if args.sku or args.product:
        asked[_SOLD] = ("variants", await _variants(ctx, args))
    if args.active is not None:
        asked["s.active = %(active)s"] = ("active", args.active)
    params = dict(asked.values()) | {"m": ctx.merchant.id}
    if since := place(args.after, str, UUID):
        asked["(s.name, s.id) > (%(name)s, %(id)s)"] = ("name", since[0])
        params |= {"name": since[0], "id": since[1]}
    query = _SUPPLIERS.format(filters="".join(f" and {condition}" for condition in asked))
    return await paged(
        ctx, args, query, params, as_=_SupplierRow, show=_SupplierRow.shown, at=lambda row: (row.name, row.id)
    )


async def _variants(ctx: Context, args: ListSuppliers) -> list[UUID]:
    """The variants that were asked about."""
    if args.sku:
        return [(await find_variant(ctx, args.sku)).id]
    product = await find_product(ctx, str(args.product))
    query = "select id from variants where merchant_id = %(m)s and product_id = %(product)s"
    return [row.id for row in await ctx.sql.rows(query, {"m": ctx.merchant.id, "product": product.id}, as_=_Id)]


class CreateSupplier(Input):
    name: Name = Field(description="What the supplier is called.")
    email: Email | None = Field(default=None, description="Where orders are sent.")
    phone: str | None = Field(default=None, min_length=3, max_length=40, description="Whom to call.")
    country: Country | None = Field(default=None, description="Where it is, ISO 3166 alpha-2.")
    currency: Currency | None = Field(
        default=None, description="What its invoices are in, ISO 4217; omit: the shop's own."
    )
    lead_time_days: Days = Field(default=7, ge=0, le=365, description="Days from the order to the goods at the door.")


@tool(
    route="POST /suppliers",
    effect=Effect.write,
    permission="suppliers:write",
    raises=[],
    examples=[
        "New supplier Atelier Brun, orders@brun.example, lead time 10 days",
        "Add a supplier in Portugal: Olaria",
    ],
)
async def create_supplier(ctx: Context, args: CreateSupplier) -> SupplierDetail:
    """Register somebody who sells to the shop."""
    said = args.model_dump() | {"currency": args.currency or ctx.merchant.currency}
    supplier = await ctx.add(Supplier, **said, active=True)
    reached = words.listed(filter(None, (args.email, args.phone))) if args.email or args.phone else ""
    lead = words.count(args.lead_time_days, "day")
    ctx.tell(
        f"{args.name}{reached and f' ({reached})'} becomes a supplier, paid in {supplier.currency}, "
        f"with a lead time of {lead}."
    )
    return await _detail(ctx, supplier)


class UpdateSupplier(Input):
    supplier: SupplierRef = Field(description="The supplier: `SUP-1001`, or its name.")
    name: Name | None = Field(default=None, description="What it is called from now on.")
    email: Email | None = Field(default=None, description="Where orders are sent.")
    phone: str | None = Field(default=None, min_length=3, max_length=40, description="Whom to call.")
    country: Country | None = Field(default=None, description="Where it is, ISO 3166 alpha-2.")
    currency: Currency | None = Field(default=None, description="What its invoices are in, ISO 4217.")
    lead_time_days: Days | None = Field(
        default=None, ge=0, le=365, description="Days from the order to the goods at the door."
    )
    active: bool | None = Field(default=None, description="Whether the shop buys from it.")
    version: int | None = Field(default=None, ge=1, description="The version that was read.")


@tool(
    route="PATCH /suppliers/{supplier}",
    effect=Effect.write,
    permission="suppliers:write",
    raises=[StaleVersion],
    examples=["SUP-1002 needs 21 days from now on", "We no longer buy from Olaria do Sul"],
)
async def update_supplier(ctx: Context, args: UpdateSupplier) -> SupplierDetail:
    """Change a supplier's details or lead time, or stop buying from it.

    What is not given stays as it is. Purchase orders that are open stay as they are.
    """
    supplier = await find_supplier(ctx, args.supplier, for_update=True)
    changes = {name: value for name, value in _given(args).items() if value is not None or name in _MAY_BE_EMPTY}
    _tell_edits(ctx, supplier, changes)
    ctx.edit(supplier, args.version, **changes)
    return await _detail(ctx, supplier)


_MAY_BE_EMPTY = {"email", "phone", "country"}
_LABELS = {"email": "e-mail", "lead_time_days": "lead time"}


def _given(args: UpdateSupplier) -> dict[str, Any]:
    return args.model_dump(exclude={"supplier", "version"}, exclude_unset=True)


def _tell_edits(ctx: Context, supplier: Supplier, changes: Mapping[str, Any]) -> None:
    whose, told = f"{supplier.name} ({supplier.reference})", len(ctx.sentences)
    said = {name: value for name, value in changes.items() if name != "active"}
    tell_edits(
        ctx, whose, [(_LABELS.get(n, n), _worded(n, getattr(supplier, n)), _worded(n, v)) for n, v in said.items()]
    )
    if changes.get("active", supplier.active) != supplier.active:
        ctx.tell(f"{whose} is {'bought from again' if changes['active'] else 'not bought from any more'}.")
    if len(ctx.sentences) == told:
        ctx.tell(f"{whose} stays as it is.")


def _worded(name: str, value: Any) -> str | None:
    return words.count(value, "day") if name == "lead_time_days" else value


async def find_supplier(ctx: Context, written: str, *, for_update: bool = False) -> Supplier:
    """The supplier of a `SUP-7`, another system's number, or its name, whatever the case and accents.

    Raises `Ambiguous` or `NotFound`.
    """
    name, reference = written.strip(), Kind.supplier.canonical(written)
    query = select(Supplier).where(
        Supplier.merchant_id == ctx.merchant.id,
        or_(
            Supplier.reference == reference,
            Supplier.external_reference == name,
            func.unaccent(func.lower(Supplier.name)) == func.unaccent(func.lower(name)),
        ),
    )
    if for_update:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = list((await ctx.db.scalars(query.order_by(Supplier.id))).all())
    meant = [supplier for supplier in found if supplier.reference == reference] or found
    if not meant:
        raise await _none(ctx, written)
    if len(meant) > 1:
        raise Ambiguous(f"{written} fits {', '.join(f'{one.name} ({one.reference})' for one in meant)}.")
    ctx.means(Kind.supplier, written, meant[0].reference)
    return meant[0]


_USUAL = """
select distinct s.id, s.reference, s.name
from unnest(%(variants)s::uuid[]) as v(id)
left join lateral (
    select l.supplier_id from stock_levels l join warehouses w on w.merchant_id = %(m)s and w.id = l.warehouse_id and w.active
    where l.merchant_id = %(m)s and l.variant_id = v.id and l.supplier_id is not null order by w.priority, w.id limit 1
) ruled on true
left join lateral (
    select o.supplier_id from purchase_order_lines l
    join purchase_orders o on o.merchant_id = %(m)s and o.id = l.purchase_order_id
    where l.merchant_id = %(m)s and l.variant_id = v.id and o.status <> 'cancelled' order by o.id desc limit 1
) bought on true
left join suppliers s on s.merchant_id = %(m)s and s.id = coalesce(ruled.supplier_id, bought.supplier_id) and s.active
order by s.id
"""


class _Usual(NamedTuple):
    id: UUID | None
    reference: str | None
    name: str | None


async def usual_supplier(ctx: Context, variants: Sequence[Variant]) -> Supplier:
    """From whom all of these are bought: whom the reorder rule names, else whoever sold them last, as suggest_reorders says.

    Raises `SupplierUnknown` where nobody did, or not one alone.
    """
    ids, skus = [variant.id for variant in variants], ", ".join(variant.sku for variant in variants)
    found = await ctx.sql.rows(_USUAL, {"m": ctx.merchant.id, "variants": ids}, as_=_Usual)
    if any(row.id is None for row in found):
        raise SupplierUnknown(f"Nobody is known from whom {skus} would be bought.")
    if len(found) > 1:
        named = ", ".join(f"{row.name} ({row.reference})" for row in found)
        raise SupplierUnknown(f"{skus} are bought from several suppliers: {named}.")
    return await find_supplier(ctx, str(found[0].reference))


class _Near(NamedTuple):
    name: str


async def _none(ctx: Context, written: str) -> NotFound:
    query = """
        select name || ' (' || reference || ')' as name from suppliers where merchant_id = %(m)s
        order by greatest(similarity(lower(name), lower(%(w)s)), similarity(reference, upper(%(w)s))) desc, id limit 3
    """
    near = [row.name for row in await ctx.sql.rows(query, {"m": ctx.merchant.id, "w": written.strip()}, as_=_Near)]
    hint = f"The nearest are {', '.join(near)}." if near else "This shop has no supplier yet: create_supplier."
    return NotFound(f"There is no supplier {written}.", hint=hint, nearest=near)


def refuse_inactive(supplier: Supplier) -> None:
    if not supplier.active:
        raise SupplierInactive(f"{supplier.name} ({supplier.reference}) is not bought from any more.")


async def _detail(ctx: Context, supplier: Supplier) -> SupplierDetail:
    await ctx.db.flush()
    query = _SUPPLIERS.format(filters="and s.id = %(id)s")
    (row,) = await ctx.sql.rows(query, {"m": ctx.merchant.id, "id": supplier.id, "limit": 1}, as_=_SupplierRow)
    return row.shown()
