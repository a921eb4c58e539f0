"""A shop that is paid through Stripe, from the call to the event that Stripe sends to its address: over real HTTP, both ways."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from connectors.payments.stripe import Stripe
from orchestrator.installation import Urls
from orchestrator.outside import providers_of
from orchestrator.settings import Settings
from tests.factories import NewShop
from tests.live import served
from tests.tools.misfits import misfits
from tests.tools.paying import TOTAL, Till, till
from tools.contract.actors import Site
from tools.flows.authorize_payment import authorize_payment
from tools.payments.moving import capture_payment, refund_payment
from tools.payments.reconciling import reconcile_payments

_ = till
SECRET = "whsec_of_the_shop"
CONFIRMED_BY_HAND = {
    "type": "card", "card[number]": "4000002500003155", "card[exp_month]": "12", "card[exp_year]": "2030", "card[cvc]": "123",
}  # fmt: skip


@pytest.fixture
async def stripes(till: Till, stripe_url: str) -> AsyncGenerator[Till]:
    """The till of a shop that has an account at Stripe."""
    stripe = Stripe("sk_test_shop", SECRET, stripe_url)
    till.outside.providers = providers_of(till.mine.shop, {till.mine.id: stripe}, "a secret")
    site = Site(providers=("manual", "stripe"))
    till.shop, till.do.shop = (replace(shop, site=site) for shop in (till.shop, till.do.shop))
    yield till
    await stripe.close()


@pytest.fixture
def address(settings: Settings, runtime_url: str, mine: NewShop, stripe_url: str) -> Generator[str]:
    """Where the shop hears what Stripe tells."""
    of_the_shop = {
        "stripe_shop": mine.slug, "stripe_key": SecretStr("sk_test_shop"), "stripe_webhook_secret": SecretStr(SECRET),
        "stripe_api_base": stripe_url,
    }  # fmt: skip
    with served(settings.model_copy(update=of_the_shop), Urls(runtime_url, None, runtime_url, None)) as here:
        yield f"{here}/api/v1/payments/events/{mine.id}.stripe"


async def test_a_card_is_charged_in_parts_given_back_and_on_both_lists(mine: NewShop, stripes: Till) -> None:
    begun = (await stripes.do(authorize_payment, order=await stripes.order(), token="pm_card_visa")).payments[0]
    assert (begun.status, begun.intent) == ("authorized", None)

    taken = await stripes.do(capture_payment, payment=begun.payment)
    back = await stripes.do(refund_payment, payment=begun.payment, amount=489)

    assert (taken.status, taken.captured.amount, back.status) == ("captured", TOTAL, "partially_refunded")
    stripes.do.shop = replace(stripes.shop, clock=lambda: stripes.shop.clock() + timedelta(minutes=1))
    agreed = await stripes.do(reconcile_payments, provider="stripe")
    assert (agreed.status, [one for one in agreed.differences if one.payment]) == ("succeeded", [])
    assert (agreed.agreed or 0) >= 2
    assert await misfits(mine) == {}


async def test_what_somebody_confirmed_is_told_and_booked_once(
    mine: NewShop, stripes: Till, address: str, at_stripe: httpx.AsyncClient
) -> None:
    await at_stripe.post("/_config/webhooks/shop", data={"url": address, "secret": SECRET})
    card = (await at_stripe.post("/v1/payment_methods", data=CONFIRMED_BY_HAND)).json()["id"]
    begun = (await stripes.do(authorize_payment, order=await stripes.order(), token=card, capture=True)).payments[0]
    assert begun.status == "requires_action"
    name = (await stripes.payment(begun.payment)).provider_reference or ""
    asked = (await at_stripe.get(f"/v1/payment_intents/{name}")).json()

    confirmed = {"client_secret": asked["client_secret"], "success": "true"}
    await at_stripe.post(f"/v1/payment_intents/{name}/_authenticate", data=confirmed)

    shown, waited = await stripes.payment(begun.payment), 0
    while shown.status == "requires_action" and waited < 100:
        await asyncio.sleep(0.1)
        shown, waited = await stripes.payment(begun.payment), waited + 1
    assert (shown.status, shown.captured.amount, shown.under_way) == ("captured", TOTAL, [])
    assert await misfits(mine) == {}
