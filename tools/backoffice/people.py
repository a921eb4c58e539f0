"""The people of the shop: who is in it, as what."""

from datetime import datetime, timedelta
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import and_, or_, select

from db.models.backoffice import Invitation, Membership, Role, User
from db.references import Kind
from tools.backoffice.grants import (
    FourEyesNeedsTwo,
    GrantsMoreThanYouHave,
    must_hold,
    must_leave_two_approvers,
    must_outrank,
)
from tools.backoffice.signed_in import end_sessions
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Conflict, NotFound, StaleVersion
from tools.contract.fields import Days, Name, Search, Synonyms, UntrustedText, UserRef
from tools.contract.page import Page, Paged, paged, place
from tools.contract.permissions import ROLES


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


class OpenInvitation(Result):
    """An invitation that the person has not accepted yet."""

    invited_by: str = Field(description="Who invited the person, such as USR-1001.")
    expires_at: datetime = Field(description="Until when the newest link works, UTC.")
    mailed_at: datetime | None = Field(
        description="When the link went out by mail, UTC; null where whoever invited hands it over."
    )
    trouble: UntrustedText | None = Field(
        description="Why the mail could not be delivered; null when nothing went wrong."
    )


class UserDetail(Result):
    """A person of the shop, or one who was invited."""

    reference: str = Field(description="Reference of the person in this shop, such as USR-1002.")
    name: str = Field(description="What the person is called; until they have joined, as they were invited.")
    email: str = Field(description="The address with which the person signs in.")
    role: Role = Field(description="What the person may do: owner, manager, support, warehouse or viewer.")
    active: bool = Field(description="False until the person has joined, and once they have left the shop.")
    joined_at: datetime | None = Field(
        description="Since when the person is in the shop, UTC; null until they have accepted."
    )
    last_seen_at: datetime | None = Field(
        description="When they last used a browser that is still signed in, UTC, to five minutes; null where none is."
    )
    invitation: OpenInvitation | None = Field(description="The invitation that waits to be accepted; null otherwise.")
    version: int = Field(description="Grows with each change; send it back as If-Match.")


class _Person(NamedTuple):
    id: UUID
    reference: str
    external_reference: str | None
    name: str
    email: str
    role: Role
    active: bool
    joined_at: datetime | None
    last_seen_at: datetime | None
    open: bool
    invited_by: str | None
    expires_at: datetime | None
    mailed_at: datetime | None
    trouble: str | None
    version: int

    def shown(self) -> UserDetail:
        invitation = OpenInvitation.model_validate(self, from_attributes=True) if self.open else None
        return UserDetail.model_validate({**self._asdict(), "invitation": invitation})


# Of an account nothing is shown before its person has joined: until then there is what the invitation says.
_PEOPLE = """
select * from (
    select s.id, s.reference, s.external_reference, coalesce(u.name, i.name) as name,
           coalesce(u.email, i.email) as email, s.role, s.user_id is not null and s.deactivated_at is null as active, s.joined_at,
           (select max(n.last_seen_at) from sessions n where n.user_id = s.user_id and n.merchant_id = %(m)s) as last_seen_at,
           s.user_id is null and s.deactivated_at is null as open, i.invited_by, i.expires_at, i.mailed_at, i.trouble, s.version
    from memberships s
    left join users u on u.id = s.user_id
    left join invitations i on i.merchant_id = s.merchant_id and i.membership_id = s.id
    where s.merchant_id = %(m)s
) people
where true
"""


class ListUsers(Paged):
    """Which people of the shop are wanted."""

    role: RoleField | None = Field(default=None, description="Only people with this role.")
    active: bool | None = Field(
        default=None, description="True: who is in the shop now; false: who has left, or has not joined yet."
    )
    not_seen_days: Days | None = Field(
        default=None, ge=1, le=3650,
        description="Only people of the shop who were not signed in during so many days, nor are they now.",
    )  # fmt: skip
    search: Search | None = Field(default=None, description="Part of a name or of an e-mail address.")


@tool(
    route="GET /users",
    effect=Effect.read,
    permission="users:read",
    raises=[],
    examples=["Who works in my shop?", "List everybody with the support role", "Who has not been in for a month?"],
)
async def list_users(ctx: Context, args: ListUsers) -> Page[UserDetail]:
    """List the people of the shop and who was invited, the longest here first."""
    after = place(args.after, UUID)
    return await paged(
        ctx,
        args,
        _PEOPLE
        + """
        and (%(role)s::text is null or role = %(role)s)
        and (%(active)s::bool is null or active = %(active)s)
        and (%(search)s::text is null or strpos(lower(name), lower(%(search)s)) > 0 or strpos(email, lower(%(search)s)) > 0)
        and (%(unseen)s::timestamptz is null or active and (last_seen_at is null or last_seen_at < %(unseen)s))
        and (%(after)s::uuid is null or id > %(after)s)
        order by id limit %(limit)s
        """,
        args.model_dump()
        | {
            "m": ctx.merchant.id,
            "after": after[0] if after else None,
            "unseen": ctx.now() - timedelta(days=args.not_seen_days) if args.not_seen_days else None,
        },
        as_=_Person,
        show=_Person.shown,
        at=lambda row: (row.id,),
    )


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
        + "and (reference = %(reference)s or external_reference = %(written)s or email = lower(%(written)s))"
        + " order by reference <> %(reference)s limit 1",
        {"m": ctx.merchant.id, "reference": Kind.user.canonical(args.user), "written": args.user},
        as_=_Person,
    )
    if found is None:
        raise await ctx.not_found(Kind.user, args.user)
    return found.shown()


async def person(ctx: Context, reference: str) -> UserDetail:
    """The person as this call leaves them."""
    await ctx.sql.flush()
    found = await ctx.sql.rows(_PEOPLE + "and reference = %(r)s", {"m": ctx.merchant.id, "r": reference}, as_=_Person)
    return found[0].shown()


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

    Nobody gives more than they have, limits included, and the last owner stays owner.
    """
    member = await member_of(ctx, args.user, stays_owner=args.role in (None, Role.owner))
    membership = member.membership
    if args.role is not None:
        await must_outrank(ctx, args.role)
    if args.name is not None and member.user is not None and member.user.created_at != membership.joined_at:
        raise NotYoursToRename(f"{member.called} had an account before joining {ctx.merchant.name}.")

    if args.role is not None:
        ctx.tell(f"{member.called} is {membership.role} and becomes {args.role}.")
    if args.name is not None:
        ctx.tell(f"{member.called} is called {args.name} from now on.")
    ctx.edit(membership, args.version, role=args.role or membership.role)
    member.rename(args.name)
    await must_leave_two_approvers(ctx, ctx.merchant.four_eyes_above)
    return await person(ctx, membership.reference)


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

    An invitation that is out is void. They are signed out of this shop; what they did stays on record. The keys that they made
    go on working: the answer names them, `revoke_api_key` ends them.
    """
    member = await member_of(ctx, args.user, stays_owner=False)
    membership = member.membership

    ctx.edit(membership, None, deactivated_at=ctx.now())
    if member.invitation is not None:
        member.invitation.token_hash = None
    signed_out = await end_sessions(ctx, "user_id = %(user)s and merchant_id = %(m)s", user=membership.user_id)
    ctx.tell(
        f"{member.called}, {membership.role}, can no longer sign in to {ctx.merchant.name}, and is signed out of it"
        f" in {words.count(signed_out, 'browser')}."
        if member.user
        else f"The invitation of {member.called} as {membership.role} is void."
    )
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
    left = await person(ctx, membership.reference)
    return Deactivation(**left.model_dump(), api_keys=[key.reference for key in keys])


class Member(NamedTuple):
    """A place in the shop: whose it is, or to whom it is offered."""

    membership: Membership
    user: User | None
    invitation: Invitation | None

    @property
    def called(self) -> str:
        """As the shop knows the person: an invited one as they were invited, whoever has that address."""
        known = self.user or self.invitation
        return f"{known.name} ({known.email})" if known else self.membership.reference

    def rename(self, name: str | None) -> None:
        known = self.user or self.invitation
        if known is not None and name is not None:
            known.name = name


async def member_of(ctx: Context, written: str, *, stays_owner: bool = True) -> Member:
    """The person, locked. The owners are locked with them, in order, so that two cannot leave at the same moment."""
    reference = Kind.user.canonical(written)
    meant = or_(
        Membership.reference == reference,
        Membership.external_reference == written,
        User.email == written.lower(),
        and_(Membership.user_id.is_(None), Invitation.email == written.lower()),
    )
    locked = await ctx.db.execute(
        select(Membership, User, Invitation, meant)
        .outerjoin(User, User.id == Membership.user_id)
        .outerjoin(
            Invitation,
            and_(Invitation.merchant_id == Membership.merchant_id, Invitation.membership_id == Membership.id),
        )
        .where(Membership.merchant_id == ctx.merchant.id, or_(meant, Membership.role == Role.owner))
        .order_by(Membership.id)
        .with_for_update(key_share=True, of=Membership)
    )
    rows = [(Member(*row[:3]), bool(row[3])) for row in locked.all()]
    named = [one for one, is_meant in rows if is_meant]
    member = next((one for one in named if one.membership.reference == reference), next(iter(named), None))
    if member is None:
        raise await ctx.not_found(Kind.user, written)
    membership = member.membership
    ctx.means(Kind.user, written, membership.reference)
    if membership.deactivated_at is not None:
        raise UserDeactivated(f"{member.called} left the shop on {membership.deactivated_at:%Y-%m-%d}.")
    owners = [
        one.membership.id
        for one, _ in rows
        if one.membership.role is Role.owner and one.user is not None and one.membership.deactivated_at is None
    ]
    if owners == [membership.id] and not stays_owner:
        raise LastOwner(f"{member.called} is the only owner of {ctx.merchant.name}.")
    must_hold(ctx, ROLES[membership.role], f"{member.called}, as {membership.role},")
    return member
