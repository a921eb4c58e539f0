"""What the variants of products come to, prices and stock; and the pages of lists that these decide.

Where few products fit, each is looked at. Else a page is looked for among the first of the list: the cheapest and the dearest are
met along an index of prices. Only where these do not fill it, all that fit are looked at, or all offers added up at once.
"""

from dataclasses import dataclass
from typing import Any

from tools.rules.bundles import BUNDLES_LEFT
from tools.rules.lookup import HOLDS_NOW

FEW, SOME = 300, 5_000  # products that are looked at one by one: at once, and after the first of the list
FIRST = 500  # products, or prices, among which a page is looked for

_COMES_TO = f"""
select {{product}} count(*) as variants, (array_agg(v.sku order by v.position, v.id))[:5] as skus, min(r.amount) as price_from,
       max(r.amount) as price_to, sum(u.units) as available,
       bool_or(r.amount between coalesce(%(min_price)s::bigint, 0) and coalesce(%(max_price)s::bigint, r.amount)) as in_range,
       case when not coalesce(bool_or(v.sellable and (u.units is null or u.units > 0)), false) then 'out_of_stock'
            when bool_or(v.tracked and u.units <= s.reorder_point) then 'low_stock' else 'in_stock' end as stock
from variants v
left join {{prices}} on {{of_price}}
left join {{levels}} on {{of_level}}
cross join lateral (
    select case when v.tracked then coalesce(s.available, 0) when v.bundle then {BUNDLES_LEFT} end as units offset 0
) u
where v.merchant_id = %(m)s and v.archived_at is null {{whose}}
"""
_PRICES = f"select r.variant_id, r.amount from prices r where r.currency = %(currency)s and {HOLDS_NOW}"
_LEVELS = """
select {variant} sum(s.on_hand - s.reserved - s.damaged) as available, sum(s.reorder_point) as reorder_point
from stock_levels s
where s.merchant_id = %(m)s {whose} and s.warehouse_id = any(array(
    select w.id from warehouses w where w.merchant_id = %(m)s and w.active))
"""
# What the variants of product `p` come to. A price is everybody's for a single unit, of which one holds at a time. A search looks
# at a thousand variants: each lookup is as plain as it can be.
OFFER = _COMES_TO.format(
    product="", whose="and v.product_id = p.id",
    prices=f"lateral ({_PRICES} and r.variant_id = v.id) r", of_price="true",
    levels=f"lateral ({_LEVELS.format(variant='', whose='and s.variant_id = v.id')}) s", of_level="true",
)  # fmt: skip
# The same of all products, added up in one go; and without a look at prices.
_ADDED_UP = {
    "product": "v.product_id,", "whose": "group by v.product_id", "of_price": "r.variant_id = v.id",
    "levels": f"({_LEVELS.format(variant='s.variant_id,', whose='')} group by s.variant_id) s", "of_level": "s.variant_id = v.id",
}  # fmt: skip
_OFFERS = _COMES_TO.format(prices=f"({_PRICES}) r", **_ADDED_UP)
_UNPRICED = _COMES_TO.format(
    prices="(select null::uuid as variant_id, null::bigint as amount where false) r", **_ADDED_UP
)
_PRICED = f"""
from variants w join prices r on r.variant_id = w.id and r.currency = %(currency)s and {HOLDS_NOW}
where w.merchant_id = %(m)s and w.product_id = p.id and w.archived_at is null
"""
# That one of the variants of product `p` costs so much.
IN_RANGE = f"""exists (select {_PRICED}
    and r.amount >= coalesce(%(min_price)s::bigint, 0) and r.amount <= coalesce(%(max_price)s::bigint, 9223372036854775807))"""
# That its offer `o` is of the states of stock that were asked for.
IN_STOCK = "o.stock = any(%(stock)s)"
ORDERED = "{rank} {way}, p.id {way}"
_LIMITED = "order by {order} limit %(limit)s"
_PLAIN = """
with page as (
    select p.*, {rank} as rank from products p where p.merchant_id = %(m)s and {conditions} {further} {limited}
)
"""
_FITTING = """
with fitting as materialized (
    select p.id from products p where p.merchant_id = %(m)s and {conditions} limit {some} + 1
), how_many as materialized (
    select count(*) <= {few} as are_few, count(*) <= {some} as are_some from fitting
), among_first as materialized (
    {among_first}
), found as materialized (
    select (select count(*) from among_first) >= %(limit)s as a_page
), page as (
    ({looked_at}) union all (select * from among_first where (select a_page from found)) union all ({of_all})
)
"""
_LOOKED_AT = f"""
select p.*, {{rank}} as rank from products p cross join lateral ({OFFER}) o
where (select are_few or are_some and not a_page from how_many, found) and p.merchant_id = %(m)s
  and p.id in (select id from fitting) and {{offered}} {{further}} {{limited}}
"""
_OF_ALL = """
select p.*, {rank} as rank from products p join ({offers}) o on o.product_id = p.id
where (select not are_some and not a_page from how_many, found) and p.merchant_id = %(m)s and {conditions}
  and {offered} {further} {limited}
"""
# A product is met at its lowest (or highest) price, which is one variant's alone. Looked up price by price (OFFSET is a fence): for
# all of them at once, the planner would sort all.
_ALONG_PRICES = f"""
select p.*, r.amount::bigint as rank
from (
    select r.variant_id, r.amount from prices r
    where (select not are_few from how_many) and r.currency = %(currency)s and {HOLDS_NOW} {{met}}
    order by r.amount {{way}} fetch first {{most}} rows with ties
) r cross join lateral (
    select p.* from variants v join products p on p.merchant_id = %(m)s and p.id = v.product_id
    where v.merchant_id = %(m)s and v.id = r.variant_id and v.archived_at is null and {{conditions}}
      and r.variant_id = (select r.variant_id {_PRICED} order by r.amount {{way}}, r.variant_id limit 1) offset 0
) p {{offers}}
where {{offered}} {{further}} order by r.amount {{way}}, p.id {{way}} limit %(limit)s
"""
# Nothing is less than none: of the least stock, those that have none come first.
_ALONG_LIST = f"""
select p.*, {{rank}} as rank
from (
    select p.* from products p where (select not are_few from how_many) and p.merchant_id = %(m)s and {{conditions}} {{further}}
    order by {{first}} limit {{most}}
) p cross join lateral ({OFFER}) o
where {{offered}} and {{least}} {{limited}}
"""


@dataclass(frozen=True)
class Sort:
    """An order of a list of products: what it goes by, which type that has, and whether the highest come first.

    `prices` or `stock`: whether these decide.
    """

    rank: str
    kind: type[Any]
    descending: bool = False
    prices: bool = False
    stock: bool = False

    @property
    def way(self) -> str:
        return "desc" if self.descending else "asc"

    @property
    def order(self) -> str:
        return ORDERED.format(rank=self.rank, way=self.way)

    def beyond(self, rank: str) -> str:
        """What comes after the page before, of rows that have that rank."""
        return f" and ({rank}, p.id) {'<' if self.descending else '>'} (%(after)s, %(after_id)s)"


def page_by(sort: Sort, conditions: str, offered: str | None, *, narrowed: bool, further: bool) -> str:
    """The WITH that makes a page of products `p`, with the rank of each.

    `conditions` are those on products alone, which few fit where it is `narrowed`; `offered` those on their offer `o`.
    Parameters: `after` and `after_id`, where it goes `further`; else those of the conditions, of `OFFER`, and `limit`.
    """
    own = {
        "rank": sort.rank, "way": sort.way, "conditions": conditions, "offered": offered or "true",
        "further": sort.beyond(sort.rank) if further else "", "limited": _LIMITED.format(order=sort.order),
        "most": FIRST,
    }  # fmt: skip
    if not sort.prices and not sort.stock and offered is None:
        return _PLAIN.format(**own)
    first = _along_prices(sort, own, further) if sort.prices else _ALONG_LIST.format(**own | _first(sort, further))
    return _FITTING.format(
        conditions=conditions, few=SOME if narrowed else FEW, some=SOME, among_first=first, looked_at=_LOOKED_AT.format(**own),
        of_all=_OF_ALL.format(**own, offers=_OFFERS if sort.prices else _UNPRICED),
    )  # fmt: skip


def _along_prices(sort: Sort, own: dict[str, Any], further: bool) -> str:
    met = f"and r.amount {'<=' if sort.descending else '>='} %(after)s" if further else ""
    offers = "" if own["offered"] == "true" else f"cross join lateral ({OFFER}) o"
    beyond = sort.beyond("r.amount") if further else ""
    filled: dict[str, object] = own | {"met": met, "offers": offers, "further": beyond}
    return _ALONG_PRICES.format(**filled)


def _first(sort: Sort, further: bool) -> dict[str, str]:
    """Where a page is looked for first."""
    if not sort.stock:
        return {"first": sort.order, "least": "true"}
    after_none = " and %(after)s::bigint <= 0 and p.id > %(after_id)s" if further else ""
    return {"first": "p.id", "least": "o.available = 0", "further": after_none}
