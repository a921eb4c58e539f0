"""Each way in which a language model fails: what a person sees, how often it was asked, and that nothing is done twice."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from orchestrator.chat import Chat
from orchestrator.language_model import Models, remote_models
from orchestrator.model_faults import Fault
from orchestrator.saver import PooledSaver
from orchestrator.settings import Settings
from orchestrator.supervisor import Supervisor
from tests.factories import NewShop
from tests.orchestrator import probes
from tests.orchestrator.conftest import MEMOS, Talk
from tests.scripted_openai import Reply, Script, ScriptedOpenAI, breaks_off, calls, refuses, says
from tools.contract.actors import Door
from tools.contract.call import Shop

STAND_IN = "stand-in"
WRITE = calls(("write_memo", {"text": "milk"}))
SAID = says("Written.")
DONE = "Done: write_memo (PRD-1)."
NOTHING = "Nothing was done."
MODEL = "The language model"


class Fails(NamedTuple):
    """How the model fails; then what is seen of it: the answer, how often it was asked, and how many memos there are."""

    replies: tuple[Reply, ...]
    answer: str
    asked: int
    memos: int


def later(status: int) -> Reply:
    return refuses(status, retry_after="0")


FAULTS: dict[str, Fails] = {
    "overloaded, and then not": Fails((later(429), WRITE, SAID), "Written.", 3, 1),
    "overloaded for good": Fails(
        (later(429),),
        f"{MODEL} is overloaded or its quota is used up (429). Try again in a minute.\n\n{NOTHING}",
        4,
        0,
    ),
    "overloaded for an hour": Fails(
        (refuses(429, retry_after="3600"),),
        f"{MODEL} is overloaded or its quota is used up (429). Try again in 3600 seconds.\n\n{NOTHING}",
        1,
        0,
    ),
    "failing on its side, and then not": Fails((later(500), later(503), WRITE, SAID), "Written.", 4, 1),
    "failing after the change": Fails(
        (WRITE, later(503)), f"{MODEL} failed on its side (503). Try again in a minute.\n\n{DONE}", 5, 1
    ),
    "a key that it does not take": Fails(
        (refuses(401),),
        f"{MODEL} refused the key (OPENAI_API_KEY). Check it, or unset it to use the embedded planner.\n\n{NOTHING}",
        1,
        0,
    ),
    "a name that it does not know": Fails(
        (refuses(404),),
        f"{MODEL} does not know the model or the address (SHOPKEEPER_MODEL, OPENAI_BASE_URL).\n\n{NOTHING}",
        1,
        0,
    ),
    "a request that it does not take": Fails(
        (WRITE, refuses(400)), f"{MODEL} refused the request (400).\n\n{DONE}", 2, 1
    ),
    "an answer cut off, and then whole": Fails((WRITE, breaks_off("Writ"), SAID), "Written.", 3, 1),
    "a call cut off, and then whole": Fails(
        (breaks_off("", ("write_memo", {"text": "milk"})), WRITE, SAID), "Written.", 3, 1
    ),
    "an error in the stream": Fails((Reply(text="Wr", failing=True), WRITE, SAID), "Written.", 3, 1),
    "a stream that is none": Fails((Reply(garbled=True), WRITE, SAID), "Written.", 3, 1),
    "a first token that takes its time": Fails((WRITE, Reply(text="Written.", slow=0.2)), "Written.", 2, 1),
    "silence": Fails(
        (WRITE, Reply(silent=True)),
        f"{MODEL} said nothing for too long (SHOPKEEPER_MODEL_SECONDS). Try again in a minute.\n\n{DONE}",
        2,
        1,
    ),
    "arguments that are no JSON": Fails((calls(("write_memo", '{"text": "mi')), WRITE, SAID), "Written.", 3, 1),
    "arguments that are no object": Fails((calls(("write_memo", '["milk"]')), WRITE, SAID), "Written.", 3, 1),
    "a tool that there is not": Fails((calls(("brew_coffee", {})), WRITE, SAID), "Written.", 3, 1),
    "the same call over and over": Fails(
        (WRITE,),
        "I stopped at the limit of 12 calls of the language model.\n\nDone: write_memo (PRD-1); write_memo (PRD-2).",
        12,
        2,
    ),
    "a refusal": Fails(
        (Reply(refusal="I will not help with that."),), f"{MODEL} refuses: “I will not help with that.”", 1, 0
    ),
    "an answer that was filtered": Fails(
        (WRITE, Reply(reason="content_filter")), f"{MODEL}'s provider filtered the rest of the answer.", 2, 1
    ),
    "an answer that grew too long": Fails(
        (Reply(text="Once upon", reason="length"),),
        "Once upon\n\nThe answer ends here: it reached the language model's limit of length.",
        1,
        0,
    ),
    "an empty answer": Fails((WRITE, says("")), f"{MODEL} gave no answer.\n\n{DONE}", 2, 1),
}  # fmt: skip


Houses = tuple[Supervisor, Supervisor]  # one that waits a minute for its model, and one that waits two seconds


@pytest.fixture(scope="module")
async def alone(model_server: ScriptedOpenAI, saver: PooledSaver) -> AsyncGenerator[Houses]:
    """Shops with one model."""
    async with _houses(model_server, saver) as both:
        yield both


@pytest.fixture(scope="module")
async def provided(model_server: ScriptedOpenAI, saver: PooledSaver) -> AsyncGenerator[Houses]:
    """The same with a second model."""
    async with _houses(model_server, saver, SHOPKEEPER_FALLBACK_MODEL=STAND_IN) as both:
        yield both


@asynccontextmanager
async def _houses(server: ScriptedOpenAI, saver: PooledSaver, **more: str) -> AsyncGenerator[Houses]:
    patient, hurried = _settings(server, **more), _settings(server, SHOPKEEPER_MODEL_SECONDS="2", **more)
    async with remote_models(patient) as one, remote_models(hurried) as other:
        yield _house(one, saver), _house(other, saver)


def _house(models: Models, saver: PooledSaver) -> Supervisor:
    return Supervisor(probes.SCOPES, probes.TOOLS, models, probes.words(), saver)


def _settings(server: ScriptedOpenAI, **more: str) -> Settings:
    own: dict[str, Any] = {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": server.url, "SHOPKEEPER_MODEL": "first"}
    return Settings.model_validate(own | more)


async def ask(shop: Shop, supervisor: Supervisor, mine: NewShop, text: str) -> tuple[str, int]:
    """The answer to a person's wish, and how many memos there are then."""
    chat = Chat(shop, supervisor, probes.TOOLS)
    talk = Talk(chat, mine.caller("owner", door=Door.rest))
    turn = await talk(text)
    await chat.close()
    return turn.answer or "", await talk.count(MEMOS)


@pytest.mark.parametrize("how", FAULTS)
async def test_what_a_person_sees_when_the_model_fails(
    shop: Shop, alone: Houses, mine: NewShop, model: ScriptedOpenAI, how: str
) -> None:
    fails = FAULTS[how]
    model.script(*fails.replies)

    house = alone[any(reply.silent for reply in fails.replies)]
    answer, memos = await ask(shop, house, mine, "Write a memo: milk")

    assert answer.startswith(fails.answer)
    assert (len(model.seen), memos) == (fails.asked, fails.memos)


# ---- the model that stands in --------------------------------------------------------------------------------------------


def only_first(reply: Reply, *then: Reply) -> Script:
    """The first model always replies so; the other one works."""
    left = list(then)
    return lambda body: reply if body["model"] == "first" else left.pop(0)


@pytest.mark.parametrize(
    ("reply", "tries"),
    [(later(503), 4), (refuses(429, retry_after="3600"), 1), (Reply(silent=True), 1), (refuses(401), 1)],
    ids=["failing", "overloaded for an hour", "silent", "refusing the key"],
)
async def test_another_model_is_asked_after_the_tries_of_the_first(
    shop: Shop, provided: Houses, mine: NewShop, model: ScriptedOpenAI, reply: Reply, tries: int
) -> None:
    model.answer(only_first(reply, WRITE, SAID))

    answer, memos = await ask(shop, provided[reply.silent], mine, "Write a memo: milk")

    assert (answer, memos) == ("Written.", 1)
    assert [body["model"] for body in model.seen] == [*["first"] * tries, STAND_IN] * 2


async def test_a_model_that_fails_half_way_through_a_turn_is_replaced_and_nothing_is_done_again(
    shop: Shop, provided: Houses, mine: NewShop, model: ScriptedOpenAI
) -> None:
    model.script(WRITE, later(500), later(500), later(500), later(500), SAID)

    answer, memos = await ask(shop, provided[0], mine, "Write a memo: milk")

    assert (answer, memos) == ("Written.", 1)
    assert model.seen[-1]["model"] == STAND_IN
    assert model.seen[-1]["messages"] == model.seen[-2]["messages"]


async def test_when_both_fail_both_are_told(shop: Shop, provided: Houses, mine: NewShop, model: ScriptedOpenAI) -> None:
    model.answer(lambda body: refuses(401) if body["model"] == "first" else refuses(400))

    answer, _ = await ask(shop, provided[0], mine, "Write a memo: milk")

    assert "refused the key (OPENAI_API_KEY)" in answer
    assert "stand-in, asked in its place, did not answer either: The language model refused the request (400)" in answer


async def test_a_key_goes_to_its_own_server_only(
    shop: Shop, saver: PooledSaver, mine: NewShop, model: ScriptedOpenAI
) -> None:
    elsewhere = {"SHOPKEEPER_FALLBACK_MODEL": STAND_IN, "SHOPKEEPER_FALLBACK_URL": model.url}
    model.answer(only_first(refuses(401), SAID))
    async with remote_models(_settings(model, **elsewhere)) as models:
        await ask(shop, _house(models, saver), mine, "How many mugs?")

    assert model.keys == ["Bearer test", "Bearer none"]


@pytest.mark.parametrize(("set_to", "sent"), [({}, None), ({"SHOPKEEPER_MODEL_TEMPERATURE": "0.2"}, 0.2)])
async def test_a_temperature_is_sent_only_where_one_is_set(
    shop: Shop, saver: PooledSaver, mine: NewShop, model: ScriptedOpenAI, set_to: dict[str, str], sent: float | None
) -> None:
    model.script(SAID)
    async with remote_models(_settings(model, **set_to)) as models:
        await ask(shop, _house(models, saver), mine, "How many mugs?")

    assert model.seen[0].get("temperature") == sent


def test_pauses_grow_and_are_what_the_model_asks_for() -> None:
    asked = Fault("", "", again=True, after=7.0)
    growing = [Fault("", "", again=True).pause(attempt) for attempt in range(6)]

    assert asked.pause(0) == 7.0
    assert all(most * 0.75 <= pause <= most for pause, most in zip(growing, (0.5, 1, 2, 4, 8, 8), strict=True))
