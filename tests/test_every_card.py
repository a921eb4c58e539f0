"""What every card promises the person who reads it, held for all writes at once."""

import re
import uuid
from typing import Any, NamedTuple

import orjson
import pytest

from db.money import Money
from tests.arranged import AnyTool, arranged
from tests.test_every_tool import WRITES, each
from tools.contract.call import Shop, opened, validated
from tools.contract.cards import Card, card_of
from tools.contract.changes import Kind
from tools.contract.context import Context
from tools.contract.shop_settings import SHOP_SETTINGS

HANDFUL = 8  # sentences
NAMES = ("reference", "sku", "name", "title", "code", "email", "customer_name")
SETTINGS = {key: setting.description[:20] for key, setting in SHOP_SETTINGS.items()} | {
    "approval_policy": "role manager"
}
OF_THE_DATABASE = re.compile(
    r"\w_\w"  # a column, an enum's value, a tool: people write them with spaces
    r"|\bNone\b|\bnull\b|\bTrue\b|\bFalse\b|[\[\]{}]"
    r"|\bminor units\b|\bversion\b|\bupdated at\b|\bintent\b|\bevent\b|\bINT-\d"
    r"|\d{4}-\d\d-\d\dT|\bUTC\b"  # times are by the shop's clock, which is not UTC in these tests
    r"|[0-9a-f]{8}-[0-9a-f]{4}-"
    r"|\b1 (units|orders|pictures|variants|cancellations)\b"
)
QUOTED = re.compile(r"“[^”]*”|\S+@\S+|…\S{4}")  # people's own words, and the end of a key


class Called(NamedTuple):
    name: str


_CALLED = """
select sku as name from variants where merchant_id = %(m)s and id = any(%(ids)s::uuid[])
union all select name from customers where merchant_id = %(m)s and id = any(%(ids)s::uuid[])
union all select reference from orders where merchant_id = %(m)s and id = any(%(ids)s::uuid[])
union all select name from categories where merchant_id = %(m)s and id = any(%(ids)s::uuid[])
union all select name from warehouses where merchant_id = %(m)s and id = any(%(ids)s::uuid[])
union all select u.name from memberships s join users u on u.id = s.user_id
          where s.merchant_id = %(m)s and (s.id = any(%(ids)s::uuid[]) or u.id = any(%(ids)s::uuid[]))
union all select i.name from invitations i
          where i.merchant_id = %(m)s and (i.id = any(%(ids)s::uuid[]) or i.membership_id = any(%(ids)s::uuid[]))
"""


async def touched(ctx: Context) -> set[str]:
    """What people call the rows that the call touched, and the variants, customers and warehouses that those belong to."""
    values = [row | {"id": change.id} for change in ctx.changes.rows for row in (change.before, change.after)]
    ids = [str(value) for row in values for value in row.values() if isinstance(value, uuid.UUID)]
    named = {str(row[name]) for row in values for name in NAMES if row.get(name)}
    named |= {SETTINGS[key] for row in values if (key := str(row.get("key"))) in SETTINGS}
    return named | {row.name for row in await ctx.sql.rows(_CALLED, {"m": ctx.merchant.id, "ids": ids}, as_=Called)}


@each([tool for tool in WRITES if not tool.for_visitors])  # a visitor has no preview, and nothing of theirs waits
async def test_a_card_says_what_will_happen_in_sentences(tool: AnyTool, shop: Shop) -> None:
    """With the names of what it touches, in the words of the trade, amounts with their currency."""
    mine, arguments = await arranged(tool, shop)
    args = validated(tool, arguments)
    async with opened(shop, tool, mine.caller("owner"), key=uuid.uuid4().hex) as (ctx, _):
        await tool.run(ctx, args)
        await ctx.sql.flush()
        card, named = card_of(ctx, tool, args), await touched(ctx)
    named |= {str(meant) for name in ("user", "file", "payment", "provider") if (meant := getattr(args, name, None))}

    are_sentences(card.sentences)
    told = " ".join(card.sentences)
    assert any(name in told for name in named if len(name) > 1), f"{told}\nnames none of {sorted(named)}"
    drawn = {str(change.after.get("reference")) for change in ctx.changes.rows if change.kind is Kind.insert}
    assert not {reference for reference in drawn if re.search(rf"{reference}\b", told)}, (
        "that number will be another one"
    )
    speak_of_no_database(card.sentences)
    have_no_minor_units(card.sentences, [change.after for change in ctx.changes.rows])
    tell_the_money(card)


def are_sentences(sentences: list[str]) -> None:
    assert 1 <= len(sentences) <= HANDFUL, sentences
    for sentence in sentences:
        assert re.match(r"[A-Z0-9“+]", sentence), sentence
        assert sentence.endswith((".", "”")), sentence
        assert not re.search(r"\s\s|\n", sentence), sentence


def speak_of_no_database(sentences: list[str]) -> None:
    for sentence in sentences:
        found = OF_THE_DATABASE.search(QUOTED.sub("", sentence))
        assert found is None, f"{found and found[0]!r} in: {sentence}"


def have_no_minor_units(sentences: list[str], rows: list[dict[str, Any]]) -> None:
    """Amounts of these tests are above 9.99, counts below a thousand."""
    written = orjson.dumps(rows, default=str).decode()
    bare = set(re.findall(r"(?<=[:\[,])\d{4,}(?=[,}\]])", written))
    assert not bare & set(re.findall(r"(?<![\w.,-])\d+(?![\w.,])", " ".join(sentences))), sentences


def tell_the_money(card: Card) -> None:
    """Each currency that moves is told; the money line of the card has the sum."""
    for money in [*([card.money] if card.money else []), *card.foreign]:
        assert re.search(rf"\d {money.currency}\b", " ".join(card.sentences)), f"{money} moves: {card.sentences}"


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (1_234_50, "EUR", "1,234.50 EUR"),
        (1500, "JPY", "1,500 JPY"),
        (1_234, "KWD", "1.234 KWD"),
        (-5, "EUR", "-0.05 EUR"),
    ],
)
def test_money_has_the_decimals_of_its_currency(amount: int, currency: str, written: str) -> None:
    assert str(Money(amount=amount, currency=currency)) == written
