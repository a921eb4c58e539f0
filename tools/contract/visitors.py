"""Who calls where nobody has to be signed in: found from what was sent, before the call's transaction.

The one path needs a merchant and an actor. A one-time link names both (the shop stands in its token, the row has its digest), so
whoever holds it acts as the person that it was sent to, with nothing but the permission to enter. Who asks for a link has none
yet, and whether somebody has the address must not show: that stands in the books of the installation's first shop, always.

What is tried here are passwords, so each try is counted first; it stays counted though the call be refused.
"""

from typing import NamedTuple

from pydantic import SecretStr

from tools.contract.actors import Caller, Proof
from tools.contract.errors import LinkNotKnown
from tools.contract.guesses import count_guess, names_of
from tools.contract.links import LinkKind, read_link
from tools.contract.shop import Shop


class _Address(NamedTuple):
    email: str


async def by_invitation(shop: Shop, token: SecretStr, caller: Caller) -> Caller:
    """Whoever was invited. An account's password may be tried as seldom here as at the sign-in."""
    link = read_link(LinkKind.invitation, token.get_secret_value())
    async with shop.database.transaction(link.merchant, read_only=True) as sql:
        query = "select email from invitations where merchant_id = %s and token_hash = %s"
        found = await sql.row(query, (link.merchant, link.digest), as_=_Address)
    if found is None:
        raise LinkNotKnown("This link was never sent, or another one has replaced it.")
    await count_guess(shop.database, names_of(found.email, ""), shop.clock())
    return caller.by_link(link.merchant, Proof.invitation, link.digest)


async def by_reset_link(token: SecretStr, caller: Caller) -> Caller:
    """Whoever asked for a new password."""
    link = read_link(LinkKind.reset, token.get_secret_value())
    return caller.by_link(link.merchant, Proof.reset, link.digest)


async def as_nobody(shop: Shop, email: str, caller: Caller) -> Caller:
    """Whoever says that they have forgotten a password."""
    await count_guess(shop.database, [f"reset {email}"], shop.clock())
    async with shop.database.connection() as connection:
        found = await connection.execute("select id from merchants order by created_at, id limit 1")
        first = await found.fetchone()
    return caller.by_link(first[0] if first else caller.merchant, Proof.visitor, "visitor")


async def trying_a_password(shop: Shop, caller: Caller) -> Caller:
    """A person who proves themselves once more by their present password."""
    if caller.proof is Proof.user:
        async with shop.database.transaction(caller.merchant, read_only=True) as sql:
            found = await sql.row("select email from users where id = %s::uuid", (caller.name,), as_=_Address)
        if found is not None:
            await count_guess(shop.database, names_of(found.email, ""), shop.clock())
    return caller
