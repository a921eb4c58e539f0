"""A carrier's rate card from a CSV file: what it changes is seen before it counts."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from pydantic import Field, ValidationError

from db.money import exponent
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Invalid, NotFound, StaleVersion
from tools.contract.fields import CarrierRef, FileRef
from tools.contract.files import copied, find_file
from tools.contract.outside import outside
from tools.rules.spreadsheets import NotReadable, Row, rows, text_of
from tools.transport.carriers import find_carrier, replace_rates
from tools.transport.configuring import RateOfNothing, RateTwice, refuse_twice, refuse_unknown
from tools.transport.terms import Break

NEEDED = ("service", "zone", "up_to_grams", "price", "days_min", "days_max")
COLUMNS = (*NEEDED, "up_to_mm")
LARGEST = 2 << 20  # bytes
MOST_LINES = 20_000
MOST_ERRORS = 10  # that a refusal names


class NotARateCard(Invalid):
    """The file has not the columns of a rate card."""

    hint = f"The columns are {', '.join(NEEDED)}, and up_to_mm where size counts; prices are written as 6.90."


class RateCardWrong(Invalid):
    """Lines of the card cannot be read, and nothing of it was taken."""

    hint = "Correct the lines that are named, and upload the file again."


class ImportRateCard(Input):
    carrier: CarrierRef = Field(description="The carrier: `CAR-1001`, its code or its name.")
    file: FileRef = Field(description="An uploaded CSV file, such as `FILE-12`.")
    version: int | None = Field(
        default=None, description="The carrier's version that was read; a later one is refused."
    )


class RateCardImported(Result):
    """What became of the carrier's prices."""

    carrier: str = Field(description="The carrier's code.")
    services: list[str] = Field(description="The services whose prices the card replaces, by their codes.")
    lines: int = Field(description="Prices on the card.")
    added: int = Field(description="Prices that are new.")
    changed: int = Field(description="Prices that are different.")
    removed: int = Field(description="Prices that the card has no more.")
    unchanged: int = Field(description="Prices that stay as they are.")
    version: int = Field(description="The carrier's version; grows with each change.")


@tool(
    route="POST /carriers/{carrier}/rate-card",
    effect=Effect.money,
    permission="settings:write",
    raises=[Ambiguous, NotARateCard, NotFound, NotReadable, RateCardWrong, RateOfNothing, RateTwice, StaleVersion],
    examples=["Import FILE-12 as Colivia's rate card", "Load the new prices of Rapidex from FILE-31"],
)
async def import_rate_card(ctx: Context, args: ImportRateCard) -> RateCardImported:
    """Replace a carrier's prices by those of a CSV file, all or nothing.

    Only the services that the card names are replaced. The preview says how many prices are new, changed or gone.
    Prices are written in whole units (6.90), and kept in minor units.
    """
    carrier = await find_carrier(ctx, args.carrier, for_update=True)
    card, file = await _read(ctx, args.file, carrier.currency)
    refuse_unknown(card, carrier)
    refuse_twice(card)
    services = {one.service for one in card}

    became = await replace_rates(ctx, carrier, card, services)
    ctx.edit(carrier, args.version)
    ctx.event("priced", carrier, lines=len(card))
    parts = [f"{count:,} {word}" for word, count in became._asdict().items() if count]
    named = f"{carrier.name} ({carrier.reference})"
    ctx.tell(
        f"The prices of {named} for {words.listed(sorted(services))} become those of {file}: {words.listed(parts)}."
    )
    return RateCardImported(
        carrier=carrier.code, services=sorted(services), lines=len(card), version=carrier.version, **became._asdict()
    )


async def _read(ctx: Context, written: str, currency: str) -> tuple[list[Break], str]:
    """The prices of a file, and what it is called. Raises `RateCardWrong` with the lines that cannot be read."""
    file = await find_file(ctx, written)
    if file.size > LARGEST:
        raise NotARateCard(f"{outside(file.name)} has more than {LARGEST:,} bytes.")
    card: list[Break] = []
    wrong: list[str] = []
    with await copied(ctx, file) as content:
        lines = rows(content, _separator)
        header = [text_of(cell).lower() for cell in next(lines, Row(1, [])).cells]
        missing = [name for name in NEEDED if name not in header]
        if missing:
            raise NotARateCard(f"{outside(file.name)} has no column {words.listed(missing)}.")
        for row in lines:
            if len(card) == MOST_LINES:
                raise NotARateCard(f"{outside(file.name)} has more than {MOST_LINES:,} lines.")
            found = _break(dict(zip(header, (text_of(cell) for cell in row.cells), strict=False)), currency)
            if isinstance(found, Break):
                card.append(found)
            else:
                wrong.append(f"line {row.line}: {found}")
    if wrong:
        raise RateCardWrong(f"{words.count(len(wrong), 'line')} of {outside(file.name)}: {_first(wrong)}.")
    if not card:
        raise NotARateCard(f"{outside(file.name)} has no line of prices.")
    return card, outside(file.name)


def _first(wrong: Sequence[str]) -> str:
    shown = "; ".join(wrong[:MOST_ERRORS])
    return f"{shown}; and {len(wrong) - MOST_ERRORS} more" if len(wrong) > MOST_ERRORS else shown


def _separator(header: str) -> str:
    return max(",;\t", key=header.count)


def _break(cells: dict[str, str], currency: str) -> Break | str:
    """The price of a line, or what is wrong with it."""
    given: dict[str, object] = {name: cells[name] for name in COLUMNS if cells.get(name)}
    try:
        price = Decimal(str(given.get("price", "")).replace(",", ".")).scaleb(exponent(currency))
        if price != price.to_integral_value():
            return f"a price in {currency} has at most {exponent(currency)} decimals"
        return Break.model_validate(given | {"price": int(price)})
    except (InvalidOperation, OverflowError):
        return "the price is no number such as 6.90"
    except ValidationError as invalid:
        problem = invalid.errors()[0]
        return f"{'.'.join(str(part) for part in problem['loc']) or 'it'}: {problem['msg']}"
