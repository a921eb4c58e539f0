"""What comes back to the demo shop, why, and what was given for it."""

from datetime import datetime, timedelta

from db.models.after_sales import (
    Condition,
    Disposition,
    Return,
    ReturnInspection,
    ReturnLine,
    ReturnPolicy,
    ReturnReason,
    ReturnRule,
    ReturnStatus,
    ReturnWish,
    WayBack,
)
from db.models.orders import OrderStatus
from db.money import share
from db.seed.demo_catalogue import DAYS, Catalogue
from db.seed.demo_events import event
from db.seed.demo_money import refund
from db.seed.demo_orders import Register, Sale, SaleLine
from db.seed.draft import ACTOR, Draft, Row

BREAKS = "CARAFE-GLASS-1.2L"  # a bad batch: of late it arrives broken
BREAKS_SINCE = 50  # days before today
CLOTHING_SINCE = 200  # days before today
CHANCES = {"Clothing": 0.11, "Kitchen > Glassware": 0.05, "Living > Lamps": 0.06}
REASONS = {
    "Clothing": ((ReturnReason.too_small, 5), (ReturnReason.too_large, 4), (ReturnReason.changed_mind, 3)),
    "Kitchen > Glassware": ((ReturnReason.arrived_broken, 5), (ReturnReason.changed_mind, 2)),
    "": ((ReturnReason.changed_mind, 5), (ReturnReason.not_as_described, 2), (ReturnReason.defective, 2),
         (ReturnReason.arrived_broken, 1), (ReturnReason.wrong_item, 1)),
}  # fmt: skip
BROKEN = (ReturnReason.arrived_broken, ReturnReason.defective)
STEPS = (
    (ReturnStatus.requested, 0.0), (ReturnStatus.approved, 0.4), (ReturnStatus.in_transit, 2.5), (ReturnStatus.received, 6.0),
    (ReturnStatus.inspecting, 6.5), (ReturnStatus.accepted, 7.0), (ReturnStatus.refunded, 7.3), (ReturnStatus.closed, 10.0),
)  # fmt: skip
REFUSED = ((ReturnStatus.requested, 0.0), (ReturnStatus.declined, 1.5))
NOTES = {
    ReturnReason.arrived_broken: "It was broken when I opened the parcel.",
    ReturnReason.wrong_item: "This is not what I ordered.",
    ReturnReason.defective: "It does not work as it should.",
}


def send_back(register: Register, sale: Sale, payment: Row) -> None:
    """Decide whether a line of the sale comes back; at most one does."""
    if sale.row["status"] != OrderStatus.completed:
        return
    for parcel in sale.parcels:
        for line in parcel.lines:
            if (
                line.sku.tracked
                and parcel.delivered_at
                and register.draft.random.random() < _chance(register, sale, line)
            ):
                _return(register, sale, payment, line, parcel.delivered_at)
                return


def _chance(register: Register, sale: Sale, line: SaleLine) -> float:
    if sale.buyer.sends_back:
        return 0.6
    if line.sku.code == BREAKS and sale.at > register.draft.now - timedelta(days=BREAKS_SINCE):
        return 0.6
    chance = next((chance for shelf, chance in CHANCES.items() if line.sku.shelf.startswith(shelf)), 0.03)
    return chance / 3 if sale.buyer.trade else chance


def _reason(register: Register, sale: Sale, line: SaleLine) -> ReturnReason:
    if line.sku.code == BREAKS and sale.at > register.draft.now - timedelta(days=BREAKS_SINCE):
        return ReturnReason.arrived_broken
    reasons = next(reasons for shelf, reasons in REASONS.items() if line.sku.shelf.startswith(shelf))
    return register.draft.random.choices([reason for reason, _ in reasons], weights=[part for _, part in reasons])[0]


def _return(register: Register, sale: Sale, payment: Row, line: SaleLine, delivered: datetime) -> None:
    draft, reason = register.draft, _reason(register, sale, line)
    asked = delivered + timedelta(days=draft.random.uniform(1, 6 if reason in BROKEN else 13))
    declined = reason is ReturnReason.changed_mind and draft.random.random() < 0.06
    pace = draft.random.uniform(0.8, 1.3)
    moments = {
        status: at
        for status, days in (REFUSED if declined else STEPS)
        if (at := asked + timedelta(days=days * pace)) <= draft.now
    }
    if not moments:
        return
    quantity = draft.random.randint(1, line.quantity)
    value = sum(share(line.row["total"], [1] * line.quantity)[:quantity])
    fee = 490 if reason is ReturnReason.changed_mind and value > 4_000 else 0
    row = draft.add(
        Return, asked, order_id=sale.row["id"], customer_id=sale.buyer.customer["id"], status=list(moments)[-1], reason=reason,
        wanted=ReturnWish.refund, currency="EUR", refund=value - fee, fee=fee, requested_at=asked,
        note=NOTES.get(reason), approved_at=moments.get(ReturnStatus.approved), received_at=moments.get(ReturnStatus.received),
        tracking_number=f"RE{80_000_000 + sale.serial * 13}FR" if ReturnStatus.in_transit in moments else None,
    )  # fmt: skip
    back = draft.add(
        ReturnLine, asked, return_id=row["id"], order_line_id=line.row["id"], variant_id=line.sku.variant["id"],
        quantity=quantity, reason=reason, refund=value, terms=terms_of(reason, fee),
    )  # fmt: skip
    for status, at in moments.items():
        event(draft, sale.row, status, at, subject=("return", row))
    row["updated_at"] = max(moments.values())
    if ReturnStatus.received in moments:
        back["received"] = quantity
        line.row["returned"] += quantity
        sale.row["units_returned"] += quantity
        place = register.stock.set_aside(line.sku, quantity, moments[ReturnStatus.received], **_subject(sale, back))
        row["warehouse_id"] = place["id"]
    if ReturnStatus.accepted in moments:
        _inspect(register, sale, line, back, moments[ReturnStatus.accepted])
    if ReturnStatus.refunded in moments:
        row["settled_at"] = moments[ReturnStatus.refunded]
        row["refunded"] = refund(draft, sale, payment, value - fee, row["settled_at"], f"return {row['reference']}")


def _inspect(register: Register, sale: Sale, line: SaleLine, back: Row, at: datetime) -> None:
    """What is as new goes back on the shelf; what is broken, to the bin."""
    units, subject = back["received"], _subject(sale, back)
    if back["reason"] in BROKEN:
        back.update(condition=Condition.damaged, disposition=Disposition.dispose)
        register.stock.throw_away(line.sku, units, at, **subject)
    else:
        back.update(condition=Condition.as_new, disposition=Disposition.restock, restocked=units)
        register.stock.take_back(line.sku, units, at, **subject)
    back["accepted"] = units
    register.draft.add(
        ReturnInspection, at, return_line_id=back["id"], quantity=units, condition=back["condition"],
        disposition=back["disposition"], accepted=True, actor=ACTOR, inspected_at=at,
    )  # fmt: skip


def _subject(sale: Sale, back: Row) -> Row:
    return {"subject_kind": "return", "subject_id": back["return_id"], "order_id": sale.row["id"]}


# ---- the terms -----------------------------------------------------------------------------------------------------------

WINDOW, BROKEN_WINDOW = 30, 90  # days
EVERY_CONDITION = [condition.value for condition in Condition]
ON_US = (ReturnReason.arrived_broken, ReturnReason.defective, ReturnReason.wrong_item, ReturnReason.not_as_described)


def terms_of(reason: ReturnReason | None, fee: int) -> Row:
    """The rule of the shop's first policy that decides a reason, as `tools/rules/return_policy.py` keeps it."""
    broken = reason in ON_US
    named = reason if broken or reason is ReturnReason.changed_mind else None
    return {
        "policy": 1, "category_id": None, "category": None, "reason": named, "returnable": True,
        "window_days": BROKEN_WINDOW if broken else WINDOW, "restocking_percent": 0, "fee": fee,
        "conditions": EVERY_CONDITION if broken else ["as_new", "opened"],
        "way_back": WayBack.shop if broken else WayBack.customer, "refunds_shipping": broken,
    }  # fmt: skip


def write_policies(draft: Draft, catalogue: Catalogue) -> None:
    """The terms since the shop opened, and kinder ones for clothing since the spring."""
    for number, days in ((1, DAYS), (2, CLOTHING_SINCE)):
        at = draft.at(draft.today - timedelta(days=days))
        policy = draft.add(ReturnPolicy, at, number=number, valid_from=at, actor=ACTOR)
        rules = [terms_of(reason, 0) for reason in ON_US]
        rules += [terms_of(ReturnReason.changed_mind, 490), terms_of(None, 0)]
        if number > 1:
            rules.append(terms_of(None, 0) | {"category_id": catalogue.categories["Clothing"]["id"], "window_days": 60})
        for rule in rules:
            kept = {name: value for name, value in rule.items() if name not in ("policy", "category")}
            draft.add(ReturnRule, at, policy_id=policy["id"], **kept)
