"""All that is held about a person, for the person (GDPR, articles 15 and 20)."""

from datetime import datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from pydantic import Field, JsonValue

from db.models.customers import ConsentChannel
from db.money import Money
from db.session import Transaction
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import CustomerRef, Untrusted
from tools.contract.files import JsonFile, Piece
from tools.customers.addresses import AddressDetail, addresses_of
from tools.customers.consents import ConsentSaid
from tools.customers.fields import Said
from tools.customers.interactions import InteractionLine
from tools.customers.loyalty import PointsEntry
from tools.customers.profiles import CustomerProfile
from tools.rules.lookup import find_customer

AT_ONCE = 200  # orders of a piece
MOST_AS_A_GUEST = 10_000  # orders that have the e-mail in their words


class ExportCustomerData(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")


class ChannelConsent(ConsentSaid):
    """One word of theirs on marketing."""

    channel: ConsentChannel = Field(description="E-mail, SMS, phone or post.")


class BoughtLine(Result):
    """What an order is of."""

    sku: str = Field(description="The variant's SKU.")
    title: str = Field(description="What it is called.")
    quantity: int = Field(description="Units, less those taken out again.")
    total: Money = Field(description="What they cost, minor units.")


class BoughtOrder(Result):
    """An order, with all that it says of the person."""

    reference: str = Field(description="The order's number.")
    status: str = Field(description="How far it is.")
    channel: str = Field(description="Where it came from.")
    placed_at: datetime = Field(description="When it was placed, UTC.")
    total: Money = Field(description="What it cost, minor units.")
    refunded: Money = Field(description="What went back, minor units.")
    customer_name: Said | None = Field(description="The name on it.")
    email: Said | None = Field(description="The e-mail address on it.")
    phone: Said | None = Field(description="The phone number on it.")
    shipping_address: Annotated[dict[str, JsonValue], Untrusted()] = Field(description="Where it went.")
    billing_address: Annotated[dict[str, JsonValue], Untrusted()] = Field(description="Whom it was billed to.")
    note: Said | None = Field(description="What was written on it.")
    lines: list[BoughtLine] = Field(description="What it is of.")
    notes: Annotated[list[str], Untrusted()] = Field(
        description="Remarks on it, of the buyer and of colleagues, and why it was held."
    )
    payments: Annotated[list[str], Untrusted()] = Field(
        description="Payments: reference, method, and how it is called."
    )
    parcels: Annotated[list[str], Untrusted()] = Field(description="Parcels: reference, carrier, tracking number.")
    returns: Annotated[list[str], Untrusted()] = Field(
        description="Returns: reference, reason, remarks on it and its goods."
    )


class PersonalData(Result):
    """All that is held about a person, as the document has it; `orders` follow, the newest first."""

    exported_at: datetime = Field(description="When this was put together, UTC.")
    shop: str = Field(description="The shop that holds it.")
    profile: CustomerProfile = Field(description="Who they are.")
    former_references: list[str] = Field(description="References that were merged into this one.")
    addresses: list[AddressDetail] = Field(description="Their addresses, oldest first.")
    consents: list[ChannelConsent] = Field(description="All that they said on marketing, the newest first.")
    points: list[PointsEntry] = Field(description="Loyalty points given and taken, the newest first.")
    interactions: list[InteractionLine] = Field(description="Calls, letters and messages, the newest first.")
    saved_methods: list[str] = Field(
        description="Ways of paying that are kept for them: kind, brand, last four digits; of credit what is left, minor units."
    )
    credit: list[str] = Field(
        description="Credit that they got and spent: when, how much in minor units, why, for which order."
    )
    tickets: Annotated[list[str], Untrusted()] = Field(
        description="What they asked of the shop's people: reference, subject, all that was said, how it ended."
    )
    warranty_claims: Annotated[list[str], Untrusted()] = Field(
        description="Warranty claims: reference, defect, decision."
    )
    surveys: Annotated[list[str], Untrusted()] = Field(description="Marks that they gave, and what they said.")


class _Guest(NamedTuple):
    id: UUID


class _Held(NamedTuple):
    former_references: list[str]
    consents: list[dict[str, Any]]
    points: list[dict[str, Any]]
    interactions: list[dict[str, Any]]
    saved_methods: list[str]
    credit: list[str]
    tickets: list[str]
    warranty_claims: list[str]
    surveys: list[str]


class _Bought(NamedTuple):
    id: UUID
    placed_at: datetime
    bought: dict[str, Any]


# What they ordered as a guest, under an e-mail of theirs, is theirs, too: erasure takes it as such. Found by the words of orders.
_GUEST = """
select o.id from customers c
cross join lateral search_orders(array['%%' || folded(c.email_key) || '%%'], true, true, true, %(most)s) as s(id)
join orders o on o.merchant_id = %(m)s and o.id = s.id and o.customer_id is null and lower(o.email) = c.email_key
where c.merchant_id = %(m)s and c.email_key is not null and (c.id = %(c)s or c.merged_into_id = %(c)s)
"""
_HELD = """
select array(select reference from customers where merchant_id = %(m)s and merged_into_id = %(c)s order by id) as former_references,
    array(select json_build_object('channel', channel, 'granted', granted, 'said_at', occurred_at, 'proof', proof)
          from consents where merchant_id = %(m)s and customer_id = %(c)s order by occurred_at desc, id desc) as consents,
    array(select json_build_object('occurred_at', l.occurred_at, 'points', l.points, 'reason', l.reason, 'order', o.reference,
              'note', l.note, 'by', l.actor)
          from loyalty_entries l left join orders o on o.merchant_id = %(m)s and o.id = l.order_id
          where l.merchant_id = %(m)s and l.customer_id = %(c)s order by l.occurred_at desc, l.id desc) as points,
    array(select json_build_object('occurred_at', i.occurred_at, 'channel', i.channel, 'direction', i.direction,
              'subject', i.subject, 'summary', i.summary, 'order', o.reference, 'by', i.actor, 'template', i.template,
              'delivery', i.delivery, 'trouble', i.trouble)
          from interactions i left join orders o on o.merchant_id = %(m)s and o.id = i.order_id
          where i.merchant_id = %(m)s and i.customer_id = %(c)s order by i.occurred_at desc, i.id desc) as interactions,
    array(select concat_ws(', ', method, brand, last_four, balance || ' ' || currency) from saved_methods
          where merchant_id = %(m)s and customer_id = %(c)s order by id) as saved_methods,
    array(select concat_ws(', ', e.occurred_at::date, e.amount || ' ' || s.currency, e.reason, o.reference)
          from saved_methods s join credit_entries e on e.merchant_id = %(m)s and e.saved_method_id = s.id
          left join orders o on o.merchant_id = %(m)s and o.id = e.order_id
          where s.merchant_id = %(m)s and s.customer_id = %(c)s order by e.id) as credit,
    array(select concat_ws(', ', t.reference, t.subject, t.resolution, (
              select string_agg(x.text, '; ' order by x.id) from ticket_messages x
              where x.merchant_id = %(m)s and x.ticket_id = t.id and x.kind <> 'internal'))
          from tickets t where t.merchant_id = %(m)s and (t.customer_id = %(c)s or t.order_id = any(%(guest)s))
          order by t.id) as tickets,
    array(select concat_ws(', ', reference, defect, status, remedy, note) from warranty_claims
          where merchant_id = %(m)s and (customer_id = %(c)s or order_id = any(%(guest)s)) order by id) as warranty_claims,
    array(select concat_ws(', ', submitted_at::date, score || ' of 5', recommend || ' of 10', comment) from surveys
          where merchant_id = %(m)s and (customer_id = %(c)s or order_id = any(%(guest)s)) order by id) as surveys
"""
_BOUGHT = """
select o.id, o.placed_at, json_build_object('reference', o.reference, 'status', o.status, 'channel', o.channel,
              'placed_at', o.placed_at,
              'total', json_build_object('amount', o.total, 'currency', o.currency),
              'refunded', json_build_object('amount', o.refunded, 'currency', o.currency),
              'customer_name', o.customer_name, 'email', o.email, 'phone', o.phone, 'shipping_address', o.shipping_address,
              'billing_address', o.billing_address, 'note', o.note,
              'lines', array(select json_build_object('sku', l.sku, 'title', l.title, 'quantity', l.quantity - l.cancelled,
                                 'total', json_build_object('amount', l.total, 'currency', o.currency))
                             from order_lines l where l.merchant_id = %(m)s and l.order_id = o.id order by l.position),
              'notes', array(select n.text from order_notes n where n.merchant_id = %(m)s and n.order_id = o.id order by n.id)
                       || array(select coalesce(h.note, h.reason) from order_holds h
                                where h.merchant_id = %(m)s and h.order_id = o.id order by h.id),
              'payments', array(select concat_ws(', ', p.reference, p.method, p.method_label) from payments p
                                where p.merchant_id = %(m)s and p.order_id = o.id order by p.id),
              'parcels', array(select concat_ws(', ', f.reference, f.carrier, f.tracking_number, nullif(f.ship_to, '{}')::text)
                               from fulfilments f where f.merchant_id = %(m)s and f.order_id = o.id order by f.id),
              'returns', array(select concat_ws(', ', r.reference, r.reason, r.note, (
                                   select string_agg(l.note, ', ' order by l.id) from return_lines l
                                   where l.merchant_id = %(m)s and l.return_id = r.id)) from returns r
                               where r.merchant_id = %(m)s and r.order_id = o.id order by r.id)) as bought
from orders o where o.merchant_id = %(m)s and (o.customer_id = %(c)s or o.id = any(%(guest)s))
    and (%(placed_at)s::timestamptz is null or (o.placed_at, o.id) < (%(placed_at)s, %(id)s::uuid))
order by o.placed_at desc, o.id desc limit %(limit)s
"""


@tool(
    route="GET /customers/{customer}/export",
    effect=Effect.read,
    permission="customers:export",
    heavy=True,
    raises=[],
    examples=["Export all data that we hold about CUS-1001", "ana@example.com asks for a copy of her data"],
)
async def export_customer_data(ctx: Context, args: ExportCustomerData) -> JsonFile:
    """Export all data held about a person: profile, orders, consents, contacts.

    With addresses, points, payments, parcels and returns, as a JSON file to be handed to the person. Amounts are minor
    units.
    """
    customer = await find_customer(ctx, args.customer, by_name=False)
    params: dict[str, Any] = {"m": ctx.merchant.id, "c": customer.id, "limit": AT_ONCE, "most": MOST_AS_A_GUEST}
    params["guest"] = [row.id for row in await ctx.sql.rows(_GUEST, params, as_=_Guest)]
    (held,) = await ctx.sql.rows(_HELD, params, as_=_Held)
    ctx.discloses(1)
    profile = {name: getattr(customer, name) for name in CustomerProfile.model_fields}
    addresses = [AddressDetail.of(row) for row in await addresses_of(ctx, customer)]
    about = {"exported_at": ctx.now(), "shop": ctx.merchant.name, "profile": profile, "addresses": addresses}
    document = PersonalData.model_validate(held._asdict() | about).model_dump_json(indent=2)

    async def next_piece(sql: Transaction, place: Any) -> Piece:
        placed_at, last = place or (None, None)
        found = await sql.rows(_BOUGHT, {**params, "placed_at": placed_at, "id": last}, as_=_Bought)
        orders = ",\n".join(BoughtOrder.model_validate(row.bought).model_dump_json(indent=2) for row in found)
        begins = f'{document.removesuffix("}").rstrip()},\n"orders": [\n' if place == () else ",\n" if found else ""
        more = len(found) == AT_ONCE
        ends = "" if more else "\n]\n}\n"
        return Piece(f"{begins}{orders}{ends}".encode(), (found[-1].placed_at, found[-1].id) if more else None)

    return JsonFile.of(ctx, export_customer_data, args, name=f"{customer.reference}-data.json", next_piece=next_piece)
