"""What a turn's calls of language models cost, by agent and model: in tokens, and in money where a price is known."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from orchestrator.state import Asked, Made


class Price(NamedTuple):
    """US dollars for a million tokens, which is millionths of a dollar for one."""

    prompt: float
    completion: float


Prices = Mapping[str, Price]  # by model


def usage_of(asked: Sequence[Asked], made: Sequence[Made], prices: Prices) -> dict[str, Any]:
    """The turn as a whole, and `agents`, the dearest first.

    `micro_usd`, millionths of a US dollar, is missing where a model has no price.
    """
    by_agent = sorted(asked, key=_who)
    agents = [_sum(who, list(calls), prices) for who, calls in groupby(by_agent, key=_who)]
    agents.sort(key=lambda one: -(one["prompt_tokens"] + one["completion_tokens"]))
    usage: dict[str, Any] = {
        "model_calls": len(asked),
        "tool_calls": len(made),
        "prompt_tokens": sum(one["prompt_tokens"] for one in asked),
        "completion_tokens": sum(one["completion_tokens"] for one in asked),
        "agents": agents,
    }
    costs = [one["micro_usd"] for one in agents if "micro_usd" in one]
    return usage | ({"micro_usd": sum(costs)} if costs and len(costs) == len(agents) else {})


def _who(one: Asked) -> tuple[str, str]:
    return one["agent"], one["model"]


def _sum(who: tuple[str, str], calls: Sequence[Asked], prices: Prices) -> dict[str, Any]:
    agent, model = who
    prompt, completion = (sum(one[kind] for one in calls) for kind in ("prompt_tokens", "completion_tokens"))
    told = {"agent": agent, "model": model, "model_calls": len(calls)}
    told |= {"prompt_tokens": prompt, "completion_tokens": completion}
    price = prices.get(model)
    return told | ({"micro_usd": round(prompt * price.prompt + completion * price.completion)} if price else {})
