"""Stripe, through its official SDK: payment intents with manual capture, refunds, disputes, payouts, signed webhooks."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import stripe as sdk

from connectors import NotOurs, Silent
from connectors.payments import Answer, Asked, Deed, Happened, Movement, Outcome, Told
from connectors.payments.signatures import check

API_BASE = "https://api.stripe.com"
PATIENCE = 8.0  # seconds for an answer: less than whoever waits for it gives us
FORGOTTEN = timedelta(hours=20)  # Stripe knows a request by its key for a day: after that, what it did is looked up
_OUTCOMES = {
    "requires_capture": Outcome.succeeded, "succeeded": Outcome.succeeded, "processing": Outcome.pending,
    "requires_action": Outcome.needs_action, "requires_confirmation": Outcome.pending,
}  # fmt: skip
_REFUNDS = {"succeeded": Outcome.succeeded, "pending": Outcome.pending, "requires_action": Outcome.needs_action}
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
_MOVES = {"charge": "capture", "payment": "capture", "refund": "refund", "payment_refund": "refund"}
_LAPSED = ("automatic", "expired")  # why Stripe cancels what was authorized, and not captured within its days
_FEES = ("stripe_fee", "stripe_fx_fee", "tax_fee")
_PAYOUTS = {"paid": "paid", "failed": "failed", "canceled": "failed"}
Object = dict[str, Any]


class Stripe:
    name = "stripe"

    def __init__(self, key: str, webhook_secret: str, api_base: str = API_BASE, return_url: str | None = None) -> None:
        self._secret = webhook_secret
        self._return_url = return_url
        self._http = sdk.HTTPXClient(timeout=PATIENCE)
        self._client = sdk.StripeClient(
            key, base_addresses={"api": api_base}, max_network_retries=0, http_client=self._http
        )

    async def close(self) -> None:
        await self._http.close_async()

    async def ask(self, asked: Asked) -> Answer:
        try:
            done = await self._done_before(asked, asked.first) if asked.first and asked.age > FORGOTTEN else None
            return done or await self._ask(asked)
        except sdk.CardError as declined:
            code = _error(declined).get("decline_code")
            intent = _part(_error(declined), "payment_intent")
            return Answer(
                Outcome.failed, intent.get("id") or asked.reference, code=code or declined.code or "card_declined"
            )
        except sdk.InvalidRequestError as refused:
            return Answer(Outcome.failed, asked.reference, code=refused.code or "invalid_request")
        except sdk.StripeError as unknown:  # it may have acted: asked again with the same key it says so
            shut_out = isinstance(unknown, sdk.AuthenticationError | sdk.PermissionError)
            if shut_out and asked.first is None:  # nothing was done by it, nor by anybody before
                return Answer(Outcome.failed, asked.reference, code=unknown.code or "api_key_refused")
            raise Silent(type(unknown).__name__) from unknown

    async def _ask(self, asked: Asked) -> Answer:
        options: Any = {"idempotency_key": asked.key}
        intents, reference = self._client.v1.payment_intents, asked.reference or ""
        match asked.deed:
            case Deed.authorize | Deed.charge:
                params: Any = {
                    "amount": asked.amount,
                    "currency": asked.currency.lower(),
                    "capture_method": "manual" if asked.deed is Deed.authorize else "automatic",
                    "metadata": {"payment": asked.payment},
                } | (await self._paid_with(asked.token) if asked.token else {})
                return _of_intent(_plain(await intents.create_async(params, options)), asked.deed)
            case Deed.capture:
                params: Any = {"amount_to_capture": asked.amount} | ({} if asked.final else {"final_capture": False})
                return _of_intent(_plain(await intents.capture_async(reference, params, options)), asked.deed)
            case Deed.void:
                found = _plain(await intents.cancel_async(reference, {}, options))
                gone = found.get("status") == "canceled"
                return Answer(Outcome.succeeded if gone else Outcome.pending, found.get("id"))
            case Deed.refund:
                params = {
                    "payment_intent": reference,
                    "amount": asked.amount,
                    "metadata": {"payment": asked.payment, "intent": asked.reason or ""},
                }
                return _of_refund(_plain(await self._client.v1.refunds.create_async(params, options)))
            case Deed.link:
                return _of_link(_plain(await self._client.v1.payment_links.create_async(_link(asked), options)))
            case Deed.unlink:
                links = self._client.v1.payment_links
                return _of_link(_plain(await links.update_async(reference, {"active": False}, options)))

    async def _paid_with(self, token: str) -> Object:
        """What confirms a charge at once. Without a page to come back to, Stripe takes only what sends nobody to one.

        A method that a customer of the account keeps is theirs to be charged, and nobody is there to confirm it.
        """
        method = _plain(await self._client.v1.payment_methods.retrieve_async(token))
        kept = {"customer": method["customer"], "off_session": True} if method.get("customer") else {}
        back: Object = {"return_url": self._return_url} if self._return_url else {}
        accepts: Object = {"enabled": True} | ({} if back else {"allow_redirects": "never"})
        return {"payment_method": token, "confirm": True, "automatic_payment_methods": accepts} | kept | back

    async def _done_before(self, asked: Asked, first: datetime) -> Answer | None:
        """What a request came to that was made so long ago that its key is not known any more; None for what was never done."""
        v1, reference = self._client.v1, asked.reference or ""
        match asked.deed:
            case Deed.authorize | Deed.charge:
                query = f"created>{int(first.timestamp()) - 60} AND metadata['payment']:'{asked.payment}'"
                page = await v1.payment_intents.search_async({"query": query, "limit": 1})
                return _of_intent(_plain(page.data[0]), asked.deed) if page.data else None
            case Deed.capture | Deed.void:
                status = "canceled" if asked.deed is Deed.void else "succeeded"
                found = _plain(await v1.payment_intents.retrieve_async(reference))
                return Answer(Outcome.succeeded, reference) if found.get("status") == status else None
            case Deed.refund:
                refunds = await v1.refunds.list_async({"payment_intent": reference, "limit": 100})
                made = [
                    one for one in map(_plain, refunds.data) if _part(one, "metadata").get("intent") == asked.reason
                ]
                return _of_refund(made[0]) if made else None
            case _:
                return None

    def read_event(self, body: bytes, signature: str, now: datetime) -> Told:
        check(body, signature, self._secret, now)
        try:
            return told_of(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError) as unreadable:
            raise NotOurs("The event cannot be read.") from unreadable

    async def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        params: Any = {
            "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
            "limit": 100,
            "expand": ["data.source"],
        }
        try:
            page = await self._client.v1.balance_transactions.list_async(params)
            async for line in page.auto_paging_iter():
                if movement := movement_of(_plain(line)):
                    yield movement
        except sdk.StripeError as unknown:
            raise Silent(type(unknown).__name__) from unknown

    async def fees_of(self, payout: str) -> int:
        try:
            page = await self._client.v1.balance_transactions.list_async({"payout": payout, "limit": 100})
            return sum([fee_of(_plain(line)) async for line in page.auto_paging_iter()])
        except sdk.StripeError as unknown:
            raise Silent(type(unknown).__name__) from unknown

    async def submit_evidence(self, dispute: str, evidence: Mapping[str, str], key: str) -> Answer:
        params: Any = {"evidence": dict(evidence), "submit": True}
        try:
            await self._client.v1.disputes.update_async(dispute, params, {"idempotency_key": key})
        except sdk.InvalidRequestError as refused:
            return Answer(Outcome.failed, dispute, code=refused.code or "invalid_request")
        except sdk.StripeError as unknown:
            raise Silent(type(unknown).__name__) from unknown
        return Answer(Outcome.succeeded, dispute)


# ---- what its objects mean -----------------------------------------------------------------------------------------------


def _plain(found: Any) -> Object:
    return cast(Object, found.to_dict())


def _part(thing: Object, name: str) -> Object:
    """An object within an object; nothing where it is not there, or is only named."""
    found = thing.get(name)
    return cast(Object, found) if isinstance(found, dict) else {}


def _error(declined: sdk.CardError) -> Object:
    return _part(cast(Object, declined.json_body or {}), "error")


def _of_intent(intent: Object, deed: Deed) -> Answer:
    outcome = _OUTCOMES.get(str(intent.get("status")), Outcome.failed)
    failed = _part(intent, "last_payment_error")
    redirect = _part(_part(intent, "next_action"), "redirect_to_url")
    transaction = _part(intent, "latest_charge").get("id") or intent.get("latest_charge")
    return Answer(
        outcome,
        intent.get("id"),
        transaction if deed is Deed.charge and outcome is Outcome.succeeded else None,
        failed.get("decline_code") or failed.get("code") if outcome is Outcome.failed else None,
        redirect.get("url"),
    )


def _link(asked: Asked) -> Any:
    """A page that is paid once. It lives until it is switched off: the provider knows no end of it by itself.

    What is paid by it names the link, whichever of its events comes first.
    """
    ours = {"payment_link": asked.payment}
    price = {
        "currency": asked.currency.lower(), "unit_amount": asked.amount, "product_data": {"name": asked.title or asked.payment},
    }  # fmt: skip
    return {
        "line_items": [{"price_data": price, "quantity": 1}],
        "restrictions": {"completed_sessions": {"limit": 1}},
        "metadata": ours,
        "payment_intent_data": {"metadata": ours, "capture_method": "automatic"},
    }


def _of_link(link: Object) -> Answer:
    return Answer(Outcome.succeeded, link.get("id"), action_url=link.get("url"))


def _of_refund(refund: Object) -> Answer:
    outcome = _REFUNDS.get(str(refund.get("status")), Outcome.failed)
    code = refund.get("failure_reason") or "refund_failed" if outcome is Outcome.failed else None
    return Answer(outcome, refund.get("payment_intent"), refund.get("id"), code)


def movement_of(line: Object) -> Movement | None:
    """A line of the balance as what was taken or given back; None for payouts, fees and other adjustments."""
    source = _part(line, "source")
    kind = _MOVES.get(str(line.get("type")))
    if source.get("object") == "dispute":  # an adjustment: what was taken for it is below zero
        kind = "chargeback" if int(line["amount"]) < 0 else "chargeback_reversal"
    if kind is None:
        return None
    return Movement(
        kind, str(source.get("id") or line.get("source")), source.get("payment_intent"), abs(int(line["amount"])),
        str(line["currency"]).upper(), _moment(line.get("created")), int(line.get("fee") or 0),
    )  # fmt: skip


def fee_of(line: Object) -> int:
    """What was kept with a line of the balance: as its fee, or, where it is nothing but a fee, as its amount."""
    kept = int(line.get("fee") or 0)
    return kept - int(line.get("amount") or 0) if line.get("type") in _FEES else kept


def told_of(event: Object) -> Told:
    """An event of Stripe in our words; of what is of no account here, that it came."""
    kind, thing = str(event["type"]), cast(Object, event["data"]["object"])
    read = _READ.get(kind)
    common: Object = {"id": str(event["id"]), "at": _moment(event.get("created"))}
    return read(common, thing) if read else Told(happened=Happened.other, details={"type": kind}, **common)


def _authorized(common: Object, intent: Object) -> Told:
    return _intent(common, intent, Happened.authorized, intent.get("amount_capturable"))


def _captured(common: Object, intent: Object) -> Told:
    return _intent(common, intent, Happened.captured, intent.get("amount_received"), **_by_link(intent))


def _by_link(thing: Object) -> Object:
    link = _part(thing, "metadata").get("payment_link")
    return {"link": link} if link else {}


def _checked_out(common: Object, session: Object) -> Told:
    """A page was paid; of one that is only filled in, the payment tells when the money is there."""
    link, paid = _by_link(session), session.get("payment_status") == "paid"
    return Told(
        happened=Happened.captured if link and paid else Happened.other, reference=session.get("payment_intent"),
        amount=session.get("amount_total"), currency=_currency(session), total=True, details=link, **common,
    )  # fmt: skip


def _voided(common: Object, intent: Object) -> Told:
    lapsed = intent.get("cancellation_reason") in _LAPSED
    return _intent(common, intent, Happened.expired if lapsed else Happened.voided, None)


def _failed(common: Object, intent: Object) -> Told:
    error = _part(intent, "last_payment_error")
    code = error.get("decline_code") or error.get("code") or "declined"
    return _intent(common, intent, Happened.failed, None, code=code)


def _intent(common: Object, intent: Object, happened: Happened, amount: Any, **details: Any) -> Told:
    return Told(
        happened=happened, reference=intent.get("id"), amount=amount, currency=_currency(intent), total=True,
        details=details, **common,
    )  # fmt: skip


def _refunded(common: Object, refund: Object) -> Told:
    status = str(refund.get("status"))
    happened = {"succeeded": Happened.refunded, "failed": Happened.refund_failed}.get(status, Happened.other)
    details = {"intent": _part(refund, "metadata").get("intent"), "code": refund.get("failure_reason")}
    return Told(
        happened=happened, reference=refund.get("payment_intent"), transaction=refund.get("id"), amount=refund.get("amount"),
        currency=_currency(refund), details={name: value for name, value in details.items() if value}, **common,
    )  # fmt: skip


def _disputed(common: Object, dispute: Object) -> Told:
    return _dispute(common, dispute, Happened.dispute_opened)


def _dispute_updated(common: Object, dispute: Object) -> Told:
    return _dispute(common, dispute, Happened.dispute_updated)


def _dispute_closed(common: Object, dispute: Object) -> Told:
    lost = dispute.get("status") == "lost"
    return _dispute(common, dispute, Happened.dispute_lost if lost else Happened.dispute_won)


def _dispute(common: Object, dispute: Object, happened: Happened) -> Told:
    due, at = _part(dispute, "evidence_details").get("due_by"), cast(datetime, common["at"])
    status = str(dispute.get("status") or "").removeprefix("warning_")
    details: Object = {"dispute": dispute.get("id"), "reason": dispute.get("reason"), "status": status}
    if due:
        details["due_days"] = max(0, (_moment(due) - at).days)
    return Told(
        happened=happened, reference=dispute.get("payment_intent"), amount=dispute.get("amount"),
        currency=_currency(dispute), details=details, **common,
    )  # fmt: skip


def _paid_out(common: Object, payout: Object) -> Told:
    status = _PAYOUTS.get(str(payout.get("status")), "in_transit")
    told: Object = common | {"at": _moment(payout.get("arrival_date") or payout.get("created"))}
    return Told(
        happened=Happened.payout, transaction=payout.get("id"), amount=payout.get("amount"), currency=_currency(payout),
        details={"status": status}, **told,
    )  # fmt: skip


def _listed(common: Object, payout: Object) -> Told:
    """What is in a payout can be listed from now on: before, its list lacks some of it."""
    told = _paid_out(common, payout)
    return replace(told, details={**told.details, "complete": True})


_READ = {
    "payment_intent.amount_capturable_updated": _authorized,
    "payment_intent.succeeded": _captured,
    "checkout.session.completed": _checked_out,
    "checkout.session.async_payment_succeeded": _checked_out,
    "payment_intent.canceled": _voided,
    "payment_intent.payment_failed": _failed,
    "refund.created": _refunded,
    "refund.updated": _refunded,
    "refund.failed": _refunded,
    "charge.refund.updated": _refunded,
    "charge.dispute.created": _disputed,
    "charge.dispute.updated": _dispute_updated,
    "charge.dispute.closed": _dispute_closed,
    "payout.created": _paid_out,
    "payout.updated": _paid_out,
    "payout.paid": _paid_out,
    "payout.failed": _paid_out,
    "payout.reconciliation_completed": _listed,
}


def _currency(thing: Object) -> str | None:
    return str(thing["currency"]).upper() if thing.get("currency") else None


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds or 0), UTC)
