"""Where the provider `manual` remembers what it was asked: a table of the shop's database, apart from the shop's books."""

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from connectors.payments import Answer, Asked, Movement, Outcome, Told
from connectors.payments.manual import Sums, json_of
from db.model import new_id
from tools.contract.plain import as_jsonb
from tools.contract.shop import Shop


class _Answered(NamedTuple):
    answer: dict[str, Any]


class _Summed(NamedTuple):
    authorized: int
    captured: int
    voided: int
    refunded: int
    requests: int


class _Moved(NamedTuple):
    kind: str
    transaction: str
    reference: str | None
    amount: int
    currency: str
    at: datetime


_ANSWERED = "select answer from manual_requests where merchant_id = %(m)s and key = %(key)s"
_SUMS = """
select coalesce(sum(amount) filter (where deed in ('authorize', 'charge')), 0)::bigint as authorized,
       coalesce(sum(amount) filter (where deed in ('capture', 'charge')), 0)::bigint as captured,
       coalesce(sum(amount) filter (where deed = 'void'), 0)::bigint as voided,
       coalesce(sum(amount) filter (where deed = 'refund'), 0)::bigint as refunded, count(*) as requests
from manual_requests where merchant_id = %(m)s and provider_reference = %(reference)s and outcome <> 'failed'
"""
_KEEP = """
with kept as (
    insert into manual_requests (merchant_id, id, key, deed, provider_reference, amount, currency, outcome, answer, told, told_at,
                                 created_at)
    values (%(m)s, %(id)s, %(key)s, %(deed)s, %(reference)s, %(amount)s, %(currency)s, %(outcome)s, %(answer)s, %(told)s,
            %(told_at)s, %(now)s)
    on conflict (merchant_id, key) do nothing returning answer
)
select answer from kept union all
select answer from manual_requests where merchant_id = %(m)s and key = %(key)s limit 1
"""
# What ended later than it was answered is on its list once it told of it.
_MOVEMENTS = """
select case deed when 'refund' then 'refund' else 'capture' end as kind,
       coalesce(answer ->> 'transaction', told -> 0 ->> 'transaction') as transaction, provider_reference as reference, amount,
       currency, created_at as at
from manual_requests
where merchant_id = %(m)s and deed in ('charge', 'capture', 'refund')
  and (outcome = 'succeeded' or told -> 0 ->> 'happened' = 'captured' and told_at is not null)
  and created_at >= %(since)s and created_at < %(until)s order by id
"""


class ShopDesk:
    """The desk of one merchant."""

    def __init__(self, shop: Shop, merchant: uuid.UUID) -> None:
        self._shop = shop
        self._merchant = merchant

    async def now(self) -> datetime:
        return self._shop.clock()

    async def answered(self, key: str) -> Answer | None:
        async with self._shop.database.transaction(self._merchant, read_only=True) as sql:
            found = await sql.row(_ANSWERED, {"m": self._merchant, "key": key}, as_=_Answered)
        return _answer(found.answer) if found else None

    async def sums(self, reference: str) -> Sums | None:
        async with self._shop.database.transaction(self._merchant, read_only=True) as sql:
            found = await sql.row(_SUMS, {"m": self._merchant, "reference": reference}, as_=_Summed)
        assert found is not None
        return Sums(*found[:-1]) if found.requests and found.authorized else None

    async def keep(self, asked: Asked, answer: Answer, told: Sequence[Told]) -> Answer:
        now = self._shop.clock()
        params = {
            "m": self._merchant, "id": new_id(), "key": asked.key, "deed": asked.deed, "reference": answer.reference,
            "amount": asked.amount, "currency": asked.currency, "outcome": answer.outcome, "now": now,
            "answer": as_jsonb(asdict(answer)), "told": as_jsonb([json_of(one) for one in told]),
            "told_at": None if told else now,
        }  # fmt: skip
        async with self._shop.database.transaction(self._merchant) as sql:
            kept = await sql.row(_KEEP, params, as_=_Answered)
            await sql.commit()
        return _answer(kept.answer) if kept else await self._first(asked.key)

    async def _first(self, key: str) -> Answer:
        """What a twin kept while this one was writing."""
        answer = await self.answered(key)
        assert answer is not None
        return answer

    async def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        async with self._shop.database.transaction(self._merchant, read_only=True) as sql:
            found = await sql.rows(_MOVEMENTS, {"m": self._merchant, "since": since, "until": until}, as_=_Moved)
        for row in found:
            yield Movement(*row)


def _answer(kept: dict[str, Any]) -> Answer:
    return Answer(**kept | {"outcome": Outcome(kept["outcome"])})
