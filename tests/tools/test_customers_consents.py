"""What customers agreed to is kept with its proof; the last word of a channel counts, and nothing that was said is changed."""

from datetime import timedelta
from typing import Any

import psycopg.errors as pg
import pytest

from db import clock
from db.models.customers import Customer, CustomerStatus
from tests.conftest import Do
from tests.factories import NewShop, make_customer
from tests.tools.till import writing
from tools.contract.errors import Invalid
from tools.customers.addresses import CustomerErased
from tools.customers.consents import ConsentNeedsProof, set_consent
from tools.customers.fields import NotYet
from tools.customers.profiles import get_customer, tag_customer

PROOF = {"source": "checkout form", "wording": "I want the newsletter.", "ip": "192.0.2.7"}


@pytest.fixture
async def ana(mine: NewShop) -> Customer:
    async with writing(mine) as sql:
        return make_customer(sql, "Ana Torres", email="ana@example.com")


async def test_who_agrees_is_known_with_the_proof(do: Do, ana: Customer) -> None:
    state = await do(set_consent, customer=ana.reference, channel="email", granted=True, **PROOF)

    assert state.granted
    assert state.history[0].proof == PROOF
    (said,) = (await do(get_customer, customer=ana.reference)).consents
    assert (said.channel, said.granted, said.since) == ("email", True, state.since)


async def test_who_takes_it_back_needs_no_proof_and_what_was_said_before_stays(do: Do, ana: Customer) -> None:
    await do(set_consent, customer=ana.reference, channel="email", granted=True, **PROOF)
    state = await do(set_consent, customer="ana@example.com", channel="email", granted=False)

    assert [said.granted for said in state.history] == [False, True]
    assert not state.granted


async def test_an_older_word_that_is_recorded_later_does_not_count(do: Do, ana: Customer) -> None:
    await do(set_consent, customer=ana.reference, channel="email", granted=False)
    last_year = (clock.now() - timedelta(days=365)).isoformat()
    older: dict[str, Any] = {
        "customer": ana.reference,
        "channel": "email",
        "granted": True,
        "said_at": last_year,
        **PROOF,
    }

    card = (await do.outcome(set_consent, preview=True, **older)).card
    state = await do(set_consent, **older)

    assert not state.granted
    assert [said.granted for said in state.history] == [False, True]
    assert card
    assert "is newer, and still counts" in card.sentences[1]


@pytest.mark.parametrize(
    ("proof", "missing"),
    [({}, "no `source`"), ({"source": "checkout form"}, "neither `wording` nor `proof_reference`")],
)
async def test_a_consent_that_nobody_can_prove_is_none(
    do: Do, ana: Customer, proof: dict[str, str], missing: str
) -> None:
    with pytest.raises(ConsentNeedsProof, match=missing):
        await do(set_consent, customer=ana.reference, channel="sms", granted=True, **proof)


async def test_nobody_says_anything_tomorrow(do: Do, ana: Customer) -> None:
    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    with pytest.raises(NotYet, match="is yet to come"):
        await do(set_consent, customer=ana.reference, channel="sms", granted=False, said_at=tomorrow)


async def test_an_address_of_a_computer_is_one(do: Do, ana: Customer) -> None:
    with pytest.raises(Invalid, match="ip"):
        await do(set_consent, customer=ana.reference, channel="email", granted=True, **PROOF | {"ip": "at home"})


async def test_nothing_is_recorded_of_whoever_was_erased(mine: NewShop, do: Do, ana: Customer) -> None:
    async with writing(mine) as sql:
        await sql.execute(
            "update customers set status = %s where merchant_id = %s and id = %s",
            (CustomerStatus.erased, mine.id, ana.id),
        )
    with pytest.raises(CustomerErased):
        await do(set_consent, customer=ana.reference, channel="email", granted=False)


@pytest.mark.parametrize("statement", ["delete from consents", "update consents set granted = true"])
async def test_the_shop_itself_cannot_change_what_was_said(
    mine: NewShop, do: Do, ana: Customer, statement: str
) -> None:
    await do(set_consent, customer=ana.reference, channel="email", granted=False)
    with pytest.raises(pg.InsufficientPrivilege):
        async with writing(mine) as sql:
            await sql.execute(f"{statement} where merchant_id = %s", (mine.id,))


# ---- tags ----------------------------------------------------------------------------------------------------------------


async def test_tags_are_added_and_taken_away_and_the_others_stay(do: Do, ana: Customer) -> None:
    await do(tag_customer, customer=ana.reference, add=["Club", "vip"])
    tagged = await do(tag_customer, customer="ana@example.com", add=["press"], remove=["VIP"])

    assert tagged.tags == ["club", "press"]


async def test_a_tag_is_said(do: Do, ana: Customer) -> None:
    with pytest.raises(Invalid, match="Say which tags"):
        await do(tag_customer, customer=ana.reference)
