"""References: the short names by which people, models and programs call a row (`ORD-1042`).

A counter per merchant and kind gives the numbers; they may have gaps. `take` locks the counter's row until the commit,
so it belongs as late in a call as can be.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

_SHAPE = re.compile(r"^#?(?:([A-Za-z]{1,4})-)?(\d{1,12})$")


class Kind(StrEnum):
    """What a reference names, and its prefix."""

    order = "ORD"
    product = "PRD"
    variant = "VAR"
    customer = "CUS"
    address = "ADR"
    payment = "PAY"
    saved_method = "PM"
    dispute = "DSP"
    payout = "POT"
    payment_link = "LNK"
    shipment = "SHP"
    carrier = "CAR"
    pickup = "PKP"
    manifest = "MAN"
    carrier_claim = "CCL"
    return_ = "RMA"
    reservation = "RES"
    transfer = "TRF"
    warehouse = "WH"
    category = "CAT"
    price_change = "PCH"
    promotion = "PRO"
    supplier = "SUP"
    purchase_order = "PO"
    user = "USR"
    api_key = "KEY"
    approval = "APR"
    conversation = "CNV"
    tax_rate = "TAX"
    shipping_method = "SHM"
    file = "FILE"
    segment = "SEG"
    job = "JOB"
    intent = "INT"
    pick_list = "PCK"
    package = "PKG"
    stock_count = "CNT"
    ticket = "TCK"
    warranty_claim = "WAR"

    def reference(self, number: int) -> str:
        """The reference with that number: `Kind.order.reference(1042)` is ORD-1042."""
        return f"{self.value}-{number}"

    def canonical(self, text: str) -> str:
        """What was written, as it is stored: `ord-1042`, `#1042` and `1042` are ORD-1042; anything else stays as it is.

        A variant's bare number stays too: it may be its SKU.
        """
        written = text.strip()
        match = _SHAPE.match(written)
        if not match or (match[1] or self.value).upper() != self.value or (self is Kind.variant and not match[1]):
            return written
        return f"{self.value}-{int(match[2])}"


def oldest_first(references: Iterable[str]) -> list[str]:
    """References of one kind in the order in which they were given: `ORD-999` before `ORD-1000`."""
    return sorted(references, key=lambda reference: (len(reference), reference))


def kind_of(text: str) -> Kind | None:
    """The kind whose references look like this text: `ord-1042` looks like an order's, and a bare number like nobody's."""
    match = _SHAPE.match(text.strip())
    prefix = (match[1] or "").upper() if match else ""
    return Kind(prefix) if prefix in set(Kind) else None


# The tables whose rows have references.
TABLES = {
    "orders": Kind.order,
    "products": Kind.product,
    "variants": Kind.variant,
    "customers": Kind.customer,
    "addresses": Kind.address,
    "payments": Kind.payment,
    "saved_methods": Kind.saved_method,
    "disputes": Kind.dispute,
    "payouts": Kind.payout,
    "payment_links": Kind.payment_link,
    "fulfilments": Kind.shipment,
    "carriers": Kind.carrier,
    "pickups": Kind.pickup,
    "manifests": Kind.manifest,
    "carrier_claims": Kind.carrier_claim,
    "returns": Kind.return_,
    "reservations": Kind.reservation,
    "transfers": Kind.transfer,
    "warehouses": Kind.warehouse,
    "categories": Kind.category,
    "price_changes": Kind.price_change,
    "promotions": Kind.promotion,
    "suppliers": Kind.supplier,
    "purchase_orders": Kind.purchase_order,
    "memberships": Kind.user,
    "api_keys": Kind.api_key,
    "approvals": Kind.approval,
    "conversations": Kind.conversation,
    "tax_rates": Kind.tax_rate,
    "shipping_methods": Kind.shipping_method,
    "files": Kind.file,
    "segments": Kind.segment,
    "jobs": Kind.job,
    "intents": Kind.intent,
    "pick_lists": Kind.pick_list,
    "packages": Kind.package,
    "stock_counts": Kind.stock_count,
    "tickets": Kind.ticket,
    "warranty_claims": Kind.warranty_claim,
}


# The next of several kinds at once, their counters locked in the order in which they are named.
TAKE_EACH = """
insert into counters as c (merchant_id, id, name, value, created_at)
select %(merchant)s, k.id, k.name, 1001, %(now)s
from unnest(%(ids)s::uuid[], %(names)s::text[]) with ordinality as k(id, name, place) order by k.place
on conflict (merchant_id, name) do update set value = c.value + 1
returning name, value
"""
# One row of `counters` for each merchant and kind; it starts at 1000, so that the first order is ORD-1001.
TAKE = """
insert into counters as c (merchant_id, id, name, value, created_at)
values (%(merchant)s, %(id)s, %(name)s, 1000 + %(count)s, %(now)s)
on conflict (merchant_id, name) do update set value = c.value + %(count)s
returning value
"""
