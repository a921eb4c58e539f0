"""The one declaration: a decorated async function of a `Context` and one input model, returning one result model.

    @tool(route="POST /payments/{payment}/refunds", effect=Effect.money, permission="payments:refund", raises=[...], examples=[...])
    async def refund_payment(ctx: Context, args: RefundPayment) -> RefundReceipt:
        \"\"\"Send all or part of a captured payment back to the customer.\"\"\"

From it come the agent's tool, the REST route, the MCP tool, the command, the documentation and the tests.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from pydantic import ConfigDict, ValidationError

from db.exact import Exact
from tools.contract.errors import Forbidden, Invalid, ShopError, VersionRequired

if TYPE_CHECKING:
    from tools.contract.actors import Caller
    from tools.contract.context import Context
    from tools.contract.jobs import Work
    from tools.contract.shop import Shop


class Input(Exact):
    """What a tool is asked for. Unknown fields are refused; the merchant is never among them.

    Its validator is built when it is first used: a process has six hundred such models, and a command needs two.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, defer_build=True)


class Result(Exact):
    """What a tool answers."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class Effect(StrEnum):
    """What a call may bring about."""

    read = "read"
    record = "record"
    write = "write"
    money = "money"
    goods = "goods"
    access = "access"
    personal = "personal"
    outside = "outside"

    @property
    def weighty(self) -> bool:
        """Money, goods, access, personal data or the world outside: the approval policy is asked (`W!`)."""
        return self not in (Effect.read, Effect.record, Effect.write)


# Every operation that was declared, by its name: for rules about operations. What doors serve is the registry's list.
DECLARED: "dict[str, Tool[Any, Any]]" = {}

I = TypeVar("I", bound=Input)  # noqa: E741  # the contract's own letters: input and output
O = TypeVar("O", bound=Result)  # noqa: E741


@dataclass(frozen=True, eq=False)
class Tool(Generic[I, O]):
    """An operation of the product, and all that its doors need to know of it."""

    run: "Callable[[Context, I], Awaitable[O]]"
    name: str
    module: str
    room: str
    method: str
    path: str
    effect: Effect
    permission: str
    raises: tuple[type[ShopError], ...]
    examples: tuple[str, ...]
    for_people: bool
    keys_by_name: bool
    for_visitors: bool
    before: "Callable[[Shop, Any, Caller], Awaitable[Caller]] | None"
    version_required: bool
    heavy: bool
    work: "Work[Any] | None"
    internal: bool
    afterwards: "Callable[[Context, Any], Awaitable[Any]] | None"
    input: type[I]
    output: type[O]
    description: str

    def __call__(self, ctx: "Context", args: I) -> Awaitable[O]:
        return self.run(ctx, args)

    async def caller_of(self, shop: "Shop", args: I, caller: "Caller", *, preview: bool) -> "Caller":
        """Who calls: whoever the door says, or as `before` finds. Raises `Forbidden` for a visitor's preview."""
        if preview and self.for_visitors:
            raise Forbidden(
                f"{self.name} has no preview: it would tell strangers who has an account.", permission=self.permission
            )
        return await self.before(shop, args, caller) if self.before else caller

    @property
    def writes(self) -> bool:
        return self.effect is not Effect.read

    @property
    def summary(self) -> str:
        return self.description.partition("\n")[0]

    @cached_property
    def path_fields(self) -> tuple[str, ...]:
        """The input's fields that stand in the route."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The input's JSON schema."""
        return self.input.model_json_schema()


def tool(
    *,
    route: str,
    effect: Effect,
    permission: str,
    raises: Sequence[type[ShopError]],
    examples: Sequence[str],
    for_people: bool = False,
    keys_by_name: bool = False,
    for_visitors: bool = False,
    before: "Callable[[Shop, Any, Caller], Awaitable[Caller]] | None" = None,
    version_required: bool = False,
    heavy: bool = False,
    work: "Work[Any] | None" = None,
    internal: bool = False,
    afterwards: "Callable[[Context, Any], Awaitable[Any]] | None" = None,
    room: str | None = None,
) -> "Callable[[Callable[[Context, I], Awaitable[O]]], Tool[I, O]]":
    """Declare an operation. `room` is named by flows alone; elsewhere it is the module's name.

    `for_people`: neither models nor keys do it; with `keys_by_name` a key does whose scopes name its permission outright.
    `version_required`: the input has a `version`, and a caller without it gets 428.
    `heavy`: a report, which may take seconds; few of them run at once, so that they leave room for orders.
    `work`: what the call only begins; the worker goes on with it, see `tools/contract/jobs.py`.
    `internal`: the worker's own, at no door.
    `afterwards`: reads the result again, once what the call wanted of the world outside was tried.
    `for_visitors`: nobody has to be signed in; `before` then finds in the input who calls, and in which shop.
    `before` works ahead of the call's transaction, and what it writes stays though the call be refused: a guess is counted so.
    """
    method, _, path = route.partition(" ")

    def declare(function: "Callable[[Context, I], Awaitable[O]]") -> "Tool[I, O]":
        hints = get_type_hints(function)
        parameters = list(inspect.signature(function).parameters)
        made = Tool(
            run=function,
            name=function.__name__,
            module=function.__module__,
            room=room or function.__module__.split(".")[1],
            method=method,
            path=path,
            effect=effect,
            permission=permission,
            raises=tuple(raises),
            examples=tuple(examples),
            for_people=for_people,
            keys_by_name=keys_by_name,
            for_visitors=for_visitors,
            before=before,
            version_required=version_required,
            heavy=heavy,
            work=work,
            internal=internal,
            afterwards=afterwards,
            input=hints[parameters[1]],
            output=hints["return"],
            description=inspect.cleandoc(function.__doc__ or ""),
        )
        DECLARED[made.name] = made
        return made

    return declare


def validated(tool: Tool[I, O], arguments: I | Mapping[str, Any], *, on_card: bool = False) -> I:
    """The arguments as the tool's input. Raises `Invalid`, naming each field, or `VersionRequired`.

    `on_card`: a person decides by a card, which holds the versions of the rows that it shows, so none has to be named.
    """
    try:
        args = arguments if isinstance(arguments, tool.input) else tool.input.model_validate(arguments)
    except ValidationError as invalid:
        raise Invalid.of(invalid, tool.name) from None
    if tool.version_required and not on_card and getattr(args, "version", None) is None:
        raise VersionRequired(f"{tool.name} needs the version that you read.")
    return args
