"""Whatever people of eight rooms do at once, while a provider fails and processes are killed: afterwards the shop's books agree.

`--longer=50` lets it take place so many times as long.
"""

import asyncio
import logging
import random

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from tests.conftest import Do
from tests.tools.deeds import DEEDS, Rooms
from tests.tools.moody import MOODS, World
from tools.contract.call import Shop
from tools.payments.reconciling import reconcile_payments

deeds = st.tuples(st.sampled_from(sorted(DEEDS)), st.integers(0, 7), st.integers(1, 6))


class Chaos(Rooms):
    """People of eight rooms, each at work on what the others made; and a provider that does what providers do."""

    world: World

    @initialize()
    def open_the_shop(self) -> None:
        self.open()
        self.world = World(self.mine)
        self.do = Do(self.world.shop, self.do.caller)
        self.wait(self.furnish())

    @rule(at_once=st.lists(deeds, min_size=2, max_size=5))
    def work(self, at_once: list[tuple[str, int, int]]) -> None:
        self.wait(self._all(at_once))

    @rule(at_once=st.lists(deeds, min_size=2, max_size=5))
    def go_on_working(self, at_once: list[tuple[str, int, int]]) -> None:
        self.wait(self._all(at_once))

    async def _all(self, at_once: list[tuple[str, int, int]]) -> None:
        await asyncio.gather(*(DEEDS[name](self, nth, number) for name, nth, number in at_once))

    @rule(moods=st.lists(st.sampled_from(MOODS), min_size=1, max_size=3))
    def the_provider_has_moods(self, moods: list[str]) -> None:
        self.world.moods += moods

    @rule(backwards=st.booleans())
    def the_provider_tells_all_again(self, backwards: bool) -> None:
        self.wait(self.world.tells(backwards=backwards))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.wait(self.world.rests())
            differences = self.wait(self.do(reconcile_payments, provider="manual")).differences
            assert not differences, differences
        super().teardown()


@pytest.mark.timeout(900)  # on a busy machine; what hangs is told by `wait`
async def test_whatever_is_done_at_once_in_eight_rooms_the_books_agree(
    shop: Shop, chance: random.Random, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # that a provider says nothing is what is wanted here

    class Machine(Chaos):
        pass

    Machine.shop, Machine.loop = shop, asyncio.get_running_loop()
    seeded = hypothesis.seed(chance.getrandbits(32))(Machine)
    some = hypothesis.settings(
        max_examples=8 * int(str(request.config.getoption("longer"))), stateful_step_count=40, derandomize=False, database=None,
        deadline=None, phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    await asyncio.to_thread(run_state_machine_as_test, seeded, settings=some)
