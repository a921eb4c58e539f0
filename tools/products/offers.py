"""What the variants of products come to, prices and stock; and the pages of lists that these decide.

Where few products fit, each is looked at. Else a page is looked for among the first of the list: the cheapest and the dearest are
met along an index of prices. Only where these do not fill it, all that fit are looked at, or all offers added up at once: what lies
of a product along an index, which is all that there is to say of most. Those of which it is not are looked at.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tools.rules.bundles import BUNDLES_LEFT
from tools.rules.lookup import HOLDS_NOW

FEW, SOME = 300, 5_000  # products that are looked at one by one: at once, and after the first of the list
FIRST = 500  # products, or prices, among which a page is looked for
SINGLY = 1_000  # products that are looked at one by one, where the others can be added up along an index

# That an offer `o` is of the states of stock that were asked for. Where one in a thousand is expected to be (COALESCE: half are),
# all products are gone through for each that is.
IN_STOCK = "coalesce(o.stock = any(%(stock)s), false)"
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
_NO_PRICES = "(select null::uuid as variant_id, null::bigint as amount where false) r"
# What the variants of product `p` come to. A price is everybody's for a single unit, of which one holds at a time. A search looks
# at a thousand variants: each lookup is as plain as it can be.
_OF_IT = {
    "product": "", "whose": "and v.product_id = p.id", "of_price": "true",
    "levels": f"lateral ({_LEVELS.format(variant='', whose='and s.variant_id = v.id')}) s", "of_level": "true",
}  # fmt: skip
OFFER = _COMES_TO.format(prices=f"lateral ({_PRICES} and r.variant_id = v.id) r", **_OF_IT)
_STOCK = _COMES_TO.format(prices=_NO_PRICES, **_OF_IT)
# The same of all products, added up in one go; and without a look at prices.
_ADDED_UP = {
    "product": "v.product_id,", "whose": "group by v.product_id", "of_price": "r.variant_id = v.id",
    "levels": f"({_LEVELS.format(variant='s.variant_id,', whose='')} group by s.variant_id) s", "of_level": "s.variant_id = v.id",
}  # fmt: skip
_OFFERS = _COMES_TO.format(prices=f"({_PRICES}) r", **_ADDED_UP)
_UNPRICED = _COMES_TO.format(prices=_NO_PRICES, **_ADDED_UP)
_PRICED = f"""
from variants w join prices r on r.variant_id = w.id and r.currency = %(currency)s and {HOLDS_NOW}
where w.merchant_id = %(m)s and w.product_id = p.id and w.archived_at is null
"""
# Stock decides first: prices are looked up of those that are of a state (OFFSET is a fence).
_OF_A_STATE = f"""
select o.product_id, o.stock, c.price_from, c.price_to
from (select o.product_id, o.stock from ({_UNPRICED}) o where {IN_STOCK}) o
cross join lateral (
    select min(r.amount) as price_from, max(r.amount) as price_to {_PRICED.replace("p.id", "o.product_id")} offset 0
) c
"""
# That one of the variants of product `p` costs so much.
IN_RANGE = f"""exists (select {_PRICED}
    and r.amount >= coalesce(%(min_price)s::bigint, 0) and r.amount <= coalesce(%(max_price)s::bigint, 9223372036854775807))"""
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
), {apart} looked_at as materialized (
    select id from fitting where (select are_few or are_some and not a_page from how_many, found) {and_apart}
), page as (
    ({of_few}) union all (select * from among_first where (select a_page from found)) {of_most} union all ({of_all})
)
"""
_OF_FEW = """
select p.*, {rank} as rank from products p cross join lateral ({offer}) o
where p.merchant_id = %(m)s and p.id = any(array(select id from looked_at)) and {offered} {further} {limited}
"""
_OF_ALL = """
select p.*, {rank} as rank from products p join ({offers}) o on o.product_id = p.id
where (select not are_some and not a_page {but_apart} from how_many, found) and p.merchant_id = %(m)s and {conditions}
  and {offered} {further} {limited}
"""
# Of most products all that lies there can be sold. Not of those with units that are held, are no longer sold or lie in a closed
# warehouse, nor of those that sell what is not counted, a bundle, or not every variant: where they are not too many, each is
# looked at. Only whether a product is out of stock is known of the others, not whether it runs low.
_APART = """
apart as materialized (
    select product_id as id from (
        select v.product_id from variants v
        where v.merchant_id = %(m)s and (v.archived_at is not null or not v.tracked or not v.sellable) and (
            v.archived_at is null or exists (
                select from stock_levels s where s.merchant_id = %(m)s and s.variant_id = v.id and s.emptiness < 0))
        union select s.product_id from stock_levels s where s.merchant_id = %(m)s and (s.variant_id, s.warehouse_id) in (
            select r.variant_id, r.warehouse_id from reservations r where r.merchant_id = %(m)s and r.status = 'active')
        union select s.product_id from stock_levels s where s.merchant_id = %(m)s and s.emptiness < 0 and s.warehouse_id in (
            select w.id from warehouses w where w.merchant_id = %(m)s and not w.active)
    ) a where (select not are_some and not a_page from how_many, found) limit {some} + 1
), few_apart as materialized (
    select not are_some and not a_page and (select count(*) from apart) <= {some} as yes from how_many, found
),
"""
_AND_APART = """
union all select p.id from products p
where (select yes from few_apart) and p.merchant_id = %(m)s and p.id in (select id from apart) and {conditions}
"""
_OF_MOST = """
union all (
    select p.*, of_most.rank
    from (
        select p.id, {rank} as rank
        from products p left join (
            select s.product_id, -sum(s.emptiness) as units from stock_levels s where s.merchant_id = %(m)s and s.emptiness < 0
            group by s.product_id
        ) l on l.product_id = p.id
        cross join lateral (
            select case when l.units is null then 'out_of_stock' else 'in_stock' end as stock, coalesce(l.units, (
                select 0 from variants v
                where v.merchant_id = %(m)s and v.product_id = p.id and v.archived_at is null limit 1)) as available
        ) s {prices}
        cross join lateral (select s.available, s.stock {priced}) o
        where (select yes from few_apart) and p.merchant_id = %(m)s and {conditions} and p.id not in (select id from apart)
          and {offered} {further} {limited}
    ) of_most join products p on p.merchant_id = %(m)s and p.id = of_most.id
)
"""
_ADDED = {"apart": _APART, "and_apart": _AND_APART, "of_most": _OF_MOST}
_PRICES_OF_IT = f"""cross join lateral (
    select min(r.amount) as price_from, max(r.amount) as price_to {_PRICED} and %(stock)s::text[] @> array[s.stock] offset 0
) c"""
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
_ALONG_LIST = f"""
select p.*, {{rank}} as rank
from (
    select p.* from products p where (select not are_few from how_many) and p.merchant_id = %(m)s and {{conditions}} {{further}}
    order by {{order}} limit {{most}}
) p cross join lateral ({_STOCK}) o
where {{offered}} {{limited}}
"""
_NOWHERE = "select p.*, null::bigint as rank from products p where false"


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


def page_by(sort: Sort, conditions: str, stock: Collection[str], *, narrowed: bool, further: bool) -> str:
    """The WITH that makes a page of products `p`, with the rank of each.

    `conditions` are those on products alone, which few fit where it is `narrowed`; `stock` the states of which they may be, all
    where there is none. Parameters: `after` and `after_id`, where it goes `further`, and `stock`; else those of the conditions, of
    `OFFER`, and `limit`.
    """
    own: dict[str, object] = {
        "rank": sort.rank, "way": sort.way, "order": sort.order, "conditions": conditions,
        "offered": IN_STOCK if stock else "true", "further": sort.beyond(sort.rank) if further else "",
        "limited": _LIMITED.format(order=sort.order), "most": FIRST,
    }  # fmt: skip
    if not sort.prices and not sort.stock and not stock:
        return _PLAIN.format(**own)
    adds_up = (sort.stock or bool(stock)) and ("low_stock" not in stock or "in_stock" in stock)
    some = min(SINGLY, SOME) if adds_up else SOME
    first = _NOWHERE if sort.stock else _along_prices(sort, own, further) if sort.prices else _ALONG_LIST.format(**own)
    added_up = _added_up(sort, own | {"some": some}) if adds_up else dict.fromkeys(_ADDED, "")
    offers = _UNPRICED if not sort.prices else _OF_A_STATE if stock else _OFFERS
    return _FITTING.format(
        conditions=conditions, few=some if narrowed else min(FEW, some), some=some, among_first=first,
        of_few=_OF_FEW.format(**own, offer=OFFER if sort.prices else _STOCK),
        of_all=_OF_ALL.format(**own, offers=offers, but_apart="and not (select yes from few_apart)" if adds_up else ""),
        **added_up,
    )  # fmt: skip


def _added_up(sort: Sort, own: Mapping[str, object]) -> dict[str, str]:
    """The parts of a list where what lies of most products decides."""
    prices, priced = (_PRICES_OF_IT, ", c.price_from, c.price_to") if sort.prices else ("", "")
    return {name: part.format(**own, prices=prices, priced=priced) for name, part in _ADDED.items()}


def _along_prices(sort: Sort, own: Mapping[str, object], further: bool) -> str:
    met = f"and r.amount {'<=' if sort.descending else '>='} %(after)s" if further else ""
    offers = "" if own["offered"] == "true" else f"cross join lateral ({OFFER}) o"
    beyond = sort.beyond("r.amount") if further else ""
    filled: dict[str, object] = {**own, "met": met, "offers": offers, "further": beyond}
    return _ALONG_PRICES.format(**filled)
