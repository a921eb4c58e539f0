"""What customers agreed to: each word of theirs is kept with its proof, and the last one of a channel counts."""

from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, StringConstraints

from db.models.customers import Consent, ConsentChannel
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Invalid
from tools.contract.fields import CustomerRef, Instant, Synonyms, Untrusted
from tools.customers.addresses import CustomerErased, writable
from tools.customers.fields import Line, NotYet, in_the_past

CHANNEL_WORDS = Synonyms(
    {
        "email": ("e-mail", "mail", "newsletter", "mailing"),
        "sms": ("text message", "text", "texts", "mobile"),
        "phone": ("call", "calls", "telephone"),
        "post": ("letter", "letters", "paper mail", "catalogue by post"),
    }
)


SAID = Synonyms(
    {
        "true": (
            "agrees", "agreed", "consents", "consented", "opted in", "opt in", "subscribed", "said yes", "wants", "accepts",
            "add", "sign up", "accepte", "d'accord", "est d'accord", "s'abonne", "stimmt zu", "ist einverstanden",
            "einverstanden", "möchte",
        ),
        "false": (
            "does not want", "do not want", "doesn't want", "don't want", "doesnt want", "dont want", "not want",
            "no longer wants", "wants no", "no more", "any more", "anymore", "off", "remove", "unsubscribe", "unsubscribed",
            "opt out", "opted out", "withdraws", "withdrew", "revoked", "said no",
            "ne veut plus", "ne veut pas", "ne souhaite plus", "se désabonne", "refuse", "désabonner", "désinscrire",
            "veut plus", "souhaite plus", "nicht mehr haben", "will keine", "möchte keine", "will nicht", "nicht mehr",
            "keine mehr", "abmelden", "abgemeldet", "widerruft",
        ),
    }
)  # fmt: skip


class ConsentNeedsProof(Invalid):
    """A consent that nobody can prove is none."""

    hint = "Say where it was given, as `source`, and to which words (`wording`) or where the record lies (`proof_reference`)."


def _address(written: str) -> str:
    return str(ip_address(written))


class SetConsent(Input):
    customer: CustomerRef = Field(description="The customer: `CUS-1001`, another shop's number, or the e-mail address.")
    channel: Annotated[ConsentChannel, CHANNEL_WORDS] = Field(description="E-mail, SMS, phone or post.")
    granted: Annotated[bool, SAID] = Field(
        description="True: they agree to marketing there. False: they do not, or not any more."
    )
    source: Line | None = Field(default=None, description="Where they said it, such as `checkout form` or `by phone`.")
    wording: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = Field(
        default=None, description="The text that they agreed to, or its version, such as 2026-01."
    )
    proof_reference: Line | None = Field(
        default=None, description="Where the record lies: a form, a recording, a ticket."
    )
    ip: Annotated[str, StringConstraints(max_length=45), AfterValidator(_address)] | None = Field(
        default=None, description="The address of the computer from which they said it."
    )
    said_at: Instant | None = Field(default=None, description="When they said it, UTC; unless said, now.")


class ConsentSaid(Result):
    """One word of a customer."""

    granted: bool = Field(description="Whether they agreed.")
    said_at: datetime = Field(description="When they said it, UTC.")
    proof: Annotated[dict[str, str], Untrusted()] = Field(description="Where, to which words, from where.")


class ConsentState(Result):
    """What a customer says of a channel, and said before."""

    customer: str = Field(description="The customer's reference.")
    channel: ConsentChannel = Field(description="E-mail, SMS, phone or post.")
    granted: bool = Field(description="Whether it may be used for marketing now.")
    since: datetime = Field(description="Since when, UTC.")
    history: list[ConsentSaid] = Field(description="All that they said of it, the newest first.")


class _Said(NamedTuple):
    granted: bool
    said_at: datetime
    proof: dict[str, str]


_HISTORY = """
select granted, occurred_at as said_at, proof from consents
where merchant_id = %(m)s and customer_id = %(c)s and channel = %(channel)s order by occurred_at desc, id desc
"""


@tool(
    route="PUT /customers/{customer}/consent",
    effect=Effect.write,
    permission="customers:write",
    raises=[ConsentNeedsProof, NotYet, CustomerErased],
    examples=[
        "CUS-1001 agreed to the newsletter in the checkout form, wording 2026-01",
        "ana@example.com does not want e-mails any more",
    ],
)
async def set_consent(ctx: Context, args: SetConsent) -> ConsentState:
    """Record that a customer agrees to marketing by a channel, or not any more.

    Agreeing needs proof: where it was said, and to which words. All that was said stays; the last word counts. What is sent
    about an order itself needs no consent.
    """
    said_at = in_the_past(ctx, args.said_at)
    proof = _proof(args)
    customer = await writable(ctx, args.customer)
    ctx.new(
        Consent, customer_id=customer.id, channel=args.channel, granted=args.granted, proof=proof, occurred_at=said_at
    )
    ctx.event("consent_given" if args.granted else "consent_withdrawn", customer, channel=args.channel)
    await ctx.sql.flush()
    params = {"m": ctx.merchant.id, "c": customer.id, "channel": args.channel.value}
    history = await ctx.sql.rows(_HISTORY, params, as_=_Said)

    agrees = "agrees to" if args.granted else "does not agree to"
    shown = "".join(f", {words.word(name)} “{words.quoted(value)}”" for name, value in proof.items())
    ctx.tell(f"{customer.name} ({customer.reference}) {agrees} marketing by {NAMED[args.channel]}{shown}.")
    if history[0].said_at > said_at:
        ctx.tell(f"What they said on {words.moment(history[0].said_at, ctx.merchant.zone)} is newer, and still counts.")
    return ConsentState(
        customer=customer.reference,
        channel=args.channel,
        granted=history[0].granted,
        since=history[0].said_at,
        history=[ConsentSaid.model_validate(row._asdict()) for row in history],
    )


NAMED = {
    ConsentChannel.email: "e-mail",
    ConsentChannel.sms: "SMS",
    ConsentChannel.phone: "phone",
    ConsentChannel.post: "post",
}


def _proof(args: SetConsent) -> dict[str, Any]:
    proof = {"source": args.source, "wording": args.wording, "reference": args.proof_reference, "ip": args.ip}
    if args.granted and not (args.source and (args.wording or args.proof_reference)):
        missing = "no `source`" if not args.source else "neither `wording` nor `proof_reference`"
        raise ConsentNeedsProof(f"The consent to {NAMED[args.channel]} comes with {missing}.")
    return {name: value for name, value in proof.items() if value}
