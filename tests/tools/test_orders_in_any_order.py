"""Whatever is done to orders, in whatever order: afterwards the shop's books agree, to the last unit and cent."""

import asyncio
import random

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from tests.tools.at_work import SKUS, AtWork
from tools.contract.call import Shop
from tools.flows.cancel_order import cancel_order
from tools.flows.change_order_lines import change_order_lines
from tools.flows.change_order_payment import change_order_payment
from tools.flows.mark_order_paid import mark_order_paid
from tools.orders.holds import hold_order, release_order
from tools.orders.many import set_order_statuses
from tools.orders.status import set_order_status

skus, units, orders = st.sampled_from(SKUS), st.integers(1, 4), st.integers(0, 3)
baskets = st.lists(skus, min_size=1, max_size=3, unique=True)
statuses = st.sampled_from(["pending", "confirmed", "completed"])


class Orders(AtWork):
    """People of a shop at work on a handful of orders."""

    @initialize(first=baskets, second=baskets, units=st.integers(1, 2))
    def open_the_shop(self, first: list[str], second: list[str], units: int) -> None:
        self.open()
        self.place(first, 1, False)
        self.place(second, units, False)
        self.place(["ENGRAVING", "BOWL"], units, True)

    @rule(basket=baskets, units=units, draft=st.booleans())
    def place_another(self, basket: list[str], units: int, draft: bool) -> None:
        self.place(basket, units, draft)

    @rule(nth=orders, sku=skus, units=st.integers(0, 6))
    def change_a_quantity(self, nth: int, sku: str, units: int) -> None:
        self.done(change_order_lines, order=self.order(nth), quantities=[{"sku": sku, "quantity": units}])

    @rule(nth=orders, sku=skus, units=units, gone=st.lists(skus, max_size=1))
    def add_and_take_out(self, nth: int, sku: str, units: int, gone: list[str]) -> None:
        self.done(change_order_lines, order=self.order(nth), add=[{"sku": sku, "quantity": units}], remove=gone)

    @rule(nth=orders, units=units, back=st.booleans())
    def swap(self, nth: int, units: int, back: bool) -> None:
        sku, to = ("MUG-RED", "MUG-BLUE") if back else ("MUG-BLUE", "MUG-RED")
        added = [{"sku": sku, "quantity": units}]
        self.done(change_order_lines, order=self.order(nth), add=added)
        self.done(change_order_lines, order=self.order(nth), swaps=[{"sku": sku, "to": to, "quantity": units}])

    @rule(nth=orders)
    def hold(self, nth: int) -> None:
        self.done(hold_order, order=self.order(nth))

    @rule(nth=orders)
    def release(self, nth: int) -> None:
        self.done(release_order, order=self.order(nth))

    @rule(nth=orders, amount=st.none() | st.integers(1, 5_000))
    def pay(self, nth: int, amount: int | None) -> None:
        self.done(mark_order_paid, order=self.order(nth), amount=amount)

    @rule(nth=orders, method=st.sampled_from(["card", "invoice"]))
    def pay_another_way(self, nth: int, method: str) -> None:
        self.done(change_order_payment, order=self.order(nth), method=method)

    @rule(nth=orders, status=statuses)
    def move(self, nth: int, status: str) -> None:
        self.done(set_order_status, order=self.order(nth), status=status)

    @rule(status=statuses)
    def move_all(self, status: str) -> None:
        self.done(set_order_statuses, orders=self.placed, status=status)

    @rule(nth=orders, really=st.integers(0, 3))
    def cancel(self, nth: int, really: int) -> None:
        if really == 3:  # most of what is done is done to orders that live on
            self.done(cancel_order, order=self.order(nth))


@pytest.mark.timeout(600)  # on a busy machine; what hangs is told by `wait`
async def test_whatever_is_done_to_orders_the_books_agree(shop: Shop, chance: random.Random) -> None:
    class Machine(Orders):
        pass

    Machine.shop, Machine.loop = shop, asyncio.get_running_loop()
    seeded = hypothesis.seed(chance.getrandbits(32))(Machine)
    some = hypothesis.settings(
        max_examples=8, stateful_step_count=16, derandomize=False, database=None, deadline=None,
        phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    await asyncio.to_thread(run_state_machine_as_test, seeded, settings=some)
