"""The audit's hash chain: every entry is sealed once, however slow its call; what was changed behind the shop's back shows."""

import asyncio
import uuid
from typing import Any, NamedTuple

import psycopg
import pytest
from sqlalchemy import inspect

from db import seal
from db.models.backoffice import AuditEntry
from tests.conftest import Do
from tests.factories import NewShop, number
from tests.tools.probes import Moved, MoveMoney, count, write_note
from tools.contract.call import Shop, call, opened
from tools.contract.idempotency import canonical, leave


class Misfit(NamedTuple):
    seal: int | None
    entry: uuid.UUID
    reason: str


class Entry(NamedTuple):
    id: uuid.UUID


class Covered(NamedTuple):
    entries: int
    distinct: int


async def audited(shop: Shop, mine: NewShop, entries: int) -> None:
    for _ in range(entries):
        await call(shop, write_note, {}, mine.caller("owner"), key=f"note-{number()}")


async def sealed(shop: Shop, mine: NewShop) -> int:
    async with shop.database.transaction(mine.id) as sql:
        sealed = await seal.seal(sql)
        await sql.commit()
    return sealed


async def misfits(shop: Shop, mine: NewShop) -> list[Misfit]:
    async with shop.database.transaction(mine.id, read_only=True) as sql:
        return await sql.rows(seal.MISFITS, {"merchant": mine.id}, as_=Misfit)


async def in_order(shop: Shop, mine: NewShop) -> list[uuid.UUID]:
    """The entries as the chain has them."""
    async with shop.database.transaction(mine.id, read_only=True) as sql:
        query = "select unnest(entry_ids) as id from audit_seals where merchant_id = %s order by number"
        return [row.id for row in await sql.rows(query, (mine.id,), as_=Entry)]


async def covered(shop: Shop, mine: NewShop) -> Covered:
    entries = await in_order(shop, mine)
    return Covered(len(entries), len(set(entries)))


async def test_each_entry_is_sealed_once_and_the_chain_holds(shop: Shop, mine: NewShop) -> None:
    await audited(shop, mine, 3)
    first = await sealed(shop, mine)
    again = await sealed(shop, mine)
    await audited(shop, mine, 2)
    second = await sealed(shop, mine)

    assert (first, again, second) == (3, 0, 2)
    assert await covered(shop, mine) == (5, 5)
    assert await misfits(shop, mine) == []


async def test_an_entry_of_a_slow_call_is_sealed_after_those_that_overtook_it(
    shop: Shop, mine: NewShop, do: Do
) -> None:
    """Its id and its time are earlier than those of calls that were sealed while it was under way."""
    answer = Moved(reference="CNV-1", amount=0)
    async with opened(shop, write_note, do.caller, key="slow") as (ctx, _):
        slow = await leave(ctx, do.caller, write_note, canonical(MoveMoney()), canonical(answer))
        await audited(shop, mine, 4)
        while_it_was_under_way = await sealed(shop, mine)
        await ctx.sql.commit(*slow)
    afterwards = await sealed(shop, mine)

    assert (while_it_was_under_way, afterwards) == (4, 1)
    assert (await in_order(shop, mine))[-1] == slow[1]["entry"]
    assert await misfits(shop, mine) == []


async def test_slow_and_fast_writers_and_sealers_at_once_leave_one_chain_over_everything(
    shop: Shop, mine: NewShop
) -> None:
    async def write(pause: float) -> None:
        for _ in range(6):
            await audited(shop, mine, 1)
            await asyncio.sleep(pause)

    async def keep_sealing() -> int:
        done = 0
        for _ in range(8):
            done += await sealed(shop, mine)
            await asyncio.sleep(0.01)
        return done

    outcomes = await asyncio.gather(write(0), write(0.02), write(0.05), keep_sealing(), keep_sealing())
    rest = await sealed(shop, mine)

    assert sum(filter(None, outcomes)) + rest == 18
    assert await covered(shop, mine) == (18, 18)
    assert await misfits(shop, mine) == []


async def test_of_two_sealers_at_once_one_waits_for_the_other(shop: Shop, mine: NewShop) -> None:
    await audited(shop, mine, 3)

    async with shop.database.transaction(mine.id) as first:
        done = await seal.seal(first)
        second = asyncio.create_task(sealed(shop, mine))
        await asyncio.sleep(0.1)
        assert not second.done()
        await first.commit()

    assert (done, await second) == (3, 0)
    assert await misfits(shop, mine) == []


async def test_more_than_a_batch_is_sealed_by_several_links(
    shop: Shop, mine: NewShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "BATCH", 2)
    await audited(shop, mine, 5)

    assert [await sealed(shop, mine) for _ in range(4)] == [2, 2, 1, 0]
    assert await misfits(shop, mine) == []


async def test_it_holds_in_whatever_time_zone_it_is_looked_at(shop: Shop, mine: NewShop) -> None:
    """A restored shop may lie on a server elsewhere."""
    await audited(shop, mine, 2)
    await sealed(shop, mine)

    async with shop.database.transaction(mine.id, read_only=True) as sql:
        await sql.execute("set local timezone = 'Asia/Kathmandu'")
        assert await sql.rows(seal.MISFITS, {"merchant": mine.id}, as_=Misfit) == []


# ---- what was done behind the shop's back ---------------------------------------------------------------------------------


def behind_its_back(owner_url: str, statement: str, **params: Any) -> None:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(statement.encode(), params)


COLUMNS = {
    column.key: column.type.python_type
    for column in inspect(AuditEntry).columns
    if column.key not in ("merchant_id", "id")
}
OTHER = {"str": "'other'", "int": "7", "list": "'{VAR-9}'", "datetime": "created_at + interval '1 microsecond'"}


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_change_of_any_column_names_the_entry(shop: Shop, mine: NewShop, owner_url: str, column: str) -> None:
    await audited(shop, mine, 3)
    await sealed(shop, mine)
    second = (await in_order(shop, mine))[1]

    change = f'update audit_entries set "{column}" = {OTHER[COLUMNS[column].__name__]} where id = %(id)s'
    behind_its_back(owner_url, change, id=second)

    assert await misfits(shop, mine) == [(1, second, "the entry was changed")]


async def test_the_first_entry_that_does_not_fit_is_named_first(shop: Shop, mine: NewShop, owner_url: str) -> None:
    await audited(shop, mine, 2)
    await sealed(shop, mine)
    await audited(shop, mine, 2)
    await sealed(shop, mine)
    chain = await in_order(shop, mine)

    behind_its_back(owner_url, "delete from audit_payloads where id = %(id)s", id=chain[1])
    behind_its_back(owner_url, "delete from audit_entries where id = %(id)s", id=chain[1])
    behind_its_back(owner_url, "update audit_entries set actor = 'USR-9' where id = %(id)s", id=chain[2])

    assert await misfits(shop, mine) == [(1, chain[1], "the entry is gone"), (2, chain[2], "the entry was changed")]


async def test_a_seal_that_was_made_anew_does_not_fit_the_next(shop: Shop, mine: NewShop, owner_url: str) -> None:
    """Whoever changes an entry and its seal would have to change every seal after it."""
    for _ in range(3):
        await audited(shop, mine, 1)
        await sealed(shop, mine)
    chain = await in_order(shop, mine)

    behind_its_back(owner_url, "delete from audit_seals where merchant_id = %(m)s and number = 2", m=mine.id)

    found = await misfits(shop, mine)
    assert found[0] == (3, chain[2], "the seal was changed, or the one before it is gone")
    assert (None, chain[1], "the entry is not sealed, and waits for no seal") in found


async def test_an_entry_that_was_added_or_taken_before_it_was_sealed_shows(
    shop: Shop, mine: NewShop, owner_url: str
) -> None:
    await audited(shop, mine, 2)
    async with shop.database.transaction(mine.id, read_only=True) as sql:
        query = "select id from audit_entries where merchant_id = %s order by id"
        kept, taken = [row.id for row in await sql.rows(query, (mine.id,), as_=Entry)]

    behind_its_back(owner_url, "delete from audit_unsealed where id = %(id)s", id=kept)
    behind_its_back(owner_url, "delete from audit_payloads where id = %(id)s", id=taken)
    behind_its_back(owner_url, "delete from audit_entries where id = %(id)s", id=taken)

    assert {(misfit.entry, misfit.reason) for misfit in await misfits(shop, mine)} == {
        (kept, "the entry is not sealed, and waits for no seal"), (taken, "the entry was gone before it was sealed"),
    }  # fmt: skip


async def test_the_shop_itself_cannot_change_its_audit(shop: Shop, mine: NewShop) -> None:
    await audited(shop, mine, 1)

    for statement in (
        "update audit_entries set actor = 'USR-9'",
        "delete from audit_entries",
        "delete from audit_seals",
    ):
        async with shop.database.transaction(mine.id) as sql:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await sql.execute(statement)
    assert await count(mine, "audit_entries") == 1
