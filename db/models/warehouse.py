"""Warehouses: where stock lies and orders leave from. Bins, picks and counts come with the room's tools."""

from sqlalchemy.orm import Mapped

from db.columns import count, flag
from db.model import Base, Referenced, Tenant, Versioned, index, referenced, unique


class Warehouse(Tenant, Referenced, Versioned, Base):
    """A place that ships. `priority` is the merchant's order, lowest first: an order is taken from the first that holds it all."""

    __tablename__ = "warehouses"
    __table_args__ = referenced(unique("code"), index("priority", "id"))

    code: Mapped[str]
    name: Mapped[str]
    line1: Mapped[str]
    line2: Mapped[str | None]
    city: Mapped[str]
    region: Mapped[str | None]
    postcode: Mapped[str]
    country: Mapped[str]
    priority: Mapped[int] = count()
    active: Mapped[bool] = flag(True)
