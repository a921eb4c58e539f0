"""localstripe, and a few things of Stripe that it does not know: `python -m tests.connectors.stripe_server PORT`.

It listens on the machine itself alone, where localstripe's own command listens on every interface. What is added refuses what
Stripe refuses: a payment that is confirmed at once, and might send somebody to a page, without a page to come back to; a method
that a customer keeps, without the customer.
"""

import os
import re
import sys
import time
from importlib import import_module
from typing import Any

from aiohttp import web

from tests.ahead import AHEAD

resources: Any = import_module("localstripe.resources")  # which has no types
UserError: Any = import_module("localstripe.errors").UserError
_create: Any = resources.PaymentIntent._api_create
_list: Any = resources.BalanceTransaction._api_list_all


def create(confirm: Any = None, automatic_payment_methods: Any = None, return_url: Any = None, **data: Any) -> Any:
    sends_nobody = bool(automatic_payment_methods) and automatic_payment_methods.get("allow_redirects") == "never"
    if confirm and not (sends_nobody or return_url):
        raise UserError(400, "A `return_url` must be specified: some of the payment methods may need a redirect.")
    method = data.get("payment_method")
    kept_by = resources.PaymentMethod._api_retrieve(method).customer if method else None
    if kept_by and kept_by != data.get("customer"):
        raise UserError(400, "The payment method belongs to a customer: the `customer` has to be named.")
    intent = _create(confirm=confirm, **data)
    if intent.next_action and return_url:
        url = f"https://hooks.stripe.example/redirect/{intent.id}"
        intent.next_action = {"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": return_url}}
    return intent


def search(query: str, limit: Any = None) -> Any:
    """The payments made since an instant that name something."""
    asked = re.fullmatch(r"created>(\d+) AND metadata\['(\w+)'\]:'([^']+)'", query)
    if asked is None:
        raise UserError(400, "The query cannot be read.")
    found = resources.PaymentIntent._api_list_all("/v1/payment_intents/search", limit=limit)
    since, name, value = int(asked[1]), asked[2], asked[3]
    found._list = [one for one in found._list if one.created > since and one.metadata.get(name) == value]
    return found


def movements(url: str, created: Any = None, **page: Any) -> Any:
    found = _list(url, **page)
    since, until = int(created["gte"]), int(created["lt"])
    found._list = [_expanded(one) for one in found._list if since <= one.created < until]
    return found


def _expanded(line: Any) -> Any:
    """With what was moved, as it is asked for: localstripe expands nothing in lists."""
    if isinstance(line.source, str):
        kind = resources.Charge if line.source.startswith("ch_") else resources.Refund
        line.source = kind._api_retrieve(line.source)._export()
    return line


def amount_received(intent: Any) -> int:
    return intent.amount if intent.status == "succeeded" else 0


if __name__ == "__main__":
    ahead, here = float(os.environ.get(AHEAD, 0)), time.time
    time.time = lambda: here() + ahead  # it is the same day at Stripe
    resources.PaymentIntent.amount_received = property(amount_received)
    resources.PaymentIntent._api_create = create
    resources.BalanceTransaction._api_list_all = movements
    resources.extra_apis.append(("GET", "/v1/payment_intents/search", search))
    server: Any = import_module("localstripe.server")  # which binds what there is by then
    web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]))
