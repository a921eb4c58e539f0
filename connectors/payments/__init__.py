"""Payment providers behind one interface: what is asked of them, what they answer, and what they tell by themselves.

A provider knows each request by its key: asked again with the same key, it answers as the first time and does nothing more. When
it says nothing (`Silent`), nobody knows whether it acted; then the same is asked again. No card number passes through here: a
token stands for each way of paying.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol


class Deed(StrEnum):
    """What a provider is asked to do."""

    authorize = "authorize"
    charge = "charge"  # authorize and capture in one
    capture = "capture"
    void = "void"
    refund = "refund"
    link = "link"  # a page on which a customer pays once
    unlink = "unlink"  # it is taken away


class Outcome(StrEnum):
    succeeded = "succeeded"
    pending = "pending"  # the provider tells later how it ended
    needs_action = "needs_action"  # the customer has to confirm it
    failed = "failed"


@dataclass(frozen=True)
class Asked:
    """One request. `payment` is our name for it, `reference` the provider's, once it has one. Amounts are minor units.

    Of a link, `payment` is its id, `title` what its page says, and what is paid by it comes with `details["link"]`.
    """

    deed: Deed
    key: str
    payment: str
    amount: int
    currency: str
    reference: str | None = None
    token: str | None = None
    final: bool = True  # of a capture: what is left of the authorization is let go
    reason: str | None = None
    title: str | None = None
    first: datetime | None = None  # when it was asked for the first time, and how long ago that is
    age: timedelta = timedelta(0)


@dataclass(frozen=True)
class Answer:
    """How it went. `transaction` is the provider's name for this very movement, `code` says why it failed."""

    outcome: Outcome
    reference: str | None = None
    transaction: str | None = None
    code: str | None = None
    action_url: str | None = None
    says: str | None = None  # what the provider wants to be known, such as that no money moves


class Happened(StrEnum):
    """What a provider tells."""

    authorized = "authorized"
    captured = "captured"
    failed = "failed"
    voided = "voided"
    expired = "expired"  # an authorization that nobody took in time
    refunded = "refunded"
    refund_failed = "refund_failed"
    dispute_opened = "dispute_opened"
    dispute_updated = "dispute_updated"
    dispute_won = "dispute_won"
    dispute_lost = "dispute_lost"
    payout = "payout"
    other = "other"  # known, and of no account here


@dataclass(frozen=True)
class Told:
    """An event, of which each comes once or oftener, and in any order. `total`: the amount is all so far, not this time's."""

    id: str
    happened: Happened
    at: datetime
    reference: str | None = None
    transaction: str | None = None
    amount: int | None = None
    currency: str | None = None
    total: bool = False
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Movement:
    """A line of the provider's own list: what it says that it took or gave back.

    What a dispute took, and gave back once it was won, has the dispute for its transaction.
    """

    kind: str  # capture, refund, chargeback or chargeback_reversal
    transaction: str
    reference: str | None
    amount: int
    currency: str
    at: datetime
    fee: int = 0


class Provider(Protocol):
    """What every provider can do."""

    name: str

    async def ask(self, asked: Asked) -> Answer:
        """Raises `Silent`."""
        ...

    def read_event(self, body: bytes, signature: str, now: datetime) -> Told:
        """An event that came in, its signature checked. Raises `NotOurs`."""
        ...

    def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        """What it took and gave back in a time. Raises `Silent`."""
        ...

    async def fees_of(self, payout: str) -> int:
        """What it kept of a payout that it called complete, minor units of its currency; below zero: gave back. Raises `Silent`."""
        ...

    async def submit_evidence(self, dispute: str, evidence: Mapping[str, str], key: str) -> Answer:
        """Answer a dispute. Raises `Silent`."""
        ...
