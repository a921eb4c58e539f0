"""What two filters leave is found as quickly, though each of them leaves many."""

import psycopg
import pytest

from tests.factories import NewShop, new_shop
from tests.tools.test_growth import touched
from tools import registry
from tools.contract.call import Shop

pytestmark = pytest.mark.xdist_group("growth of pairs")
# Every other order goes to Lyon, the others came by phone; the five smallest are both.
PLACED = """
insert into customers (merchant_id, id, reference, status, name, name_key, created_at, updated_at)
values (%(merchant)s, gen_random_uuid(), 'CUS-1', 'active', 'Ines', 'ines', now(), now());
insert into orders (merchant_id, id, reference, customer_id, status, channel, placed_at, currency, prices_include_tax, subtotal,
                    total, units, customer_name, ship_city, ship_country, created_at, updated_at)
select c.merchant_id, gen_random_uuid(), 'ORD-' || n, c.id, 'confirmed', case when n %% 2 = 0 or n < 10 then 'phone' else 'web' end,
       now(), 'EUR', true, n, n, 1, c.name, case when n %% 2 = 1 then 'Lyon' else 'Paris' end, 'FR', now(), now()
from generate_series(1, %(orders)s) n, customers c where c.merchant_id = %(merchant)s;
insert into counters (merchant_id, id, name, value, created_at)
values (%(merchant)s, gen_random_uuid(), 'ORD', 1000 + %(orders)s, now())
on conflict (merchant_id, name) do update set value = excluded.value;
analyze orders
"""


async def placed(shop: Shop, owner_url: str, orders: int) -> NewShop:
    mine = await new_shop(shop)
    with psycopg.connect(owner_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        owner.execute(PLACED, {"merchant": mine.id, "orders": orders})
    return mine


async def test_orders_to_a_town_by_one_channel_are_looked_up_where_few_are_both(shop: Shop, owner_url: str) -> None:
    """Along the largest totals nearly all would be gone through."""
    asked = {"city": "Lyon", "channel": ["phone"], "sort": "total"}
    few, many = [await placed(shop, owner_url, orders) for orders in (1_000, 4_000)]

    small, large = [await touched(mine, registry.tool("list_orders"), asked) for mine in (few, many)]

    assert 0 < large <= small * 1.1 + 10
