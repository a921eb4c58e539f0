"""Mail to people: what the outbox asks for, delivered by SMTP.

The outbox names who gets a mail and never what stands in it: a link is made when its mail is sent, so that its token is
nowhere but in the mail. A second try makes a second link, and the first is void.
"""

import asyncio
import html
import smtplib
import ssl
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from db import clock
from db.models.customers import Delivery
from db.session import Database
from orchestrator import accounts
from orchestrator.settings import Settings
from tools.contract.links import LinkKind, new_link

PATIENCE = 30  # seconds for the mail server


class NotDelivered(Exception):
    """The mail server did not take it; it is tried again."""


@dataclass(frozen=True)
class Mail:
    to: str
    subject: str
    text: str
    message_id: str | None = None  # of a mail that may be sent twice: whoever gets it then knows it for the same
    html: bool = False  # whether the text goes out as HTML, too


Deliver = Callable[[Mail], Awaitable[None]]


class _Invited(NamedTuple):
    id: uuid.UUID
    email: str
    name: str
    shop: str
    role: str
    invited_by: str


class _Address(NamedTuple):
    email: str
    name: str


def smtp(settings: Settings) -> Deliver | None:
    """How mail is sent; None where no server is set up."""
    if settings.smtp_url is None:
        return None
    url, sender = settings.smtp_url.get_secret_value(), settings.mail_sender

    async def deliver(mail: Mail) -> None:
        try:
            await asyncio.to_thread(_send, url, sender, mail)
        except (OSError, ValueError) as failed:
            raise NotDelivered(f"{type(failed).__name__}: {failed}") from failed

    return deliver


def _send(url: str, sender: str, mail: Mail) -> None:
    server = urlsplit(url)
    message = EmailMessage()
    message["From"] = sender
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = " ".join(mail.subject.split())
    if mail.message_id:
        message["Message-ID"] = mail.message_id
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(as_html(mail.text), subtype="html")
    with _connected(server.scheme, server.hostname or "localhost", server.port) as connection:
        if server.username:
            connection.login(unquote(server.username), unquote(server.password or ""))
        connection.send_message(message)


def as_html(text: str) -> str:
    """A plain text as HTML: its paragraphs, and nothing in it that a browser would do more with than show it."""
    paragraphs = (html.escape(paragraph).replace("\n", "<br>") for paragraph in text.split("\n\n"))
    return "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)


def _connected(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    """`smtps` is encrypted from the start; `smtp` from STARTTLS on, which only a server on this machine may lack."""
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=PATIENCE, context=ssl.create_default_context())
    connection = smtplib.SMTP(host, port or 587, timeout=PATIENCE)
    connection.ehlo()
    if connection.has_extn("starttls"):
        connection.starttls(context=ssl.create_default_context())
    elif host not in ("localhost", "127.0.0.1", "::1"):
        connection.close()
        raise NotDelivered(f"{host} does not encrypt (no STARTTLS), and the mail has a secret in it.")
    return connection


_INVITED = """
select i.id, i.email, i.name, p.name as shop, s.role, coalesce(u.name, p.name) as invited_by
from memberships s
join invitations i on i.merchant_id = s.merchant_id and i.membership_id = s.id
join merchant_profiles p on p.merchant_id = s.merchant_id
left join memberships b on b.merchant_id = i.merchant_id and b.reference = i.invited_by
left join users u on u.id = b.user_id
where s.merchant_id = %(m)s and s.reference = %(user)s and s.user_id is null and s.deactivated_at is null
"""


async def mail_invitation(database: Database, deliver: Deliver, address: str, merchant: uuid.UUID, user: str) -> None:
    """Send an open invitation its link; what went wrong is written beside it. Raises `NotDelivered`."""
    link, now = new_link(LinkKind.invitation, merchant, address), clock.now()
    async with database.transaction(merchant) as sql:
        invited = await sql.row(_INVITED, {"m": merchant, "user": user}, as_=_Invited)
        if invited is None:
            return
        await sql.commit(
            "update invitations set token_hash = %s, expires_at = %s where merchant_id = %s and id = %s",
            (link.digest, now + LinkKind.invitation.lives, merchant, invited.id),
        )
    subject = f"{invited.invited_by} invites you to {invited.shop}"
    text = (
        f"Hello {invited.name},\n\n{invited.invited_by} invites you to work in {invited.shop}, as {invited.role}.\n\n"
        f"Follow this link to accept, and to set your password:\n\n{link.url}\n\n"
        "It works once, for 72 hours. If you do not know what this is about, you need do nothing.\n"
    )
    try:
        await deliver(Mail(invited.email, subject, text))
    except NotDelivered as failed:
        await _note(database, merchant, invited.id, None, str(failed))
        raise
    await _note(database, merchant, invited.id, now, None)


async def _note(
    database: Database, merchant: uuid.UUID, invitation: uuid.UUID, mailed_at: datetime | None, trouble: str | None
) -> None:
    async with database.transaction(merchant) as sql:
        await sql.commit(
            "update invitations set mailed_at = %s, trouble = %s where merchant_id = %s and id = %s",
            (mailed_at, trouble, merchant, invitation),
        )


async def mail_password_reset(database: Database, deliver: Deliver, address: str, user: uuid.UUID) -> None:
    """Send an account its link to set a new password; nothing, when it is nobody's. Raises `NotDelivered`."""
    person = await accounts.one(database, "select email, name from users where id = %s", (user,), _Address)
    link = await accounts.reset_link(database, user, address) if person else None
    if person is None or link is None:
        return
    text = (
        f"Hello {person.name},\n\nsomebody, you as we hope, asked for a new password of your account.\n\n"
        f"Follow this link to set it:\n\n{link}\n\n"
        "It works once, for one hour. If you did not ask, you need do nothing: the present password stays.\n"
    )
    await deliver(Mail(person.email, "Set a new password", text))


class _Queued(NamedTuple):
    email: str | None
    subject: str
    text: str
    marketing: bool
    agreed: bool


_QUEUED = """
select c.email, i.subject, i.summary as text, i.marketing, coalesce((
    select granted from consents s where s.merchant_id = %(m)s and s.customer_id = c.id and s.channel = 'email'
    order by s.occurred_at desc, s.id desc limit 1), false) as agreed
from interactions i join customers c on c.merchant_id = i.merchant_id and c.id = i.customer_id
where i.merchant_id = %(m)s and i.id = %(i)s and i.delivery = 'queued'
"""
_DELIVERED = """
update interactions set delivery = %(delivery)s, delivered_at = %(at)s, trouble = %(trouble)s
where merchant_id = %(m)s and id = %(i)s
"""


async def mail_customer(database: Database, deliver: Deliver, merchant: uuid.UUID, interaction: uuid.UUID) -> None:
    """Send a customer what is queued for them, if they still agree to it; what became of it is written beside it.

    Raises `NotDelivered`.
    """
    row = {"m": merchant, "i": interaction}
    async with database.transaction(merchant, read_only=True) as sql:
        queued = await sql.row(_QUEUED, row, as_=_Queued)
    if queued is None:
        return None
    if queued.marketing and not queued.agreed:
        return await _note_delivery(
            database, row, Delivery.withheld, "They do not agree to marketing by e-mail any more."
        )
    if queued.email is None:
        return await _note_delivery(database, row, Delivery.failed, "They have no e-mail address any more.")
    try:
        await deliver(Mail(queued.email, queued.subject, queued.text, f"<{interaction}@shopkeeper>", html=True))
    except NotDelivered as failed:
        await _note_delivery(database, row, Delivery.queued, str(failed))
        raise
    await _note_delivery(database, row, Delivery.sent, None)
    return None


async def _note_delivery(
    database: Database, row: dict[str, uuid.UUID], delivery: Delivery, trouble: str | None
) -> None:
    at = clock.now() if delivery is Delivery.sent else None
    async with database.transaction(row["m"]) as sql:
        await sql.commit(_DELIVERED, {**row, "delivery": delivery.value, "at": at, "trouble": trouble})
