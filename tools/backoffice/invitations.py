"""Inviting people: a membership is offered by a one-time link, and whoever it is for accepts it alone.

Nobody ever sees or sets another's password. Until somebody has accepted, the shop knows no more than what it typed itself:
whether the address has an account here is looked up when the link is used, and never before.
"""

from pydantic import Field, SecretStr
from sqlalchemy import and_, or_, select

from db.model import new_id
from db.models.backoffice import Invitation, Membership, User
from tools.backoffice.grants import GrantsMoreThanYouHave, must_outrank
from tools.backoffice.people import Member, RoleField, UserDeactivated, UserDetail, member_of, person
from tools.contract.actors import Caller
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, LinkNotKnown, NotFound
from tools.contract.fields import Email, Name, SecretText, UserRef
from tools.contract.guesses import TooManyTries, forget_guesses, names_of
from tools.contract.links import LinkKind, new_link
from tools.contract.shop import Shop
from tools.contract.visitors import by_invitation
from tools.rules.passwords import Password, WeakPassword, WrongPassword, hashed, matches, refuse_weak


class AlreadyAMember(Conflict):
    """That person is in the shop already."""

    hint = "Change what they may do with update_user."


class AlreadyInvited(Conflict):
    """That address was invited, and has not accepted yet."""

    hint = "Send a new link with resend_invitation; change the role with update_user."


class NothingToAccept(Conflict):
    """That person has joined already: there is no invitation to send again."""

    hint = "Whoever forgot their password resets it themselves, on the sign-in page."


class InvitationUsed(Conflict):
    """The invitation was accepted before."""

    hint = "Sign in with your e-mail address and password."


class InvitationExpired(Conflict):
    """The invitation is too old."""

    hint = "Ask whoever invited you to send it again."


class CreateUser(Input):
    """Who is invited, as what."""

    email: Email = Field(description="The address with which the person will sign in.")
    name: Name = Field(description="What the person is called.")
    role: RoleField = Field(description="What the person may do: owner, manager, support, warehouse or viewer.")


class Invited(UserDetail):
    """The person, and the link to hand over."""

    link: SecretText = Field(
        description="The one-time link with which the person joins, shown this once; null where it goes out by mail."
    )


@tool(
    route="POST /users",
    effect=Effect.access,
    permission="users:invite",
    raises=[AlreadyAMember, AlreadyInvited, GrantsMoreThanYouHave],
    examples=["Invite lea@example.com as support", "Add Tom to the warehouse team, his mail is tom@example.com"],
    for_people=True,
)
async def create_user(ctx: Context, args: CreateUser) -> Invited:
    """Invite a person to the shop with a role, by a one-time link.

    It works for 72 hours. With it they set their own password; who has an account already accepts with theirs. It goes out by
    mail; where no mail is set up it is shown this once, to be handed over. Nobody gives more than they have. Who left comes
    back so, too.
    """
    await must_outrank(ctx, args.role)
    email = args.email.lower()
    known = await _known_here(ctx, email)
    if known and known.membership.deactivated_at is None:
        if known.user is None:
            raise AlreadyInvited(
                f"{known.called} was invited as {known.membership.role} ({known.membership.reference})."
            )
        raise AlreadyAMember(
            f"{known.called} is in this shop as {known.membership.role} ({known.membership.reference})."
        )

    offered = {"role": args.role, "user_id": None, "joined_at": None, "deactivated_at": None}
    if known is None:
        membership, invitation = await ctx.add(Membership, **offered), None
    else:
        membership, invitation = known.membership, known.invitation
        ctx.edit(membership, None, **offered)
    if invitation is None:
        invitation = ctx.new(Invitation, id=new_id(), membership_id=membership.id, email=email)
    invitation.name = args.name
    ctx.tell(f"{args.name} ({email}) is invited to {ctx.merchant.name} as {args.role}.")
    return await _with_a_link(ctx, membership, invitation)


async def _known_here(ctx: Context, email: str) -> Member | None:
    """The place in this shop, taken, left or offered, of that address."""
    found = await ctx.db.execute(
        select(Membership, User, Invitation)
        .outerjoin(User, User.id == Membership.user_id)
        .outerjoin(
            Invitation,
            and_(Invitation.merchant_id == Membership.merchant_id, Invitation.membership_id == Membership.id),
        )
        .where(Membership.merchant_id == ctx.merchant.id, or_(User.email == email, Invitation.email == email))
        .with_for_update(key_share=True, of=Membership)
    )
    row = found.one_or_none()
    return Member(*row) if row else None


async def _with_a_link(ctx: Context, membership: Membership, invitation: Invitation) -> Invited:
    """A new link for the invitation; the former one is void. Where mail is sent, the link is made when the mail is."""
    link = None if ctx.site.mails else new_link(LinkKind.invitation, ctx.merchant.id, ctx.site.address)
    invitation.token_hash = link.digest if link else None
    invitation.expires_at = ctx.now() + LinkKind.invitation.lives
    invitation.invited_by = ctx.actor.reference
    invitation.mailed_at = invitation.trouble = None
    if link:
        ctx.tell("The link is shown once, to be handed over; it works for 72 hours.")
    else:
        ctx.enqueue("mail_invitation", user=membership.reference)
        ctx.tell(f"The link goes to {invitation.email} by mail, and works for 72 hours.")
    shown = await person(ctx, membership.reference)
    return Invited(**shown.model_dump(), link=link.url if link else None)


class ResendInvitation(Input):
    """Whose invitation."""

    user: UserRef = Field(description="The person who was invited: USR-1002, or the e-mail address.")


@tool(
    route="POST /users/{user}/invitation",
    effect=Effect.access,
    permission="users:invite",
    raises=[GrantsMoreThanYouHave, NotFound, NothingToAccept, UserDeactivated],
    examples=["Send USR-1006 a new invitation", "Lea's link has expired, invite her again: lea@example.com"],
    for_people=True,
)
async def resend_invitation(ctx: Context, args: ResendInvitation) -> Invited:
    """Send the invitation of somebody who has not joined yet once more.

    The new link works for 72 hours, the former one no longer.
    """
    member = await member_of(ctx, args.user)
    if member.invitation is None or member.user is not None:
        raise NothingToAccept(f"{member.called} is in {ctx.merchant.name} as {member.membership.role}.")
    await must_outrank(ctx, member.membership.role)
    ctx.tell(f"{member.called} gets a new link, to join as {member.membership.role}; the former one is void.")
    return await _with_a_link(ctx, member.membership, member.invitation)


class AcceptInvitation(Input):
    """The link, and the password."""

    token: SecretStr = Field(description="The token of the link, `inv_…`: what follows `token=` in it.")
    password: Password = Field(
        description="Your password from now on, 12 characters or more; who has an account here gives its password."
    )
    name: Name | None = Field(default=None, description="What you are called, if not as the invitation says.")


class Joined(Result):
    """The shop that the person has joined."""

    reference: str = Field(description="Your reference in this shop, such as USR-1006.")
    shop: str = Field(description="What the shop is called.")
    email: str = Field(description="The address with which you sign in.")
    name: str = Field(description="What you are called.")
    role: RoleField = Field(description="What you may do: owner, manager, support, warehouse or viewer.")


async def _by_its_link(shop: Shop, args: AcceptInvitation, caller: Caller) -> Caller:
    return await by_invitation(shop, args.token, caller)


@tool(
    route="POST /invitations/accept",
    effect=Effect.access,
    permission="account:enter",
    raises=[InvitationExpired, InvitationUsed, LinkNotKnown, TooManyTries, WeakPassword, WrongPassword],
    examples=["Accept the invitation with the link that I got", "Join the shop that invited me"],
    for_people=True,
    for_visitors=True,
    before=_by_its_link,
)
async def accept_invitation(ctx: Context, args: AcceptInvitation) -> Joined:
    """Join a shop with the link of its invitation, and set your own password.

    Who has an account at that address already proves it by its password, and keeps name and password.
    """
    found = await ctx.db.execute(
        select(Membership, Invitation)
        .join(
            Invitation,
            and_(Invitation.merchant_id == Membership.merchant_id, Invitation.membership_id == Membership.id),
        )
        .where(Membership.merchant_id == ctx.merchant.id, Membership.reference == ctx.actor.reference)
        .with_for_update(key_share=True)
    )
    membership, invitation = found.one()
    if membership.joined_at is not None:
        raise InvitationUsed(f"This invitation to {ctx.merchant.name} was accepted on {membership.joined_at:%Y-%m-%d}.")
    if invitation.expires_at <= ctx.now():
        raise InvitationExpired(
            f"This invitation to {ctx.merchant.name} worked until {invitation.expires_at:%Y-%m-%d}."
        )

    user = await _account(ctx, invitation, args)
    user.last_merchant_id = ctx.merchant.id
    ctx.edit(membership, None, user_id=user.id, joined_at=ctx.now())
    await forget_guesses(ctx.sql, names_of(user.email, ""))
    ctx.tell(f"{user.name} ({user.email}) joins {ctx.merchant.name} as {membership.role}.")
    return Joined(
        reference=membership.reference, shop=ctx.merchant.name, email=user.email, name=user.name, role=membership.role
    )


async def _account(ctx: Context, invitation: Invitation, args: AcceptInvitation) -> User:
    """The account of the address, proven by its password; a new one where there is none."""
    password = args.password.get_secret_value()
    user = (await ctx.db.scalars(select(User).where(User.email == invitation.email))).one_or_none()
    if user is not None:
        if not await matches(user.password_hash, password):
            raise WrongPassword(f"That is not the password with which {invitation.email} signs in here.")
        return user
    name = args.name or invitation.name
    refuse_weak(password, invitation.email, name)
    user = User(
        id=new_id(), email=invitation.email, name=name, password_hash=await hashed(password), created_at=ctx.now()
    )
    ctx.db.add(user)
    return user
