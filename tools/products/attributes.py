"""What else is known of a product: attributes, of the types that the shop chose for them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from db.text import fold
from tools.contract.context import Context
from tools.contract.errors import Invalid
from tools.contract.shop_settings import ATTRIBUTE_TYPES, AttributeKind, AttributeType, chosen

Attribute = str | int | float | bool
TRUE, FALSE = ("true", "yes"), ("false", "no")


class AttributeNotOfType(Invalid):
    """An attribute is of the type that the shop chose for it."""

    hint = "Give such a value, or choose another type in the setting products.attribute_types."


async def of_their_types(ctx: Context, attributes: Mapping[str, Attribute | None]) -> dict[str, Attribute | None]:
    """The attributes as they are kept: named and typed as the shop chose. Raises `AttributeNotOfType`."""
    if not attributes:
        return {}
    types = await types_of(ctx)
    return dict(typed(types, written, value) for written, value in attributes.items())


Types = Mapping[str, tuple[str, AttributeType]]


async def types_of(ctx: Context) -> Types:
    """The attributes for which the shop chose a type, by their folded names: how each is written, and its type."""
    return {fold(name): (name, kind) for name, kind in (await chosen(ctx, ATTRIBUTE_TYPES)).items()}


def typed(types: Types, written: str, value: Attribute | None) -> tuple[str, Attribute | None]:
    """An attribute, named and typed as the shop chose. Raises `AttributeNotOfType`."""
    name, kind = types.get(fold(written), (written, None))
    return name, value if kind is None or value is None else _typed(name, kind, value)


def as_text(value: Attribute) -> str:
    """A value as a cell has it; `typed` reads it again."""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _typed(name: str, kind: AttributeType, value: Attribute) -> Attribute:
    said = str(value).strip()
    match kind.type:
        case AttributeKind.text:
            return said
        case AttributeKind.integer if (number := number_in(said)) is not None and number == int(number):
            return int(number)
        case AttributeKind.number if (number := number_in(said)) is not None:
            return int(number) if number == int(number) else float(number)
        case AttributeKind.boolean if said.lower() in (*TRUE, *FALSE):
            return said.lower() in TRUE
        case AttributeKind.date if day_in(said):
            return said
        case AttributeKind.choice if meant := [one for one in kind.values if fold(one) == fold(said)]:
            return meant[0]
        case _:
            raise AttributeNotOfType(f"{name} is {_called(kind)}, and not {said}.")


def _called(kind: AttributeType) -> str:
    match kind.type:
        case AttributeKind.choice:
            return f"one of {', '.join(kind.values)}"
        case AttributeKind.integer | AttributeKind.number:
            whole = "a whole number" if kind.type is AttributeKind.integer else "a number"
            return f"{whole} of {kind.unit}" if kind.unit else whole
        case AttributeKind.boolean:
            return "true or false"
        case AttributeKind.date:
            return "a day such as 2026-03-01"
        case AttributeKind.text:
            return "text"


def number_in(said: str) -> Decimal | None:
    try:
        number = Decimal(said)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < Decimal(10) ** 15 else None


def day_in(said: str) -> str | None:
    """The day, when it is one as dates are kept."""
    try:
        return said if date.fromisoformat(said).isoformat() == said else None
    except ValueError:
        return None
