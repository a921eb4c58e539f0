"""Customs papers: what is in a parcel that leaves the customs territory, what it is worth, where it was made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field, StringConstraints

from db.models.transport import Fulfilment, FulfilmentStatus
from db.models.warehouse import Warehouse
from db.money import Money
from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, Invalid, StaleVersion
from tools.contract.fields import Country, ShipmentRef, Synonyms, UntrustedText, VariantRef
from tools.transport.shipments import find_shipment

UNION = frozenset(
    (
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MC",
        "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    )
)  # fmt: skip
SMALL_VALUE = Decimal(
    "360"
)  # whole euros, about 300 special drawing rights: up to there, and to two kilograms, CN22 is enough
SMALL_GRAMS = 2_000


class CustomsNotNeeded(Conflict):
    """The parcel stays within one customs territory."""

    hint = "Nothing has to be declared: just send it."


class CustomsDataMissing(Invalid):
    """Customs want to know what each thing is and where it was made."""

    hint = "Give `hs_code` and `origin` in `items`, or write them into the product's attributes as hs_code and origin."


class NotInTheParcel(Invalid):
    """The parcel has none of it."""


class Incoterm(StrEnum):
    DAP = "DAP"
    DDP = "DDP"
    DPU = "DPU"
    EXW = "EXW"
    FCA = "FCA"


class CustomsReason(StrEnum):
    sale = "sale"
    gift = "gift"
    sample = "sample"
    return_ = "return"
    repair = "repair"


class CustomsPaper(StrEnum):
    cn22 = "cn22"
    cn23 = "cn23"
    commercial_invoice = "commercial_invoice"


INCOTERM_WORDS = Synonyms(
    {"DAP": ("duties unpaid", "customer pays duties"), "DDP": ("duties paid", "we pay duties"), "EXW": ("ex works",)}
)
PAPER_WORDS = Synonyms({"commercial_invoice": ("invoice for customs", "customs invoice")})
REASON_WORDS = Synonyms({"sale": ("sold", "merchandise"), "gift": ("present",), "return": ("sent back",)})
HsCode = Annotated[str, StringConstraints(pattern=r"^\d{4}\.?\d{2}(\.?\d{2}){0,2}$")]


class DeclaredItem(Input):
    sku: VariantRef = Field(description="A variant in the parcel, by SKU such as `MUG-BLUE`.")
    hs_code: HsCode = Field(description="Its customs tariff number, six to ten digits, such as 6912.00.")
    origin: Country = Field(description="Where it was made, ISO 3166 alpha-2.")


class PrepareCustoms(Input):
    shipment: ShipmentRef = Field(description="The shipment, such as `SHP-1001`, or its tracking number.")
    items: list[DeclaredItem] = Field(
        default=[],
        max_length=200,
        description="Tariff numbers and origins; what is left out comes from the product's attributes.",
    )
    incoterm: Annotated[Incoterm, INCOTERM_WORDS] = Field(
        default=Incoterm.DAP, description="Who pays duties and carriage."
    )
    reason: Annotated[CustomsReason, REASON_WORDS] = Field(default=CustomsReason.sale, description="Why it is sent.")
    paper: Annotated[CustomsPaper, PAPER_WORDS] | None = Field(
        default=None, description="Which paper; omit: CN22 for small values up to 2 kg, else CN23."
    )
    version: int | None = Field(
        default=None, description="The shipment's version that was read; a later one is refused."
    )


class CustomsLine(Result):
    """A line of the declaration."""

    sku: str = Field(description="The variant's SKU.")
    description: UntrustedText = Field(description="What it is.")
    quantity: int = Field(description="Units.")
    hs_code: str = Field(description="Its customs tariff number.")
    origin: str = Field(description="Where it was made, ISO 3166 alpha-2.")
    weight_grams: int = Field(description="What the units weigh together, in grams.")
    value: Money = Field(description="What they were sold for together, minor units.")


class CustomsDeclared(Result):
    """What is declared to customs."""

    shipment: str = Field(description="The shipment's reference.")
    paper: CustomsPaper = Field(description="Which paper goes with it; get_shipping_label prints it.")
    incoterm: Incoterm = Field(description="Who pays duties and carriage.")
    reason: CustomsReason = Field(description="Why it is sent.")
    from_country: str = Field(description="From where, ISO 3166 alpha-2.")
    to_country: str = Field(description="Where to, ISO 3166 alpha-2.")
    lines: list[CustomsLine] = Field(description="What is in it.")
    weight_grams: int = Field(description="What it weighs with the packing, in grams.")
    value: Money = Field(description="What all of it was sold for, minor units.")
    declared_at: datetime = Field(description="When it was prepared, UTC.")
    version: int = Field(description="The shipment's version; grows with each change.")


class Content(NamedTuple):
    variant_id: UUID | None
    variant: str | None
    sku: str
    title: str
    quantity: int
    currency: str
    grams: int
    value: int
    hs_code: str | None
    origin: str | None


_CONTENT = """
with l as ({lines})
select x.variant_id, v.reference as variant, x.sku, x.title, l.quantity, o.currency,
       (l.quantity * coalesce(v.weight_grams, 0))::int as grams,
       round(x.total::numeric * l.quantity / nullif(x.quantity - x.cancelled, 0))::bigint as value,
       p.attributes ->> 'hs_code' as hs_code, upper(p.attributes ->> 'origin') as origin
from l join order_lines x on x.merchant_id = %(m)s and x.id = l.order_line_id
join orders o on o.merchant_id = %(m)s and o.id = x.order_id
left join variants v on v.merchant_id = %(m)s and v.id = x.variant_id
left join products p on p.merchant_id = %(m)s and p.id = v.product_id
where l.quantity > 0 order by x.position
"""
_OF_SHIPMENT = _CONTENT.format(
    lines="select order_line_id, quantity from fulfilment_lines where merchant_id = %(m)s and fulfilment_id = %(id)s"
)
_OF_LINES = _CONTENT.format(
    lines="select order_line_id, quantity from unnest(%(ids)s::uuid[], %(units)s::int[]) as t(order_line_id, quantity)"
)
_LEFT_OF_ORDER = _CONTENT.format(
    lines="select id as order_line_id, quantity - cancelled - fulfilled as quantity from order_lines"
    " where merchant_id = %(m)s and order_id = %(order)s"
)


class Contents(NamedTuple):
    """What of an order is in a parcel: units by the line's id; all that has not left, where they are not said."""

    order: UUID
    units: Mapping[UUID, int] | None = None


async def goods_in(ctx: Context, contents: Contents) -> list[Content]:
    """What customs want to know of it, as far as it is known."""
    if contents.units is None:
        return await ctx.sql.rows(_LEFT_OF_ORDER, {"m": ctx.merchant.id, "order": contents.order}, as_=Content)
    params = {"m": ctx.merchant.id, "ids": list(contents.units), "units": list(contents.units.values())}
    return await ctx.sql.rows(_OF_LINES, params, as_=Content)


def crosses_border(here: str, there: str) -> bool:
    """Whether what goes from one country to the other leaves the customs territory."""
    return here != there and not {here, there} <= UNION


@tool(
    route="POST /shipments/{shipment}/customs",
    effect=Effect.write,
    permission="transport:write",
    raises=[Ambiguous, CustomsDataMissing, CustomsNotNeeded, NotInTheParcel, StaleVersion],
    examples=["Prepare the customs papers of SHP-1012", "SHP-1007 goes to Zurich: customs with duties paid by us"],
)
async def prepare_customs(ctx: Context, args: PrepareCustoms) -> CustomsDeclared:
    """Prepare a shipment's customs papers: tariff numbers, origins, values.

    CN22, CN23 or a commercial invoice. Values are what the goods were sold for, minor units. Tariff number and origin come from
    the input or the product's attributes `hs_code` and `origin`.
    """
    found = await find_shipment(ctx, args.shipment)
    shipment = await ctx.find(Fulfilment, found.reference, for_update=True)
    place = await ctx.db.get_one(Warehouse, {"merchant_id": ctx.merchant.id, "id": shipment.warehouse_id})
    to = str(shipment.ship_to.get("country") or "")
    if shipment.status is FulfilmentStatus.voided or not crosses_border(place.country or "", to):
        raise CustomsNotNeeded(f"{shipment.reference} goes from {place.country} to {to or 'nowhere'}.")
    lines = await _lines(ctx, args, shipment)
    value = Money(amount=sum(line.value.amount for line in lines), currency=lines[0].value.currency)
    grams = shipment.weight_grams or sum(line.weight_grams for line in lines)
    paper = args.paper or _paper(value, grams)

    declared = CustomsDeclared(
        shipment=shipment.reference, paper=paper, incoterm=args.incoterm, reason=args.reason, from_country=place.country,
        to_country=to, lines=lines, weight_grams=grams, value=value, declared_at=ctx.now(), version=shipment.version + 1,
    )  # fmt: skip
    ctx.edit(shipment, args.version, customs=declared.model_dump(mode="json"))
    ctx.event("declared", shipment, order_id=shipment.order_id, paper=paper)
    named = {"cn22": "CN22", "cn23": "CN23", "commercial_invoice": "A commercial invoice"}[paper]
    goods = words.listed(f"{line.quantity} {line.sku} ({line.hs_code}, made in {line.origin})" for line in lines)
    ctx.tell(f"{named} for {shipment.reference} to {to}, {args.incoterm}: {value} in all.")
    ctx.tell(f"Declared: {goods}.")
    return declared


def _is(ctx: Context, row: Content, written: str) -> bool:
    """Whether a SKU or a `VAR-7` means what is in the parcel."""
    if written.strip().casefold() != row.sku.casefold() and Kind.variant.canonical(written) != row.variant:
        return False
    if row.variant:
        ctx.means(Kind.variant, written, row.variant)
    return True


async def _lines(ctx: Context, args: PrepareCustoms, shipment: Fulfilment) -> list[CustomsLine]:
    content = await ctx.sql.rows(_OF_SHIPMENT, {"m": ctx.merchant.id, "id": shipment.id}, as_=Content)
    given = {row.sku: item for item in args.items for row in content if _is(ctx, row, item.sku)}
    strangers = [item.sku for item in args.items if item not in given.values()]
    if strangers:
        raise NotInTheParcel(
            f"{shipment.reference} has no {words.listed(sorted(strangers))}.",
            hint=f"It has {words.listed(row.sku for row in content)}.",
        )
    lines: list[CustomsLine] = []
    missing: list[str] = []
    for row in content:
        item = given.get(row.sku)
        code, origin = (item.hs_code, item.origin) if item else (row.hs_code, row.origin)
        if not code or not origin:
            missing.append(row.sku)
            continue
        money = Money(amount=row.value, currency=row.currency)
        lines.append(
            CustomsLine(
                sku=row.sku, description=row.title, quantity=row.quantity, hs_code=code, origin=origin, weight_grams=row.grams,
                value=money,
            )
        )  # fmt: skip
    if missing or not lines:
        raise CustomsDataMissing(
            f"Tariff number or origin of {words.listed(missing) if missing else 'everything'} is not known."
        )
    return lines


def _paper(value: Money, grams: int) -> CustomsPaper:
    """Other currencies are taken as if they were euros: the limit is rough, and CN23 is never wrong."""
    small = value.currency == "EUR" and value.amount <= SMALL_VALUE * 100 and grams <= SMALL_GRAMS
    return CustomsPaper.cn22 if small else CustomsPaper.cn23


def customs_lines(declared: dict[str, Any], sender: Sequence[str], receiver: Sequence[str]) -> list[str]:
    """The declaration, line by line as it is printed."""
    seen = CustomsDeclared.model_validate(declared)
    head = {"cn22": "CUSTOMS DECLARATION CN22", "cn23": "CUSTOMS DECLARATION CN23"}.get(
        seen.paper, "COMMERCIAL INVOICE"
    )
    lines = [head, f"{seen.shipment}  {seen.declared_at:%Y-%m-%d}  {seen.incoterm}  {seen.reason}", ""]
    lines += ["From:", *sender, "", "To:", *receiver, ""]
    for line in seen.lines:
        lines.append(f"{line.quantity} x {line.description} ({line.sku})")
        lines.append(f"   HS {line.hs_code}  origin {line.origin}  {words.grams(line.weight_grams)}  {line.value}")
    return [*lines, "", f"Total: {words.grams(seen.weight_grams)}  {seen.value}", "", "Date and signature:"]
