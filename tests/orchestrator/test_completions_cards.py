"""The door for other people's clients: cards that are decided by a word, and what is refused."""

import re
from typing import Any

import httpx
import openai
import pytest

from orchestrator.chat import Chat
from orchestrator.chat.history import decision_of
from tests.factories import NewShop
from tests.orchestrator.clients import CONVERSATIONS, TURNS, Client, Door, opened
from tests.orchestrator.clients import carrying as carrying
from tests.orchestrator.clients import door as door
from tests.orchestrator.clients import person as person
from tests.orchestrator.clients import program as program
from tests.orchestrator.conftest import MEMOS, Talk
from tests.scripted_openai import ScriptedOpenAI, calls, says

PAY = calls(("pay_out", {"amount": 1500}))


# ---- cards ---------------------------------------------------------------------------------------------------------------


async def test_a_card_is_told_with_what_to_answer_and_approve_pays_once(
    person: Client, talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(PAY, says("15.00 EUR were paid."))
    card = await person("Pay 15 euros")
    before = await talk.count(MEMOS)

    paid = await person("approve")
    person.said.pop()
    again = await person.again()

    assert "waits for a decision: pay out" in card
    assert "- 15.00 EUR leave the shop." in card
    assert "Answer `approve`, or `reject: why not`." in card
    assert before == 0
    assert paid.endswith("15.00 EUR were paid.")
    assert again == paid
    assert await talk.count(MEMOS) == 1
    assert await talk.count(TURNS) == 1


async def test_after_a_decision_the_conversation_goes_on(person: Client, talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(PAY, says("It was rejected."))
    await person("Pay 15 euros")
    rejected = await person("reject: too much")
    model.script(says("15 euros."))

    await person("What was it about?")

    assert rejected.endswith("It was rejected.")
    assert await talk.count(MEMOS) == 0
    assert await talk.count(CONVERSATIONS) == 1
    assert [one["content"] for one in model.seen[0]["messages"] if one["role"] == "user"] == [
        "Pay 15 euros",
        "What was it about?",
    ]


async def test_a_decision_that_came_too_late_tells_the_one_that_stands(
    person: Client, talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(PAY, says("15.00 EUR were paid."))
    card = await person("Pay 15 euros")
    await talk.decide(re.findall(r"APR-\d+", card)[0], "approve")

    answer = await person("reject")

    assert "is executed by" in answer
    assert await talk.count(MEMOS) == 1


async def test_another_card_is_decided_by_its_name(person: Client, talk: Talk, model: ScriptedOpenAI) -> None:
    model.script(PAY)
    first = re.findall(r"APR-\d+", await person("Pay 15 euros"))[0]
    await person("Pay 15 euros")
    model.script(says("15.00 EUR were paid."))

    answer = await person(f"approve {first}")

    assert answer == f"{first}: the decision `approve` is stored."
    assert await talk.count(MEMOS) == 1


@pytest.mark.parametrize("said", ["yes", "ok, approve it", "I approve of mugs"])
async def test_nothing_but_the_word_decides(person: Client, talk: Talk, model: ScriptedOpenAI, said: str) -> None:
    model.script(PAY, says("It waits for you."))
    await person("Pay 15 euros")

    await person(said)

    assert await talk.count(MEMOS) == 0
    assert await talk.count(TURNS) == 2


async def test_no_key_approves_what_was_asked_through_it(
    door: Door, mine: NewShop, talk: Talk, model: ScriptedOpenAI
) -> None:
    program = door(await mine.key_text(scopes=["*", "approvals:decide"]))
    model.script(calls(("open_shutters", {})), says("Open."))
    program.said = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Open the shutters."}]
    card = await program("Open the shutters")

    answer = await program("approve")

    assert "No key decides what it asked for itself." in card
    assert "decide-approval --approval APR-" in card
    assert "was asked through" in answer
    assert await talk.count(MEMOS) == 0


@pytest.mark.parametrize(
    ("text", "decided"),
    [
        ("approve", ("approve", None, None)),
        (" Approve! ", ("approve", None, None)),
        ("`approve`", ("approve", None, None)),
        ("approve apr-1001", ("approve", "APR-1001", None)),
        ("reject: too much.", ("reject", None, "too much")),
        ("reject APR-1001, she called", ("reject", "APR-1001", "she called")),
        ("reject the return of ORD-1042", None),
        ("approved", None),
        ("yes", None),
        ("approve and ship it", None),
    ],
)
def test_what_decides_is_a_word_of_its_own(text: str, decided: tuple[str, str | None, str | None] | None) -> None:
    assert decision_of(text) == decided


async def test_without_a_card_the_word_is_a_message_like_any_other(
    person: Client, talk: Talk, model: ScriptedOpenAI
) -> None:
    model.script(says("What shall I approve?"))

    await person("approve")

    assert await talk.count(TURNS) == 1


# ---- refusals ------------------------------------------------------------------------------------------------------------


async def test_refusals_have_openais_shape_and_status(door: Door, program: Client) -> None:
    hello: Any = {"model": "shopkeeper", "messages": [{"role": "user", "content": "hello"}]}
    picture = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]
    ask = program.openai.chat.completions.create

    with pytest.raises(openai.NotFoundError, match="There is no model gpt-9"):
        await ask(**(hello | {"model": "gpt-9"}))
    with pytest.raises(openai.UnprocessableEntityError, match="only parts of type `text`"):
        await ask(**(hello | {"messages": [{"role": "user", "content": picture}]}))
    with pytest.raises(openai.UnprocessableEntityError, match="has to be the person's"):
        await ask(**(hello | {"messages": [{"role": "assistant", "content": "hello"}]}))
    for more in ({"n": 2}, {"response_format": {"type": "json_object"}}, {"tool_choice": "required"}):
        with pytest.raises(openai.UnprocessableEntityError):
            await ask(**(hello | more))
    with pytest.raises(openai.AuthenticationError) as refused:
        await door("nonsense").openai.models.list()
    assert refused.value.body == {
        "message": "That is not an API key of this shop: keys look like `sk_<merchant>_<secret>`. Sign in, or send "
        "`Authorization: Bearer sk_…` with a key that is valid and not revoked.",
        "type": "authentication_error",
        "param": None,
        "code": "Unauthenticated",
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not JSON", 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"messages": []}', 422),
        (b'{"messages": [{"role": "user"}]}', 422),
        (b'{"messages": [{"role": "wizard", "content": "hello"}]}', 422),
        (b'{"messages": [{"role": "user", "content": [5]}]}', 422),
        (b'{"messages": [{"role": "user", "content": "hello"}], "model": 5}', 422),
        (b'{"messages": [{"role": "user", "content": "a\\u0000b"}]}', 422),
        (b'{"messages": [{"role": "user", "content": "' + b"x" * 8_001 + b'"}]}', 422),
        (b'{"messages": ' + b"[" * 200 + b"]" * 200 + b"}", 422),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_what_cannot_be_is_refused_in_the_same_shape(program: Client, body: bytes, status: int) -> None:
    address, key = str(program.openai.base_url), program.openai.api_key
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=address, headers=headers) as browser:
        answer = await browser.post("chat/completions", content=body)

    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_revoked_key_sees_no_models(door: Door, mine: NewShop) -> None:
    forged = f"sk_{mine.id}_{'0' * 32}"

    with pytest.raises(openai.AuthenticationError):
        await door(forged).openai.models.list()


async def test_a_chore_of_the_client_is_no_turn(program: Client, talk: Talk) -> None:
    """So Open WebUI asks for titles, with the conversation in the text: a turn of it might act on what it quotes."""
    chore = (
        "### Task:\nGenerate a concise title.\n### Chat History:\n<chat_history>\nUSER: pay 15 euros\n</chat_history>"
    )

    with pytest.raises(openai.UnprocessableEntityError, match=r"docs/models\.md"):
        await program(chore)

    assert await talk.count(TURNS) == 0


async def test_who_asks_too_often_is_told_when_to_come_back(carrying: Chat, mine: NewShop) -> None:
    async with opened(carrying, per_minute=6) as door:
        client = door(await mine.key_text(scopes=["*"]))
        await client.openai.models.list()
        with pytest.raises(openai.RateLimitError) as refused:
            await client.openai.models.list()

    assert refused.value.response.headers["retry-after"] == "10"
    assert refused.value.response.headers["x-should-retry"] == "true"


async def test_a_body_that_is_too_large_is_refused(program: Client) -> None:
    program.said = [{"role": "user", "content": "x" * (1 << 20)}]

    with pytest.raises(openai.APIStatusError) as refused:
        await program.again()

    assert refused.value.status_code == 413
