"""The people of the shop: who is in it, as what."""

import asyncio
import secrets
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from argon2 import PasswordHasher
from pydantic import Field, model_validator
from sqlalchemy import or_, select

from db.model import new_id
from db.models.backoffice import Membership, Role, User
from db.references import Kind
from tools.backoffice.grants import (
    FourEyesNeedsTwo,
    GrantsMoreThanYouHave,
    must_hold,
    must_leave_two_approvers,
    must_outrank,
)
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, NotFound, StaleVersion
from tools.contract.fields import Email, Name, Search, SecretText, Synonyms, UserRef
from tools.contract.page import Page, Paged, page_of, place
from tools.contract.permissions import ROLES


class AlreadyAMember(Conflict):
    """That person is in the shop already."""

    hint = "Change what they may do with update_user."


class LastOwner(Conflict):
    """A shop always has an owner."""

    hint = "Make somebody else owner first, with update_user."


class UserDeactivated(Conflict):
    """That person has left the shop."""

    hint = "Invite them again with create_user and the same e-mail address."


class NotYoursToRename(Conflict):
    """The person had an account here before they joined this shop."""

    hint = "Their name is theirs to change; leave `name` out."


RoleField = Annotated[
    Role,
    Synonyms(
        {
            "owner": ("boss", "proprietor", "administrator", "admin"),
            "manager": ("supervisor", "shop manager", "team lead"),
            "support": ("customer service", "support agent", "help desk"),
            "warehouse": ("picker", "packer", "warehouse worker", "logistics"),
            "viewer": ("read only", "accountant", "analyst", "guest"),
        }
    ),
]


class UserDetail(Result):
    """A person of the shop."""

    reference: str = Field(description="Reference of the person in this shop, such as USR-1002.")
    name: str = Field(description="What the person is called.")
    email: str = Field(description="The address with which the person signs in.")
    role: Role = Field(description="What the person may do: owner, manager, support, warehouse or viewer.")
    active: bool = Field(description="False once the person has left the shop.")
    joined_at: datetime = Field(description="Since when the person is in the shop, UTC.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class _Person(NamedTuple):
    id: UUID
    reference: str
    name: str
    email: str
    role: Role
    active: bool
    joined_at: datetime
    version: int

    def shown(self) -> UserDetail:
        return UserDetail.model_validate(self, from_attributes=True)


_PEOPLE = """
select s.id, s.reference, u.name, u.email, s.role, s.deactivated_at is null as active, s.created_at as joined_at, s.version
from memberships s join users u on u.id = s.user_id
where s.merchant_id = %(m)s
"""


class ListUsers(Paged):
    """Which people of the shop are wanted."""

    role: RoleField | None = Field(default=None, description="Only people with this role.")
    active: bool | None = Field(default=None, description="True: who is in the shop now; false: who has left.")
    search: Search | None = Field(default=None, description="Part of a name or of an e-mail address.")


@tool(
    route="GET /users",
    effect=Effect.read,
    permission="users:read",
    raises=[],
    examples=["Who works in my shop?", "List everybody with the support role"],
)
async def list_users(ctx: Context, args: ListUsers) -> Page[UserDetail]:
    """List the people of the shop with their roles, the longest here first."""
    after = place(args.after, UUID)
    rows = await ctx.sql.rows(
        _PEOPLE
        + """
        and (%(role)s::text is null or s.role = %(role)s)
        and (%(active)s::bool is null or (s.deactivated_at is null) = %(active)s)
        and (%(search)s::text is null or strpos(lower(u.name), lower(%(search)s)) > 0 or strpos(u.email, lower(%(search)s)) > 0)
        and (%(after)s::uuid is null or s.id > %(after)s)
        order by s.id limit %(limit)s + 1
        """,
        args.model_dump() | {"m": ctx.merchant.id, "after": after[0] if after else None},
        as_=_Person,
    )
    return page_of(rows, args.limit, _Person.shown, lambda row: (row.id,))


class GetUser(Input):
    """Which person."""

    user: UserRef = Field(description="The person: USR-1002, or the e-mail address.")


@tool(
    route="GET /users/{user}",
    effect=Effect.read,
    permission="users:read",
    raises=[NotFound],
    examples=["What may USR-1003 do?", "Show me the account of lea@example.com"],
)
async def get_user(ctx: Context, args: GetUser) -> UserDetail:
    """Show one person of the shop and their role."""
    found = await ctx.sql.row(
        _PEOPLE
        + "and (s.reference = %(reference)s or s.external_reference = %(written)s or u.email = lower(%(written)s))"
        + " order by s.reference <> %(reference)s limit 1",
        {"m": ctx.merchant.id, "reference": Kind.user.canonical(args.user), "written": args.user},
        as_=_Person,
    )
    if found is None:
        raise await ctx.not_found(Kind.user, args.user)
    return found.shown()


class CreateUser(Input):
    """Who is invited, as what."""

    email: Email = Field(description="The address with which the person will sign in.")
    name: Name = Field(description="What the person is called.")
    role: RoleField = Field(description="What the person may do: owner, manager, support, warehouse or viewer.")


class Invitation(UserDetail):
    """The person, and the password to hand over."""

    password: SecretText = Field(
        description="The first password, shown this once; null for somebody who had an account already."
    )


@tool(
    route="POST /users",
    effect=Effect.access,
    permission="users:invite",
    raises=[AlreadyAMember, GrantsMoreThanYouHave],
    examples=["Invite lea@example.com as support", "Add Tom to the warehouse team, his mail is tom@example.com"],
    for_people=True,
)
async def create_user(ctx: Context, args: CreateUser) -> Invitation:
    """Invite a person to the shop with a role, and get their first password.

    Nobody gives more than they have. Who has an account in another shop keeps its name and password; who was
    deactivated here comes back with the new role.
    """
    must_outrank(ctx, args.role)
    user, password = await _account(ctx, args)
    membership = (
        await ctx.db.scalars(
            select(Membership)
            .where(Membership.merchant_id == ctx.merchant.id, Membership.user_id == user.id)
            .with_for_update(key_share=True)
        )
    ).one_or_none()
    if membership is not None and membership.deactivated_at is None:
        raise AlreadyAMember(
            f"{user.name} ({user.email}) is in this shop as {membership.role} ({membership.reference})."
        )

    if membership is None:
        membership = await ctx.add(Membership, user_id=user.id, role=args.role)
    else:
        ctx.edit(membership, None, role=args.role, deactivated_at=None)
    ctx.tell(f"{user.name} ({user.email}) will be {args.role} of {ctx.merchant.name}.")
    return Invitation(**_shown(membership, user).model_dump(), password=password)


async def _account(ctx: Context, args: CreateUser) -> tuple[User, str | None]:
    """The account of that e-mail address; a new one comes with its password."""
    email = args.email.lower()
    user = (await ctx.db.scalars(select(User).where(User.email == email))).one_or_none()
    if user is not None:
        return user, None
    password = secrets.token_urlsafe(12)
    hashed = await asyncio.to_thread(PasswordHasher().hash, password)  # slow on purpose: not on the event loop
    user = User(id=new_id(), email=email, name=args.name, password_hash=hashed, created_at=ctx.now())
    ctx.db.add(user)
    return user, password


class UpdateUser(Input):
    """What changes of a person."""

    user: UserRef = Field(description="The person: USR-1002, or the e-mail address.")
    role: RoleField | None = Field(default=None, description="The new role.")
    name: Name | None = Field(default=None, description="The new name.")
    version: int | None = Field(default=None, description="The version that was read; refused when it changed since.")

    @model_validator(mode="after")
    def _something(self) -> "UpdateUser":
        if self.role is None and self.name is None:
            raise ValueError("say the new role or the new name")
        return self


@tool(
    route="PATCH /users/{user}",
    effect=Effect.access,
    permission="users:write",
    raises=[
        FourEyesNeedsTwo, GrantsMoreThanYouHave, LastOwner, NotFound, NotYoursToRename, StaleVersion, UserDeactivated,
    ],
    examples=["Make USR-1004 a manager", "Lea's surname is now Martin-Dubois"],
    for_people=True,
)  # fmt: skip
async def update_user(ctx: Context, args: UpdateUser) -> UserDetail:
    """Change the role or the name of a person of the shop.

    Nobody gives more than they have, and the last owner stays owner.
    """
    membership, user = await _member(ctx, args.user, stays_owner=args.role in (None, Role.owner))
    if args.role is not None:
        must_outrank(ctx, args.role)
    if args.name is not None and user.created_at != membership.created_at:
        raise NotYoursToRename(f"{user.name} ({user.email}) had an account before joining {ctx.merchant.name}.")

    if args.role is not None:
        ctx.tell(f"{user.name} is {membership.role} and becomes {args.role}.")
    ctx.edit(membership, args.version, role=args.role or membership.role)
    user.name = args.name or user.name
    await must_leave_two_approvers(ctx, ctx.merchant.four_eyes_above)
    return _shown(membership, user)


class DeactivateUser(Input):
    """Who leaves."""

    user: UserRef = Field(description="The person: USR-1002, or the e-mail address.")


class Deactivation(UserDetail):
    """The person who left, and what they leave behind."""

    api_keys: list[str] = Field(
        description="API keys that the person made and that still work; revoke them if need be."
    )


class _Key(NamedTuple):
    reference: str


@tool(
    route="DELETE /users/{user}",
    effect=Effect.access,
    permission="users:write",
    raises=[FourEyesNeedsTwo, GrantsMoreThanYouHave, LastOwner, NotFound, UserDeactivated],
    examples=["Remove USR-1005 from the shop", "Tom left us, take away his access: tom@example.com"],
    for_people=True,
)
async def deactivate_user(ctx: Context, args: DeactivateUser) -> Deactivation:
    """Take a person's access to the shop away, at once.

    What they did stays on record. The keys that they made go on working: the answer names them, `revoke_api_key` ends them.
    """
    membership, user = await _member(ctx, args.user, stays_owner=False)

    ctx.edit(membership, None, deactivated_at=ctx.now())
    ctx.tell(f"{user.name} ({user.email}), {membership.role}, can no longer sign in to {ctx.merchant.name}.")
    await must_leave_two_approvers(ctx, ctx.merchant.four_eyes_above)
    keys = await ctx.sql.rows(
        """
        select reference from api_keys
        where merchant_id = %s and created_by = %s and revoked_at is null and (expires_at is null or expires_at > %s)
        order by id
        """,
        (ctx.merchant.id, membership.reference, ctx.now()),
        as_=_Key,
    )
    return Deactivation(**_shown(membership, user).model_dump(), api_keys=[key.reference for key in keys])


async def _member(ctx: Context, written: str, *, stays_owner: bool) -> tuple[Membership, User]:
    """The person, locked. The owners are locked with them, in order, so that two cannot leave at the same moment."""
    reference = Kind.user.canonical(written)
    accounts = select(User.id).where(User.email == written.lower())
    meant = or_(
        Membership.reference == reference,
        Membership.external_reference == written,
        Membership.user_id.in_(accounts),
    )
    locked = await ctx.db.execute(
        select(Membership, meant)
        .where(Membership.merchant_id == ctx.merchant.id, or_(meant, Membership.role == Role.owner))
        .order_by(Membership.id)
        .with_for_update(key_share=True)
    )
    rows = locked.all()
    named = [row for row, is_meant in rows if is_meant]
    member = next((row for row in named if row.reference == reference), next(iter(named), None))
    if member is None:
        raise await ctx.not_found(Kind.user, written)
    ctx.means(Kind.user, written, member.reference)
    user = (await ctx.db.scalars(select(User).where(User.id == member.user_id))).one()
    if member.deactivated_at is not None:
        raise UserDeactivated(f"{user.name} ({user.email}) left the shop on {member.deactivated_at:%Y-%m-%d}.")
    owners = [row for row, _ in rows if row.role is Role.owner and row.deactivated_at is None]
    if member.role is Role.owner and len(owners) == 1 and not stays_owner:
        raise LastOwner(f"{user.name} is the only owner of {ctx.merchant.name}.")
    must_hold(ctx, ROLES[member.role], f"{user.name}, as {member.role},")
    return member, user


def _shown(membership: Membership, user: User) -> UserDetail:
    return UserDetail(
        reference=membership.reference,
        name=user.name,
        email=user.email,
        role=membership.role,
        active=membership.deactivated_at is None,
        joined_at=membership.created_at,
        version=membership.version,
    )
