"""Two customers turn out to be one: everything goes to the one who stays, and the other's names lead there for ever."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import Field

from db.models.customers import Address, Consent, ConsentChannel, Customer, CustomerStatus, LoyaltyReason
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, RowLocked
from tools.contract.fields import CustomerRef
from tools.customers.addresses import CustomerErased, addresses_of
from tools.customers.consents import NAMED
from tools.customers.loyalty import SPENT, give_points
from tools.rules.lookup import find_customer
from tools.rules.tags import retagged

FILLED = ("phone", "first_name", "last_name", "company", "tax_number", "locale", "customer_group")
LONGEST_NOTE = 4_000


class SameCustomer(Conflict):
    """Both names are one customer's already."""

    hint = "Name two customers; the one who was merged earlier is the other now."


class MergeCustomers(Input):
    customer: CustomerRef = Field(description="The customer who stays: `CUS-1001`, or the e-mail address.")
    duplicate: CustomerRef = Field(description="The one who is the same person, and becomes part of that customer.")


class MergedCustomers(Result):
    """What went from one customer to the other."""

    customer: str = Field(description="The customer who stayed.")
    duplicate: str = Field(description="The one whose reference leads there from now on.")
    orders: int = Field(description="Orders that are theirs now.")
    addresses: int = Field(description="Addresses that are theirs now.")
    interactions: int = Field(description="Calls, letters and messages that are theirs now.")
    points: int = Field(description="Loyalty points that are theirs now.")
    no_longer_agrees: list[ConsentChannel] = Field(
        description="Channels of marketing that one of both had refused, and that are refused for both now."
    )
    tags: list[str] = Field(description="Tags that they have now.")
    version: int = Field(description="Grows with each change.")


class _Moved(NamedTuple):
    id: UUID
    reference: str | None


class _Said(NamedTuple):
    customer_id: UUID
    channel: ConsentChannel
    granted: bool


class _Points(NamedTuple):
    earned: int
    spent: int


_LOCK = "select id, reference from customers where merchant_id = %(m)s and id = any(%(both)s) order by id for update"
_MOVE = {
    "orders": """
        update orders set customer_id = %(to)s, version = version + 1, updated_at = %(now)s
        where merchant_id = %(m)s and customer_id = %(from)s returning id, reference""",
    "returns": """
        update returns set customer_id = %(to)s, version = version + 1, updated_at = %(now)s
        where merchant_id = %(m)s and customer_id = %(from)s returning id, reference""",
    "tickets": """
        update tickets set customer_id = %(to)s, version = version + 1, updated_at = %(now)s
        where merchant_id = %(m)s and customer_id = %(from)s returning id, reference""",
    "warranty_claims": """
        update warranty_claims set customer_id = %(to)s, version = version + 1, updated_at = %(now)s
        where merchant_id = %(m)s and customer_id = %(from)s returning id, reference""",
    "surveys": """
        update surveys set customer_id = %(to)s where merchant_id = %(m)s and customer_id = %(from)s
        returning id, null as reference""",
    "promotion_uses": """
        update promotion_uses set customer_id = %(to)s
        where merchant_id = %(m)s and customer_id = %(from)s and order_id in (
            select id from orders where merchant_id = %(m)s and customer_id = any(%(both)s))
        returning id, null as reference""",
    "interactions": """
        update interactions set customer_id = %(to)s where merchant_id = %(m)s and customer_id = %(from)s
        returning id, null as reference""",
    "saved_methods": """
        update saved_methods set customer_id = %(to)s where merchant_id = %(m)s and customer_id = %(from)s
        returning id, null as reference""",
    "consents": """
        update consents set customer_id = %(to)s where merchant_id = %(m)s and customer_id = %(from)s
        returning id, null as reference""",
}
# Whoever was merged into the one who goes leads to the one who stays at once: one step is always enough.
_FOLLOW = """
update customers set merged_into_id = %(to)s, version = version + 1, updated_at = %(now)s
where merchant_id = %(m)s and merged_into_id = %(from)s returning id, reference
"""
_SAID = """
select distinct on (customer_id, channel) customer_id, channel, granted from consents
where merchant_id = %(m)s and customer_id = any(%(both)s) order by customer_id, channel, occurred_at desc, id desc
"""
_POINTS = """
select coalesce(sum(points) filter (where reason <> all(%(spent)s)), 0)::int as earned,
       coalesce(sum(points) filter (where reason = any(%(spent)s)), 0)::int as spent
from loyalty_entries where merchant_id = %(m)s and customer_id = %(from)s
"""


@tool(
    room="customers",
    route="POST /customers/{customer}/merge",
    effect=Effect.personal,
    permission="customers:merge",
    raises=[SameCustomer, CustomerErased],
    examples=["Merge CUS-1207 into CUS-1001, it is the same person", "CUS-1300 and CUS-1002 are one, keep CUS-1002"],
)
async def merge_customers(ctx: Context, args: MergeCustomers) -> MergedCustomers:
    """Make two customers one: orders, addresses, points, consents, contacts and tags.

    What the one who stays has is kept, what they lack is filled in. The other's reference and e-mail lead to them from then on. Of
    consents the stricter word counts: a channel that one of both refused is refused. It cannot be undone.
    """
    kept, gone = await _both(ctx, args)
    ctx.tell(
        f"{gone.name} ({gone.reference}) becomes part of {kept.name} ({kept.reference}), and leads there from now on."
    )
    params = {
        "m": ctx.merchant.id, "from": gone.id, "to": kept.id, "both": [kept.id, gone.id], "now": ctx.now(),
        "spent": [reason.value for reason in SPENT],
    }  # fmt: skip
    refused = await _refused(ctx, params)
    addresses = await _move_addresses(ctx, kept, gone)
    points = await _move_points(ctx, kept, gone, params)
    await _become_one(ctx, kept, gone)
    await ctx.sql.flush()
    moved = {table: await _move(ctx, table, statement, params) for table, statement in _MOVE.items()}
    for row in await ctx.sql.rows(_FOLLOW, params, as_=_Moved):
        before = {"reference": row.reference, "merged_into_id": gone.id}
        ctx.changes.updated("customers", row.id, before, {"merged_into_id": kept.id})
    withdrawn = _take_back(ctx, kept, gone, refused)

    _tell(ctx, kept, moved, addresses, points, withdrawn)
    return MergedCustomers(
        customer=kept.reference, duplicate=gone.reference, orders=moved["orders"], addresses=addresses,
        interactions=moved["interactions"], points=points, no_longer_agrees=withdrawn, tags=kept.tags, version=kept.version,
    )  # fmt: skip


async def _both(ctx: Context, args: MergeCustomers) -> tuple[Customer, Customer]:
    """Who stays and who goes, locked in the order of their ids, so that nobody gets an order or a point meanwhile."""
    kept = await find_customer(ctx, args.customer, by_name=False)
    gone = await find_customer(ctx, args.duplicate, by_name=False)
    if kept is gone:
        raise SameCustomer(f"{args.customer} and {args.duplicate} are {kept.reference}, both of them.")
    await ctx.sql.rows(_LOCK, {"m": ctx.merchant.id, "both": [kept.id, gone.id]}, as_=_Moved)
    for customer in (kept, gone):
        await ctx.db.refresh(customer)
        if customer.status is CustomerStatus.erased:
            raise CustomerErased(f"{customer.reference} was erased.")
        if customer.status is CustomerStatus.merged:
            raise RowLocked(f"{customer.reference} was merged with somebody in this very moment.")
    return kept, gone


async def _move(ctx: Context, table: str, statement: str, params: Mapping[str, Any]) -> int:
    rows = await ctx.sql.rows(statement, params, as_=_Moved)
    for row in rows:
        named = {"reference": row.reference} if row.reference else {}
        ctx.changes.updated(table, row.id, named | {"customer_id": params["from"]}, {"customer_id": params["to"]})
    return len(rows)


async def _refused(ctx: Context, params: Mapping[str, Any]) -> list[ConsentChannel]:
    """The channels that one of both agrees to now, and the other refuses."""
    said = await ctx.sql.rows(_SAID, params, as_=_Said)
    agreed = {ConsentChannel(row.channel) for row in said if row.granted}
    return sorted(agreed & {ConsentChannel(row.channel) for row in said if not row.granted})


def _take_back(ctx: Context, kept: Customer, gone: Customer, refused: list[ConsentChannel]) -> list[ConsentChannel]:
    """A last word, by which what one of both had refused is refused."""
    for channel in refused:
        proof = {"source": "merge", "reference": gone.reference}
        ctx.new(Consent, customer_id=kept.id, channel=channel, granted=False, proof=proof, occurred_at=ctx.now())
        ctx.event("consent_withdrawn", kept, channel=channel)
    return refused


async def _move_addresses(ctx: Context, kept: Customer, gone: Customer) -> int:
    """All of them; they are defaults only where there is no other."""
    theirs, others = await addresses_of(ctx, kept), await addresses_of(ctx, gone)
    for address in others:
        shipping = address.is_default_shipping and not _has(theirs, "is_default_shipping")
        billing = address.is_default_billing and not _has(theirs, "is_default_billing")
        ctx.edit(address, None, customer_id=kept.id, is_default_shipping=shipping, is_default_billing=billing)
    return len(others)


def _has(addresses: list[Address], default: str) -> bool:
    return any(getattr(address, default) for address in addresses)


async def _move_points(ctx: Context, kept: Customer, gone: Customer, params: Mapping[str, Any]) -> int:
    """What was earned and what was spent, each by an entry of both ledgers: the tier goes by the first alone."""
    (points,) = await ctx.sql.rows(_POINTS, params, as_=_Points)
    entries = [(points.earned, LoyaltyReason.merge), (points.spent, LoyaltyReason.redemption)]
    for much, reason in sorted(entries, reverse=True):
        if much:
            await give_points(ctx, kept, much, reason, note=f"Of {gone.reference}")
    for much, reason in sorted(entries):
        if much:
            await give_points(ctx, gone, -much, reason, note=f"To {kept.reference}")
    return points.earned + points.spent


async def _become_one(ctx: Context, kept: Customer, gone: Customer) -> None:
    """What the one who stays lacks is filled in; a block holds for both."""
    filled: dict[str, Any] = {name: getattr(gone, name) for name in FILLED if not getattr(kept, name)}
    filled["tags"] = retagged(kept.tags, gone.tags, [])
    notes = dict.fromkeys(note for note in (kept.note, gone.note) if note)
    filled["note"] = "\n".join(notes)[:LONGEST_NOTE] or None
    if gone.email and not kept.email:
        filled |= {"email": gone.email, "email_key": gone.email_key}
        gone.email = gone.email_key = None
    status = gone.status
    ctx.edit(gone, None, merged_into_id=kept.id)
    ctx.move(gone, CustomerStatus.merged, into=kept.reference)
    await ctx.sql.flush()  # before the e-mail is somebody else's
    ctx.edit(kept, None, **filled)
    ctx.event("merged_with", kept, duplicate=gone.reference)
    came = status is CustomerStatus.active and kept.status is CustomerStatus.prospect
    if came or (status is CustomerStatus.blocked and kept.status is not CustomerStatus.blocked):
        ctx.move(kept, status)
        ctx.tell(f"{kept.reference} is {status} from now on.")


def _tell(
    ctx: Context, kept: Customer, moved: Mapping[str, int], addresses: int, points: int, withdrawn: list[ConsentChannel]
) -> None:
    goes = [
        words.count(number, one, many)
        for number, one, many in (
            (moved["orders"], "order", "orders"),
            (addresses, "address", "addresses"),
            (moved["interactions"], "contact", "contacts"),
            (points, "loyalty point", "loyalty points"),
        )
        if number
    ]
    if goes:
        ctx.tell(f"With them: {words.listed(goes)}.")
    if withdrawn:
        channels = words.listed(NAMED[channel] for channel in withdrawn)
        ctx.tell(f"{kept.reference} does not agree to marketing by {channels} any more: one of both had refused it.")
    ctx.tell("It cannot be undone.")
