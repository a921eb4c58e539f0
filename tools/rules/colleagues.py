"""Who works in the shop, by what they are called."""

from typing import NamedTuple

from db.references import Kind
from db.text import fold
from tools.contract import words
from tools.contract.context import Context
from tools.contract.errors import Ambiguous, NotFound


class _Colleague(NamedTuple):
    reference: str
    name: str
    email: str
    elsewhere: str | None


_COLLEAGUES = """
select s.reference, u.name, u.email, s.external_reference as elsewhere from memberships s join users u on u.id = s.user_id
where s.merchant_id = %(m)s and s.deactivated_at is null order by s.id
"""


async def colleague(ctx: Context, written: str | None) -> _Colleague:
    """Who is meant by a `USR-7`, an e-mail address or a name; whoever asks, where nobody is named.

    Raises `NotFound`, `Ambiguous`.
    """
    people = await ctx.sql.rows(_COLLEAGUES, {"m": ctx.merchant.id}, as_=_Colleague)
    name = ctx.actor.reference if written is None else written.strip()
    key = Kind.user.canonical(name)
    own = [one for one in people if key == one.reference or name == one.elsewhere or name.casefold() == one.email]
    found = own or [one for one in people if fold(name) in (fold(one.name), *fold(one.name).split())]
    there = words.listed((f"{one.name} ({one.reference})" for one in people), most=8)
    if not found:
        raise NotFound(f"Nobody called {name} works here.", hint=f"There is {there}.")
    if len(found) > 1:
        raise Ambiguous(f"{name} fits {words.listed(f'{one.name} ({one.reference})' for one in found)}.")
    ctx.means(Kind.user, name, found[0].reference)
    return found[0]
