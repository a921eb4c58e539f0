"""The audit's hash chain: what was changed behind the shop's back shows."""

import uuid

import psycopg
import pytest
from tools.contract.seal import broken_seal, seal

from db.models.backoffice import AuditEntry
from tests.conftest import Do
from tests.factories import LONG_AGO, NewShop
from tools.contract.call import Shop


async def audited(shop: Shop, mine: NewShop, entries: int) -> None:
    """Entries of calls that are long over."""
    async with shop.database.transaction(mine.id) as sql:
        sql.session.add_all(
            AuditEntry(
                merchant_id=mine.id, actor="USR-1001", actor_name="Owner", door="rest", tool="adjust_stock", effect="goods",
                references=["VAR-7"], outcome="done", key=uuid.uuid4().hex, arguments_digest="", request_id="", created_at=LONG_AGO,
            )
            for _ in range(entries)
        )  # fmt: skip
        await sql.commit()


async def sealed(shop: Shop, mine: NewShop) -> int:
    async with shop.database.transaction(mine.id) as sql:
        count = await seal(sql)
        await sql.commit()
        return count


async def broken(shop: Shop, mine: NewShop) -> uuid.UUID | None:
    async with shop.database.transaction(mine.id, read_only=True) as sql:
        return await broken_seal(sql)


async def test_each_entry_is_sealed_once_and_the_chain_holds(shop: Shop, mine: NewShop) -> None:
    await audited(shop, mine, 3)
    first = await sealed(shop, mine)
    again = await sealed(shop, mine)
    await audited(shop, mine, 2)
    second = await sealed(shop, mine)

    assert (first, again, second) == (3, 0, 2)
    assert await broken(shop, mine) is None


@pytest.mark.parametrize(
    "tampering",
    ["update audit_entries set actor = 'USR-9' where id = %(id)s", "delete from audit_entries where id = %(id)s"],
)
async def test_an_entry_that_was_changed_or_removed_breaks_it(
    shop: Shop, mine: NewShop, owner_url: str, tampering: str
) -> None:
    await audited(shop, mine, 3)
    await sealed(shop, mine)

    with psycopg.connect(owner_url, autocommit=True) as owner:
        row = owner.execute("select min(id::text) from audit_entries where merchant_id = %s", (mine.id,)).fetchone()
        owner.execute(tampering.encode(), {"id": row[0] if row else None})

    assert await broken(shop, mine) is not None


async def test_the_shop_itself_cannot_change_its_audit(shop: Shop, mine: NewShop, do: Do) -> None:
    await audited(shop, mine, 1)

    for statement in ("update audit_entries set actor = 'USR-9'", "delete from audit_entries"):
        async with shop.database.transaction(mine.id) as sql:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await sql.execute(statement)
