"""The types that inputs share: references, money, quantities, periods. What they add to a JSON schema (`x-…`) tells a reader
without a language model how to recognise them in a sentence; other readers may ignore it.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from db.references import Kind, kind_of


@dataclass(frozen=True)
class Ref:
    """A reference of one kind, as people write it: `ORD-1042`, `ord-1042`, `#1042`, or another shop's number (see `ctx.find`).

    `worded`: or the words of a name, which may mean several.
    """

    kind: Kind
    worded: bool = False

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        words = {"x-worded": True} if self.worded else {}
        return {**handler(schema), "x-reference": self.kind.name.rstrip("_"), "x-prefix": self.kind.value, **words}


@dataclass(frozen=True)
class Hint:
    """What a field means in a sentence, beyond its type."""

    kind: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-kind": self.kind}


@dataclass(frozen=True)
class Synonyms:
    """Other words that people use for an enum's values."""

    words: dict[str, tuple[str, ...]]

    def __hash__(self) -> int:
        return hash(tuple(self.words.items()))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-synonyms": {value: list(words) for value, words in self.words.items()}}


def _written(parse: Callable[[str], Any]) -> BeforeValidator:
    """Days and instants are ISO 8601: a bare number would be read as seconds since 1970. They are read here already: behind a
    validator, pydantic's strict reading takes no text for them.
    """

    def read(value: Any) -> Any:
        if isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"\s*[+-]?[\d.]+\s*", value)):
            raise ValueError("Write days as 2026-11-22 and instants as 2026-11-22T10:00:00Z.")
        with suppress(TypeError, ValueError):
            return parse(value)
        return value

    return BeforeValidator(read)


Written = Annotated[str, StringConstraints(min_length=1, max_length=100)]

OrderRef = Annotated[Written, Ref(Kind.order)]
ProductRef = Annotated[Written, Ref(Kind.product)]
ProductWords = Annotated[Written, Ref(Kind.product, worded=True)]  # of several: "the mugs"
VariantRef = Annotated[Written, Ref(Kind.variant)]  # a SKU as written, or VAR-7
CustomerRef = Annotated[Written, Ref(Kind.customer)]
AddressRef = Annotated[Written, Ref(Kind.address)]
SegmentRef = Annotated[Written, Ref(Kind.segment)]
WarehouseRef = Annotated[Written, Ref(Kind.warehouse)]
CategoryRef = Annotated[Written, Ref(Kind.category)]
PromotionRef = Annotated[Written, Ref(Kind.promotion)]  # PRO-7, or its code
PriceChangeRef = Annotated[Written, Ref(Kind.price_change)]
ReservationRef = Annotated[Written, Ref(Kind.reservation)]
TransferRef = Annotated[Written, Ref(Kind.transfer)]
ShipmentRef = Annotated[Written, Ref(Kind.shipment)]
CarrierRef = Annotated[Written, Ref(Kind.carrier)]  # CAR-7, its code or its name
SupplierRef = Annotated[Written, Ref(Kind.supplier)]
PurchaseOrderRef = Annotated[Written, Ref(Kind.purchase_order)]
UserRef = Annotated[Written, Ref(Kind.user)]
ColleagueRef = Annotated[Written, Ref(Kind.user, worded=True)]  # or a colleague's name
ApiKeyRef = Annotated[Written, Ref(Kind.api_key)]
PaymentRef = Annotated[Written, Ref(Kind.payment)]
SavedMethodRef = Annotated[Written, Ref(Kind.saved_method)]
DisputeRef = Annotated[Written, Ref(Kind.dispute)]
PayoutRef = Annotated[Written, Ref(Kind.payout)]
ApprovalRef = Annotated[Written, Ref(Kind.approval)]
TicketRef = Annotated[Written, Ref(Kind.ticket)]
FileRef = Annotated[Written, Ref(Kind.file)]  # the command line takes a path, too, and uploads what lies there


def _not_ours(written: str) -> str:
    if kind := kind_of(written):
        raise ValueError(
            f"{written} looks like a reference of this shop's own ({kind.value}-…): one from another system has to look different"
        )
    return written


NotOurs = AfterValidator(_not_ours)  # on a name from elsewhere: nobody shall take it for one of our references

MinorUnits = Annotated[int, Hint("money")]
Quantity = Annotated[int, Hint("quantity")]
Delta = Annotated[int, Hint("delta")]
Days = Annotated[int, Hint("days")]
Instant = Annotated[AwareDatetime, _written(datetime.fromisoformat)]
Day = Annotated[date, _written(date.fromisoformat)]
PeriodStart = Annotated[Instant, Hint("period_start")]
PeriodEnd = Annotated[Instant, Hint("period_end")]  # exclusive
Search = Annotated[str, StringConstraints(min_length=1, max_length=200), Hint("search")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), Hint("name")]
City = Annotated[str, StringConstraints(min_length=1, max_length=100), Hint("city")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$", to_upper=True), Hint("country")]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254), Hint("email")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000), Hint("reason_text")]


@dataclass(frozen=True)
class Secret:
    """Marks a result's field that is shown once and stored nowhere: a replay, the ledger and the audit have it as null."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-secret": True}


SecretText = Annotated[str | None, Secret()]


@dataclass(frozen=True)
class Untrusted:
    """Marks a result's text that people outside the shop wrote, or wrote about them: notes, messages, names on parcels.

    Models get it inside a marked span, and a turn that has read some asks a person before it changes how the shop works.
    On a field: `text: Annotated[str, Untrusted()]`, or on a list or dict of texts.
    """

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-untrusted": True}


UntrustedText = Annotated[str, Untrusted()]
