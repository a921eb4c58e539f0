"""Events of the demo shop, as its tools would have written them."""

from datetime import datetime
from typing import Any

from db.models.backoffice import Event
from db.seed.draft import ACTOR, Draft, Row


def event(
    draft: Draft,
    order: Row,
    kind: str,
    at: datetime,
    subject: tuple[str, Row] | None = None,
    actor: str = ACTOR,
    **data: Any,
) -> None:
    """Something happened to an order, or to a payment, shipment or return of it."""
    name, row = subject or ("order", order)
    draft.add(
        Event, at, kind=str(kind), subject_kind=name, subject_id=row["id"], order_id=order["id"], actor=actor, data=data
    )
