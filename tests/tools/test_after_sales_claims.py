"""What broke later, and what customers think of it all."""

from datetime import timedelta

import pytest

from db import clock
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.misfits import misfits
from tests.tools.returning import MUG, delivered
from tests.tools.till import choose
from tools.after_sales.detail import get_return
from tools.after_sales.inspecting import inspect_return
from tools.after_sales.receiving import receive_return
from tools.after_sales.surveys import AnsweredBefore, satisfaction_report, submit_survey
from tools.after_sales.tickets import open_ticket, reply_to_ticket
from tools.after_sales.warranties import (
    ClaimAlreadyDecided,
    NoWarranty,
    decide_warranty_claim,
    file_warranty_claim,
    list_warranty_claims,
)
from tools.contract.errors import Invalid
from tools.flows.settle_return import settle_return


async def test_an_accepted_claim_goes_on_as_a_return_without_fees(mine: NewShop, do: Do) -> None:
    order, ana = await delivered(mine, days_ago=300)
    filed = await do(file_warranty_claim, order=order, sku="blue mug", quantity=2, defect="The glaze comes off.")

    accepted = await do(decide_warranty_claim, claim=filed.reference, decision="accept", remedy="refund")
    with pytest.raises(ClaimAlreadyDecided, match=f"{filed.reference} was accepted before"):
        await do(decide_warranty_claim, claim=filed.reference, decision="decline", note="No.")
    assert accepted.rma
    await do(receive_return, rma=accepted.rma)
    await do(inspect_return, rma=accepted.rma, condition="damaged", disposition="supplier")
    settled = await do(settle_return, rma=accepted.rma)

    assert filed.says.startswith(
        f"{filed.reference} for 2 {MUG} of {order} waits to be decided; the warranty lasts until"
    )
    assert (accepted.status, accepted.remedy) == ("accepted", "refund")
    assert (settled.status, settled.refunded.amount, settled.fee.amount) == ("refunded", 3_998, 0)
    assert (await do(get_return, rma=accepted.rma)).note == "The glaze comes off."
    listed = await do(list_warranty_claims, customer=ana.reference, status=["accepted"])
    assert [(row.reference, row.sku, row.rma) for row in listed.data] == [(filed.reference, MUG, accepted.rma)]
    assert await misfits(mine) == {}


async def test_a_claim_is_declined_with_a_reason_and_its_units_stay_with_the_customer(mine: NewShop, do: Do) -> None:
    order, _ = await delivered(mine)
    claim = (await do(file_warranty_claim, order=order, defect="Fell down.")).reference

    with pytest.raises(Invalid, match="`note` that says why"):
        await do(decide_warranty_claim, claim=claim, decision="decline")
    declined = await do(decide_warranty_claim, claim=claim, decision="decline", note="Dropped.")

    assert (declined.status, declined.rma, declined.remedy) == ("declined", None, None)
    assert [row.status for row in (await do(list_warranty_claims, order=order)).data] == ["declined"]
    assert [row.reference for row in (await do(list_warranty_claims, claim=claim)).data] == [claim]


async def test_the_shop_answers_as_long_as_it_chose_and_for_what_was_sent(mine: NewShop, do: Do) -> None:
    await choose(mine, "after_sales.warranty_months", 6)
    order, _ = await delivered(mine, days_ago=200)

    with pytest.raises(NoWarranty, match=f"The warranty of {MUG} of {order} was until"):
        await do(file_warranty_claim, order=order, defect="The glaze comes off.")
    with pytest.raises(NoWarranty, match="5 of it can come back; 6 were asked"):
        await do(file_warranty_claim, order=order, quantity=6, defect="All of them", goodwill=True)
    kind = await do(file_warranty_claim, order=order, defect="The glaze comes off.", goodwill=True)

    assert kind.status == "filed"


async def test_how_content_customers_are_is_told_with_how_many_said_so(mine: NewShop, do: Do) -> None:
    order, ana = await delivered(mine)
    saved = await do(submit_survey, order=order, score=5, recommend=9, comment="Quick and kind.")
    for score, recommend in ((4, 6), (2, None), (None, 8)):
        await do(submit_survey, score=score, recommend=recommend)
    ticket = (await do(open_ticket, subject="Wet parcel", order=order)).reference
    await do(reply_to_ticket, ticket=ticket, text="Sorry!")
    await do(submit_survey, ticket=ticket, score=1, comment="Too late.")

    with pytest.raises(AnsweredBefore, match=f"Marks were given for {order} before"):
        await do(submit_survey, order=order, score=1)
    with pytest.raises(Invalid, match="Give the `score`"):
        await do(submit_survey, order=order)
    report = await do(satisfaction_report)
    quiet = await do(satisfaction_report, submitted_until=(clock.now() - timedelta(days=60)).isoformat())

    assert saved.says == f"{ana.reference} gave 5 of 5 and 9 of 10 for recommending for {order}."
    figures = report.figures
    assert (figures.answers, figures.average, figures.content) == (5, 3.0, 50.0)
    assert (figures.recommenders, figures.net_promoter) == (3, 0.0)
    assert (figures.tickets, figures.answered, figures.in_time) == (1, 1, 100.0)
    assert [(mark.score, mark.answers) for mark in report.scores] == [(5, 1), (4, 1), (2, 1), (1, 1)]
    assert [(one.score, one.text, one.ticket) for one in report.comments] == [
        (1, "Too late.", ticket), (5, "Quick and kind.", None),
    ]  # fmt: skip
    assert "5 customers gave marks" in report.says
    assert "which is few, on average 3 of 5 (50 % gave 4 or 5)." in report.says
    assert quiet.says.startswith("Nobody gave marks from")
