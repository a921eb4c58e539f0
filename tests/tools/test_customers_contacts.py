"""What passed between customers and the shop; what the shop writes to them, from templates, and to whom it may not."""

import html.parser
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from db import clock
from db.models.customers import Customer, Interaction
from db.models.orders import Order
from orchestrator import mail
from orchestrator.mail import Mail, NotDelivered, as_html, mail_customer
from tests.conftest import Do
from tests.factories import NewShop, make_customer, make_order
from tests.tools.till import choose, writing
from tools.backoffice.settings import SettingValueRefused
from tools.customers.addresses import CustomerErased
from tools.customers.consents import set_consent
from tools.customers.fields import NotYet
from tools.customers.interactions import OrderOfAnother, list_interactions, log_interaction
from tools.customers.notifications import (
    NoConsent,
    NoEmailAddress,
    TemplateFieldsMissing,
    UnknownTemplate,
    notify_customer,
)
from tools.customers.profiles import create_customer

PROOF = {"source": "checkout form", "wording": "2026-01"}
NEWS: dict[str, Any] = {"template": "news", "fields": {"subject": "Winter sale", "message": "Candles for less."}}


@pytest.fixture
async def sale(mine: NewShop) -> tuple[Customer, Order]:
    async with writing(mine) as sql:
        ana = make_customer(sql, "Ana Torres", email="ana@example.com")
        return ana, make_order(sql, customer=ana)


@pytest.fixture
def ana(sale: tuple[Customer, Order]) -> Customer:
    return sale[0]


@pytest.fixture
def order(sale: tuple[Customer, Order]) -> Order:
    return sale[1]


# ---- noted by people -----------------------------------------------------------------------------------------------------


async def test_what_was_said_is_listed_newest_first_page_by_page(do: Do, ana: Customer, order: Order) -> None:
    yesterday = (clock.now() - timedelta(days=1)).isoformat()
    await do(log_interaction, customer=ana.reference, channel="phone", subject="Second", order=order.reference)
    await do(log_interaction, customer=ana.reference, channel="post", subject="First", occurred_at=yesterday)
    await do(log_interaction, customer=ana.reference, channel="phone", direction="outgoing", subject="Third")

    first = await do(list_interactions, customer="ana@example.com", limit=2)
    rest = await do(list_interactions, customer="ana@example.com", limit=2, after=first.next)

    assert [row.subject for row in (*first.data, *rest.data)] == ["Third", "Second", "First"]
    assert first.data[1].order == order.reference

    async def subjects(**only: Any) -> list[str]:
        return [row.subject for row in (await do(list_interactions, customer=ana.reference, **only)).data]

    assert await subjects(channel="phone") == ["Third", "Second"]
    assert await subjects(direction="incoming") == ["Second", "First"]
    assert await subjects(order=order.reference) == ["Second"]


async def test_an_order_that_is_named_is_theirs(mine: NewShop, do: Do, ana: Customer) -> None:
    async with writing(mine) as sql:
        other = make_order(sql, customer=make_customer(sql, "Somebody Else"))
    with pytest.raises(OrderOfAnother):
        await do(log_interaction, customer=ana.reference, subject="A call", order=other.reference)
    with pytest.raises(OrderOfAnother):
        await do(notify_customer, customer=ana.reference, template="order_message", order=other.reference)


async def test_nobody_called_tomorrow(do: Do, ana: Customer) -> None:
    with pytest.raises(NotYet):
        await do(
            log_interaction,
            customer=ana.reference,
            subject="A call",
            occurred_at=(clock.now() + timedelta(hours=2)).isoformat(),
        )


# ---- sent by the shop ----------------------------------------------------------------------------------------------------


class Post:
    """A mail server's side: what it took, and what happens when something is handed to it."""

    def __init__(self) -> None:
        self.taken: list[Mail] = []
        self.refuses = False

    async def __call__(self, sent: Mail) -> None:
        if self.refuses:
            raise NotDelivered("421 try later")
        self.taken.append(sent)


async def deliver(mine: NewShop, ana: Customer, post: Post) -> None:
    """What the worker does with all that lies in the outbox of a customer."""
    async with writing(mine) as sql:
        queued = (await sql.session.scalars(_queued(ana))).all()
    for message in queued:
        await mail_customer(mine.shop.database, post, mine.id, message.id)


def _queued(ana: Customer) -> Any:
    return select(Interaction).where(Interaction.customer_id == ana.id, Interaction.template.is_not(None))


async def deliveries(do: Do, ana: Customer) -> list[tuple[str | None, str | None]]:
    rows = (await do(list_interactions, customer=ana.reference)).data
    return [(row.delivery, row.trouble) for row in rows]


async def test_a_message_about_an_order_needs_no_consent_and_is_kept_as_an_interaction(
    mine: NewShop, do: Do, ana: Customer, order: Order
) -> None:
    said = {"template": "order_message", "order": order.reference, "fields": {"message": "It comes on Friday."}}
    message = await do(notify_customer, customer=ana.reference, **said)

    (kept,) = (await do(list_interactions, customer=ana.reference)).data
    assert (kept.subject, kept.summary, kept.delivery) == (message.subject, message.text, "queued")
    assert message.subject == f"Your order {order.reference}"
    assert message.text.startswith("Hello Ana Torres,\n\nIt comes on Friday.")

    post = Post()
    await deliver(mine, ana, post)
    await deliver(mine, ana, post)  # the worker was killed, say, and does it again

    (sent,) = post.taken
    assert (sent.to, sent.subject, sent.text) == ("ana@example.com", message.subject, message.text)
    assert await deliveries(do, ana) == [("sent", None)]


async def test_the_same_key_sends_once(mine: NewShop, do: Do, ana: Customer) -> None:
    await do(set_consent, customer=ana.reference, channel="email", granted=True, **PROOF)
    for _ in range(2):
        await do.outcome(notify_customer, key="once", customer=ana.reference, **NEWS)

    post = Post()
    await deliver(mine, ana, post)
    assert len(post.taken) == 1


async def test_marketing_goes_to_those_alone_who_agree(do: Do, ana: Customer) -> None:
    with pytest.raises(NoConsent, match="never agreed"):
        await do(notify_customer, customer=ana.reference, **NEWS)

    await do(set_consent, customer=ana.reference, channel="email", granted=True, **PROOF)
    await do(notify_customer, customer=ana.reference, **NEWS)

    await do(set_consent, customer=ana.reference, channel="email", granted=False)
    with pytest.raises(NoConsent, match="any more"):
        await do(notify_customer, customer=ana.reference, **NEWS)


async def test_who_takes_their_consent_back_before_it_leaves_does_not_get_it(
    mine: NewShop, do: Do, ana: Customer
) -> None:
    await do(set_consent, customer=ana.reference, channel="email", granted=True, **PROOF)
    await do(notify_customer, customer=ana.reference, **NEWS)
    await do(set_consent, customer=ana.reference, channel="email", granted=False)

    post = Post()
    await deliver(mine, ana, post)

    assert post.taken == []
    assert await deliveries(do, ana) == [("withheld", "They do not agree to marketing by e-mail any more.")]


async def test_what_the_mail_server_does_not_take_stays_in_the_outbox_and_says_why(
    mine: NewShop, do: Do, ana: Customer, order: Order
) -> None:
    await do(
        notify_customer,
        customer=ana.reference,
        template="order_delayed",
        order=order.reference,
        fields={"date": "Friday"},
    )
    post = Post()
    post.refuses = True
    with pytest.raises(NotDelivered):
        await deliver(mine, ana, post)
    assert await deliveries(do, ana) == [("queued", "421 try later")]

    post.refuses = False
    await deliver(mine, ana, post)
    assert await deliveries(do, ana) == [("sent", None)]


async def test_a_template_that_there_is_not_names_the_nearest(do: Do, ana: Customer) -> None:
    with pytest.raises(UnknownTemplate) as refused:
        await do(notify_customer, customer=ana.reference, template="order_delay")
    assert refused.value.details["nearest"][0] == "order_delayed"


@pytest.mark.parametrize(
    ("fields", "says"),
    [({}, "lacks order, message"), ({"message": "Hello", "order": "ORD-1", "colour": "blue"}, "no place for colour")],
)
async def test_each_field_of_a_template_is_given_and_no_other(
    do: Do, ana: Customer, fields: dict[str, str], says: str
) -> None:
    with pytest.raises(TemplateFieldsMissing, match=says) as refused:
        await do(notify_customer, customer=ana.reference, template="order_message", fields=fields)
    assert refused.value.advice == "Give message and the `order`."


async def test_nobody_is_written_to_without_an_address(do: Do) -> None:
    paul = await do(create_customer, name="Paul Martin")
    with pytest.raises(NoEmailAddress):
        await do(notify_customer, customer=paul.reference, **NEWS)


async def test_nobody_is_written_to_who_was_erased(mine: NewShop, do: Do, ana: Customer) -> None:
    async with writing(mine) as sql:
        await sql.execute("update customers set status = 'erased' where merchant_id = %s", (mine.id,))
    with pytest.raises(CustomerErased):
        await do(notify_customer, customer=ana.reference, **NEWS)
    with pytest.raises(CustomerErased):
        await do(log_interaction, customer=ana.reference, subject="A call")


async def test_what_stands_in_a_field_is_shown_and_never_run(mine: NewShop, do: Do, ana: Customer) -> None:
    """Neither as a field of the template, nor as HTML, nor as a header of the mail."""
    await do(set_consent, customer=ana.reference, channel="email", granted=True, **PROOF)
    fields = {"subject": "Sale\r\nBcc: all@example.com", "message": "{shop} <script>alert(1)</script>\n<b>&amp;</b>"}
    message = await do(notify_customer, customer=ana.reference, template="news", fields=fields)

    assert message.subject == "Sale Bcc: all@example.com"
    assert "{shop} <script>" in message.text
    seen = _Seen()
    seen.feed(as_html(message.text))
    assert set(seen.tags) == {"p", "br"}
    assert "<script>alert(1)</script>" in seen.text


class _Seen(html.parser.HTMLParser):
    """What a browser makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_a_mail_has_its_text_twice_and_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    class Server:
        def __enter__(self) -> "Server":
            return self

        def __exit__(self, *_: object) -> None: ...
        def send_message(self, message: Any) -> None:
            sent.append(message)

    def connected(scheme: str, host: str, port: int | None) -> Server:
        return Server()

    monkeypatch.setattr(mail, "_connected", connected)
    mail._send("smtp://localhost", "shop@example.com", Mail("ana@example.com", "Hello", "A & B", "<1@shop>", html=True))  # noqa: SLF001

    plain, shown = [part.get_content().strip() for part in sent[0].iter_parts()]
    assert (plain, shown, sent[0]["Message-ID"]) == ("A & B", "<p>A &amp; B</p>", "<1@shop>")


# ---- the shop's own templates --------------------------------------------------------------------------------------------


async def test_a_shop_writes_its_own_templates(mine: NewShop, do: Do, ana: Customer) -> None:
    birthday = {"marketing": False, "subject": "All the best, {first_name}", "text": "From all of {shop}"}
    await choose(mine, "customers.message_templates", {"birthday": birthday})

    message = await do(notify_customer, customer=ana.reference, template="birthday")

    assert (message.subject, message.text) == ("All the best, Ana", "From all of Test Shop")


@pytest.mark.parametrize("text", ["Hello {name", "Hello {name.__class__}", "Hello {}", "{{name}}"])
async def test_a_template_has_fields_and_nothing_else_in_braces(mine: NewShop, text: str) -> None:
    written = {"hello": {"marketing": False, "subject": "Hello", "text": text}}
    with pytest.raises(SettingValueRefused, match="no other braces"):
        await choose(mine, "customers.message_templates", written)
