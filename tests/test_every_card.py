"""What every card promises the person who reads it, held for all writes at once."""

import re
import uuid
from typing import Any, NamedTuple

import pytest

from db.money import Money
from tests.factories import NewShop
from tests.test_every_tool import WRITES, AnyTool, arguments_of, each
from tools.contract.call import Shop, opened, validated
from tools.contract.cards import Card, card_of
from tools.contract.context import Context

HANDFUL = 8  # sentences
NAMES = ("reference", "sku", "name", "title", "code", "email", "customer_name", "brand")
WORDS_OF_TABLES = re.compile(
    r"\w_\w"  # a column, an enum's value, a tool: people write them with spaces
    r"|\bNone\b|\bnull\b|\bTrue\b|\bFalse\b"
    r"|\bminor units\b|\bversion\b|\bupdated at\b|\bintent\b|\bevent\b|\bINT-\d"
    r"|\d{4}-\d\d-\d\dT|\bUTC\b"  # times are by the shop's clock, which is not UTC in these tests
    r"|[0-9a-f]{8}-[0-9a-f]{4}-"
    r"|[\[\]{}]"
    r"|\b1 (units|orders|things|products|variants|addresses)\b"
    r"|\s\s|\n"
)


class Called(NamedTuple):
    name: str


_CALLED = """
select sku as name from variants where merchant_id = %(m)s and id = any(%(ids)s::uuid[])
union all select name from customers where merchant_id = %(m)s and id = any(%(ids)s::uuid[])
union all select name from warehouses where merchant_id = %(m)s and id = any(%(ids)s::uuid[])
"""


async def touched(ctx: Context) -> set[str]:
    """What people call the rows that the call touched, and the variants, customers and warehouses that those belong to."""
    values = [row | {"id": change.id} for change in ctx.changes.rows for row in (change.before, change.after)]
    ids = [str(value) for row in values for value in row.values() if isinstance(value, uuid.UUID)]
    named = {str(row[name]) for row in values for name in NAMES if row.get(name)}
    named |= {row.name for row in await ctx.sql.rows(_CALLED, {"m": ctx.merchant.id, "ids": ids}, as_=Called)}
    return named


async def shown(tool: AnyTool, shop: Shop, mine: NewShop) -> tuple[Card, set[str], list[dict[str, Any]]]:
    """The card of the tool's own case, what people call what it touched, and the rows as they would be written."""
    args = validated(tool, await arguments_of(tool, mine))
    async with opened(shop, tool, mine.caller("owner"), key=uuid.uuid4().hex) as (ctx, _):
        await tool.run(ctx, args)
        await ctx.sql.flush()
        return card_of(ctx, tool, args), await touched(ctx), [change.after for change in ctx.changes.rows]


@each(WRITES)
async def test_a_card_says_what_will_happen_in_sentences(tool: AnyTool, shop: Shop, mine: NewShop) -> None:
    card, named, _ = await shown(tool, shop, mine)

    assert 1 <= len(card.sentences) <= HANDFUL, card.sentences
    for sentence in card.sentences:
        assert re.match(r"[A-Z0-9“+]", sentence), sentence
        assert sentence.endswith("."), sentence
    told = " ".join(card.sentences)
    assert any(name in told for name in named if len(name) > 1), f"{told}\nnames none of {sorted(named)}"


@each(WRITES)
async def test_a_card_has_no_word_of_the_database_in_its_sentences(tool: AnyTool, shop: Shop, mine: NewShop) -> None:
    card, _, _ = await shown(tool, shop, mine)

    for sentence in card.sentences:
        found = WORDS_OF_TABLES.search(re.sub(r"“[^”]*”|\S+@\S+", "…", sentence))
        assert found is None, f"{found and found[0]!r} in: {sentence}"


@each(WRITES)
async def test_a_card_writes_amounts_as_people_do(tool: AnyTool, shop: Shop, mine: NewShop) -> None:
    """In major units with their currency; what moves is in a sentence."""
    card, _, rows = await shown(tool, shop, mine)
    told = " ".join(card.sentences)

    bare = {str(value) for row in rows for value in row.values() if isinstance(value, int) and value > 999}
    assert not bare & set(re.findall(r"(?<![\w.,-])\d+(?![\w.,])", told)), told
    for money in [*([card.money] if card.money else []), *card.foreign]:
        assert str(money) in told or len(card.sentences) > 1, f"{money} moves, and is not told: {told}"


@each(WRITES)
async def test_what_outsiders_wrote_is_named_beside_the_sentences(tool: AnyTool, shop: Shop, mine: NewShop) -> None:
    card, _, rows = await shown(tool, shop, mine)

    told = " ".join(card.sentences)
    assert [piece for piece in card.outside if piece not in told] == []
    theirs = {str(row[name]) for row in rows for name in ("customer_name", "ship_city", "line1") if row.get(name)}
    assert {name for name in theirs if name in told} <= {word for piece in card.outside for word in _parts(piece)}


def _parts(piece: str) -> set[str]:
    return {piece, *re.split(r", ", piece)}


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [(1_234_50, "EUR", "1,234.50 EUR"), (1500, "JPY", "1,500 JPY"), (1_234, "KWD", "1.234 KWD"), (-5, "EUR", "-0.05 EUR")],
)
def test_money_has_the_decimals_of_its_currency(amount: int, currency: str, written: str) -> None:
    assert str(Money(amount=amount, currency=currency)) == written
