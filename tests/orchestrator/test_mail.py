"""Mail: a link is made when its mail is sent, and is nowhere else; what goes wrong is seen, and tried again."""

import socket
import threading
from collections.abc import Generator
from contextlib import suppress
from io import BufferedRWPair
from typing import Any

import pytest

from orchestrator.mail import Mail, NotDelivered, mail_invitation, mail_password_reset, smtp
from orchestrator.settings import Settings
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.probes import count
from tools.backoffice.invitations import accept_invitation, create_user
from tools.backoffice.passwords import reset_password
from tools.backoffice.people import get_user
from tools.contract.actors import Site
from tools.contract.errors import LinkNotKnown
from tools.contract.shop import Shop

ADDRESS = "https://shop.example"


class MailServer:
    """A mail server on this machine that takes one mail after another, or refuses them all."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.refuses = False
        self.mails: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def settings(self) -> Settings:
        url = f"smtp://127.0.0.1:{self.listener.getsockname()[1]}"
        return Settings.model_validate({"SHOPKEEPER_SMTP_URL": url, "SHOPKEEPER_MAIL_FROM": "shop@shop.example"})

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, connection.makefile("rwb") as wire:
                    self._talk(wire)

    def _talk(self, wire: "BufferedRWPair[Any, Any]") -> None:
        def say(line: str) -> None:
            wire.write(f"{line}\r\n".encode())
            wire.flush()

        say("220 ready")
        while line := wire.readline().decode():
            match line[:4].upper():
                case "RCPT" if self.refuses:
                    say("550 nobody of that name")
                case "DATA":
                    say("354 go on")
                    self.mails.append("".join(iter(lambda: wire.readline().decode(), ".\r\n")))
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("250 fine")


@pytest.fixture
def post() -> Generator[MailServer]:
    running = MailServer()
    yield running
    running.listener.close()


@pytest.fixture
def mailing(shop: Shop, mine: NewShop) -> Do:
    """The owner's calls where mail is sent."""
    return Do(Shop(shop.database, site=Site(ADDRESS, mails=True)), mine.caller("owner"))


async def invited(mailing: Do, mine: NewShop) -> str:
    made = await mailing(create_user, email=f"lea@{mine.slug}.example", name="Lea Martin", role="support")
    return made.reference


async def mail(post: MailServer, mine: NewShop, user: str) -> str:
    """Have the invitation mailed; returns the token that its mail has."""
    deliver = smtp(post.settings)
    assert deliver is not None
    await mail_invitation(mine.shop.database, deliver, ADDRESS, mine.id, user)
    return token_in(post.mails[-1])


def token_in(text: str) -> str:
    (line,) = [line for line in text.replace("=\r\n", "").replace("=3D", "=").splitlines() if line.startswith(ADDRESS)]
    return line.partition("token=")[2]


async def test_whoever_is_invited_gets_the_link_by_mail_and_joins_with_it(
    post: MailServer, mailing: Do, mine: NewShop
) -> None:
    user = await invited(mailing, mine)

    token = await mail(post, mine, user)

    assert "Subject: Owner invites you to Test Shop" in post.mails[0]
    assert f"To: lea@{mine.slug}.example" in post.mails[0]
    open_invitation = (await mailing(get_user, user=user)).invitation
    assert open_invitation is not None
    assert open_invitation.mailed_at is not None
    assert await count(mine, "invitations", f"strpos(invitations::text, '{token[-20:]}') > 0") == 0
    assert (await mailing(accept_invitation, token=token, password="four words of mine")).reference == user


async def test_a_second_mail_voids_the_link_of_the_first(post: MailServer, mailing: Do, mine: NewShop) -> None:
    user = await invited(mailing, mine)
    first, second = await mail(post, mine, user), await mail(post, mine, user)

    with pytest.raises(LinkNotKnown):
        await mailing(accept_invitation, token=first, password="four words of mine")
    assert (await mailing(accept_invitation, token=second, password="four words of mine")).reference == user


async def test_a_mail_that_cannot_be_delivered_is_tried_again_and_the_shop_sees_why(
    post: MailServer, mailing: Do, mine: NewShop
) -> None:
    user = await invited(mailing, mine)
    post.refuses = True

    with pytest.raises(NotDelivered, match="nobody of that name"):
        await mail(post, mine, user)

    waiting = (await mailing(get_user, user=user)).invitation
    assert waiting is not None
    assert "nobody of that name" in str(waiting.trouble)
    assert waiting.mailed_at is None


async def test_a_forgotten_password_is_set_with_the_link_of_the_mail(
    post: MailServer, mailing: Do, mine: NewShop
) -> None:
    deliver = smtp(post.settings)
    assert deliver is not None

    await mail_password_reset(mine.shop.database, deliver, ADDRESS, mine.users["support"])
    await mail_password_reset(mine.shop.database, deliver, ADDRESS, mine.id)  # nobody's

    assert len(post.mails) == 1
    done = await mailing(reset_password, token=token_in(post.mails[0]), password="four words of mine")
    assert done.email == f"support@{mine.slug}.example"


async def test_a_mail_has_one_recipient_and_one_subject_whatever_people_are_called(post: MailServer) -> None:
    deliver = smtp(post.settings)
    assert deliver is not None

    await deliver(Mail("lea@shop.example", "Eve\r\nBcc: eve@evil.example", "Hello"))

    assert "\r\nBcc:" not in post.mails[0]


def test_without_a_server_no_mail_is_sent(settings: Settings) -> None:
    assert smtp(settings) is None
    assert not settings.site.mails
