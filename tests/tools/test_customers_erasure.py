"""The law's erasure: afterwards nothing in the whole database knows the person, and accounting is as it was."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql as psql
from psycopg.types.json import Jsonb
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import JSONB

from db.models.orders import OrderStatus
from db.models.payments import SavedMethod
from orchestrator.approvals import carry_out
from tests import outside
from tests.carriers import sold, with_carriers
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_order, make_saved_card, make_variant, number, warehouse_of
from tests.tools.misfits import misfits
from tests.tools.till import writing
from tools import registry
from tools.after_sales.surveys import submit_survey
from tools.after_sales.tickets import close_ticket, open_ticket, reply_to_ticket
from tools.backoffice.approvals import decide_approval
from tools.contract.actors import Door, Hand
from tools.contract.call import Shop, call
from tools.contract.errors import NotFound
from tools.customers.addresses import CustomerErased, add_address
from tools.customers.consents import set_consent
from tools.customers.export import export_customer_data
from tools.customers.interactions import list_interactions, log_interaction
from tools.customers.listing import list_customers
from tools.customers.loyalty import adjust_loyalty_points, get_loyalty
from tools.customers.notifications import notify_customer
from tools.customers.profiles import create_customer, get_customer, update_customer
from tools.customers.segments import create_segment
from tools.flows.cancel_order import cancel_order
from tools.flows.create_order import create_order
from tools.flows.erase_customer import NOT_SEARCHED, OpenOrdersNeedAddress, erase_customer
from tools.flows.merge_customers import merge_customers
from tools.flows.record_tracking import record_tracking_event
from tools.flows.ship_order import create_shipment
from tools.orders.detail import get_order
from tools.orders.history import add_order_note
from tools.orders.reports import sales_report
from tools.rules.person import Said, pattern_of, terms_of
from tools.transport.claims import open_carrier_claim
from tools.transport.tracking import track_shipment


class Person:
    """Somebody of a name that nobody else in the database has."""

    def __init__(self) -> None:
        tag = "".join(chr(ord("k") + int(digit)) for digit in str(number()))
        self.name = f"Hélène O'Connor-Ruß{tag}"
        self.email = f"Helene.{tag}@example.com"
        self.second = f"ho.{tag}@example.org"
        self.street = f"5 rue {tag}"
        self.home = {"line1": self.street, "city": "Lyon", "postcode": "69001", "country": "FR"}
        digits = f"6{number():08}"
        self.phone = f"+33 {digits}"
        local = f"{digits[:3]} {digits[3:]}"
        self.words = f"{self.name}, {self.email}, 0{local}, {self.street}"
        self.known_by = (
            self.name,
            f"helene o'connor-russ{tag}",
            self.email,
            self.second,
            digits,
            local,
            tag,
        )


LINES = [{"sku": "MUG-BLUE", "quantity": 1}]


def found_in_the_database(owner_url: str, merchant: uuid.UUID, words: tuple[str, ...]) -> list[str]:
    """The columns of any table that have one of the words: text, JSON, lists and bytes, as the live catalogue lists them.

    Looked through is every row but those that belong to another merchant.
    """
    with psycopg.connect(owner_url) as owner:
        return [
            f"{schema}.{table}.{column}"
            for schema, table, column, kind, owned in _columns(owner)
            if owner.execute(
                _LOOK[kind == "bytea"].format(
                    psql.Identifier(schema, table), psql.Identifier(column), _OWN if owned else psql.SQL("true")
                ),
                {"words": list(words), "merchant": merchant},
            ).fetchone()
            != (0,)
        ]


_OWN = psql.SQL("(merchant_id = %(merchant)s or merchant_id is null)")
_LOOK = (
    psql.SQL(
        "select count(*) from {0} where {2} and {1}::text ilike any(select '%%' || w || '%%' from unnest(%(words)s::text[]) w)"
    ),
    psql.SQL(
        "select count(*) from {0} where {2}"
        " and exists (select from unnest(%(words)s::text[]) w where position(convert_to(w, 'UTF8') in {1}) > 0)"
    ),
)


def _columns(owner: psycopg.Connection[Any]) -> Iterator[tuple[str, str, str, str, bool]]:
    yield from owner.execute(
        """
        select n.nspname, c.relname, a.attname, format_type(a.atttypid, null),
               exists (select from pg_attribute m where m.attrelid = c.oid and m.attname = 'merchant_id' and not m.attisdropped)
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped and n.nspname in ('public', 'lg', 'jobs')
          and format_type(a.atttypid, null) in ('text', 'text[]', 'character varying', 'jsonb', 'json', 'bytea')
        """
    )


@pytest.fixture
def she() -> Person:
    return Person()


@pytest.fixture
async def helene(mine: NewShop, do: Do, she: Person, owner_url: str) -> str:
    """A customer of many years, who has left her name everywhere; returns her reference."""
    async with writing(mine) as sql:
        make_variant(sql, "MUG-BLUE", stock=100, warehouse=await warehouse_of(sql))
    made = await do(
        create_customer, name=she.name, first_name="Hélène", last_name=she.name.split()[1], email=she.email, phone=she.phone,
        note="Rings twice.", address=she.home, tags=[she.name], company=f"Chez {she.name}",
    )  # fmt: skip
    again = await do(create_customer, name="H. O'Connor", email=she.second, address=she.home)
    for buyer in (made.reference, again.reference):
        order = await do(create_order, customer=buyer, lines=LINES, note=f"For {she.name}")
        await do(add_order_note, order=order.reference, text=f"{she.name} called: {she.words}")
        await do(cancel_order, order=order.reference, note=f"Said {she.name}")
    await do(merge_customers, customer=made.reference, duplicate=she.second)
    await do(log_interaction, customer=she.email, subject=she.words, summary=she.words)
    await do(adjust_loyalty_points, customer=made.reference, points=70, note=she.words)
    ticket = await do(open_ticket, customer=made.reference, subject=she.name, text=she.words)
    await do(reply_to_ticket, ticket=ticket.reference, text=f"Dear {she.name}")
    await do(close_ticket, ticket=ticket.reference, resolution=she.words)
    await do(submit_survey, customer=made.reference, score=2, comment=she.words)
    await do(set_consent, customer=made.reference, channel="email", granted=True, source="form", wording=she.words)
    await do(
        notify_customer, customer=made.reference, template="news", fields={"subject": she.name, "message": "Hello"}
    )
    await do(update_customer, customer=she.second, tax_number="FR 12 345 678 901")
    await do(create_segment, name="Her", filter=f'email = "{she.email}"')
    model = replace(mine.caller("owner", door=Door.chat, hand=Hand.model), tainted=True)
    said = {"customer": she.email, "note": she.words}
    await call(mine.shop, update_customer, said, model, key=uuid.uuid4().hex)  # a card that waits
    _converse(owner_url, mine.id, she)
    _plant(owner_url, mine.id, she)
    return made.reference


def _converse(owner_url: str, merchant: uuid.UUID, she: Person) -> None:
    """A conversation about her, with a turn that waits and what it remembers; an intent; and a line of the access log."""
    with psycopg.connect(owner_url) as owner:
        ids: dict[str, Any] = {
            "m": merchant,
            "c": uuid.uuid4(),
            "t": uuid.uuid4(),
            "w": she.words,
            "j": Jsonb({she.name: [she.words]}),
        }
        owner.execute(
            """
            insert into conversations (merchant_id, id, reference, owner, title, created_at)
            values (%(m)s, %(c)s, 'CNV-1', 'USR-1', %(w)s, now());
            """,
            ids,
        )
        owner.execute(
            """
            insert into turns (merchant_id, id, conversation_id, status, key, request, caller, durability, usage, created_at)
            values (%(m)s, %(t)s, %(c)s, 'finished', 'one', %(w)s, '{}', 'sync', '{}', now())
            """,
            ids,
        )
        for statement in (
            "insert into messages (merchant_id, id, conversation_id, turn_id, role, text, data, created_at)"
            " values (%(m)s, gen_random_uuid(), %(c)s, %(t)s, 'person', %(w)s, %(j)s, now())",
            "insert into turn_events (merchant_id, id, turn_id, number, kind, data, created_at)"
            " values (%(m)s, gen_random_uuid(), %(t)s, 1, 'tool', %(j)s, now())",
            "insert into access_log (merchant_id, id, kind, actor, door, tool, detail, created_at)"
            " values (%(m)s, gen_random_uuid(), 'disclosed', 'USR-1', 'rest', 'get_customer', %(j)s, now())",
            "insert into intents (merchant_id, id, reference, status, kind, subject_kind, subject_id, arguments, ledger_key,"
            " attempts, created_at) values (%(m)s, gen_random_uuid(), 'INT-1', 'pending', 'refund', 'payment',"
            " gen_random_uuid(), %(j)s, 'k', 0, now())",
            "insert into lg.checkpoints (thread_id, checkpoint_id, checkpoint, metadata)"
            " values (%(m)s::text || ':' || %(t)s::text, '1', '{}', %(j)s)",
            "insert into lg.checkpoint_blobs (thread_id, channel, version, type, blob)"
            " values (%(m)s::text || ':' || %(t)s::text, 'made', '1', 'msgpack', convert_to(%(w)s, 'UTF8'))",
        ):
            owner.execute(statement.encode(), ids)


def _plant(owner_url: str, merchant: uuid.UUID, she: Person) -> None:
    """Her words in every column that outsiders reach, of every row of the shop; what is found by its keys has its own already."""
    with psycopg.connect(owner_url) as owner:
        for (table, column), of in outside.text_columns().items():
            searched = outside.classes_of(table, column) == ["outside"] and table not in NOT_SEARCHED
            if not searched or of.computed is not None or column == "external_reference":
                continue
            is_json = isinstance(of.type, JSONB)
            added = Jsonb({"said": {she.name: [she.words]}}) if is_json else f" {she.words}"
            query = psql.SQL("update {0} set {1} = {1} || %s where merchant_id = %s and {1} is not null")
            owner.execute(query.format(psql.Identifier(table), psql.Identifier(column)), (added, merchant))


async def test_afterwards_nothing_in_the_whole_database_knows_the_person(
    mine: NewShop, do: Do, she: Person, helene: str, owner_url: str
) -> None:
    before = found_in_the_database(owner_url, mine.id, she.known_by)
    assert len(before) > 30  # the search finds what there is

    erased = await do(erase_customer, customer=she.email)

    assert found_in_the_database(owner_url, mine.id, she.known_by) == []
    assert (erased.customer, erased.addresses, erased.contacts, erased.orders_kept) == (helene, 2, 3, 2)
    assert erased.records > 20


async def test_what_carriers_said_of_a_parcel_goes_whatever_it_says(mine: NewShop, do: Do, owner_url: str) -> None:
    """Who took it, and where it was left: no search finds that, for none of it is the customer's own."""
    await with_carriers(mine)
    order = await sold(mine)
    (parcel, *_) = (await do(create_shipment, order=order)).shipments
    told = "Left with neighbour Krausewitz"
    scan = {"code": "delivered", "place": "Behind Krausewitz's shed", "description": told}
    await do(record_tracking_event, shipment=parcel.reference, **scan)
    await do(open_carrier_claim, shipment=parcel.reference, kind="damaged", note=told, evidence=["Krausewitz.jpg"])
    customer = (await do(get_order, order=order)).customer
    assert len(found_in_the_database(owner_url, mine.id, ("Krausewitz",))) >= 4

    await do(erase_customer, customer=customer, anyway=True)

    kept = ["public.idempotency_records.response"]  # what a call that is repeated is answered; for 30 days
    assert found_in_the_database(owner_url, mine.id, ("Krausewitz",)) == kept
    (last, *_) = (await do(track_shipment, shipment=parcel.reference)).events
    assert (last.code, last.place, last.description) == ("delivered", None, None)


async def test_ways_of_paying_that_were_kept_are_of_nobody(mine: NewShop, do: Do) -> None:
    async with writing(mine) as sql:
        ana = make_customer(sql, "Ana Torres", email="ana@example.com")
        await sql.session.flush()
        make_saved_card(sql, ana)
    file = await do(export_customer_data, customer=ana.reference)
    assert b"card, visa, 4242" in b"".join([piece async for piece in file.stream(mine.shop, mine.id)])

    await do(erase_customer, customer=ana.reference)

    async with writing(mine) as sql:
        (card,) = (await sql.session.scalars(select(SavedMethod).where(SavedMethod.merchant_id == mine.id))).all()
    assert (card.brand, card.last_four, card.source, card.external_reference) == (None, None, None, None)


async def test_accounting_is_as_it_was(mine: NewShop, do: Do, helene: str) -> None:
    sold = await do(create_order, customer=helene, lines=LINES, channel="store")
    before = await do(sales_report, group_by="city")

    await do(erase_customer, customer=helene, anyway=True)

    after = await do(sales_report, group_by="city")
    assert (after.totals, after.groups) == (before.totals, before.groups)
    gone = await do(get_customer, customer=helene)
    assert (gone.name, gone.email, gone.status, gone.orders, gone.addresses) == ("[erased]", None, "erased", 1, [])
    assert gone.open_orders[0].reference == sold.reference
    assert (await do(get_loyalty, customer=helene)).points == 70
    assert await misfits(mine) == {}


async def test_what_a_model_asks_for_is_forgotten_with_the_card_that_a_person_decided(
    mine: NewShop, shop: Shop, do: Do, she: Person, helene: str, owner_url: str
) -> None:
    """The card names the person, and is searched with the rest; what is noted of a person in the meantime makes no new card."""
    model = replace(mine.caller("owner", door=Door.chat, hand=Hand.model), tainted=True)
    asked = await call(shop, erase_customer, {"customer": she.email}, model, key="asked")
    assert asked.card
    assert asked.approval
    assert she.name in asked.card.sentences[0]
    await do(decide_approval, approval=asked.approval, decision="approve")
    await do(add_order_note, order="ORD-1001", text=f"{she.name} asks when it is done.")

    await carry_out(shop, registry.tools(), mine.id, asked.approval)

    assert (await do(get_customer, customer=helene)).status == "erased"
    assert found_in_the_database(owner_url, mine.id, she.known_by) == []


async def test_every_reference_stays_and_is_of_nobody(do: Do, she: Person, helene: str) -> None:
    erased = await do(erase_customer, customer=helene)

    (merged,) = erased.merged
    assert (await do(get_customer, customer=merged)).reference == helene
    assert (await do(list_customers, text=she.name)).data == []
    for name in (she.email, she.second):
        with pytest.raises(NotFound):
            await do(get_customer, customer=name)
    with pytest.raises(CustomerErased):
        await do(add_address, customer=helene, **she.home)
    with pytest.raises(CustomerErased, match="already"):
        await do(erase_customer, customer=merged)


async def test_open_orders_need_the_address_and_are_named(do: Do, she: Person, helene: str) -> None:
    order = await do(create_order, customer=helene, lines=LINES)

    with pytest.raises(OpenOrdersNeedAddress, match=order.reference) as refused:
        await do(erase_customer, customer=helene)
    assert refused.value.details["orders"] == [order.reference]
    assert (await do(get_customer, customer=helene)).name == she.name

    erased = await do(erase_customer, customer=helene, anyway=True)
    assert erased.undeliverable == [order.reference]


async def test_a_namesake_and_whoever_has_a_longer_address_keep_what_is_theirs(mine: NewShop, do: Do) -> None:
    async with writing(mine) as sql:
        ana = make_customer(sql, "Ana Torres", email="ana@example.com")
        namesake = make_customer(sql, "Ana Torres", email="mari.ana@example.com")
        make_order(sql, customer=ana, status=OrderStatus.completed)
        kept = make_order(sql, customer=namesake)
        await sql.execute("update orders set customer_name = 'Ana Torres' where merchant_id = %s", (mine.id,))
    await do(log_interaction, customer=namesake.reference, subject="Wrote from mari.ana@example.com, +33 6 00 00 00 00")

    await do(erase_customer, customer="ana@example.com")

    found = await do(get_customer, customer="mari.ana@example.com")
    assert (found.name, len(found.addresses)) == ("Ana Torres", 1)
    assert [row.reference for row in found.open_orders] == [kept.reference]
    (wrote,) = (await do(list_interactions, customer=namesake.reference)).data
    assert wrote.subject == "Wrote from mari.ana@example.com, +33 6 00 00 00 00"


async def test_another_shops_customers_stay_as_they_are(other: NewShop, do: Do, she: Person) -> None:
    async with writing(other) as sql:
        make_customer(sql, she.name, email=she.email)
    there = Do(other.shop, other.caller("owner"))
    await there(log_interaction, customer=she.email, subject=she.words)
    made = await do(create_customer, name=she.name, email=she.email)

    await do(erase_customer, customer=made.reference)

    assert (await there(get_customer, customer=she.email)).name == she.name
    page = await there(list_interactions, customer=she.email)
    assert page.data[0].subject == she.words


async def test_the_sealed_books_are_not_touched(mine: NewShop, do: Do, helene: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="sealed"):
        async with writing(mine) as sql:
            await sql.execute("select erase_words('audit_entries', 'a')")


async def test_the_same_key_answers_the_same(do: Do, she: Person, helene: str) -> None:
    first = await do.outcome(erase_customer, key="once", customer=she.second)
    second = await do.outcome(erase_customer, key="once", customer=she.second)

    assert second.replayed
    assert second.result == first.result


# ---- by what a person is known -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ANA  torres called", "[erased] called"),
        ("Torres, Ana", "[erased]"),
        ("Juliana Torresen", "Juliana Torresen"),
        ("write to ANA@example.com.", "write to [erased]."),
        ("juliana@example.com, x.ana@example.com", "juliana@example.com, x.ana@example.com"),
        ("0033 6 12.34.56.78 or 06-12-34-56-78", "[erased] or [erased]"),
        ("+33612345678", "[erased]"),
        ("order 9933612345678", "order 9933612345678"),
        ("lives 5 Rue des lilas, Lyon", "lives [erased], Lyon"),
        ("15 rue des Lilas", "15 rue des Lilas"),
        ("Torres", "[erased]"),
        ("Dos Torres", "Dos Torres"),
    ],
)
async def test_a_person_is_found_as_people_write_it(mine: NewShop, text: str, left: str) -> None:
    said = Said("Ana Torres", "Ana", "Torres", "ana@example.com", "+33612345678", "5 rue des Lilas", None)
    async with writing(mine) as sql:
        cursor = await sql.connection.execute(
            "select regexp_replace(%s, %s, '[erased]', 'gi'), erased(to_jsonb(array[%s]), %s) ->> 0",
            (text, pattern_of(terms_of([said])), text, pattern_of(terms_of([said]))),
        )
        assert await cursor.fetchone() == (left, left)


def test_nobody_is_looked_for_by_nothing() -> None:
    assert pattern_of(terms_of([Said("Li", None, None, None, "112", None, None)])) == ""
