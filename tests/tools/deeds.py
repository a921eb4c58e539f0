"""What people of eight rooms do, each with the nth of what there is and a number: units, or minor units."""

from collections.abc import Awaitable, Callable

from tests.carriers import with_carriers
from tests.factories import make_customer, make_warehouse
from tests.tools.at_work import SKUS, AtWork
from tests.tools.till import LYON, bought, writing
from tools.after_sales.decisions import approve_return
from tools.after_sales.inspecting import inspect_return
from tools.after_sales.receiving import receive_return
from tools.after_sales.requests import cancel_return
from tools.customers.consents import set_consent
from tools.customers.loyalty import adjust_loyalty_points
from tools.customers.profiles import create_customer, update_customer
from tools.flows.authorize_payment import authorize_payment
from tools.flows.cancel_order import cancel_order
from tools.flows.cancel_shipment import cancel_shipment
from tools.flows.change_order_lines import change_order_lines
from tools.flows.change_order_payment import change_order_payment
from tools.flows.create_order import create_order
from tools.flows.erase_customer import erase_customer
from tools.flows.exchange_items import exchange_items
from tools.flows.mark_order_paid import mark_order_paid
from tools.flows.merge_customers import merge_customers
from tools.flows.record_tracking import record_tracking_event
from tools.flows.request_return import request_return
from tools.flows.settle_return import settle_return
from tools.flows.ship_order import create_shipment
from tools.inventory.adjustments import adjust_stock
from tools.inventory.purchasing import create_purchase_order
from tools.inventory.receiving import receive_purchase_order
from tools.inventory.reservations import release_reservation, reserve_stock
from tools.inventory.suppliers import create_supplier
from tools.inventory.transfers import receive_transfer, transfer_stock
from tools.orders.address import change_order_address
from tools.orders.holds import hold_order, release_order
from tools.orders.many import set_order_statuses
from tools.orders.status import set_order_status
from tools.payments.credit import issue_gift_card, issue_store_credit
from tools.payments.methods import save_payment_method
from tools.payments.moving import capture_payment, refund_payment, void_payment
from tools.products.price_changes import change_prices
from tools.products.price_undo import undo_price_change
from tools.products.prices import set_price
from tools.products.variants import update_variant
from tools.warehouse.packing import pack_order
from tools.warehouse.picking import create_pick_list
from tools.warehouse.walking import confirm_pick, start_pick

TOKENS = ["tok_ok", "tok_late", "tok_declined", "tok_timeout", "tok_dispute", "tok_needs_action", "tok_of_a_card"]


class Rooms(AtWork):
    """What there is to be at work on."""

    customers: list[str]
    methods: list[str]
    payments: list[str]
    parcels: list[str]
    returns: list[str]
    supplier: str
    second: str

    async def furnish(self) -> None:
        """A second customer and a second warehouse, a supplier, four orders, two of which have arrived."""
        self.customers, self.methods, self.payments, self.parcels, self.returns = [self.customer], [], [], [], []
        async with writing(self.mine) as sql:
            self.customers.append(make_customer(sql).reference)
            self.second = make_warehouse(sql, code="LYON", priority=2).reference
        await with_carriers(self.mine)
        self.supplier = (await self.do(create_supplier, name="Olaria do Sul")).reference
        for nth in range(4):
            await sell(self, nth, 2)
        for nth in range(2):
            await send(self, nth, 1)
            await arrive(self, nth, 1)


Deed = Callable[[Rooms, int, int], Awaitable[None]]
DEEDS: dict[str, Deed] = {}


def deed(function: Deed) -> Deed:
    DEEDS[function.__name__] = function
    return function


def one(of: list[str], nth: int) -> str:
    return of[nth % len(of)] if of else "NONE-1"


# ---- orders, products, customers -----------------------------------------------------------------------------------------


@deed
async def sell(at: Rooms, nth: int, number: int) -> None:
    saved = {"method": one(at.methods, nth)} if at.methods else {}
    by = [None, {}, {"capture": False}, saved, {"token": one(TOKENS, number)}][nth % 5]
    placed = await at.tried(
        create_order, customer=one(at.customers, nth // 4), lines=bought((one(SKUS, number), 1 + nth % 3)), shipping_address=LYON,
        **({"payment": by} if by is not None else {}),
    )  # fmt: skip
    if placed:
        at.placed.append(placed.reference)
        at.payments += [placed.payment.payment] if placed.payment else []


@deed
async def change(at: Rooms, nth: int, number: int) -> None:
    by = {"settle_by": one(at.methods, number)} if number % 2 and at.methods else {}
    await at.tried(change_order_lines, order=at.order(nth), add=bought((one(SKUS, number), 1)), **by)
    await at.tried(change_order_lines, order=at.order(nth), quantities=bought((one(SKUS, nth), number - 1)), **by)


@deed
async def swap(at: Rooms, nth: int, number: int) -> None:
    pair = ["MUG-BLUE", "MUG-RED"]
    await at.tried(
        change_order_lines, order=at.order(nth), swaps=[{"sku": one(pair, number), "to": one(pair, number + 1)}]
    )


@deed
async def hold_and_release(at: Rooms, nth: int, number: int) -> None:
    await at.tried(hold_order, order=at.order(nth))
    if number > 1:
        await at.tried(release_order, order=at.order(nth))


@deed
async def confirm(at: Rooms, nth: int, number: int) -> None:
    await at.tried(set_order_status, order=at.order(nth), status="confirmed")


@deed
async def cancel(at: Rooms, nth: int, number: int) -> None:
    if number == 1:  # most live on
        await at.tried(cancel_order, order=at.order(nth))


@deed
async def price(at: Rooms, nth: int, number: int) -> None:
    await at.tried(set_price, sku=one(SKUS, nth), amount=1_111 * number)


@deed
async def reward(at: Rooms, nth: int, number: int) -> None:
    await at.tried(adjust_loyalty_points, customer=one(at.customers, nth), points=50 * number - 100, note="A birthday")


@deed
async def merge(at: Rooms, nth: int, number: int) -> None:
    if number == 1:
        await at.tried(merge_customers, customer=at.customers[0], duplicate=at.customers[1])


@deed
async def draft(at: Rooms, nth: int, number: int) -> None:
    lines = bought((one(SKUS, number), number), (one(SKUS, nth), 1))
    if written := await at.tried(
        create_order, customer=at.customers[0], lines=lines, shipping_address=LYON, draft=True
    ):
        at.placed.append(written.reference)
        await at.tried(set_order_statuses, orders=[written.reference, at.order(nth)], status="pending")


@deed
async def readdress(at: Rooms, nth: int, number: int) -> None:
    await at.tried(
        change_order_address, order=at.order(nth), shipping_address={**LYON, "line1": f"{number} rue des Lilas"}
    )


@deed
async def reprice(at: Rooms, nth: int, number: int) -> None:
    group = {"customer_group": "wholesale"} if nth % 2 else {}
    await at.tried(set_price, sku=one(SKUS, nth), amount=999 * number, **group)
    changed = await at.tried(change_prices, everything=True, percent=10 * number - 35, round_to="ends_95", **group)
    if changed and number % 2:
        await at.tried(undo_price_change, change=changed.change)


@deed
async def hold_back(at: Rooms, nth: int, number: int) -> None:
    held = await at.tried(reserve_stock, sku=one(SKUS, nth), quantity=1, days=number)
    if held and number % 2:
        await at.tried(release_reservation, reservation=held.reference)


@deed
async def find_or_lose(at: Rooms, nth: int, number: int) -> None:
    await at.tried(
        adjust_stock, sku=one(SKUS, nth), warehouse="WH-1", delta=number - 3, reason="found" if number > 3 else "lost"
    )


@deed
async def take_out(at: Rooms, nth: int, number: int) -> None:
    """A variant leaves the catalogue, and comes back."""
    if await at.tried(update_variant, sku=one(SKUS, nth), archived=True) and number > 1:
        await at.tried(update_variant, sku=one(SKUS, nth), archived=False)


@deed
async def forget(at: Rooms, nth: int, number: int) -> None:
    """Somebody new buys, is blocked, and is forgotten."""
    new = await at.do(
        create_customer, name=f"Eva Novak {nth}", email=f"eva{len(at.placed)}{nth}@example.com", address=LYON
    )
    await at.tried(set_consent, customer=new.reference, channel="email", granted=True, source="form", wording="1")
    bought_it = await at.tried(create_order, customer=new.reference, lines=bought((one(SKUS, nth), 1)))
    await at.tried(update_customer, customer=new.reference, status="blocked" if number % 2 else "active")
    if bought_it:
        at.placed.append(bought_it.reference)
    await at.tried(erase_customer, customer=new.reference, anyway=number > 1)


# ---- payments ------------------------------------------------------------------------------------------------------------


@deed
async def save(at: Rooms, nth: int, number: int) -> None:
    whose = one(at.customers, nth)
    if number == 1:
        gift = await at.tried(issue_gift_card, customer=whose, amount=4_000, reason="sold")
        at.methods += [gift.reference] if gift else []
    elif number == 2:
        credit = await at.tried(issue_store_credit, customer=whose, amount=1_500)
        at.methods += [credit.method] if credit else []
    else:
        saved = await at.tried(save_payment_method, customer=whose, token=one(TOKENS, nth))
        at.methods += [saved.reference] if saved else []


@deed
async def charge(at: Rooms, nth: int, number: int) -> None:
    begun = await at.tried(
        authorize_payment, order=at.order(nth), token=one(TOKENS, nth + number), capture=bool(number % 2)
    )
    at.payments += [payment.payment for payment in begun.payments] if begun else []


@deed
async def pay_by_hand(at: Rooms, nth: int, number: int) -> None:
    await at.tried(mark_order_paid, order=at.order(nth), amount=None if number % 2 else 700)


@deed
async def pay_another_way(at: Rooms, nth: int, number: int) -> None:
    by = {"saved": one(at.methods, number)} if at.methods and nth % 2 else {"method": "paypal"}
    await at.tried(change_order_payment, order=at.order(nth), **by)


@deed
async def capture(at: Rooms, nth: int, number: int) -> None:
    await at.tried(capture_payment, payment=one(at.payments, nth), amount=None if number % 2 else 600)


@deed
async def void(at: Rooms, nth: int, number: int) -> None:
    await at.tried(void_payment, payment=one(at.payments, nth))


@deed
async def refund(at: Rooms, nth: int, number: int) -> None:
    to = "store_credit" if number == 2 else "original"
    await at.tried(refund_payment, payment=one(at.payments, nth), amount=None if number == 1 else 300 * number, to=to)


# ---- inventory, warehouse, transport -------------------------------------------------------------------------------------


@deed
async def count(at: Rooms, nth: int, number: int) -> None:
    await at.tried(
        adjust_stock,
        sku=one(SKUS, nth),
        warehouse="WH-1",
        delta=number - 2 or 1,
        reason="found" if number > 1 else "lost",
    )


@deed
async def buy(at: Rooms, nth: int, number: int) -> None:
    lines = [{"sku": one(SKUS[:3], nth), "quantity": number, "unit_cost": 420}]
    if ordered := await at.tried(create_purchase_order, supplier=at.supplier, warehouse="WH-1", lines=lines):
        await at.tried(receive_purchase_order, purchase_order=ordered.reference, complete=True)


@deed
async def carry_over(at: Rooms, nth: int, number: int) -> None:
    lines = bought((one(SKUS[:3], nth), number))
    if sent := await at.tried(transfer_stock, from_warehouse="WH-1", to_warehouse=at.second, lines=lines):
        await at.tried(receive_transfer, transfer=sent.reference)


@deed
async def pick_and_pack(at: Rooms, nth: int, number: int) -> None:
    if listed := await at.tried(create_pick_list, warehouse="WH-1", orders=[at.order(nth)]):
        await at.tried(start_pick, pick=listed.reference)
        await at.tried(confirm_pick, pick=listed.reference)
        await at.tried(pack_order, order=at.order(nth))


@deed
async def send(at: Rooms, nth: int, number: int) -> None:
    await at.tried(set_order_status, order=at.order(nth), status="confirmed")
    if sent := await at.tried(create_shipment, order=at.order(nth)):
        at.parcels += [parcel.reference for parcel in sent.shipments]


@deed
async def arrive(at: Rooms, nth: int, number: int) -> None:
    for code in ("in_transit", "delivered", "delivered")[: 1 + number % 3 if number > 1 else 3]:
        await at.tried(record_tracking_event, shipment=one(at.parcels, nth), code=code)


@deed
async def call_back(at: Rooms, nth: int, number: int) -> None:
    await at.tried(cancel_shipment, shipment=one(at.parcels, nth))


# ---- after-sales ---------------------------------------------------------------------------------------------------------


@deed
async def ask_back(at: Rooms, nth: int, number: int) -> None:
    wanted = ["refund", "store_credit", "exchange"][number % 3]
    asked = await at.tried(
        request_return, order=at.order(nth), reason="arrived_broken", wanted=wanted, goodwill=bool(number % 2)
    )
    at.returns += [asked.reference] if asked else []


@deed
async def take_back(at: Rooms, nth: int, number: int) -> None:
    rma = one(at.returns, nth)
    await at.tried(approve_return, rma=rma, keeps_goods=number == 6)
    await at.tried(receive_return, rma=rma)
    await at.tried(inspect_return, rma=rma, condition=["as_new", "damaged", "used"][number % 3])
    await at.tried(settle_return, rma=rma)


@deed
async def keep(at: Rooms, nth: int, number: int) -> None:
    await at.tried(cancel_return, rma=one(at.returns, nth))


@deed
async def exchange(at: Rooms, nth: int, number: int) -> None:
    items = [{"sku": one(SKUS[:3], number), "quantity": 1, "new_sku": one(SKUS[:3], number + 1)}]
    await at.tried(exchange_items, order=at.order(nth), items=items, goodwill=True)
