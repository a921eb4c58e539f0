"""Valid arguments for each tool of the room, in a shop that has what they name."""

import uuid
from typing import Any

from db.model import new_id
from db.models.customers import Customer
from db.models.payments import Dispute, DisputeStatus, Payment, PaymentMethod, SavedMethod
from db.references import Kind
from db.session import Transaction
from tests.aftermath import pay
from tests.factories import LONG_AGO, NewShop, make_customer, make_order, make_variant, referenced_row


async def _order(mine: NewShop) -> str:
    async with mine.shop.database.transaction(mine.id) as sql:
        order = make_order(sql, make_variant(sql, "MUG-BLUE"), customer=make_customer(sql))
        await sql.commit()
    return order.reference


async def _paid(mine: NewShop, *, authorized: int = 1_000, captured: int = 0) -> Payment:
    order = await _order(mine)
    async with mine.shop.database.transaction(mine.id) as sql:
        payment = await pay(sql, order, authorized=authorized, captured=captured)
        await sql.commit()
    return payment


def make_method(
    sql: Transaction, customer: Customer, method: PaymentMethod = PaymentMethod.card, **more: Any
) -> SavedMethod:
    """A way in which a customer pays again; credit is empty."""
    row = SavedMethod(
        **referenced_row(sql, Kind.saved_method), id=new_id(), customer_id=customer.id, method=method, currency="EUR",
        updated_at=LONG_AGO, **more,
    )  # fmt: skip
    sql.session.add(row)
    return row


async def _with_method(mine: NewShop, method: PaymentMethod = PaymentMethod.card, **more: Any) -> tuple[str, str]:
    async with mine.shop.database.transaction(mine.id) as sql:
        customer = make_customer(sql)
        row = make_method(sql, customer, method, **more)
        await sql.commit()
    return customer.reference, row.reference


async def _dispute(mine: NewShop) -> str:
    payment = await _paid(mine, captured=1_000)
    async with mine.shop.database.transaction(mine.id) as sql:
        dispute = Dispute(
            **referenced_row(sql, Kind.dispute), id=new_id(), payment_id=payment.id, order_id=payment.order_id,
            status=DisputeStatus.needs_response, provider="manual", provider_reference=f"dp_{new_id()}", amount=1_000,
            currency="EUR", reason="fraudulent", evidence={}, opened_at=LONG_AGO, updated_at=LONG_AGO,
        )  # fmt: skip
        sql.session.add(dispute)
        await sql.commit()
    return dispute.reference


async def authorize_payment(mine: NewShop) -> dict[str, Any]:
    return {"order": await _order(mine), "token": "tok_ok", "amount": 500}


async def create_payment_link(mine: NewShop) -> dict[str, Any]:
    return {"order": await _order(mine), "valid_days": 3}


async def capture_payment(mine: NewShop) -> dict[str, Any]:
    return {"payment": (await _paid(mine)).reference, "amount": 400}


async def void_payment(mine: NewShop) -> dict[str, Any]:
    return {"payment": (await _paid(mine)).reference}


async def refund_payment(mine: NewShop) -> dict[str, Any]:
    return {"payment": (await _paid(mine, captured=1_000)).reference, "amount": 400, "reason": "a scratch"}


async def get_payment(mine: NewShop) -> dict[str, Any]:
    return {"payment": (await _paid(mine)).reference}


async def list_payments(mine: NewShop) -> dict[str, Any]:
    await _paid(mine)
    return {"status": "authorized", "method": "card", "min_amount": 100}


async def list_payment_providers(mine: NewShop) -> dict[str, Any]:
    return {}


async def save_payment_method(mine: NewShop) -> dict[str, Any]:
    customer, _ = await _with_method(mine)
    return {"customer": customer, "token": f"tok_{uuid.UUID(int=7)}", "brand": "Visa", "last_four": "4242"}


async def list_payment_methods(mine: NewShop) -> dict[str, Any]:
    return {"customer": (await _with_method(mine))[0]}


async def remove_payment_method(mine: NewShop) -> dict[str, Any]:
    customer, method = await _with_method(mine)
    return {"customer": customer, "method": method}


async def issue_store_credit(mine: NewShop) -> dict[str, Any]:
    return {"customer": (await _with_method(mine))[0], "amount": 1_500}


async def issue_gift_card(mine: NewShop) -> dict[str, Any]:
    async with mine.shop.database.transaction(mine.id) as sql:
        holder = make_customer(sql)
        await sql.commit()
    return {"amount": 5_000, "reason": "sold", "customer": holder.reference, "valid_days": 365}


async def get_gift_card(mine: NewShop) -> dict[str, Any]:
    _, card = await _with_method(mine, PaymentMethod.gift_card, balance=0)
    return {"card": card}


async def list_disputes(mine: NewShop) -> dict[str, Any]:
    await _dispute(mine)
    return {"status": "needs_response"}


async def respond_to_dispute(mine: NewShop) -> dict[str, Any]:
    return {"dispute": await _dispute(mine), "explanation": "She has it."}


async def receive_provider_event(mine: NewShop) -> dict[str, Any]:
    return {"endpoint": f"{mine.id}.manual", "event": "evt_1", "happened": "payout", "at": "2026-01-05T10:00:00Z",
            "transaction": "po_1", "amount": 90_000, "currency": "EUR", "details": {"fees": 700}}  # fmt: skip


async def list_payouts(mine: NewShop) -> dict[str, Any]:
    return {"arrives_from": "2026-01-01T00:00:00Z"}


async def reconcile_payments(mine: NewShop) -> dict[str, Any]:
    return {"provider": "manual"}


async def get_ledger(mine: NewShop) -> dict[str, Any]:
    return {"account": "clearing"}


async def transaction_report(mine: NewShop) -> dict[str, Any]:
    await _paid(mine)
    return {"group_by": "method"}


async def refund_report(mine: NewShop) -> dict[str, Any]:
    return {"group_by": "reason"}


async def revenue_report(mine: NewShop) -> dict[str, Any]:
    return {"group_by": "month"}
