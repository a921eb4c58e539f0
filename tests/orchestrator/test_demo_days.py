"""The demo shop at moments all over the calendar: true to its ledgers, up to this moment, and asked about in the chat.

The first start may fall on any of them. Figures of the answers are compared with SQL that knows nothing of the tools.
"""

import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from agents.roster import ROSTER
from db.checks import CHECKS
from db.model import Base
from db.models.after_sales import Return, ReturnStatus, Ticket, WarrantyClaim
from db.models.payments import Dispute, Payment, PaymentLink, PaymentLinkStatus, PaymentStatus, Payout
from db.models.transport import Fulfilment, FulfilmentStatus
from db.models.warehouse import Package, PickList
from db.seed.demo import ZONE
from orchestrator.chat import Chat
from orchestrator.demo_evening import live
from orchestrator.index import read_index
from orchestrator.language_model import open_models
from orchestrator.saver import PooledSaver
from orchestrator.settings import Settings
from orchestrator.supervisor import Supervisor
from planner.choose.index import Index
from tests.demo import MOMENTS, Demos, of_moment
from tests.orchestrator.conftest import Talk
from tests.outside import GLOBAL
from tools import registry
from tools.contract.actors import Caller, Door, Hand, Proof
from tools.contract.call import Shop

AHEAD = {"expires_at", "promised_at", "starts_at", "ends_at", "due_at", "due_by"}  # of these a shop knows the future
PERIODS = {"today": "day", "this week": "week", "this month": "month"}


@dataclass(frozen=True)
class Demo:
    """The demo shop of a moment."""

    moment: str
    now: datetime
    caller: Caller
    url: str

    def one(self, query: str) -> Any:
        """The first value that a query finds in the shop; `now` is its moment."""
        return self.all(query)[0][0]

    def all(self, query: str) -> list[Any]:
        with psycopg.connect(self.url) as connection:
            connection.execute(f"set local app.merchant_id = '{self.caller.merchant}'".encode())
            return connection.execute(query.encode(), {"now": self.now, "merchant": self.caller.merchant}).fetchall()


@pytest.fixture(scope="module", params=[pytest.param(moment, marks=of_moment(moment)) for moment in MOMENTS])
async def demo(request: pytest.FixtureRequest, demos: Demos, runtime_url: str) -> Demo:
    loaded = await demos.at(request.param)
    owner = Caller(loaded.merchant, Door.rest, Hand.person, Proof.user, str(loaded.owner))
    return Demo(loaded.moment, loaded.now, owner, runtime_url)


@pytest.fixture(scope="module")
def index() -> Index:
    return read_index()


@pytest.fixture
async def talk(demo: Demo, shop: Shop, saver: PooledSaver, settings: Settings, index: Index) -> AsyncGenerator[Talk]:
    """The owner's conversation at that moment, without a language model."""
    async with open_models(settings, index) as models:
        chat = Chat(
            replace(shop, clock=lambda: demo.now),
            Supervisor(ROSTER, registry.tools(), models, index, saver),
            registry.tools(),
        )
        yield Talk(chat, demo.caller)
        await chat.close()


def test_its_books_are_right(demo: Demo) -> None:
    assert {check.name: found for check in CHECKS if (found := demo.all(check.sql))} == {}


def test_nothing_has_happened_that_is_still_to_come(demo: Demo) -> None:
    moments = {
        name: [
            column.name for column in table.columns
            if column.type.python_type is datetime and column.name not in AHEAD and column.name != "valid_until"
        ]
        for name, table in Base.metadata.tables.items()
        if "merchant_id" in table.columns and name not in (*GLOBAL, "memberships", "merchant_profiles", "counters")
    }  # fmt: skip
    latest = {
        f"{name}.{column}": at
        for name, columns in moments.items()
        if columns
        for column, at in zip(
            columns, demo.all(f"select {', '.join(f'max({column})' for column in columns)} from {name}")[0], strict=True
        )
    }

    assert len(latest) > 100
    assert {where: at for where, at in latest.items() if at and at > demo.now} == {}


def test_the_day_has_begun_and_goes_as_the_last_ones_did(demo: Demo) -> None:
    midnight = demo.now.astimezone(ZONE).replace(hour=0, minute=0, second=0, fold=0)
    hours = demo.now - midnight.astimezone(UTC)
    here = "{} at time zone 'Europe/Paris'"
    placed, now = f"({here.format('placed_at')})", f"({here.format('%(now)s')})"
    by_day = dict(
        demo.all(
            f"select {now}::date - {placed}::date, count(*) from orders where {placed}::time <= {now}::time"
            " and placed_at > %(now)s - interval '8 days' group by 1"
        )
    )
    usual = sum(by_day.get(ago, 0) for ago in range(1, 8)) / 7

    assert by_day.get(0, 0) >= (1 if hours > timedelta(minutes=15) else 0)
    assert usual / 4 - 1 <= by_day.get(0, 0) <= 3 * usual + 3


def test_every_day_of_the_year_has_orders_in_their_order(demo: Demo) -> None:
    days = """
        select count(distinct (placed_at at time zone 'Europe/Paris')::date) from orders
        where placed_at < date_trunc('day', %(now)s, 'Europe/Paris')
    """
    disorder = """
        select count(*) from (select placed_at < lag(placed_at) over (order by substr(reference, 5)::int) as back from orders) as o
        where back
    """

    assert demo.one(days) == 365
    assert demo.one(disorder) == 0


def test_what_was_ordered_just_now_has_not_arrived(demo: Demo) -> None:
    arrived = """
        select count(*) from orders o join fulfilments f on f.merchant_id = o.merchant_id and f.order_id = o.id
        where o.placed_at > %(now)s - interval '20 hours' and f.delivered_at is not null and o.channel <> 'store'
    """
    closed = """
        select count(*) from orders where channel in ('store', 'phone')
        and (extract(hour from placed_at at time zone 'Europe/Paris') not between 9 and 18
             or extract(isodow from placed_at at time zone 'Europe/Paris') = 7)
    """

    assert demo.one(arrived) == 0
    assert demo.one(closed) == 0


def test_its_troubles_are_there(demo: Demo) -> None:
    level = "select sum({}) from stock_levels s join variants v on v.id = s.variant_id where v.sku = 'MUG-BLUE'"

    assert 0 <= demo.one(level.format("on_hand - reserved - damaged")) <= 5
    assert demo.one(level.format("incoming")) == 240
    assert demo.one("select count(*) from order_holds where released_at is null") == 2
    assert demo.one("select array_agg(distinct carrier) from fulfilments where status = 'delayed'") == ["Rapidex"]
    assert (
        15 <= demo.one("select count(*) from stock_levels where on_hand - reserved - damaged <= reorder_point") <= 120
    )


@pytest.mark.parametrize("period", PERIODS)
async def test_what_was_sold_is_answered_with_the_figures_of_the_books(demo: Demo, talk: Talk, period: str) -> None:
    since = f"date_trunc('{PERIODS[period]}', %(now)s, 'Europe/Paris')"
    [(orders, units)] = demo.all(
        f"select count(*), coalesce(sum(units), 0) from orders where placed_at >= {since}"
        " and status not in ('cancelled', 'expired')"
    )

    turn = await talk(f"What did we sell {period}?")

    assert turn.answer
    assert f"{orders:,} orders, {units:,} units" in turn.answer
    assert "Europe/Paris)" in turn.answer


async def test_how_many_are_left_is_answered_with_the_total_of_all_warehouses(demo: Demo, talk: Talk) -> None:
    available = "select sum(on_hand - reserved - damaged) from stock_levels s join variants v on v.id = s.variant_id"
    left = demo.one(f"{available} where v.sku = 'MUG-BLUE'")

    turn = await talk("how many MUG-BLUE do we have in stock?")

    assert turn.answer
    assert turn.answer.startswith(f"{left} of MUG-BLUE {'is' if left == 1 else 'are'} available")


# ---- the evening that the first start lives in it; the last that is asked of a shop, for it changes it -------------------

NOT_SEEN: dict[Any, set[Any]] = {  # what takes weeks, is over in a moment, or waits for the room of documents
    Payment: {PaymentStatus.expired},
    PaymentLink: {PaymentLinkStatus.pending, PaymentLinkStatus.paid, PaymentLinkStatus.expired, PaymentLinkStatus.failed},
    Fulfilment: {FulfilmentStatus.draft, FulfilmentStatus.rated},
    Return: {ReturnStatus.label_sent, ReturnStatus.expired},
}  # fmt: skip


async def test_after_an_evening_something_stands_wherever_it_can_stand(demo: Demo, demos: Demos, shop: Shop) -> None:
    demos.forget(demo.moment)  # who asks after this gets a shop that nobody changed
    await live(replace(shop, clock=lambda: demo.now), demo.caller.merchant, uuid.UUID(demo.caller.name))

    for kind in (Payment, PaymentLink, Dispute, Payout, Fulfilment, Package, PickList, WarrantyClaim, Return, Ticket):
        stands = {status for (status,) in demo.all(f"select distinct status from {kind.__tablename__}")}
        assert stands == {str(status) for status in kind.MOVES} - NOT_SEEN.get(kind, set()), kind
    assert {check.name: found for check in CHECKS if (found := demo.all(check.sql))} == {}
