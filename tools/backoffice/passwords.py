"""A person's own password: changed with the present one, or reset by a one-time link that goes to their address alone."""

from typing import NamedTuple
from uuid import UUID

from pydantic import Field, SecretStr

from db.model import new_id
from tools.backoffice.signed_in import Account, account_of_actor, end_sessions
from tools.contract import words
from tools.contract.actors import Caller
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, Forbidden, LinkNotKnown
from tools.contract.guesses import TooManyTries, forget_guesses, names_of
from tools.contract.shop import Shop
from tools.contract.visitors import as_nobody, by_reset_link, trying_a_password
from tools.rules.passwords import Password, WeakPassword, WrongPassword, hashed, matches, refuse_weak


class ForPeopleWithAnAccount(Forbidden):
    """Only a person has an account with a password and sessions; a program has a key."""

    hint = "A key is taken back with revoke_api_key."


class ResetExpired(Conflict):
    """The link is used, or too old."""

    hint = "Ask for a new one on the sign-in page."


class PasswordSet(Result):
    """That it was done, and where it signed out."""

    email: str = Field(description="The address with which you sign in.")
    sessions_ended: int = Field(description="In how many browsers the account was signed out.")


class ChangePassword(Input):
    """The present password, and the new one."""

    present: SecretStr = Field(description="Your present password.")
    password: Password = Field(description="The new one, 12 characters or more.")


async def _tried(shop: Shop, _: ChangePassword, caller: Caller) -> Caller:
    return await trying_a_password(shop, caller)


@tool(
    route="POST /account/password",
    effect=Effect.write,
    permission="account:write",
    raises=[ForPeopleWithAnAccount, TooManyTries, WeakPassword, WrongPassword],
    examples=["Change my password", "I want a new password for my account"],
    for_people=True,
    before=_tried,
)
async def change_password(ctx: Context, args: ChangePassword) -> PasswordSet:
    """Give your account a new password; it takes the present one.

    Every other browser in which the account is signed in, in whichever shop, is signed out.
    """
    account = await account_of_actor(ctx)
    if account is None:
        raise ForPeopleWithAnAccount(f"{ctx.actor.name} has no password to change.")
    if not await matches(account.password_hash, args.present.get_secret_value()):
        raise WrongPassword("That is not your present password.")
    ended = await _set_password(
        ctx, account, args.password, "user_id = %(user)s and id is distinct from %(present)s::uuid"
    )
    others = f"{words.count(ended, 'other browser')} {words.are(ended)} signed out"
    ctx.tell(f"{account.name} ({account.email}) signs in with a new password; {others}.")
    return PasswordSet(email=account.email, sessions_ended=ended)


async def _set_password(ctx: Context, account: Account, password: SecretStr, ending: str) -> int:
    """Set it, and end those sessions; returns how many."""
    refuse_weak(password.get_secret_value(), account.email, account.name)
    await ctx.sql.execute(
        "update users set password_hash = %s, reset_expires_at = least(reset_expires_at, %s) where id = %s",
        (await hashed(password.get_secret_value()), ctx.now(), account.id),
    )
    ctx.changes.updated("users", account.id, {}, {"password": "set anew"})
    await forget_guesses(ctx.sql, names_of(account.email, ""))
    return await end_sessions(ctx, ending, user=account.id, present=ctx.actor.session)


class RequestPasswordReset(Input):
    """Whose password was forgotten."""

    email: SecretStr = Field(max_length=254, description="The address with which you sign in.")

    @property
    def address(self) -> str:
        return self.email.get_secret_value().strip().lower()


class _User(NamedTuple):
    id: UUID


class ResetRequested(Result):
    """The same answer for every address."""

    message: str = Field(
        default="If that address has an account here, a link to set a new password is on its way; it works for one hour.",
        description="What happens now.",
    )


async def _as_nobody(shop: Shop, args: RequestPasswordReset, caller: Caller) -> Caller:
    return await as_nobody(shop, args.address, caller)


@tool(
    route="POST /account/password/reset",
    effect=Effect.write,
    permission="account:enter",
    raises=[TooManyTries],
    examples=["I forgot my password", "Send me a link to reset my password"],
    for_people=True,
    for_visitors=True,
    before=_as_nobody,
)
async def request_password_reset(ctx: Context, args: RequestPasswordReset) -> ResetRequested:
    """Have a link sent to your address, to set a new password with.

    It works for one hour. The answer is the same whether or not the address is known. Where no mail is set up, whoever
    administers the installation has the link.
    """
    known = await ctx.sql.row(
        "update users set reset_asked_at = %s where email = %s returning id", (ctx.now(), args.address), as_=_User
    )
    if known is not None:
        ctx.changes.updated("users", known.id, {}, {"reset_asked_at": ctx.now()})
    ctx.enqueue("mail_password_reset", user=str(known.id if known else new_id()))  # nobody's: nothing shows which
    ctx.tell("A link to set a new password goes to the address that was given, if it has an account here.")
    return ResetRequested()


class ResetPassword(Input):
    """The link, and the new password."""

    token: SecretStr = Field(description="The token of the link, `pwr_…`: what follows `token=` in it.")
    password: Password = Field(description="The new password, 12 characters or more.")


async def _by_its_link(_: Shop, args: ResetPassword, caller: Caller) -> Caller:
    return await by_reset_link(args.token, caller)


@tool(
    route="POST /account/password/reset/confirm",
    effect=Effect.write,
    permission="account:enter",
    raises=[LinkNotKnown, ResetExpired, WeakPassword],
    examples=["Set a new password with the link from the mail", "Here is my reset link, I want a new password"],
    for_people=True,
    for_visitors=True,
    before=_by_its_link,
)
async def reset_password(ctx: Context, args: ResetPassword) -> PasswordSet:
    """Set a new password with the one-time link that went to your address.

    The account is signed out everywhere, and waits after wrong passwords are lifted.
    """
    account = await account_of_actor(ctx, lock=True)
    if account is None or account.reset_expires_at is None or account.reset_expires_at <= ctx.now():
        raise ResetExpired("This link was used before, or is older than an hour.")
    ended = await _set_password(ctx, account, args.password, "user_id = %(user)s")
    ctx.tell(f"{account.name} ({account.email}) signs in with a new password, and is signed out everywhere.")
    return PasswordSet(email=account.email, sessions_ended=ended)
