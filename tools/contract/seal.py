"""The hash chain over the audit: each seal is the SHA-256 of the seal before and of the entries since, so that an entry that was
changed, added or removed later shows.
"""

import hashlib
import uuid
from typing import NamedTuple

from db.model import new_id
from db.session import Transaction

BATCH = 1_000
SETTLED = "interval '2 minutes'"  # longer than any call: no entry with an earlier id is still on its way

_LAST = "select last_entry_id, digest from audit_seals where merchant_id = %(m)s order by last_entry_id desc limit 1"
_ENTRIES = f"""
select id, row_to_json(e)::text as content from audit_entries e
where merchant_id = %(m)s and (%(after)s::uuid is null or id > %(after)s) and (%(until)s::uuid is null or id <= %(until)s)
  and created_at < now() - {SETTLED}
order by id limit %(limit)s
"""
_SEAL = """
insert into audit_seals (merchant_id, id, last_entry_id, entries, digest, created_at)
values (%(m)s, %(id)s, %(last)s, %(entries)s, %(digest)s, now()) on conflict do nothing
"""
_SEALS = "select last_entry_id, entries, digest from audit_seals where merchant_id = %(m)s order by last_entry_id"


class _Last(NamedTuple):
    last_entry_id: uuid.UUID
    digest: str


class _Entry(NamedTuple):
    id: uuid.UUID
    content: str


class _Seal(NamedTuple):
    last_entry_id: uuid.UUID
    entries: int
    digest: str


async def seal(sql: Transaction) -> int:
    """Seal the entries that no seal covers yet, a batch at most; returns how many. The caller commits."""
    last = await sql.row(_LAST, {"m": sql.merchant}, as_=_Last)
    after = last.last_entry_id if last else None
    entries = await _entries(sql, after, None, BATCH)
    if entries:
        digest = _chain(last.digest if last else "", entries)
        made = {"id": new_id(), "last": entries[-1].id, "entries": len(entries), "digest": digest}
        await sql.execute(_SEAL, {"m": sql.merchant, **made})
    return len(entries)


async def broken_seal(sql: Transaction) -> uuid.UUID | None:
    """The last entry under the first seal that does not hold; None when the whole chain does."""
    before, after = "", None
    for found in await sql.rows(_SEALS, {"m": sql.merchant}, as_=_Seal):
        entries = await _entries(sql, after, found.last_entry_id, found.entries + 1)
        if len(entries) != found.entries or _chain(before, entries) != found.digest:
            return found.last_entry_id
        before, after = found.digest, found.last_entry_id
    return None


async def _entries(sql: Transaction, after: uuid.UUID | None, until: uuid.UUID | None, limit: int) -> list[_Entry]:
    return await sql.rows(_ENTRIES, {"m": sql.merchant, "after": after, "until": until, "limit": limit}, as_=_Entry)


def _chain(before: str, entries: list[_Entry]) -> str:
    digest = hashlib.sha256(before.encode())
    for entry in entries:
        digest.update(entry.content.encode())
    return digest.hexdigest()
