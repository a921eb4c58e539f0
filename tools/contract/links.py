"""One-time links: for people who are not signed in, the link says who they are and which shop is meant.

Its token is `inv_<merchant>_<secret>` (an invitation) or `pwr_<merchant>_<secret>` (a password's reset): as with API keys the
merchant is found without looking into any shop, and the database has nothing but the secret's SHA-256.
"""

import secrets
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from tools.contract.actors import digest_of
from tools.contract.errors import LinkNotKnown


class LinkKind(StrEnum):
    """What a link is for: its token's prefix."""

    invitation = "inv"
    reset = "pwr"

    @property
    def lives(self) -> timedelta:
        return timedelta(hours=72) if self is LinkKind.invitation else timedelta(hours=1)

    @property
    def page(self) -> str:
        """Where it leads."""
        return "/invitation" if self is LinkKind.invitation else "/reset-password"


class Link(NamedTuple):
    """What a token says: the shop, and the digest by which the row is found."""

    merchant: UUID
    digest: str


class NewLink(NamedTuple):
    url: str
    digest: str


def new_link(kind: LinkKind, merchant: UUID, address: str) -> NewLink:
    """A link that nobody has yet; `address` is where people reach the installation."""
    secret = secrets.token_urlsafe(32)
    return NewLink(f"{address}{kind.page}?token={kind}_{merchant}_{secret}", digest_of(secret))


def read_link(kind: LinkKind, token: str) -> Link:
    """What a token says. Raises `LinkNotKnown` when it has another shape."""
    try:
        prefix, merchant, secret = token.strip().split("_", 2)
        if prefix != kind:
            raise ValueError(prefix)
        return Link(UUID(merchant), digest_of(secret))
    except ValueError as malformed:
        raise LinkNotKnown(f"A token of this kind of link looks like `{kind}_<shop>_<secret>`.") from malformed
