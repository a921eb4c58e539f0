"""What went wrong with a language model: whether asking again helps, after how long, and what a person is told."""

import json
import random
from dataclasses import dataclass

import httpx

LONGEST_PAUSE = 20.0  # seconds that a model is waited for because it says so; a turn has 120 in all


@dataclass(frozen=True)
class Fault:
    """`told` is a sentence for the person, `kind` a word for spans: a status, or what else it was.

    `again` is whether the same model may answer the next time, `after` so many seconds.
    """

    told: str
    kind: str
    again: bool = False
    after: float | None = None

    def pause(self, attempt: int) -> float:
        """Seconds before the next try: what the model asked for, or twice as long each time, never quite the same."""
        return self.after if self.after is not None else min(8.0, 0.5 * 2**attempt) * random.uniform(0.75, 1)


class Unreadable(Exception):
    """What is no piece of an answer."""


BROKE_OFF = Fault("The language model did not answer: its answer broke off.", "broke_off", again=True)


def fault_of(failed: Exception) -> Fault:
    """What an exception of the client means. Raises it again where it is no fault of the model's."""
    import openai

    match failed:
        case openai.APIStatusError():
            return _refused(failed.status_code, failed.response.headers.get("retry-after", ""))
        case openai.APITimeoutError() | httpx.TimeoutException() | TimeoutError():
            told = "The language model said nothing for too long (SHOPKEEPER_MODEL_SECONDS). Try again in a minute."
            return Fault(told, "timeout")
        case openai.APIConnectionError() | httpx.TransportError():
            lost = type(failed).__name__
            told = f"The language model did not answer: the connection to it was lost ({lost})."
            return Fault(told, lost, again=True)
        case openai.APIError() | json.JSONDecodeError() | Unreadable():  # an error in the stream, or no answer at all
            told = "The language model did not answer: what it sent could not be read."
            return Fault(told, type(failed).__name__, again=True)
        case _:
            raise failed


def _refused(status: int, retry_after: str) -> Fault:
    match status:
        case 401 | 403:
            told = "refused the key (OPENAI_API_KEY). Check it, or unset it to use the embedded planner."
        case 404:
            told = "does not know the model or the address (SHOPKEEPER_MODEL, OPENAI_BASE_URL)."
        case 429:
            return _later("is overloaded or its quota is used up (429).", status, retry_after)
        case 408 | 409:
            return _later(f"was busy ({status}).", status, retry_after)
        case _ if status >= 500:
            return _later(f"failed on its side ({status}).", status, retry_after)
        case _:
            told = f"refused the request ({status})."
    return Fault(f"The language model {told}", str(status))


def _later(told: str, status: int, retry_after: str) -> Fault:
    """Worth another try, unless the model itself says that it will take long."""
    after = float(retry_after) if retry_after.replace(".", "", 1).isdigit() else None
    soon = after is None or after <= LONGEST_PAUSE
    when = "in a minute" if after is None or soon else f"in {after:.0f} seconds"
    return Fault(f"The language model {told} Try again {when}.", str(status), again=soon, after=after)
