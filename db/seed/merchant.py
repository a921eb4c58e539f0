"""A new merchant: the shop, its first owner, and nothing else."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from db import clock
from db.model import new_id
from db.models.backoffice import Counter, Membership, Merchant, MerchantProfile, Role, User
from db.money import Rounding
from db.references import Kind
from db.session import Database, Transaction


@dataclass(frozen=True)
class NewMerchant:
    """What a shop has to say of itself at first."""

    slug: str
    name: str
    currency: str = "EUR"
    zone: str = "Europe/Paris"
    country: str = "FR"
    prices_include_tax: bool = True


@dataclass(frozen=True)
class NewPerson:
    email: str
    name: str
    role: Role
    password_hash: str | None = None


async def create_merchant(
    database: Database, shop: NewMerchant, people: list[NewPerson]
) -> tuple[uuid.UUID, list[uuid.UUID]]:
    """Write a merchant with its people, in one transaction; returns the merchant's id and the users'."""
    merchant = new_id()
    async with database.transaction(merchant) as sql:
        users = await add_merchant(sql, shop, people)
        await sql.commit()
    return merchant, users


async def add_merchant(sql: Transaction, shop: NewMerchant, people: list[NewPerson]) -> list[uuid.UUID]:
    """The transaction's merchant, its profile and its people; returns the users' ids. The caller commits."""
    now = clock.now()
    sql.session.add(Merchant(id=sql.merchant, slug=shop.slug, created_at=now))
    sql.session.add(
        MerchantProfile(
            merchant_id=sql.merchant,
            name=shop.name,
            currency=shop.currency,
            currencies=[shop.currency],
            zone=shop.zone,
            country=shop.country,
            prices_include_tax=shop.prices_include_tax,
            rounding=Rounding.half_up,
            created_at=now,
            updated_at=now,
        )
    )
    users = [await add_person(sql, person, number, now) for number, person in enumerate(people, start=1001)]
    counted = Counter(merchant_id=sql.merchant, name=Kind.user.value, value=1000 + len(people), created_at=now)
    sql.session.add(counted)
    return users


async def add_person(sql: Transaction, person: NewPerson, number: int, now: datetime) -> uuid.UUID:
    """A new user and their membership of the transaction's merchant, which is the shop they are in first."""
    user = User(
        id=new_id(),
        email=person.email.lower(),
        name=person.name,
        password_hash=person.password_hash,
        last_merchant_id=sql.merchant,
        created_at=now,
    )
    sql.session.add(user)
    sql.session.add(
        Membership(
            merchant_id=sql.merchant,
            reference=Kind.user.reference(number),
            user_id=user.id,
            role=person.role,
            joined_at=now,
            created_at=now,
            updated_at=now,
        )
    )
    return user.id
