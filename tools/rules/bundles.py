"""How many bundles there can be: as many as the scarcest thing in them allows."""

# Of variant `v`: what its counted components allow, from all warehouses that ship; null where nothing in it is counted. One that is
# not on sale is in no bundle, which then is not sold either: that is not asked here.
BUNDLES_LEFT = """(
    select min(coalesce(l.units, 0) / b.quantity)
    from bundle_components b
    join variants part on part.merchant_id = %(m)s and part.id = b.component_id and part.tracked
    left join lateral (
        select sum(s.on_hand - s.reserved - s.damaged)::bigint as units
        from stock_levels s join warehouses w on w.merchant_id = %(m)s and w.id = s.warehouse_id and w.active
        where s.merchant_id = %(m)s and s.variant_id = b.component_id
    ) l on true
    where b.merchant_id = %(m)s and b.variant_id = v.id
)"""
