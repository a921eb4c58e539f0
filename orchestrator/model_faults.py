"""What went wrong with a language model: whether asking again helps, after how long, and what a person is told."""

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import openai

LONGEST_PAUSE = 20.0  # seconds that a model is waited for because it says so; a turn has 120 in all


@dataclass(frozen=True)
class Fault:
    """`told` is a sentence for the person; `again` whether the same model may answer the next time, `after` so many seconds."""

    told: str
    again: bool = False
    after: float | None = None

    def pause(self, attempt: int) -> float:
        """Seconds before the next try: what the model asked for, or twice as long each time, never quite the same."""
        return self.after if self.after is not None else min(8.0, 0.5 * 2**attempt) * random.uniform(0.75, 1)


BROKE_OFF = Fault("The language model did not answer: its answer broke off.", again=True)


def fault_of(failed: Exception) -> Fault:
    """What an exception of the client means. Raises it again where it is no fault of the model's."""
    import openai

    match failed:
        case openai.APIStatusError():
            return _refused(failed)
        case openai.APITimeoutError() | httpx.TimeoutException() | TimeoutError():
            return Fault(
                "The language model said nothing for too long (SHOPKEEPER_MODEL_SECONDS). Try again in a minute."
            )
        case openai.APIConnectionError() | httpx.TransportError():
            lost = type(failed).__name__
            return Fault(f"The language model did not answer: the connection to it was lost ({lost}).", again=True)
        case openai.APIError() | json.JSONDecodeError():  # an error in the stream, or what is no answer at all
            return Fault("The language model did not answer: what it sent could not be read.", again=True)
        case _:
            raise failed


def _refused(refused: "openai.APIStatusError") -> Fault:
    match refused.status_code:
        case 401 | 403:
            return Fault(
                "The language model refused the key (OPENAI_API_KEY). Check it, or unset it to use the embedded planner."
            )
        case 404:
            return Fault(
                "The language model does not know the model or the address (SHOPKEEPER_MODEL, OPENAI_BASE_URL)."
            )
        case 429:
            told = "The language model is overloaded or its quota is used up (429)."
            return _later(told, refused.response.headers.get("retry-after", ""))
        case 408 | 409:
            return Fault(f"The language model was busy ({refused.status_code}). Try again in a minute.", again=True)
        case status if status >= 500:
            return _later(
                f"The language model failed on its side ({status}).", refused.response.headers.get("retry-after", "")
            )
        case status:
            return Fault(f"The language model refused the request ({status}).")


def _later(told: str, retry_after: str) -> Fault:
    """Worth another try, unless the model itself says that it will take long."""
    after = float(retry_after) if retry_after.replace(".", "", 1).isdigit() else None
    if after is None or after <= LONGEST_PAUSE:
        return Fault(f"{told} Try again in a minute.", again=True, after=after)
    return Fault(f"{told} Try again in {after:.0f} seconds.")
