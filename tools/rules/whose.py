"""Lists of what belongs to orders: of those that some words mean, such as a buyer's name, and of those with some goods."""

from typing import Any
from uuid import UUID

from tools.contract.context import Context
from tools.rules.lookup import MOST_LOOKED_UP, Found, can_be_looked_up, containing

_FEW = "select distinct id from search_orders(%(words)s, %(names)s, false, %(contact)s, %(most)s) as id limit %(most)s"
# Along the list. Who may not see the names and e-mails of all orders finds none by them.
_MANY = """exists (
    select from orders said where said.merchant_id = %(m)s and said.id = {order} and (
        said.words_key like all(%(words)s::text[]) and (
            %(names)s and %(contact)s or folded(concat_ws(' ', said.reference, said.external_reference,
                case when %(names)s then said.customer_name end, case when %(contact)s then said.email end))
                like all(%(words)s::text[]))
        or (select bool_or(l.words_key like all(%(words)s::text[])) from order_lines l
            where l.merchant_id = %(m)s and l.order_id = said.id)))"""


def sees_names(ctx: Context) -> bool:
    """Whether the actor may see who bought: of all customers, or on the address that is sent to."""
    return ctx.may("customers:read") or ctx.may("customers:address")


async def of_orders(ctx: Context, text: str, order: str) -> tuple[str, dict[str, Any]]:
    """The condition that a column of orders' ids has to fit, and its parameters, whichever way is quicker.

    Orders that few words fit are looked up before; those that many fit are looked for along the list.
    """
    contact = ctx.may("customers:read")
    params: dict[str, Any] = {
        "words": containing(text), "names": sees_names(ctx), "contact": contact,
    }  # fmt: skip
    asked = {**params, "m": ctx.merchant.id, "most": MOST_LOOKED_UP + 1}
    found = await ctx.sql.rows(_FEW, asked, as_=Found) if can_be_looked_up(text) else None
    if found is not None and len(found) <= MOST_LOOKED_UP:
        ids: list[UUID] = [row.id for row in found]
        return f"{order} = any(%(said_orders)s::uuid[])", {"said_orders": ids}
    return _MANY.format(order=order), params


_FEW_WITH = """
select l.order_id as id from order_lines l
where l.merchant_id = %(m)s and l.product_id = any(%(products)s::uuid[]) limit %(most)s
"""


async def with_goods(ctx: Context, products: list[UUID], order: str) -> tuple[str, dict[str, Any]]:
    """The same for orders that have one of some products: any order where they are many, for a page is soon full of them."""
    asked = {"m": ctx.merchant.id, "products": products, "most": MOST_LOOKED_UP + 1}
    found = await ctx.sql.rows(_FEW_WITH, asked, as_=Found)
    if len(found) > MOST_LOOKED_UP:
        return "true", {}
    return f"{order} = any(%(orders_with)s::uuid[])", {"orders_with": list({row.id for row in found})}
