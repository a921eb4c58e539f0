"""Links of Stripe, and what it kept of a payout: asked for through its SDK, of a scripted server, for localstripe has neither."""

import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import pytest

from connectors import Silent
from connectors.payments import Answer, Asked, Deed, Happened, Outcome
from connectors.payments.stripe import Stripe, told_of

LINK = "01980000-0000-7000-8000-000000000001"


class _Links(BaseHTTPRequestHandler):
    """Answers as Stripe does to the two requests that are made of it, and keeps what it was asked."""

    asked: ClassVar[list[tuple[str, dict[str, str], str | None]]] = []

    def do_POST(self) -> None:
        form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.asked.append((self.path, form, self.headers["Idempotency-Key"]))
        amount = int(form.get("line_items[0][price_data][unit_amount]", 100))
        broken, refused = amount == 500, amount < 50
        error = {"error": {"type": "invalid_request_error", "code": "amount_too_small", "message": "too small"}}
        link = {
            "id": "plink_1",
            "object": "payment_link",
            "active": "active" not in form,
            "url": "https://buy.stripe.com/test_1",
        }
        self._answers(error if refused else link, 500 if broken else 400 if refused else 200)

    def do_GET(self) -> None:
        """What is in a payout, in two pages; of one that was asked for by hand, it does not say it."""
        query = dict(parse_qsl(self.path.partition("?")[2]))
        second = "starting_after" in query
        sale, radar = {"type": "charge", "amount": 2_389, "fee": 59}, {"type": "stripe_fee", "amount": -30, "fee": 0}
        line = {"id": f"txn_{1 + second}", "object": "balance_transaction"} | (radar if second else sale)
        error = {"error": {"type": "invalid_request_error", "message": "only on automatic transfers"}}
        page = {"object": "list", "url": "/v1/balance_transactions", "has_more": not second, "data": [line]}
        self._answers(
            error if query["payout"] == "po_by_hand" else page, 400 if query["payout"] == "po_by_hand" else 200
        )

    def _answers(self, said: dict[str, Any], status: int) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def links() -> Generator[str]:
    _Links.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Links)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def asked(deed: Deed, amount: int = 2_489, **more: Any) -> Asked:
    return Asked(deed, f"key {amount}", LINK, amount, "EUR", title="ORD-1001", **more)


async def test_a_link_is_paid_once_names_itself_and_is_switched_off(links: str) -> None:
    stripe = Stripe("sk_test_shop", "whsec_test", links)

    made = await stripe.ask(asked(Deed.link))
    gone = await stripe.ask(asked(Deed.unlink, reference="plink_1"))
    small = await stripe.ask(asked(Deed.link, 49))
    with pytest.raises(Silent):
        await stripe.ask(asked(Deed.link, 500))
    await stripe.close()

    assert made == Answer(Outcome.succeeded, "plink_1", action_url="https://buy.stripe.com/test_1")
    assert (gone.outcome, small.outcome, small.code) == (Outcome.succeeded, Outcome.failed, "amount_too_small")
    (path, form, key), off, *_ = _Links.asked
    assert (path, key) == ("/v1/payment_links", "key 2489")
    assert form == {
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "2489",
        "line_items[0][price_data][product_data][name]": "ORD-1001",
        "line_items[0][quantity]": "1",
        "restrictions[completed_sessions][limit]": "1",
        "metadata[payment_link]": LINK,
        "payment_intent_data[metadata][payment_link]": LINK,
        "payment_intent_data[capture_method]": "automatic",
    }
    assert off[:2] == ("/v1/payment_links/plink_1", {"active": "false"})


async def test_what_was_fees_of_a_payout_is_the_fees_of_all_that_is_in_it(links: str) -> None:
    stripe, nowhere = (
        Stripe("sk_test_shop", "whsec_test", links),
        Stripe("sk_test_shop", "whsec_test", "http://127.0.0.1:9"),
    )

    kept = await stripe.fees_of("po_1")
    for one, payout in ((stripe, "po_by_hand"), (nowhere, "po_1")):
        with pytest.raises(Silent):
            await one.fees_of(payout)
    for one in (stripe, nowhere):
        await one.close()

    assert kept == 89


@pytest.mark.parametrize(("status", "happened"), [("paid", Happened.captured), ("unpaid", Happened.other)])
def test_the_page_and_the_payment_tell_the_same(status: str, happened: Happened) -> None:
    def told(kind: str, **thing: Any) -> Any:
        thing |= {"currency": "eur", "metadata": {"payment_link": LINK}}
        return told_of({"id": "evt_1", "type": kind, "created": 1_795_000_000, "data": {"object": thing}})

    page = told("checkout.session.completed", payment_intent="pi_1", amount_total=2_489, payment_status=status)
    payment = told("payment_intent.succeeded", id="pi_1", amount_received=2_489)

    assert page.happened is happened
    assert (page.reference, page.amount, page.total, page.details) == (
        payment.reference, payment.amount, payment.total, payment.details,
    )  # fmt: skip
    assert payment.details == {"link": LINK}
