"""The fields and words that operations of the room share."""

from typing import Annotated

from pydantic import StringConstraints

from db.models.after_sales import Condition, Disposition, ReturnReason, ReturnStatus, ReturnWish
from db.references import Kind
from tools.contract.fields import Hint, Ref, Synonyms, Untrusted, Written

ReturnRef = Annotated[Written, Ref(Kind.return_)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), Hint("reason_text")]
Said = Annotated[str, Untrusted()]

REASON_WORDS = Synonyms(
    {
        "arrived_broken": ("broken", "in pieces", "smashed", "cracked", "shattered", "damaged in transit", "chipped"),
        "defective": ("faulty", "does not work", "doesn't work", "stopped working", "defect", "itches", "leaks"),
        "wrong_item": ("wrong one", "not what was ordered", "wrong colour", "another item", "wrong product"),
        "not_as_described": ("not as described", "looks different", "not as in the picture", "not as pictured"),
        "too_small": ("too tight", "too small", "does not fit", "doesn't fit"),
        "too_large": ("too big", "too wide", "too loose"),
        "changed_mind": ("changed her mind", "changed his mind", "doesn't like it", "does not like it", "not needed"),
        "arrived_late": ("too late", "came late", "late delivery"),
        "other": ("something else", "another reason"),
    }
)
WISH_WORDS = Synonyms(
    {
        "refund": ("money back", "refunded", "his money", "her money", "cash"),
        "store_credit": ("credit", "voucher", "shop credit", "credit note"),
        "exchange": ("another one", "a new one", "swap", "replacement", "exchanged"),
        "repair": ("repaired", "fixed", "mended"),
    }
)
STATUS_WORDS = Synonyms(
    {
        "requested": (
            "waiting for approval",
            "wait for our ok",
            "waiting for our ok",
            "wait for our approval",
            "waiting for our approval",
            "wait for approval",
            "to approve",
            "new",
            "undecided",
        ),
        "approved": ("accepted to come", "allowed"),
        "declined": ("refused", "turned down"),
        "cancelled": ("called off", "withdrawn"),
        "label_sent": ("label sent",),
        "in_transit": ("on its way", "on the way back", "under way"),
        "received": (
            *("arrived", "come in", "to inspect", "not looked at", "uninspected", "waiting for inspection"),
            *("wait for inspection", "to be inspected"),
        ),
        "inspecting": ("being inspected",),
        "accepted": ("inspected", "to refund", "to settle"),
        "partially_accepted": ("partly accepted",),
        "rejected": ("failed inspection",),
        "refunded": ("paid out", "paid back"),
        "credited": ("given credit",),
        "closed": ("done", "finished", "settled"),
    }
)
CONDITION_WORDS = Synonyms(
    {
        "as_new": ("like new", "fine", "good", "unopened", "perfect", "ok", "intact", "in order"),
        "opened": ("box opened", "unpacked", "open box"),
        "used": ("worn", "washed", "b-grade", "scratched", "used"),
        "damaged": ("broken", "chipped", "cracked", "in pieces", "damaged", "dirty"),
        "missing": ("not in the box", "not there", "gone", "lost"),
    }
)
DISPOSITION_WORDS = Synonyms(
    {
        "restock": ("back on the shelf", "back on sale", "on the shelf", "restocked"),
        "refurbish": ("refurbished", "to be repaired", "b-stock", "outlet", "second choice"),
        "supplier": ("back to the supplier", "to the supplier", "vendor"),
        "dispose": ("bin", "for the bin", "throw away", "scrap", "write off", "disposed"),
    }
)

Reason = Annotated[ReturnReason, REASON_WORDS]
Wish = Annotated[ReturnWish, WISH_WORDS]
Status = Annotated[ReturnStatus, STATUS_WORDS]
HowItIs = Annotated[Condition, CONDITION_WORDS]
WhatBecomes = Annotated[Disposition, DISPOSITION_WORDS]
