"""What the shop has chosen of what it may choose."""

from difflib import get_close_matches
from typing import Any, NamedTuple, cast

from psycopg import IntegrityError
from pydantic import Field, JsonValue, ValidationError
from sqlalchemy import select

from db.models.backoffice import Setting
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Invalid, NotFound, StaleVersion
from tools.contract.shop_settings import SHOP_SETTINGS, ShopSetting, chosen


class UnknownSetting(NotFound):
    """There is no such choice."""


class SettingValueRefused(Invalid):
    """The setting cannot have that value."""


class SettingDetail(Result):
    """One choice of the shop."""

    key: str = Field(description="The setting, such as `orders.expire_unpaid_after_hours`.")
    value: JsonValue = Field(description="What holds now.")
    default: JsonValue = Field(description="What holds where nobody has chosen.")
    chosen: bool = Field(description="Whether somebody has chosen it.")
    description: str = Field(description="What it is for.")
    version: int = Field(description="Grows with each change, 0 before the first; set_setting needs it.")


class GetSettings(Input):
    """Which settings are wanted."""

    search: str | None = Field(default=None, max_length=100, description="Part of a setting's key or description.")


class SettingList(Result):
    """The settings."""

    data: list[SettingDetail] = Field(description="Each with its value, its default and what it is for.")


class _Stored(NamedTuple):
    key: str
    value: dict[str, Any]
    version: int


@tool(
    route="GET /settings",
    effect=Effect.read,
    permission="settings:read",
    raises=[],
    examples=["After how many hours does an unpaid order expire?", "Show me all settings of the shop"],
)
async def get_settings(ctx: Context, args: GetSettings) -> SettingList:
    """Show what the shop may choose, what holds now and what each setting is for."""
    rows = await ctx.sql.rows(
        "select key, value, version from settings where merchant_id = %s and key = any(%s)",
        (ctx.merchant.id, list(SHOP_SETTINGS)),
        as_=_Stored,
    )
    stored = {row.key: row for row in rows}
    wanted = (args.search or "").casefold()
    shown = [_shown(setting, stored.get(key)) for key, setting in SHOP_SETTINGS.items()]
    return SettingList(data=[row for row in shown if wanted in f"{row.key} {row.description}".casefold()])


class SetSetting(Input):
    """What is chosen."""

    key: str = Field(max_length=100, description="The setting, such as `inventory.low_stock_days_of_cover`.")
    value: JsonValue = Field(description="The new value: a number, a word, or what the setting's description asks for.")
    version: int | None = Field(default=None, ge=0, description="The version that was read; 0 for a first choice.")


@tool(
    route="PUT /settings/{key}",
    effect=Effect.access,
    permission="settings:write",
    raises=[SettingValueRefused, StaleVersion, UnknownSetting],
    examples=["Let unpaid orders expire after 48 hours", "Set inventory.low_stock_days_of_cover to 21"],
    version_required=True,
)
async def set_setting(ctx: Context, args: SetSetting) -> SettingDetail:
    """Choose one of the shop's settings; `get_settings` lists them."""
    setting = SHOP_SETTINGS.get(args.key)
    if setting is None:
        nearest = get_close_matches(args.key, SHOP_SETTINGS, n=3, cutoff=0.4) or list(SHOP_SETTINGS)
        raise UnknownSetting(
            f"There is no setting {args.key}.", hint=f"There is {', '.join(nearest)}.", nearest=nearest
        )
    try:
        value = setting.type.dump_python(setting.type.validate_python(args.value), mode="json")
    except ValidationError as refused:
        problem = refused.errors(include_url=False)[0]["msg"]
        raise SettingValueRefused(
            f"{args.key} cannot be {args.value!r}: {problem}.", hint=setting.description
        ) from None

    await _tell(ctx, setting, value)
    row = await put_setting(ctx, setting.key, {"value": value}, args.version or 0)
    return _shown(setting, row)


async def _tell(ctx: Context, setting: ShopSetting[Any], value: Any) -> None:
    what = setting.description.partition(";")[0].rstrip(".")
    before = setting.type.dump_python(await chosen(ctx, setting), mode="json")
    now, was = _worded(value), _worded(before)
    ctx.tell(f"“{what}”: {now} from now on, {was} until now.")


def _worded(value: Any) -> str:
    """A choice in a sentence: of several by name, the numbers that they have, else what is called so."""
    if isinstance(value, dict):
        named = cast(dict[str, Any], value).items()
        told = [f"{words.word(name)} {one:,}" if isinstance(one, int) else words.word(name) for name, one in named]
        return words.listed(told) if told else "none"
    return "not chosen" if value is None else words.word(f"{value}")


async def put_setting(ctx: Context, key: str, value: dict[str, Any], version: int) -> Setting:
    """Write a settings row over the version that was read; 0 is none yet. Raises `StaleVersion`."""
    row = (
        await ctx.db.scalars(
            select(Setting)
            .where(Setting.merchant_id == ctx.merchant.id, Setting.key == key)
            .with_for_update(key_share=True)
        )
    ).one_or_none()
    present = row.version if row else 0
    if version != present:
        raise StaleVersion(f"{key} is at version {present}, and you read version {version}.", version=present)
    if row is not None:
        ctx.edit(row, version, value=value)
        return row
    row = ctx.new(Setting, key=key, value=value)
    try:
        await ctx.db.flush()
    except IntegrityError as raced:  # somebody else chose it first, in this very moment
        raise StaleVersion(f"{key} is at version 1, and you read version 0.", version=1) from raced
    return row


def _shown(setting: ShopSetting[Any], stored: _Stored | Setting | None) -> SettingDetail:
    return SettingDetail(
        key=setting.key,
        value=setting.type.dump_python(setting.of(stored.value if stored else None), mode="json"),
        default=setting.type.dump_python(setting.default, mode="json"),
        chosen=stored is not None,
        description=setting.description,
        version=stored.version if stored else 0,
    )
