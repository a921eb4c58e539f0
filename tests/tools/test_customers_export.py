"""A person gets all that is held about them, and nothing that is held about others."""

import uuid
from collections.abc import Iterable
from typing import Any

import orjson
import psycopg
import pytest

from tests import outside
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_order, make_variant, warehouse_of
from tests.tools.till import writing
from tools.contract.call import call
from tools.customers import export
from tools.customers.consents import set_consent
from tools.customers.export import export_customer_data
from tools.customers.interactions import log_interaction
from tools.customers.loyalty import adjust_loyalty_points
from tools.customers.profiles import create_customer
from tools.flows.create_order import create_order
from tools.flows.merge_customers import merge_customers
from tools.orders.history import add_order_note
from tools.orders.holds import hold_order
from tools.payments.credit import issue_store_credit

HOME = {"line1": "5 rue des Lilas", "city": "Lyon", "postcode": "69001", "country": "FR"}
THEIRS = (
    "customers",
    "addresses",
    "consents",
    "interactions",
    "loyalty_entries",
    "orders",
    "order_notes",
    "order_holds",
)
# The same again, to be searched by.
KEYS = {
    "words_key",
    "name_key",
    "email_key",
    "ship_city",
    "ship_region",
    "ship_postcode",
}


async def document(mine: NewShop, customer: str) -> dict[str, Any]:
    """The file, as the person gets it."""
    made = (await call(mine.shop, export_customer_data, {"customer": customer}, mine.caller("owner"))).result
    assert made is not None
    return orjson.loads(b"".join([piece async for piece in made.stream(mine.shop, mine.id)]))


async def test_a_person_gets_all_that_outsiders_columns_hold_of_them(mine: NewShop, do: Do, owner_url: str) -> None:
    """Each column that they may have written in, of each row that is theirs, is in the export: a new column has to come, too."""
    async with writing(mine) as sql:
        make_variant(sql, "MUG-BLUE", stock=10, warehouse=await warehouse_of(sql))
    home = {**HOME, "label": "Home", "company": "Chez Paul", "line2": "2nd floor", "region": "69"}
    ana = await do(
        create_customer, name="Ana Torres", first_name="Ana", last_name="Torres", email="ana@example.com", phone="0612345678",
        company="Torres SARL", tax_number="FR123", locale="fr-FR", note="Rings twice.", source="amazon",
        external_reference="buyer-7", address=home,
    )  # fmt: skip
    again = await do(create_customer, name="A. Torres")
    await do(merge_customers, customer=ana.reference, duplicate=again.reference)
    order = await do(
        create_order, customer=ana.reference, lines=[{"sku": "MUG-BLUE", "quantity": 2}], note="By the door."
    )
    await do(add_order_note, order=order.reference, text="Gift wrapping")
    await do(set_consent, customer=ana.reference, channel="email", granted=True, source="form", wording="Yes please")
    await do(log_interaction, customer=ana.reference, subject="Asked for an invoice", summary="Sent by mail")
    await do(adjust_loyalty_points, customer=ana.reference, points=10, note="A birthday")
    await do(hold_order, order=order.reference, reason="address_check", note="Is there a 2nd floor?")
    await do(issue_store_credit, customer=ana.reference, amount=500)

    exported = await document(mine, "ana@example.com")

    assert exported["former_references"] == [again.reference]
    assert [(line["sku"], line["quantity"]) for line in exported["orders"][0]["lines"]] == [("MUG-BLUE", 2)]
    assert [one.split(", ", 1)[1] for one in exported["credit"]] == ["500 EUR, goodwill"]
    assert exported["saved_methods"] == ["store_credit, 500 EUR"]
    held = [value for value in _held(owner_url, mine.id) if value not in ("", "A. Torres")]
    assert len(held) > 20
    assert [value for value in held if value not in _texts(exported)] == []


def _held(owner_url: str, merchant: uuid.UUID) -> set[str]:
    """The texts in all columns that outsiders reach, of the rows that are a customer's."""
    texts: set[str] = set()
    with psycopg.connect(owner_url) as owner:
        for (table, column), of in outside.text_columns().items():
            if (
                table in THEIRS
                and outside.classes_of(table, column) == ["outside"]
                and column not in KEYS
                and not of.computed
            ):
                rows = owner.execute(f"select {column} from {table} where merchant_id = %s".encode(), (merchant,))
                texts |= {text for (value,) in rows for text in _texts(value)}
    return texts - {"Owner"}  # the colleague who wrote the note


def _texts(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set[str]().union(*map(_texts, inner))


async def test_what_they_ordered_as_a_guest_is_theirs_too(mine: NewShop, do: Do) -> None:
    async with writing(mine) as sql:
        make_variant(sql, "MUG-BLUE", stock=10, warehouse=await warehouse_of(sql))
    wish = {"lines": [{"sku": "MUG-BLUE", "quantity": 1}], "shipping_address": HOME, "name": "A. T."}
    as_a_guest = await do(create_order, **wish, email="Ána_T@example.com")
    await do(create_order, **wish, email="anast@example.com")
    ana = await do(create_customer, name="Ana Torres", email="ána_t@example.com")

    exported = await document(mine, ana.reference)

    assert [order["reference"] for order in exported["orders"]] == [as_a_guest.reference]


async def test_it_is_a_file_of_theirs_alone_read_piece_by_piece(
    mine: NewShop, do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 2)
    async with writing(mine) as sql:
        ana, paul = make_customer(sql, "Ana Torres"), make_customer(sql, "Paul Martin")
        orders = [make_order(sql, customer=ana).reference for _ in range(4)]
        make_order(sql, customer=paul)

    file = await do(export_customer_data, customer=ana.reference)
    data = await document(mine, ana.reference)
    his = await document(mine, paul.reference)

    assert (file.name, file.media_type) == (f"{ana.reference}-data.json", "application/json")
    assert file.link.endswith(f"/api/v1/customers/{ana.reference}/export")
    assert sorted(order["reference"] for order in data["orders"]) == sorted(orders)
    assert "Paul" not in str(data)
    assert [len(his["orders"]), his["profile"]["name"]] == [1, "Paul Martin"]
