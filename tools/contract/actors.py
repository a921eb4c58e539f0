"""Who calls, by whose hand, through which door; and the shop that they call."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from uuid import UUID
from zoneinfo import ZoneInfo

from db.models.backoffice import Role
from db.money import Rounding
from tools.contract.errors import Unauthenticated


class Door(StrEnum):
    chat = "chat"
    rest = "rest"
    mcp = "mcp"
    cli = "cli"
    worker = "worker"


class Hand(StrEnum):
    """Who chose the call: a person or a program did, or a model did for a person."""

    person = "person"
    program = "program"
    model = "model"
    planner = "planner"

    @property
    def is_model(self) -> bool:
        return self in (Hand.model, Hand.planner)


class Proof(StrEnum):
    """By what the caller is known."""

    key_secret = "key_secret"
    key = "key"
    user = "user"
    invitation = "invitation"
    reset = "reset"
    visitor = "visitor"
    system = "system"


@dataclass(frozen=True)
class Caller:
    """What a door knows of a caller before the database is asked."""

    merchant: UUID
    door: Door
    hand: Hand
    proof: Proof
    name: str  # SHA-256 of a secret, a key's reference, a user's id, a visitor's network, or a part of the system
    on_behalf_of: str | None = None
    request_id: str = ""
    turn: UUID | None = None  # the chat turn that the call belongs to
    tainted: bool = False  # that turn has read text that outsiders wrote
    session: UUID | None = None  # the signed-in browser
    remark: str = ""  # what whoever reads the card of this call has to know of how it was understood

    @classmethod
    def of_key(cls, key: str, *, door: Door, hand: Hand = Hand.program, request_id: str = "") -> "Caller":
        """The holder of an API key `sk_<merchant>_<secret>`. Raises `Unauthenticated` when it has another shape."""
        try:
            prefix, merchant, secret = key.split("_", 2)
            if prefix != "sk":
                raise ValueError(prefix)
            return cls(UUID(merchant), door, hand, Proof.key_secret, digest_of(secret), request_id=request_id)
        except ValueError as malformed:
            raise Unauthenticated(
                "That is not an API key of this shop: keys look like `sk_<merchant>_<secret>`."
            ) from malformed

    def by_link(self, merchant: UUID, proof: Proof, digest: str) -> "Caller":
        """The same person at the same door, known by nothing but the one-time link that they hold."""
        return Caller(merchant, self.door, self.hand, proof, digest, request_id=self.request_id)

    def as_json(self, reference: str) -> dict[str, str]:
        """The asker, kept with an approval: by reference, never by secret."""
        proof = Proof.key if self.proof is Proof.key_secret else self.proof
        name = reference if proof is Proof.key else self.name
        return {
            "proof": proof,
            "name": name,
            "door": self.door,
            "hand": self.hand,
            "on_behalf_of": self.on_behalf_of or "",
        }

    @classmethod
    def from_json(cls, merchant: UUID, kept: dict[str, str]) -> "Caller":
        """Who asked, as `as_json` kept them."""
        behalf = kept["on_behalf_of"] or None
        return cls(merchant, Door(kept["door"]), Hand(kept["hand"]), Proof(kept["proof"]), kept["name"], behalf)


def digest_of(secret: str) -> str:
    """SHA-256, hexadecimal: a random secret of 128 bits and more needs no slower hash."""
    return sha256(secret.encode()).hexdigest()


@dataclass(frozen=True)
class Actor:
    """Who the database says the caller is. Limits are minor units of the home currency; None is unlimited."""

    reference: str
    name: str
    role: Role | None
    permissions: frozenset[str]
    per_call: int | None
    per_day: int | None
    stops_per_day: int | None
    named: frozenset[str] = frozenset()  # the permissions that a key's scopes name outright, not by a `*`
    session: UUID | None = None  # the signed-in browser

    @property
    def is_member(self) -> bool:
        """Whether it is a person of the shop: no key, and no part of the system."""
        return self.role is not None


@dataclass(frozen=True)
class Site:
    """Where people reach this installation, and whether it can send them mail."""

    address: str = "http://127.0.0.1:8000"
    mails: bool = False
    providers: tuple[str, ...] = ("manual",)  # of payments, as far as they are set up
    carriers: tuple[str, ...] = ("tables",)  # by what carriers are asked, as far as it is set up
    owned: Mapping[str, UUID] = field(default_factory=dict[str, UUID], hash=False)  # which shop alone has one of these

    def of(self, merchant: UUID) -> "Site":
        """What of it there is for a shop."""
        if not self.owned:
            return self
        providers, carriers = (
            tuple(name for name in names if self.owned.get(name, merchant) == merchant)
            for names in (self.providers, self.carriers)
        )
        return replace(self, providers=providers, carriers=carriers)


@dataclass(frozen=True)
class Shopfront:
    """The merchant of a call: how the shop counts money and time."""

    id: UUID
    name: str
    currency: str
    currencies: tuple[str, ...]
    zone: ZoneInfo
    country: str
    prices_include_tax: bool
    rounding: Rounding
    four_eyes_above: int | None
