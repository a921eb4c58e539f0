"""The path into every tool: what it promises whichever tool and door it is."""

import asyncio
import dataclasses
import uuid
from datetime import timedelta
from typing import Any

import psycopg.errors
import pytest

from db import clock
from db.model import new_id
from db.session import Database
from tests.factories import NewShop
from tests.oracle import tables_of
from tests.tools.cases.orders import create_order as order_of
from tests.tools.probes import (
    NoSuchLuck,
    count,
    entries,
    jobs,
    move_money,
    read_and_write,
    read_people,
    write_note,
)
from tools.backoffice.approvals import decide_approval
from tools.backoffice.keys import create_api_key, list_api_keys, revoke_api_key
from tools.backoffice.merchant import get_merchant
from tools.backoffice.settings import set_setting
from tools.contract import errors
from tools.contract.actors import Caller, Door, Hand, Proof, digest_of
from tools.contract.call import Outcome, Shop, call, opened
from tools.contract.context import Job
from tools.flows.create_order import create_order
from tools.rules.stock import NotEnoughStock


def key() -> str:
    return uuid.uuid4().hex


# ---- the same call again -------------------------------------------------------------------------------------------------


async def test_the_same_key_and_body_get_the_first_answer_and_write_once(
    shop: Shop, mine: NewShop, owner: Caller
) -> None:
    first = await call(shop, write_note, {"amount": 5}, owner, key="k-1")
    after_the_first = await tables_of(mine)

    second = await call(shop, write_note, {"amount": 5}, owner, key="k-1")

    assert (first.replayed, second.replayed) == (False, True)
    assert second.result == first.result
    assert await tables_of(mine) == after_the_first


async def test_the_same_key_with_another_body_is_refused(shop: Shop, mine: NewShop, owner: Caller) -> None:
    await call(shop, write_note, {"amount": 5}, owner, key="k-1")

    with pytest.raises(errors.IdempotencyKeyReused) as refused:
        await call(shop, write_note, {"amount": 6}, owner, key="k-1")

    assert refused.value.status == 422
    assert await count(mine, "conversations") == 1


async def test_the_same_key_for_another_operation_is_refused(shop: Shop, owner: Caller) -> None:
    await call(shop, write_note, {"amount": 5}, owner, key="k-1")

    with pytest.raises(errors.IdempotencyKeyReused):
        await call(shop, move_money, {"amount": 5}, owner, key="k-1")


async def test_another_shop_may_use_the_same_key(shop: Shop, owner: Caller, other: NewShop) -> None:
    await call(shop, write_note, {"amount": 5}, owner, key="k-1")

    theirs = await call(shop, write_note, {"amount": 6}, other.caller("owner"), key="k-1")

    assert theirs.result is not None
    assert theirs.result.amount == 6


async def test_a_key_that_is_being_worked_on_is_in_flight(shop: Shop, owner: Caller) -> None:
    async with opened(shop, write_note, owner, key="k-1"):
        with pytest.raises(errors.IdempotencyInFlight) as refused:
            await call(shop, write_note, {}, owner, key="k-1")

    assert refused.value.status == 409
    assert refused.value.retryable


async def test_a_caller_inside_waits_for_its_twin_and_gets_the_same_answer(
    shop: Shop, mine: NewShop, owner: Caller
) -> None:
    """The note may be written once: a twin that ran again would be refused."""

    async def again() -> Outcome[Any]:
        return await call(shop, write_note, {"note": "once"}, owner, key="k-1", wait=True)

    outcomes = await asyncio.gather(*(again() for _ in range(5)))

    assert [outcome.result for outcome in outcomes] == [outcomes[0].result] * 5
    assert sorted(outcome.replayed for outcome in outcomes) == [False, True, True, True, True]
    assert await count(mine, "audit_entries") == 1


async def test_twenty_callers_with_one_key_write_once(shop: Shop, mine: NewShop, owner: Caller) -> None:
    async def again() -> str:
        try:
            outcome = await call(shop, write_note, {"note": "once"}, owner, key="k-1")
        except errors.IdempotencyInFlight:
            return "in flight"
        return "replayed" if outcome.replayed else "written"

    answers = await asyncio.gather(*(again() for _ in range(20)))

    assert answers.count("written") == 1
    assert await count(mine, "conversations") == 1
    assert await count(mine, "audit_entries") == 1


async def test_a_refused_call_may_be_sent_again_with_the_same_key(shop: Shop, owner: Caller) -> None:
    with pytest.raises(NoSuchLuck):
        await call(shop, write_note, {"fail": True}, owner, key="k-1")

    outcome = await call(shop, write_note, {"fail": False}, owner, key="k-1")

    assert outcome.result is not None


async def test_a_key_is_forgotten_after_thirty_days_whether_or_not_it_was_swept(
    shop: Shop, mine: NewShop, owner: Caller
) -> None:
    long_ago = dataclasses.replace(shop, clock=lambda: clock.now() - timedelta(days=31))
    await call(long_ago, write_note, {"amount": 5}, owner, key="k-1")
    await call(long_ago, write_note, {"amount": 5}, owner, key="k-2")

    written = await call(shop, write_note, {"amount": 6}, owner, key="k-1")
    again = await call(shop, write_note, {"amount": 6}, owner, key="k-1")
    waiting = await call(shop, move_money, {}, mine.caller("owner", hand=Hand.model), key="k-2")

    assert (written.replayed, again.replayed) == (False, True)
    assert again.result == written.result
    assert waiting.approval is not None


@pytest.mark.parametrize("amount", [5, 6])
async def test_somebody_elses_use_of_a_key_is_refused_whatever_the_body(
    shop: Shop, mine: NewShop, owner: Caller, amount: int
) -> None:
    await call(shop, write_note, {"amount": 5}, owner, key="k-1")
    await call(shop, move_money, {"amount": 5}, mine.caller("owner", hand=Hand.model), key="k-2")
    program = await mine.key(scopes=["*"])

    for other in (mine.caller("manager"), program):
        for tool, used in ((write_note, "k-1"), (move_money, "k-2")):
            with pytest.raises(errors.IdempotencyKeyReused, match="by somebody else"):
                await call(shop, tool, {"amount": amount}, other, key=used)


@pytest.mark.parametrize("taken", ["APR-1001", "job:7"])
async def test_nobody_takes_the_keys_that_the_shop_itself_uses(shop: Shop, owner: Caller, taken: str) -> None:
    with pytest.raises(errors.IdempotencyKeyReused, match="the shop's own"):
        await call(shop, write_note, {}, owner, key=taken)


# ---- all of it, or nothing -----------------------------------------------------------------------------------------------


async def test_a_write_commits_its_effect_event_job_audit_and_record_together(
    shop: Shop, mine: NewShop, owner: Caller
) -> None:
    await call(shop, write_note, {"amount": 5}, owner, key="k-1")

    assert await count(mine, "conversations") == 1
    assert await count(mine, "events", "kind = 'probed'") == 1
    assert await jobs(mine) == 1
    assert await count(mine, "idempotency_records", "key = 'k-1' and approval is null") == 1
    assert [(entry.actor, entry.tool) for entry in await entries(mine)] == [("USR-1001", "write_note")]


async def test_a_refused_write_leaves_nothing_at_all(shop: Shop, mine: NewShop, owner: Caller) -> None:
    before = await tables_of(mine)

    with pytest.raises(NoSuchLuck):
        await call(shop, write_note, {"fail": True}, owner, key=key())

    assert await tables_of(mine) == before
    assert await jobs(mine) == 0


async def test_a_preview_shows_the_change_and_leaves_nothing(shop: Shop, mine: NewShop, owner: Caller) -> None:
    before = await tables_of(mine)

    outcome = await call(shop, move_money, {"amount": 1_500, "stops": 2}, owner, preview=True)

    assert outcome.card is not None
    assert [(change["row"], change["change"]) for change in outcome.card.changes] == [
        ("conversation", "insert"), ("event", "insert"),
    ]  # fmt: skip
    assert (str(outcome.card.money), outcome.card.stops, outcome.card.jobs) == ("15.00 EUR", 2, ["expire_order"])
    assert (outcome.result, outcome.approval) == (None, None)
    assert await tables_of(mine) == before
    assert await jobs(mine) == 0


async def test_a_preview_says_whether_it_would_wait(shop: Shop, mine: NewShop) -> None:
    outcome = await call(shop, move_money, {"amount": 50_001}, mine.caller("manager"), preview=True)

    assert outcome.why == "It moves 500.01 EUR; Manager may move 500.00 EUR a call."


async def test_a_preview_needs_the_permission_too(shop: Shop, mine: NewShop) -> None:
    with pytest.raises(errors.Forbidden):
        await call(shop, move_money, {}, mine.caller("viewer"), preview=True)


async def test_what_cannot_wait_for_the_worker_is_told_after_the_commit(
    shop: Shop, mine: NewShop, owner: Caller
) -> None:
    told: list[tuple[uuid.UUID, list[Job], int]] = []

    async def after_commit(merchant: uuid.UUID, made: list[Job]) -> None:
        told.append((merchant, made, await jobs(mine)))

    await call(dataclasses.replace(shop, after_commit=after_commit), write_note, {}, owner, key=key())

    assert [(merchant, [job.task for job in made], waiting) for merchant, made, waiting in told] == [
        (mine.id, ["expire_order"], 1)
    ]


# ---- readers -------------------------------------------------------------------------------------------------------------


async def test_a_reader_leaves_nothing(shop: Shop, mine: NewShop, owner: Caller) -> None:
    before = await tables_of(mine)

    await call(shop, get_merchant, {}, owner)

    assert await tables_of(mine) == before
    assert await entries(mine) == []


async def test_a_reader_cannot_write(shop: Shop, mine: NewShop, owner: Caller) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await call(shop, read_and_write, {}, owner)

    assert await count(mine, "conversations") == 0


async def test_reading_many_peoples_data_is_noted(shop: Shop, mine: NewShop) -> None:
    await call(shop, read_people, {"people": 20}, mine.caller("support"))
    await call(shop, read_people, {"people": 21}, mine.caller("support"))

    assert [(line.actor, line.tool) for line in await entries(mine, "access_log")] == [("USR-1003", "read_people")]


# ---- who may -------------------------------------------------------------------------------------------------------------


async def test_a_refusal_for_want_of_a_permission_names_it_and_is_logged(shop: Shop, mine: NewShop) -> None:
    with pytest.raises(errors.Forbidden) as refused:
        await call(shop, move_money, {}, mine.caller("warehouse"), key=key())

    assert refused.value.details["permission"] == "payments:refund"
    assert [(line.actor, line.tool) for line in await entries(mine, "access_log")] == [("USR-1004", "move_money")]
    assert await entries(mine) == []


async def test_a_key_is_logged_by_its_reference_never_by_its_secret(shop: Shop, mine: NewShop) -> None:
    reader = await mine.key(scopes=["orders:read"])

    with pytest.raises(errors.Forbidden):
        await call(shop, move_money, {}, reader, key=key())

    assert [line.actor.partition("-")[0] for line in await entries(mine, "access_log")] == ["KEY"]


async def test_what_is_for_people_is_refused_to_keys_with_the_way_out(shop: Shop, mine: NewShop) -> None:
    arguments = {"name": "Mine", "scopes": ["*"]}

    with pytest.raises(errors.Forbidden, match=r"for people only, and A program \(KEY-\d+\) is none") as refused:
        await call(shop, create_api_key, arguments, await mine.key(scopes=["*"]), key=key())

    assert "without SHOPKEEPER_URL" in refused.value.advice


@pytest.mark.parametrize("hand", [Hand.model, Hand.planner])
async def test_what_is_for_people_is_refused_to_models(shop: Shop, mine: NewShop, hand: Hand) -> None:
    arguments = {"name": "Mine", "scopes": ["*"]}

    with pytest.raises(errors.Forbidden, match="for people only"):
        await call(shop, create_api_key, arguments, mine.caller("owner", hand=hand), key=key())

    assert await count(mine, "api_keys") == 0


async def test_strangers_are_not_known(shop: Shop, mine: NewShop, other: NewShop) -> None:
    strangers = [
        Caller.of_key(f"sk_{mine.id}_guessed", door=Door.rest),
        Caller.of_key((await other.key_text(scopes=["*"])).replace(str(other.id), str(mine.id)), door=Door.rest),
        Caller(mine.id, Door.rest, Hand.person, Proof.user, str(other.users["owner"])),
        Caller(new_id(), Door.rest, Hand.person, Proof.user, str(mine.users["owner"])),
    ]

    for stranger in strangers:
        with pytest.raises(errors.Unauthenticated):
            await call(shop, get_merchant, {}, stranger)


@pytest.mark.parametrize("malformed", ["", "sk_", "sk_1234_secret", "pk_00000000-0000-0000-0000-000000000000_secret"])
def test_what_does_not_look_like_a_key_is_not_one(malformed: str) -> None:
    with pytest.raises(errors.Unauthenticated, match="sk_<merchant>_<secret>"):
        Caller.of_key(malformed, door=Door.rest)


# ---- what is asked -------------------------------------------------------------------------------------------------------


async def test_a_write_needs_a_key(shop: Shop, owner: Caller) -> None:
    with pytest.raises(errors.IdempotencyKeyMissing):
        await call(shop, write_note, {}, owner)


async def test_what_cannot_be_is_told_field_by_field(shop: Shop, owner: Caller) -> None:
    with pytest.raises(errors.Invalid) as refused:
        await call(shop, write_note, {"amount": "many", "merchant": "another"}, owner, key=key())

    assert {error["pointer"] for error in refused.value.details["errors"]} == {"/amount", "/merchant"}


async def test_some_changes_need_the_version_that_was_read(shop: Shop, owner: Caller) -> None:
    with pytest.raises(errors.VersionRequired) as refused:
        await call(shop, set_setting, {"key": "orders.default_channel", "value": "phone"}, owner, key=key())

    assert refused.value.status == 428


async def test_a_change_on_a_card_needs_no_version_for_the_card_holds_those_of_its_rows(
    shop: Shop, owner: Caller
) -> None:
    planner = dataclasses.replace(owner, hand=Hand.planner)

    asked = await call(shop, set_setting, {"key": "orders.default_channel", "value": "phone"}, planner, key=key())

    assert asked.card is not None
    assert asked.approval is not None


async def test_a_number_beyond_what_can_be_stored_is_out_of_range(shop: Shop, mine: NewShop, owner: Caller) -> None:
    beyond = {"name": "Key", "scopes": ["*"], "limit_per_call": 2**70}

    with pytest.raises(errors.OutOfRange):
        await call(shop, create_api_key, beyond, owner, key=key())


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("quantity", [2**40, 2**62, 2**63, 2**70])
async def test_an_order_of_more_than_can_be_counted_is_out_of_range(
    shop: Shop, mine: NewShop, owner: Caller, quantity: int, preview: bool
) -> None:
    arguments = await order_of(mine)
    arguments["lines"] = [line | {"quantity": quantity} for line in arguments["lines"]]

    with pytest.raises((errors.Invalid, NotEnoughStock)):
        await call(shop, create_order, arguments, owner, key=key(), preview=preview)
    with pytest.raises(errors.Invalid):
        await call(shop, create_order, arguments | {"draft": True}, owner, key=key(), preview=preview)


@pytest.mark.parametrize("preview", [False, True])
async def test_arguments_that_are_nested_too_deeply_are_out_of_range(
    shop: Shop, mine: NewShop, owner: Caller, preview: bool
) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = dict[str, Any](deeper=deep)
    arguments = {"approval": "APR-1", "decision": "edit", "arguments": deep}

    with pytest.raises(errors.OutOfRange, match="cannot be stored"):
        await call(shop, decide_approval, arguments, owner, key=key(), preview=preview)


async def test_text_that_cannot_be_stored_is_refused(shop: Shop, owner: Caller) -> None:
    for note in ("\ud800", "\x00"):
        with pytest.raises(errors.Invalid):
            await call(shop, write_note, {"note": note}, owner, key=key())


async def test_what_is_taken_is_told_in_the_shops_words(shop: Shop, owner: Caller) -> None:
    await call(shop, write_note, {"note": "once"}, owner, key=key())

    with pytest.raises(errors.AlreadyTaken, match="That source external reference is in use already"):
        await call(shop, write_note, {"note": "once"}, owner, key=key())


async def test_a_row_that_somebody_else_is_changing_can_be_tried_again(
    shop: Shop, mine: NewShop, owner: Caller
) -> None:
    made = await call(shop, create_api_key, {"name": "Key", "scopes": ["*"]}, owner, key=key())
    assert made.result is not None

    async with opened(shop, revoke_api_key, owner, key=key()) as (ctx, _):
        await revoke_api_key.run(ctx, revoke_api_key.input(key=made.result.reference))
        await ctx.sql.flush()
        with pytest.raises(errors.RowLocked) as refused:
            await call(shop, revoke_api_key, {"key": made.result.reference}, owner, preview=True)

    assert refused.value.retryable


async def test_when_every_connection_is_in_use_callers_are_told_to_come_back(shop: Shop, owner: Caller) -> None:
    narrow = Shop(Database(shop.database.url, size=1))
    narrow.database.pool.timeout = 0.05
    await narrow.database.open()
    try:
        async with opened(narrow, get_merchant, owner):
            with pytest.raises(errors.Busy) as refused:
                await call(narrow, get_merchant, {}, owner)
    finally:
        await narrow.database.close()

    assert refused.value.status == 503


# ---- secrets -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["plain", "with_one", "_before-and_after_"])
def test_a_key_is_read_whatever_signs_its_secret_has(mine: NewShop, secret: str) -> None:
    holder = Caller.of_key(f"sk_{mine.id}_{secret}", door=Door.rest)

    assert (holder.merchant, holder.name) == (mine.id, digest_of(secret))


async def test_a_secret_is_shown_once_and_stored_nowhere(shop: Shop, mine: NewShop, owner: Caller) -> None:
    arguments = {"name": "Scanner", "scopes": ["orders:read"]}

    first = await call(shop, create_api_key, arguments, owner, key="k-1")
    again = await call(shop, create_api_key, arguments, owner, key="k-1")

    assert first.result is not None
    assert again.result == first.result.model_copy(update={"key": None})
    secret = str(first.result.key).split("_", 2)[2]  # it may have a "_" itself
    assert len(secret) > 20
    tables = await tables_of(mine)
    async with shop.database.transaction(mine.id, read_only=True) as sql:
        for table in tables:
            found = await sql.execute(
                f"select 1 from {table} t where merchant_id = %s and strpos(t::text, %s) > 0", (mine.id, secret)
            )
            assert found == 0, f"{table} has the secret"
    listed = await call(shop, list_api_keys, {}, owner)
    assert secret not in str(listed.result)
