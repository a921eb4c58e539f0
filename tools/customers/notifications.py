"""Messages to customers: from a template, by e-mail, through the outbox; marketing only to whoever agrees to it."""

from difflib import get_close_matches
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from db.models.customers import Customer, Delivery, Direction, Interaction, InteractionChannel
from db.models.orders import Order
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, Invalid, NotFound
from tools.contract.fields import CustomerRef, OrderRef, Untrusted
from tools.contract.shop_settings import MESSAGE_TEMPLATES, MessageTemplate, chosen
from tools.customers.addresses import CustomerErased, writable
from tools.customers.fields import Said
from tools.customers.interactions import OrderOfAnother

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
FieldValue = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class UnknownTemplate(NotFound):
    """There is no such template."""


class TemplateFieldsMissing(Invalid):
    """Each field of a template is given, and nothing else is."""


class NoConsent(Conflict):
    """Marketing goes to those alone who agree to it."""

    hint = "Ask them first, and record it with set_consent. What is about an order itself needs no consent."


class NoEmailAddress(Conflict):
    """Nobody knows where to write to."""

    hint = "Add the address with update_customer, or call them and log_interaction."


class NotifyCustomer(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    template: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(
        description="The template, such as `order_message` or `news`; the shop's are in the settings."
    )
    order: OrderRef | None = Field(default=None, description="The order that it is about, such as `ORD-1042`.")
    fields: dict[FieldName, FieldValue] = Field(
        default={}, max_length=40, description="The template's other fields by name, such as `message`."
    )


class Message(Result):
    """A message to a customer, on its way."""

    customer: str = Field(description="The customer's reference.")
    to: Said = Field(description="The address that it goes to.")
    template: str = Field(description="The template.")
    marketing: bool = Field(description="Whether it needs the customer's consent, looked at again when it leaves.")
    subject: Said = Field(description="The subject, filled in.")
    text: Annotated[str, Untrusted()] = Field(description="The text, filled in.")
    delivery: Delivery = Field(description="Queued: it lies in the outbox until the mail server takes it.")


class _Consent(NamedTuple):
    granted: bool


_AGREES = """
select granted from consents where merchant_id = %s and customer_id = %s and channel = 'email'
order by occurred_at desc, id desc limit 1
"""


@tool(
    route="POST /customers/{customer}/notifications",
    effect=Effect.outside,
    permission="customers:write",
    raises=[UnknownTemplate, TemplateFieldsMissing, NoConsent, NoEmailAddress, OrderOfAnother, CustomerErased],
    examples=[
        "Write to CUS-1001 that order 1042 is delayed until Friday",
        "Send ana@example.com the order_message for ORD-1042: the blue mug comes separately",
    ],
)
async def notify_customer(ctx: Context, args: NotifyCustomer) -> Message:
    """Send a customer an e-mail from one of the shop's templates.

    Marketing goes to those alone who agree to it, now and when it leaves; what is about an order needs no consent. Without a
    mail server it stays in the outbox. It is kept among the customer's interactions.
    """
    customer = await writable(ctx, args.customer)
    template = await _template(ctx, args.template)
    order = await ctx.find(Order, args.order) if args.order else None
    if order and order.customer_id != customer.id:
        raise OrderOfAnother(f"{order.reference} is not an order of {customer.reference}.")
    if customer.email is None:
        raise NoEmailAddress(f"{customer.reference} has no e-mail address.")
    if template.marketing:
        await _refuse_without_consent(ctx, customer, args.template)

    subject, text = template.filled(_values(ctx, args, template, customer, order))
    sent = ctx.new(
        Interaction, customer_id=customer.id, order_id=order.id if order else None, channel=InteractionChannel.email,
        direction=Direction.outgoing, subject=subject, summary=text, actor=ctx.actor.reference, occurred_at=ctx.now(),
        template=args.template, marketing=template.marketing, delivery=Delivery.queued,
    )  # fmt: skip
    ctx.enqueue("mail_customer", interaction=str(sent.id))
    ctx.event("notified", customer, order_id=sent.order_id, template=args.template)
    ctx.tell(f"{customer.name} ({customer.reference}) gets an e-mail at {customer.email}: “{words.quoted(subject)}”.")
    ctx.tell(f"It says: “{words.quoted(text)}”")
    return Message(
        customer=customer.reference, to=customer.email, template=args.template, marketing=template.marketing,
        subject=subject, text=text, delivery=Delivery.queued,
    )  # fmt: skip


async def _template(ctx: Context, name: str) -> MessageTemplate:
    templates = await chosen(ctx, MESSAGE_TEMPLATES)
    if name not in templates:
        nearest = get_close_matches(name, templates, n=3, cutoff=0.4) or list(templates)
        raise UnknownTemplate(f"There is no template {name}.", hint=f"There is {', '.join(nearest)}.", nearest=nearest)
    return templates[name]


async def _refuse_without_consent(ctx: Context, customer: Customer, template: str) -> None:
    said = await ctx.sql.row(_AGREES, (ctx.merchant.id, customer.id), as_=_Consent)
    if said is None or not said.granted:
        why = (
            "never agreed to marketing by e-mail" if said is None else "does not agree to marketing by e-mail any more"
        )
        raise NoConsent(f"{customer.reference} {why}, and {template} is marketing.")


def _values(
    ctx: Context, args: NotifyCustomer, template: MessageTemplate, customer: Customer, order: Order | None
) -> dict[str, str]:
    """What the fields of the template are filled with. Raises `TemplateFieldsMissing`."""
    known = {"name": customer.name, "first_name": customer.first_name or customer.name, "shop": ctx.merchant.name}
    known |= {"order": order.reference} if order else {}
    missing = [name for name in template.fields if name not in known | args.fields]
    needless = [name for name in args.fields if name not in template.fields or name in known]
    if missing or needless:
        lacks = f"lacks {', '.join(missing)}" if missing else f"has no place for {', '.join(needless)}"
        asked = [name for name in template.fields if name not in ("name", "first_name", "shop", "order")]
        also = " and the `order`" if "order" in template.fields else ""
        raise TemplateFieldsMissing(
            f"The message {args.template} {lacks}.",
            hint=f"Give {', '.join(asked) or 'no fields'}{also}.",
            missing=missing,
        )
    return known | args.fields
