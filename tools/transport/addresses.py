"""Whether a parcel can reach an address: the rules of its country, in words that say what to mend."""

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from db.models.orders import Order
from db.models.transport import Connector
from tools.contract.asking import Question, Unheard
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.fields import Country, OrderRef, UntrustedText
from tools.contract.outside import outside
from tools.transport.terms import compact


class Severity(StrEnum):
    wrong = "wrong"
    doubtful = "doubtful"


class AddressProblem(Result):
    """What is wrong with an address, or might be."""

    field: str = Field(description="Which part of it.")
    severity: Severity = Field(description="Wrong: it does not get there so. Doubtful: somebody should look.")
    message: str = Field(description="What is the matter.")
    hint: str = Field(description="What to do.")


class AddressChecked(Result):
    """What the rules of the country say."""

    deliverable: bool = Field(description="Whether nothing is wrong with it; something may be doubtful.")
    country: str = Field(description="ISO 3166 alpha-2.")
    known_country: bool = Field(
        description="Whether there are rules for that country; elsewhere only what is missing is seen."
    )
    checked_by: str | None = Field(
        description="The service that knows whether there is such an address; null: nobody was asked, or nobody answered."
    )
    problems: list[AddressProblem] = Field(description="What is wrong or doubtful.")
    line1: UntrustedText | None = Field(description="Street and number, tidied.")
    line2: UntrustedText | None = Field(description="What else the driver needs.")
    postcode: UntrustedText | None = Field(description="Postcode as the country writes it.")
    city: UntrustedText | None = Field(description="Town, tidied.")
    region: UntrustedText | None = Field(description="State or region.")


Part = Annotated[str, StringConstraints(max_length=200)]


class ValidateAddress(Input):
    order: OrderRef | None = Field(
        default=None, description="The order whose shipping address is meant; else the parts below."
    )
    country: Country | None = Field(default=None, description="ISO 3166 alpha-2.")
    line1: Part | None = Field(default=None, description="Street and number.")
    line2: Part | None = Field(default=None, description="Floor, building, what else the driver needs.")
    postcode: Part | None = Field(default=None, description="Postcode.")
    city: Part | None = Field(default=None, description="Town.")
    region: Part | None = Field(default=None, description="State or region, where the country has them in addresses.")


class Rule(NamedTuple):
    """A country's postcodes: how they look without gaps, an example, and how they are written from what is found."""

    shape: str
    example: str
    written: str = "{0}"
    region: str | None = None  # the shape of a region, where addresses need one


_FIVE, _FOUR = r"(\d{5})", r"(\d{4})"
RULES = {
    "AT": Rule(_FOUR, "1010"), "AU": Rule(_FOUR, "2000", region="NSW|VIC|QLD|SA|WA|TAS|NT|ACT"),
    "BE": Rule(r"([1-9]\d{3})", "1000"),
    "BG": Rule(_FOUR, "1000"), "CA": Rule(r"([A-Z]\d[A-Z])(\d[A-Z]\d)", "K1A 0B1", "{0} {1}", region="[A-Z]{2}"),
    "CH": Rule(r"([1-9]\d{3})", "8001"), "CZ": Rule(r"(\d{3})(\d{2})", "110 00", "{0} {1}"), "DE": Rule(_FIVE, "10115"),
    "DK": Rule(_FOUR, "1050"), "EE": Rule(_FIVE, "10111"), "ES": Rule(r"((?:0[1-9]|[1-4]\d|5[0-2])\d{3})", "08005"),
    "FI": Rule(_FIVE, "00100"), "FR": Rule(r"((?:0[1-9]|[1-8]\d|9[0-8])\d{3})", "69001"),
    "GB": Rule(r"([A-Z]{1,2}\d[A-Z\d]?)(\d[A-Z]{2})", "SW1A 1AA", "{0} {1}"), "GR": Rule(r"(\d{3})(\d{2})", "104 31", "{0} {1}"),
    "HR": Rule(_FIVE, "10000"), "HU": Rule(_FOUR, "1011"), "IE": Rule(r"([A-Z]\d[\dW])([A-Z\d]{4})", "D02 AF30", "{0} {1}"),
    "IT": Rule(_FIVE, "00118"), "JP": Rule(r"(\d{3})(\d{4})", "100-0001", "{0}-{1}"),
    "LT": Rule(r"(?:LT)?(\d{5})", "LT-01100", "LT-{0}"),
    "LU": Rule(r"(?:L)?(\d{4})", "1009"), "LV": Rule(r"(?:LV)?(\d{4})", "LV-1050", "LV-{0}"),
    "NL": Rule(r"([1-9]\d{3})([A-Z]{2})", "1011 AB", "{0} {1}"), "NO": Rule(_FOUR, "0150"),
    "PL": Rule(r"(\d{2})(\d{3})", "00-001", "{0}-{1}"), "PT": Rule(r"(\d{4})(\d{3})", "1000-001", "{0}-{1}"),
    "RO": Rule(r"(\d{6})", "010011"), "SE": Rule(r"(\d{3})(\d{2})", "111 22", "{0} {1}"), "SI": Rule(_FOUR, "1000"),
    "SK": Rule(r"(\d{3})(\d{2})", "811 01", "{0} {1}"), "US": Rule(r"(\d{5})(\d{4})?", "10001", region="[A-Z]{2}"),
}  # fmt: skip
NO_POSTCODE = {"AE", "HK", "IE", "QA"}  # addresses are found without one, or many have none
POST_BOX = re.compile(
    r"\b(p\.?\s?o\.?\s?box|postfach|bo[iî]te postale|b\.?p\.?\s?\d+|apartado|casella postale)", re.IGNORECASE
)
FIELDS = ("line1", "line2", "postcode", "city", "region")


@tool(
    route="POST /addresses/validations",
    effect=Effect.read,
    permission="transport:read",
    raises=[],
    examples=["Is the address of ORD-1042 right?", "Check the address 5 rue des Lilas, 6901 Lyon, France"],
)
async def validate_address(ctx: Context, args: ValidateAddress) -> AddressChecked:
    """Check an address by its country's rules: what is missing, wrong or doubtful.

    Postcodes are checked by their shape and written as the country writes them. Whether there is such a street is known where
    a service for carriers is set up (easypost): it is asked then.
    """
    given = {name: getattr(args, name) for name in FIELDS}
    country = args.country
    if args.order:
        order = await ctx.find(Order, args.order)
        kept = order.shipping_address
        given = {name: given[name] or kept.get(name) for name in FIELDS}
        country = country or order.ship_country
    tidy = {name: " ".join(str(value).split()) or None if value else None for name, value in given.items()}
    problems, postcode = check(country or "", tidy)
    tidy |= {"postcode": postcode}
    asked = None if _is_wrong(problems) else _asked(ctx, country or "", tidy)
    if asked:
        problems += [
            _wrong(field, f"The service says: {outside(said)}", "Ask the customer.") for field, said in asked.problems
        ]
        tidy |= {name: asked.address[name] or None for name in FIELDS} if asked.address else {}
    return AddressChecked(
        deliverable=not _is_wrong(problems), country=country or "", known_country=country in RULES, problems=problems,
        checked_by=asked.by if asked else None, **tidy,
    )  # fmt: skip


def _is_wrong(problems: Sequence[AddressProblem]) -> bool:
    return any(problem.severity is Severity.wrong for problem in problems)


class _Answer(NamedTuple):
    by: str
    address: dict[str, str] | None
    problems: list[tuple[str, str]]


def _asked(ctx: Context, country: str, tidy: Mapping[str, str | None]) -> _Answer | None:
    """What the service that is set up here makes of it; None where there is none, or none answers. Raises `Unheard`."""
    by = next((name for name in ctx.site.carriers if name != Connector.tables), None)
    if by is None:
        return None
    address = {"country": country} | {name: value for name, value in tidy.items() if value}
    question = Question(by, {"address": address})
    if question.key not in ctx.heard:
        raise Unheard(ctx.merchant.id, [question])
    said = ctx.heard[question.key]
    return _Answer(by, **json.loads(said)) if said.startswith("{") else None


def check(country: str, address: dict[str, str | None]) -> tuple[list[AddressProblem], str | None]:
    """What is wrong with an address, and its postcode as the country writes it."""
    problems = [
        _wrong(name, f"The {word} is missing.", f"Ask the customer for the {word}.")
        for name, word in (("line1", "street"), ("city", "town"))
        if not address[name]
    ]
    if not country:
        problems.append(_wrong("country", "The country is missing.", "Give its ISO 3166 code, such as FR."))
    rule = RULES.get(country)
    postcode = address["postcode"]
    if rule and postcode:
        found = re.fullmatch(rule.shape, compact(postcode))
        if found:
            postcode = (
                rule.written.format(*found.groups()) if country != "US" else "-".join(filter(None, found.groups()))
            )
        else:
            problems.append(
                _wrong("postcode", f"No postcode of {country} looks so.", f"One looks like {rule.example}.")
            )
    elif rule and country not in NO_POSTCODE:
        problems.append(_wrong("postcode", "The postcode is missing.", f"One of {country} looks like {rule.example}."))
    if rule and rule.region and not re.fullmatch(rule.region, (address["region"] or "").upper()):
        problems.append(
            _wrong("region", f"An address in {country} needs its state.", "Give its short name, such as CA.")
        )
    return problems + _doubts(address), postcode


def _doubts(address: dict[str, str | None]) -> list[AddressProblem]:
    street = address["line1"] or ""
    doubts: list[AddressProblem] = []
    if POST_BOX.search(f"{street} {address['line2'] or ''}"):
        doubts.append(
            _doubtful("line1", "It is a post-office box.", "Most carriers need a street: ask, or use the post.")
        )
    elif street and not re.search(r"\d", f"{street} {address['line2'] or ''}"):
        doubts.append(_doubtful("line1", "There is no house number.", "Ask the customer, unless the house has none."))
    if any(value and len(value) > 60 for value in address.values()):
        doubts.append(
            _doubtful("line1", "A line is longer than labels are wide.", "Put a part of it into the second line.")
        )
    return doubts


def _wrong(field: str, message: str, hint: str) -> AddressProblem:
    return AddressProblem(field=field, severity=Severity.wrong, message=message, hint=hint)


def _doubtful(field: str, message: str, hint: str) -> AddressProblem:
    return AddressProblem(field=field, severity=Severity.doubtful, message=message, hint=hint)
