"""The law's erasure (GDPR, article 17): a person is gone from every table; what accounting keeps (article 17.3) is of nobody.

What is theirs is found by its keys: themselves, their addresses, consents, contacts, and what their orders say of them. What may
speak of them anywhere else (the books that every call keeps, conversations, notes, the outbox) is searched for their names, e-mail
addresses, phone numbers and streets, table by table as the database lists them: a table that is new is searched, too.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.customers import CustomerStatus
from db.text import fold
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict
from tools.contract.fields import CustomerRef
from tools.customers.addresses import CustomerErased
from tools.rules.lookup import find_customer
from tools.rules.person import Said, Term, pattern_of, terms_of

ERASED = "[erased]"
# Not searched: what has been erased by its keys, among others of the same name; what the shop says of itself, its goods and its
# people; and the audit's sealed envelopes, in which there is nobody but those who work here.
_NOT_SEARCHED = """
customers addresses orders
order_lines products variants categories prices promotions promotion_targets suppliers warehouses shipping_methods tax_rates
settings merchant_profiles memberships invitations api_keys counters
audit_entries audit_seals audit_unsealed daily_totals
"""
NOT_SEARCHED = frozenset(_NOT_SEARCHED.split())


class OpenOrdersNeedAddress(Conflict):
    """What is on its way needs an address."""

    hint = "Ship or cancel them first; or erase `anyway`: they can then not be delivered any more."


class EraseCustomer(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    anyway: bool = Field(
        default=False, description="Erase though open orders need the address; those cannot be delivered then."
    )


class ErasedCustomer(Result):
    """What is gone, and what accounting keeps."""

    customer: str = Field(description="The reference, which stays, and is of nobody.")
    merged: list[str] = Field(description="References that led to this customer, and are of nobody, too.")
    addresses: int = Field(description="Addresses that are gone.")
    contacts: int = Field(description="Calls, letters and messages that are gone.")
    consents: int = Field(description="Consents that are gone.")
    orders_kept: int = Field(
        description="Orders that accounting keeps, without name, address, e-mail, phone and notes."
    )
    records: int = Field(
        description="Rows of other tables (audit, conversations, notes) that spoke of them, and do not."
    )
    undeliverable: list[str] = Field(description="Open orders that have lost their address.")


class _Person(NamedTuple):
    id: UUID
    reference: str


class _Order(NamedTuple):
    id: UUID
    reference: str
    open: bool


class _Row(NamedTuple):
    id: UUID | None
    reference: str | None


class _Named(NamedTuple):
    name: str


_LOCK = """
select id, reference from customers where merchant_id = %(m)s and (id = %(c)s or merged_into_id = %(c)s) order by id for update
"""
# A guest's orders under an e-mail of theirs are theirs.
_ORDERS = """
select id, reference, status in ('pending', 'confirmed') and fulfilment_state <> 'fulfilled' as open from orders
where merchant_id = %(m)s and (customer_id = any(%(people)s) or customer_id is null and lower(email) in (
    select email_key from customers where merchant_id = %(m)s and id = any(%(people)s) and email_key is not null))
order by id for no key update
"""
_SAID = """
select name, first_name, last_name, email, phone, null as street, tax_number as other from customers
where merchant_id = %(m)s and id = any(%(people)s)
union select name, null, null, null, phone, line1, null from addresses where merchant_id = %(m)s and customer_id = any(%(people)s)
union select customer_name, null, null, email, phone, null, null from orders where merchant_id = %(m)s and id = any(%(orders)s)
union select a ->> 'name', null, null, null, a ->> 'phone', a ->> 'line1', null
      from orders, unnest(array[shipping_address, billing_address]) as a where merchant_id = %(m)s and id = any(%(orders)s)
"""
# What is theirs: by the table, what becomes of its rows. Each returns them.
_THEIRS = {
    "ticket_messages": """
        delete from ticket_messages where merchant_id = %(m)s and ticket_id in (
            select id from tickets where merchant_id = %(m)s and (customer_id = any(%(people)s) or order_id = any(%(orders)s)))
        returning id, null as reference""",
    "tickets": """
        update tickets set subject = %(erased)s, evidence = '[]', resolution = null, version = version + 1, updated_at = %(now)s
        where merchant_id = %(m)s and (customer_id = any(%(people)s) or order_id = any(%(orders)s)) returning id, reference""",
    "warranty_claims": """
        update warranty_claims set defect = %(erased)s, note = null, version = version + 1, updated_at = %(now)s
        where merchant_id = %(m)s and order_id = any(%(orders)s) returning id, reference""",
    "surveys": """
        update surveys set comment = null
        where merchant_id = %(m)s and (customer_id = any(%(people)s) or order_id = any(%(orders)s)) and comment is not null
        returning id, null as reference""",
    "return_inspections": """
        update return_inspections set note = null
        where merchant_id = %(m)s and note is not null and return_line_id in (
            select l.id from return_lines l join returns r on r.merchant_id = %(m)s and r.id = l.return_id
            where l.merchant_id = %(m)s and r.order_id = any(%(orders)s))
        returning id, null as reference""",
    "addresses": "delete from addresses where merchant_id = %(m)s and customer_id = any(%(people)s) returning id, reference",
    "interactions": """
        delete from interactions where merchant_id = %(m)s and customer_id = any(%(people)s) returning id, null as reference""",
    "consents": "select id, null as reference from erase_consents(%(people)s::uuid[]) as id",
    "loyalty_entries": "select id, null as reference from erase_loyalty_notes(%(people)s::uuid[]) as id",
    "customers": """
        update customers set name = %(erased)s, name_key = %(erased_key)s, first_name = null, last_name = null, email = null,
               email_key = null, phone = null, company = null, tax_number = null, locale = null, tags = '{}', note = null,
               source = null, external_reference = null, version = version + 1, updated_at = %(now)s
        where merchant_id = %(m)s and id = any(%(people)s) returning id, reference""",
    "orders": """
        update orders set customer_name = null, email = null, phone = null, note = null, shipping_address = '{}',
               billing_address = '{}', ship_postcode = null, version = version + 1, updated_at = %(now)s
        where merchant_id = %(m)s and id = any(%(orders)s) returning id, reference""",
    "fulfilments": """
        update fulfilments set ship_to = jsonb_build_object('country', ship_to -> 'country'), customs = null, label_url = null
        where merchant_id = %(m)s and order_id = any(%(orders)s)
          and (ship_to <> '{}' or customs is not null or label_url is not null) returning id, null as reference""",
    "tracking_events": "select id, null as reference from erase_tracking(%(orders)s::uuid[]) as id",
    "carrier_claims": """
        update carrier_claims set note = null, evidence = '[]', version = version + 1, updated_at = %(now)s
        where merchant_id = %(m)s and fulfilment_id in (
            select id from fulfilments where merchant_id = %(m)s and order_id = any(%(orders)s)) returning id, reference""",
    "order_notes": """
        update order_notes set text = %(erased)s where merchant_id = %(m)s and order_id = any(%(orders)s)
        returning id, null as reference""",
    "order_holds": """
        update order_holds set note = null where merchant_id = %(m)s and order_id = any(%(orders)s) and note is not null
        returning id, null as reference""",
    "payments": """
        update payments set method_label = null
        where merchant_id = %(m)s and order_id = any(%(orders)s) and method_label is not null returning id, reference""",
    "saved_methods": """
        update saved_methods set brand = null, last_four = null, source = null, external_reference = null
        where merchant_id = %(m)s and customer_id = any(%(people)s) returning id, null as reference""",
    "returns": """
        update returns set note = null where merchant_id = %(m)s and order_id = any(%(orders)s) and note is not null
        returning id, reference""",
    "return_lines": """
        update return_lines set note = null
        where merchant_id = %(m)s and note is not null and return_id in (
            select id from returns where merchant_id = %(m)s and order_id = any(%(orders)s))
        returning id, null as reference""",
}
_DELETED = ("ticket_messages", "addresses", "interactions", "consents")
_NOTED = (
    "loyalty_entries",
    "fulfilments",
    "tracking_events",
    "carrier_claims",
    "order_notes",
    "order_holds",
    "payments",
    "saved_methods",
    "returns",
    "return_lines",
    "return_inspections",
    "tickets",
    "warranty_claims",
    "surveys",
)  # beside what a card is about
# By what else the audit knows what was done about their orders.
_NAMED = """
select reference as name from fulfilments where merchant_id = %(m)s and order_id = any(%(orders)s)
union all select c.reference from carrier_claims c join fulfilments f on f.merchant_id = %(m)s and f.id = c.fulfilment_id
          where c.merchant_id = %(m)s and f.order_id = any(%(orders)s)
union all select reference from payments where merchant_id = %(m)s and order_id = any(%(orders)s)
union all select reference from returns where merchant_id = %(m)s and order_id = any(%(orders)s)
union all select reference from warranty_claims where merchant_id = %(m)s and order_id = any(%(orders)s)
union all select reference from tickets where merchant_id = %(m)s and (customer_id = any(%(people)s) or order_id = any(%(orders)s))
"""
_AUDITED = """
update audit_payloads set arguments = '{}' where merchant_id = %(m)s and subjects && %(named)s::text[] and arguments <> '{}'
returning id, null as reference
"""
_SEARCHED = """
select c.relname as name from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and c.relname <> all(%(not_searched)s)
  and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'merchant_id' and not a.attisdropped)
order by c.relname
"""
_SEARCH = "select id, null as reference from erase_words(%(table)s, %(pattern)s) as id"
# What a turn that waits remembers, but for the one that waits for this very call: it begins anew, and from what is left of it.
_REMEMBER = """
select distinct thread_id as name from (
    select thread_id, checkpoint::text || metadata::text as said, null::bytea as kept from lg.checkpoints
    union all select thread_id, null, blob from lg.checkpoint_blobs
    union all select thread_id, null, blob from lg.checkpoint_writes
) rows
where thread_id like %(m)s::text || ':%%' and thread_id <> all(%(own)s)
  and (said ~* %(pattern)s or exists (select from unnest(%(bytes)s::bytea[]) as word where position(word in kept) > 0))
"""
_KEEPS_TURNS = "select 'lg' as name where to_regclass('lg.checkpoint_writes') is not null"
_OWN_TURN = (
    "select merchant_id::text || ':' || turn_id::text as name from approvals where merchant_id = %s and reference = %s"
)


@tool(
    room="customers",
    route="DELETE /customers/{customer}",
    effect=Effect.personal,
    permission="customers:erase",
    heavy=True,
    raises=[OpenOrdersNeedAddress, CustomerErased],
    examples=["Erase CUS-1001, she asked to be forgotten", "Delete all personal data of ana@example.com"],
)
async def erase_customer(ctx: Context, args: EraseCustomer) -> ErasedCustomer:
    """Erase a person from everywhere, as the law asks; accounting keeps figures.

    Names, e-mails, phones, addresses, consents, contacts and notes are gone from every table, from audit, conversations and the
    outbox, too. Orders, payments and points stay, and are of nobody. It cannot be undone. Refused while open orders need the
    address, unless told `anyway`.
    """
    customer = await find_customer(ctx, args.customer, by_name=False)
    people = await ctx.sql.rows(_LOCK, {"m": ctx.merchant.id, "c": customer.id}, as_=_Person)
    await ctx.db.refresh(customer)
    if customer.status is CustomerStatus.erased:
        raise CustomerErased(f"{customer.reference} was erased already.")
    params: dict[str, Any] = {
        "m": ctx.merchant.id, "people": [person.id for person in people], "now": ctx.now(), "erased": ERASED,
        "erased_key": fold(ERASED),
    }  # fmt: skip
    orders = await ctx.sql.rows(_ORDERS, params, as_=_Order)
    undeliverable = [order.reference for order in orders if order.open]
    if undeliverable and not args.anyway:
        raise OpenOrdersNeedAddress(
            f"{words.listed(undeliverable)} of {customer.reference} {words.are(len(undeliverable))} open, and "
            f"{'needs' if len(undeliverable) == 1 else 'need'} the address.",
            orders=undeliverable,
        )

    params["orders"] = [order.id for order in orders]
    terms = terms_of(await ctx.sql.rows(_SAID, params, as_=Said))
    ctx.tell(f"{customer.name} ({customer.reference}) is forgotten, everywhere and for good.")
    ctx.move(customer, CustomerStatus.erased)
    await ctx.sql.flush()
    gone = {table: await _take(ctx, table, statement, params) for table, statement in _THEIRS.items()}
    addresses = [row.reference for row in gone["addresses"] if row.reference]
    named = [*(person.reference for person in people), *addresses, *(order.reference for order in orders)]
    named += [row.name for row in await ctx.sql.rows(_NAMED, params, as_=_Named)]
    records = await _search(ctx, terms, named)
    await ctx.db.refresh(customer)

    ctx.audited = args.model_copy(update={"customer": customer.reference})
    _tell(ctx, gone, undeliverable)
    return ErasedCustomer(
        customer=customer.reference, merged=[person.reference for person in people if person.id != customer.id],
        addresses=len(gone["addresses"]), contacts=len(gone["interactions"]), consents=len(gone["consents"]),
        orders_kept=len(orders), records=records, undeliverable=undeliverable,
    )  # fmt: skip


async def _take(ctx: Context, table: str, statement: str, params: Mapping[str, Any]) -> list[_Row]:
    """Take what is theirs out of a table; what it was stands on no card."""
    rows = await ctx.sql.rows(statement, params, as_=_Row)
    if table in _NOTED:
        ctx.changes.erased(table, [row.id for row in rows if row.id])
        return rows
    for row in rows:
        named = {"reference": row.reference} if row.reference else {}
        assert row.id is not None
        if table in _DELETED:
            ctx.changes.deleted(table, row.id, named)
        else:
            ctx.changes.updated(table, row.id, named, {"personal_data": ERASED})
    return rows


async def _search(ctx: Context, terms: list[Term], named: list[str]) -> int:
    """Take the person out of whatever else speaks of them; returns how many rows did."""
    found = {"audit_payloads": await ctx.sql.rows(_AUDITED, {"m": ctx.merchant.id, "named": named}, as_=_Row)}
    pattern = pattern_of(terms)
    searched = await ctx.sql.rows(_SEARCHED, {"not_searched": list(NOT_SEARCHED)}, as_=_Named) if pattern else []
    for table in searched:
        rows = await ctx.sql.rows(_SEARCH, {"table": table.name, "pattern": pattern}, as_=_Row)
        found[table.name] = [*found.get(table.name, []), *rows]
    for table, rows in found.items():
        ctx.changes.erased(table, {row.id for row in rows if row.id})
    if pattern:
        await _forget_what_turns_remember(ctx, terms, pattern)
    return sum(len({row.id for row in rows if row.id}) + sum(row.id is None for row in rows) for rows in found.values())


async def _forget_what_turns_remember(ctx: Context, terms: list[Term], pattern: str) -> None:
    if not await ctx.sql.rows(_KEEPS_TURNS, as_=_Named):
        return  # no conversation was ever served from this database
    own: list[_Named] = []
    if ctx.approval:
        own = await ctx.sql.rows(_OWN_TURN, (ctx.merchant.id, ctx.approval.reference), as_=_Named)
    params = {
        "m": ctx.merchant.id, "own": [row.name for row in own if row.name], "pattern": pattern,
        "bytes": [term.text.encode() for term in terms],
    }  # fmt: skip
    threads = [row.name for row in await ctx.sql.rows(_REMEMBER, params, as_=_Named)]
    for table in ("checkpoint_writes", "checkpoint_blobs", "checkpoints"):
        await ctx.sql.execute(f"delete from lg.{table} where thread_id = any(%s)", (threads,))


def _tell(ctx: Context, gone: Mapping[str, list[_Row]], undeliverable: list[str]) -> None:
    taken = [
        words.count(len(gone[table]), one, many)
        for table, one, many in (
            ("addresses", "address", "addresses"),
            ("interactions", "contact", "contacts"),
            ("consents", "consent", "consents"),
        )
        if gone[table]
    ]
    if taken:
        ctx.tell(f"Gone with them: {words.listed(taken)}.")
    if gone["orders"]:
        ctx.tell(f"{words.count(len(gone['orders']), 'order')} for accounting, with amounts, and of nobody.")
    if undeliverable:
        ctx.tell(f"{words.listed(undeliverable)} cannot be delivered any more: the address is gone.")
    ctx.tell("It cannot be undone.")
