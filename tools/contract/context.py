"""What a tool is given: the merchant, the actor, the clock and the call's one transaction; and what it tells of what it did."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.model import Base, Tenant, Versioned, new_id
from db.models.backoffice import Event, Intent, IntentStatus
from db.models.orders import Order
from db.money import Money
from db.references import TABLES, TAKE, TAKE_EACH, Kind, oldest_first
from db.session import Transaction
from db.transitions import move
from tools.contract.actors import Actor, Shopfront, Site
from tools.contract.changes import Changes
from tools.contract.declare import Input
from tools.contract.errors import Ambiguous, NotFound, StaleVersion

MOST_NAMED = 10  # rows, where several are meant
Model = TypeVar("Model", bound=Base)


@dataclass
class Produced:
    """The effect that a run produced, as the approval policy weighs it."""

    money: int = 0  # minor units of the home currency
    foreign: list[Money] = field(default_factory=list[Money])  # in other currencies: above every limit but none
    stops: int = 0  # cancellations and blocks
    people: int = 0  # whose personal data were disclosed
    loosens: str = ""  # which of the rules that watch over the shop it loosens, as the end of a sentence


class Day(NamedTuple):
    """The most that somebody's calls of a day may come to, this one with them; null is unlimited."""

    money: int | None = None
    stops: int | None = None


NO_LIMIT = Day()


@dataclass(frozen=True)
class Job:
    """Work for after the commit."""

    task: str
    arguments: dict[str, Any]
    queue: str = "default"
    lock: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Approved:
    """The decision that a call is carried out on: its reference, who decided, and the digest of the changes that they saw; none
    where they edited the arguments."""

    reference: str
    decided_by: str
    digest: str


class Taken(NamedTuple):
    value: int


class TakenEach(NamedTuple):
    name: str
    value: int


class Near(NamedTuple):
    reference: str


class Context:
    def __init__(
        self,
        sql: Transaction,
        merchant: Shopfront,
        actor: Actor,
        clock: Callable[[], datetime],
        key: str,
        site: Site = Site(),  # noqa: B008  # frozen
    ) -> None:
        self.sql = sql
        self.merchant = merchant
        self.actor = actor
        self.key = key
        self.site = site
        self.heard: Mapping[str, str] = {}  # the questions that were asked for this call, and why one has no answer
        self.asker: dict[str, str] = {}  # how the caller is found again, for work that goes on after the call
        self.approval: Approved | None = None
        self.settled: Input | None = None  # the input with its open arguments made definite, for the card
        self.audited: Input | None = None  # what the audit keeps of the input instead of it
        self.meant: dict[tuple[Kind, str], str] = {}  # our reference for what was written, as it was looked up
        self.produced = Produced()
        self.counted = False  # whether what it produced is in the day of whoever answers for it
        self.day = NO_LIMIT  # what that day may come to, where the call's last statement counts it
        self.events: list[dict[str, Any]] = []
        self.jobs: list[Job] = []
        self.intents: list[str] = []  # references of what is to be done outside as soon as the call is committed
        self._sentences: list[str] = []
        self._untold: list[Callable[[], None]] = []
        self._now = clock()
        self.changes = Changes(self._now)
        self._watched = False
        self._aside: dict[Kind, str] = {}

    def now(self) -> datetime:
        """The instant of this call, aware and UTC: the same for all that it writes."""
        return self._now

    @property
    def db(self) -> AsyncSession:
        """The ORM over this call's transaction."""
        session = self.sql.session
        if not self._watched:
            self.changes.watch(session)
            self._watched = True
        return session

    def may(self, permission: str) -> bool:
        return permission in self.actor.permissions

    # ---- rows ------------------------------------------------------------------------------------------------------------

    def new(self, model: type[Model], **values: Any) -> Model:
        """A new row of this merchant, added to the session."""
        own: dict[str, Any] = {"merchant_id": self.merchant.id, "created_at": self._now}
        if issubclass(model, Tenant):
            own["id"] = new_id()
        if issubclass(model, Versioned):
            own |= {"updated_at": self._now, "version": 1}
        row = model(**(own | values))
        self.db.add(row)
        return row

    async def find(self, model: type[Model], written: str, *, for_update: bool = False) -> Model:
        """The row that people mean by a reference: ours, else a foreign one, else the only one of the order that it names.

        Raises `NotFound` with the nearest, or `Ambiguous`.
        """
        table: Any = model
        kind = TABLES[model.__tablename__]
        reference = kind.canonical(written)
        query = select(model).where(
            table.merchant_id == self.merchant.id,
            or_(table.reference == reference, table.external_reference == written.strip()),
        )
        if for_update:
            query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
        rows: list[Any] = list((await self.db.scalars(query)).all())
        found = [row for row in rows if row.reference == reference] or rows
        found = found or await self._of_order(model, written, for_update=for_update)
        if not found:
            raise await self.not_found(kind, written)
        if len(found) > 1:
            raise Ambiguous(f"{written} fits {', '.join(oldest_first(row.reference for row in found))}.")
        self.means(kind, written, found[0].reference)
        return found[0]

    async def _of_order(self, model: type[Model], written: str, *, for_update: bool) -> list[Any]:
        """The payments, shipments, returns … of the order that was written in their place; `NotFound` where it has none."""
        table: Any = model
        number = Kind.order.canonical(written)
        if not written.strip().upper().startswith(Kind.order) or "order_id" not in table.__table__.columns:
            return []
        of_order = (Order.merchant_id == self.merchant.id, Order.reference == number)
        order = await self.db.scalar(select(Order.id).where(*of_order))
        if order is None:
            return []
        query = select(model).where(table.merchant_id == self.merchant.id, table.order_id == order)
        if for_update:
            query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
        rows = list((await self.db.scalars(query.order_by(table.id).limit(MOST_NAMED))).all())
        if not rows:
            word = TABLES[model.__tablename__].name.rstrip("_").replace("_", " ")
            raise NotFound(f"{number} has no {word}.", hint=f"get_order shows what there is of {number}.", nearest=[])
        return rows

    def means(self, kind: Kind, written: str, reference: str) -> None:
        """What was written means the row of that reference. Look-ups say so: an approval keeps who and what was meant."""
        self.meant[kind, written.strip()] = reference

    async def not_found(self, kind: Kind, written: str) -> NotFound:
        """The error for a reference that nothing has, with the nearest that something has."""
        table = next(name for name, of in TABLES.items() if of is kind)
        near = await self.sql.rows(
            f"select reference from {table} where merchant_id = %(m)s order by similarity(reference, %(r)s) desc, id desc limit 3",
            {"m": self.merchant.id, "r": kind.canonical(written)},
            as_=Near,
        )
        word = kind.name.rstrip("_").replace("_", " ")
        nearest = [row.reference for row in near]
        hint = f"The nearest are {', '.join(nearest)}." if nearest else f"This shop has no {word} yet."
        return NotFound(f"There is no {word} {written}.", hint=hint, nearest=nearest)

    async def take(self, kind: Kind, count: int = 1) -> list[str]:
        """New references. It locks the counter until the commit: call it late."""
        if count == 1 and (aside := self._aside.pop(kind, None)):
            return [aside]
        params = {"merchant": self.merchant.id, "id": new_id(), "name": kind.value, "count": count, "now": self._now}
        last = (await self.sql.rows(TAKE, params, as_=Taken))[0].value
        return [kind.reference(number) for number in range(last - count + 1, last + 1)]

    async def take_ahead(self, *kinds: Kind) -> None:
        """The next reference of each kind in one statement, for those who ask for one soon; the others wait for both counters."""
        params = {
            "merchant": self.merchant.id, "now": self._now, "ids": [new_id() for _ in kinds], "names": [str(k) for k in kinds],
        }  # fmt: skip
        for row in await self.sql.rows(TAKE_EACH, params, as_=TakenEach):
            self._aside[Kind(row.name)] = Kind(row.name).reference(row.value)

    async def add(self, model: type[Model], **values: Any) -> Model:
        """A new row with a reference of its own."""
        (reference,) = await self.take(TABLES[model.__tablename__])
        return self.new(model, reference=reference, **values)

    def edit(self, row: Any, version: int | None, **values: Any) -> None:
        """Change a versioned row's fields. Raises `StaleVersion` when the caller read another version."""
        if version is not None and version != row.version:
            raise StaleVersion(
                f"{getattr(row, 'reference', 'It')} is at version {row.version}, and you read version {version}.",
                version=row.version,
            )
        for name, value in values.items():
            setattr(row, name, value)
        row.version += 1
        row.updated_at = self._now

    def move(self, row: Any, to: StrEnum, *, order_id: uuid.UUID | None = None, **data: Any) -> None:
        """Change a status by the model's moves, and write the event. Raises `IllegalMove`."""
        before = move(row, to)
        self.event(f"{to}", row, order_id=order_id, before=str(before), **data)

    # ---- what happened ---------------------------------------------------------------------------------------------------

    def event(self, kind: str, row: Any, *, order_id: uuid.UUID | None = None, **data: Any) -> None:
        """Something happened to a row. Events leave with the call's last statement."""
        subject = TABLES[row.__tablename__].name.rstrip("_")
        self.happened(kind, subject, row.id, order_id=order_id, **data)

    def happened(
        self, kind: str, subject_kind: str, subject_id: uuid.UUID, *, order_id: uuid.UUID | None, **data: Any
    ) -> None:
        """The same for a row that was written by a raw statement."""
        fields = {
            "id": new_id(), "kind": kind, "subject_kind": subject_kind, "subject_id": subject_id,
            "order_id": order_id, "actor": self.actor.reference, "data": data,
        }  # fmt: skip
        self.events.append(fields)
        self.changes.inserted(Event.__tablename__, [fields])

    def enqueue(
        self,
        task: str,
        *,
        queue: str = "default",
        lock: str | None = None,
        at: datetime | None = None,
        **arguments: Any,
    ) -> None:
        """Work for the worker, on the outbox of this very transaction. Arguments are references, never names or e-mails."""
        self.jobs.append(Job(task, {"merchant": str(self.merchant.id), **arguments}, queue, lock, at))

    async def intend(
        self,
        kind: str,
        subject: tuple[str, uuid.UUID],
        *,
        order_id: uuid.UUID | None = None,
        money: Money | None = None,
        **arguments: Any,
    ) -> Intent:
        """Something to be done in the world outside after the commit.

        The other side knows it by the call's key and its own reference: two refunds of one call are two requests to it.
        """
        (reference,) = await self.take(Kind.intent)
        self.intents.append(reference)
        return self.new(
            Intent, reference=reference, status=IntentStatus.pending, kind=kind, subject_kind=subject[0],
            subject_id=subject[1], order_id=order_id, amount=money.amount if money else None,
            currency=money.currency if money else None, arguments=arguments, ledger_key=f"{self.key}:{reference}", attempts=0,
        )  # fmt: skip

    def moves_money(self, money: Money) -> None:
        """Money leaves the shop, or comes to it, by this call."""
        if money.currency == self.merchant.currency:
            self.produced.money += abs(money.amount)
        elif money.amount:
            self.produced.foreign.append(money)

    def stops(self, count: int = 1) -> None:
        """Something was cancelled or blocked."""
        self.produced.stops += count

    def discloses(self, people: int) -> None:
        """Personal data of so many people are in the answer; in bulk that goes into the access log."""
        self.produced.people += people

    def loosens(self, how: str) -> None:
        """A rule that watches over the shop becomes laxer: with four eyes set, a second person has to agree that `how`."""
        self.produced.loosens = how

    def tell(self, sentence: str) -> None:
        """A sentence for the approval card and the preview: what happens, with names, SKUs, places and amounts.

        Names in it may be what outsiders wrote: models are shown every sentence of a card as such.
        """
        self.sentences.append(" ".join(sentence.split()))

    def tell_if_asked(self, telling: Callable[[], None]) -> None:
        """The same for who tells much and is mostly called without a card: `telling` is done when somebody wants the sentences."""
        self._untold.append(telling)

    @property
    def sentences(self) -> list[str]:
        """What was told, in its order."""
        untold, self._untold = self._untold, []
        for telling in untold:
            telling()
        return self._sentences
