"""What somebody may move or stop in a day: counted once, whoever approved it, and never exceeded by calls at once."""

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import NamedTuple

from db.money import Money
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.probes import Counted, move_money
from tests.tools.test_policy import carry_out, decide, move, waits
from tools.backoffice.merchant import update_merchant
from tools.contract.call import call, opened
from tools.contract.daily import spent_before
from tools.contract.shop import Shop

AUDIT_READ = "select seq_tup_read + idx_tup_fetch as rows from pg_stat_xact_user_tables where relname = 'audit_entries'"


class Total(NamedTuple):
    """What somebody answers for today."""

    actor: str
    money: int


async def test_the_days_calls_count_together(shop: Shop, mine: NewShop) -> None:
    for _ in range(4):
        assert (await move(shop, mine.caller("support"), 50_00)).result

    fifth = await move(shop, mine.caller("support"), 1)

    assert waits(fifth)
    assert fifth.why == "It moves 0.01 EUR after 200.00 EUR today; Support may move 200.00 EUR a day."
    assert (await move(shop, mine.caller("manager"), 1)).result, "another person has a day of their own"


async def test_the_day_is_the_merchants(shop: Shop, mine: NewShop) -> None:
    """Paris is two hours ahead in summer: 21:59 UTC is still the same day there, 22:00 UTC the next."""
    evening = dataclasses.replace(shop, clock=lambda: datetime(2026, 7, 1, 21, 59, tzinfo=UTC))
    midnight = dataclasses.replace(shop, clock=lambda: datetime(2026, 7, 1, 22, 0, tzinfo=UTC))
    for _ in range(4):
        await move(evening, mine.caller("support"), 50_00)

    assert waits(await move(evening, mine.caller("support"), 1))
    assert (await move(midnight, mine.caller("support"), 50_00)).result


async def test_parallel_calls_stay_within_the_day(shop: Shop, mine: NewShop) -> None:
    outcomes = await asyncio.gather(*(move(shop, mine.caller("support"), 30_00) for _ in range(10)))

    done = [outcome for outcome in outcomes if outcome.result]
    assert len(done) == 6, "6 x 30.00 is within 200.00, 7 x 30.00 is not"


async def test_a_keys_calls_at_once_stay_within_its_day_and_the_others_say_what_was_moved(
    shop: Shop, mine: NewShop
) -> None:
    key = await mine.key(scopes=["payments:*"], per_call=30_00, per_day=200_00)

    outcomes = await asyncio.gather(*(move(shop, key, 30_00) for _ in range(10)))

    waiting = [outcome for outcome in outcomes if outcome.approval]
    said = "It moves 30.00 EUR after 180.00 EUR today; A program may move 200.00 EUR a day."
    assert [outcome.why for outcome in waiting] == [said] * 4
    assert all(
        outcome.card is not None and outcome.card.money == Money(amount=30_00, currency="EUR") for outcome in waiting
    )
    assert (await move(shop, key, 20_00)).result, "what waits does not count"
    assert await misfits(mine) == {}


async def test_a_limit_that_was_lowered_holds_for_what_was_moved_before(shop: Shop, mine: NewShop) -> None:
    key = await mine.key(scopes=["payments:*"], per_call=30_00, per_day=200_00)
    assert (await move(shop, key, 30_00, stops=3)).result
    async with shop.database.transaction(mine.id) as sql:
        await sql.execute("update api_keys set limit_per_day = 2000 where merchant_id = %s", (mine.id,))
        await sql.commit()

    assert (await move(shop, key, 0, stops=1)).result, "nothing is moved, so the day's money is not asked about"
    assert waits(await move(shop, key, 1))


async def test_a_preview_says_that_a_keys_day_is_full(shop: Shop, mine: NewShop) -> None:
    key = await mine.key(scopes=["payments:*"], per_call=30_00, per_day=30_00)
    assert (await move(shop, key, 30_00)).result

    seen = await call(shop, move_money, {"amount": 1}, key, preview=True)

    assert seen.why == "It moves 0.01 EUR after 30.00 EUR today; A program may move 30.00 EUR a day."


async def test_the_day_is_not_added_up_again_however_long_it_was(shop: Shop, mine: NewShop) -> None:
    key = await mine.key(scopes=["payments:*"], per_call=10_00, per_day=1_000_00)
    for _ in range(12):
        assert (await move(shop, key, 10_00, stops=1)).result

    async with opened(shop, move_money, key, key="once more") as (ctx, _):
        ctx.moves_money(Money(amount=1, currency="EUR"))
        read = await ctx.sql.row(AUDIT_READ, as_=Counted)
        assert await spent_before(ctx, counting=True) == (120_00, 12)
        assert await ctx.sql.row(AUDIT_READ, as_=Counted) == read
        assert len([sent for sent in ctx.sql.statements if "daily_totals" in sent]) == 1


async def test_a_day_in_which_nothing_was_counted_begins_with_what_the_audit_has_of_it(
    shop: Shop, mine: NewShop
) -> None:
    """As after the shop has moved to another time zone, or come from an earlier version."""
    assert (await move(shop, mine.caller("support"), 50_00)).result
    async with shop.database.transaction(mine.id) as sql:
        await sql.execute("delete from daily_totals where merchant_id = %s", (mine.id,))
        await sql.commit()

    await move(shop, mine.caller("support"), 50_00)
    auckland = {"zone": "Pacific/Auckland", "version": 1}
    await call(shop, update_merchant, auckland, mine.caller("owner"), key="moved")
    await move(shop, mine.caller("support"), 50_00)

    fourth = await move(shop, mine.caller("support"), 50_01)
    assert fourth.why == "It moves 50.01 EUR; Support may move 50.00 EUR a call."
    assert await misfits(mine) == {}


async def test_the_days_totals_are_those_of_the_audit_whoever_approved(shop: Shop, mine: NewShop) -> None:
    await move(shop, mine.caller("owner"), 7_00)
    approval = waits(await move(shop, mine.caller("support"), 60_00))
    await decide(mine, "manager", approval)
    await carry_out(mine, approval)

    async with shop.database.transaction(mine.id, read_only=True) as sql:
        query = "select actor, money from daily_totals where merchant_id = %s order by actor"
        kept = [tuple(row) for row in await sql.rows(query, (mine.id,), as_=Total)]

    assert kept == [("USR-1001", 7_00), ("USR-1002", 60_00)]
    assert await misfits(mine) == {}
