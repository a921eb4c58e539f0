"""The hash chain over the audit: each seal has the SHA-256 of every entry that it covers, and that of the seal before with these,
so that an entry which was changed, added or removed behind the shop's back shows.

An entry waits in `audit_unsealed` from its own commit on, however long its call took, and leaves it with the seal that covers
it: nothing depends on clocks, on ids, or on transaction ids that begin anew after a restore.
"""

from db.model import new_id
from db.session import Transaction

BATCH = 1_000

# What is sealed of an entry, the same in every session: times in UTC, one fixed order.
_DIGEST = """
sha256(convert_to(jsonb_build_array(
    e.merchant_id, e.id, e.actor, e.actor_name, e.on_behalf_of, e.door, e.tool, e.effect, to_jsonb(e."references"), e.outcome,
    e.approval, e.approved_by, e.key, e.arguments_digest, e.money, e.stops, e.request_id,
    to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'))::text, 'UTF8'))"""

_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended(%(merchant)s::text || 'seal', 0))"
_SEAL = f"""
with entry as (
    select e.id, {_DIGEST} as digest
    from audit_unsealed u join audit_entries e on e.merchant_id = u.merchant_id and e.id = u.id
    where u.merchant_id = %(merchant)s order by u.id limit %(limit)s
), last as (
    select number, digest from audit_seals where merchant_id = %(merchant)s order by number desc limit 1
), link as (
    insert into audit_seals (merchant_id, id, number, entry_ids, entry_digests, digest, created_at)
    select %(merchant)s, %(id)s, coalesce((select number from last), 0) + 1, array_agg(id order by id),
           array_agg(digest order by id),
           sha256(coalesce((select digest from last), '') || string_agg(digest, '' order by id)), now()
    from entry having count(*) > 0
)
delete from audit_unsealed where merchant_id = %(merchant)s and id in (select id from entry)
"""

# What does not fit, the first first: `seal` is the link's number, none where no seal covers the entry.
MISFITS = f"""
with link as (
    select number, entry_ids, entry_digests, digest, number = 1 + coalesce(lag(number) over (order by number), 0)
           and digest = sha256(coalesce(lag(digest) over (order by number), '') || (
               select string_agg(one, '' order by at) from unnest(entry_digests) with ordinality as each (one, at))) as holds
    from audit_seals where merchant_id = %(merchant)s
), sealed as (
    select link.number, each.at, each.entry, each.digest
    from link cross join unnest(link.entry_ids, link.entry_digests) with ordinality as each (entry, digest, at)
), waiting as (
    select id from audit_unsealed where merchant_id = %(merchant)s
), audit as (
    select id, {_DIGEST} as digest from audit_entries e where merchant_id = %(merchant)s
)
select number as seal, entry, reason from (
    select number, 0 as at, entry_ids[1] as entry, 'the seal was changed, or the one before it is gone' as reason
    from link where not holds
    union all
    select s.number, s.at, s.entry, case when a.id is null then 'the entry is gone' else 'the entry was changed' end
    from sealed s left join audit a on a.id = s.entry where a.digest is distinct from s.digest
    union all
    select number, at, entry, 'the entry was sealed before' from (
        select *, row_number() over (partition by entry order by number, at) as times from sealed
    ) again where times > 1
    union all
    select null, 0, id, 'the entry is sealed, and waits for a seal' from waiting where id in (select entry from sealed)
    union all
    select null, 0, id, 'the entry was gone before it was sealed' from waiting where id not in (select id from audit)
    union all
    select null, 0, id, 'the entry is not sealed, and waits for no seal' from audit
    where id not in (select entry from sealed) and id not in (select id from waiting)
) misfit order by number, at, entry
"""


async def seal(sql: Transaction) -> int:
    """Seal entries that no seal covers yet, a batch at most; returns how many. One sealer at a time; the caller commits."""
    await sql.execute(_ONE_AT_A_TIME, {"merchant": sql.merchant})
    return await sql.execute(_SEAL, {"merchant": sql.merchant, "id": new_id(), "limit": BATCH})
