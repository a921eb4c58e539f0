"""Errors: a class for each broken rule. Its name is the code, its message has the numbers, its hint says what to do next.

On the wire they are RFC 9457 problems; a model and a clerk read the same message and hint.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
import psycopg.errors as pg
from pydantic import ValidationError

from db.session import DatabaseBusy
from db.transitions import IllegalMove as MoveRefused
from tools.contract.outside import Quote, plain, quoting


class ShopError(Exception):
    """A rule of the shop was not kept; nothing was changed."""

    status: ClassVar[int] = 409
    retryable: ClassVar[bool] = False
    hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(plain(message))
        self._said: dict[str, Any] = {"message": message, "hint": hint or self.hint, **details}
        self.message: str = plain(message)
        self.advice: str = plain(hint or self.hint)
        self.details: dict[str, Any] = plain(details)

    @classmethod
    def code(cls) -> str:
        return cls.__name__

    def problem(self, quote: Quote = str) -> dict[str, Any]:
        """What every door shows: code, message, hint, whether to retry, and the details of this case.

        `quote` shows what outsiders wrote in them; people read it plainly.
        """
        said = quoting(self._said, quote)
        return {
            "code": self.code(),
            "message": said.pop("message"),
            "hint": said.pop("hint"),
            "retryable": self.retryable,
            **said,
        }


class Conflict(ShopError):
    """The state of things does not allow it."""


class Unreadable(ShopError):
    """The request cannot be read."""

    status = 400


class Unauthenticated(ShopError):
    """Nobody is signed in, or the key is not known."""

    status = 401
    hint = "Sign in, or send `Authorization: Bearer sk_…` with a key that is valid and not revoked."


class LinkNotKnown(Unauthenticated):
    """The one-time link is not, or no longer, one of ours."""

    hint = "Use the newest link that you got, or ask for a new one."


class Forbidden(ShopError):
    """The caller lacks a permission."""

    status = 403
    actor = ""  # who was refused, for the access log


class NotFound(ShopError):
    """Nothing of that name in this shop."""

    status = 404


class Invalid(ShopError):
    """The request can be read, but its values cannot be."""

    status = 422

    def __init__(self, message: str, *, errors: Sequence[dict[str, Any]] = (), **more: Any) -> None:
        super().__init__(message, errors=list(errors), **more)

    @classmethod
    def of(cls, invalid: ValidationError, tool: str) -> "Invalid":
        """Each field that cannot be, by its place and with what is wrong about it."""
        found = [
            {"pointer": "/" + "/".join(map(str, error["loc"])), "code": error["type"], "message": error["msg"]}
            for error in invalid.errors(include_url=False, include_context=False, include_input=False)
        ]
        what = "; ".join(f"{error['pointer'][1:] or 'input'}: {error['message']}" for error in found)
        return cls(
            f"{tool} cannot be called like that: {what}.", hint="Correct the fields that `errors` names.", errors=found
        )


class AlreadyTaken(Conflict):
    """Something that has to be unique in the shop is in use."""

    hint = "Choose another, or use the one that exists."


class OutOfRange(Invalid):
    """A value is beyond what can be stored."""


class IllegalMove(Conflict):
    """The status does not allow it; `allowed_moves` says what it allows."""


class Ambiguous(Conflict):
    """The name fits several things."""

    hint = "Say which one is meant, by its reference."


class StaleVersion(ShopError):
    """Somebody changed it meanwhile."""

    status = 412
    hint = "Read it again, and send the change with its present version."


class VersionRequired(ShopError):
    """This may only be changed by someone who has read its present version."""

    status = 428
    hint = "Send the ETag of what you have read as If-Match, or its number as `version`."


class TooManyRequests(ShopError):
    """The caller asks more often than it may."""

    status = 429
    retryable = True


class Busy(ShopError):
    """The database is busy, or does not answer at the moment."""

    status = 503
    retryable = True
    hint = "Try again in a moment."


class TookTooLong(Busy):
    """A statement took longer than a call may take; nothing was changed."""

    hint = "Ask for less: a shorter period, fewer rows, one more filter. When the shop is less busy the same may pass."


class LeftAlone(Busy):
    """The call paused in the middle for too long, and its locks were given to others; nothing was changed."""


class TooManyReports(Busy):
    """As many reports as the shop works on at once are under way; the others leave room for orders."""

    hint = "Try again when one of them is done, or ask for a shorter period."


class TooManyWrites(Busy):
    """As many changes as the shop works on at once are under way; the others leave room for those who read."""

    hint = "Try again in a moment, with the same idempotency key."


class RowLocked(Conflict):
    """Somebody else is changing the same thing at this moment."""

    retryable = True
    hint = "Try again in a moment."


class GaveWay(Conflict):
    """Two changes stood in each other's way, and this one gave way; nothing of it was kept."""

    retryable = True
    hint = "Send it again: the other is through by now."


class IdempotencyKeyMissing(ShopError):
    """A write came without an Idempotency-Key."""

    status = 400
    hint = "Send an `Idempotency-Key` header: a UUID made for this one write, and the same again when you retry it."

    @classmethod
    def code(cls) -> str:
        return "idempotency_key_missing"


class IdempotencyInFlight(Conflict):
    """The same key is being worked on."""

    retryable = True
    hint = "Wait a second and send the same request with the same key: the answer will be the first one's."

    @classmethod
    def code(cls) -> str:
        return "idempotency_in_flight"


class IdempotencyKeyReused(ShopError):
    """The key was used for another request."""

    status = 422
    hint = "Make a new key for a new request."

    @classmethod
    def code(cls) -> str:
        return "idempotency_key_reused"


# Raised by the path itself, whatever the tool: every tool's documentation lists them once.
OF_EVERY_CALL: tuple[type[ShopError], ...] = (
    Unreadable, Unauthenticated, Forbidden, Invalid, TooManyRequests, Busy, TookTooLong, LeftAlone,
)  # fmt: skip
OF_EVERY_WRITE: tuple[type[ShopError], ...] = (
    IdempotencyKeyMissing, IdempotencyInFlight, IdempotencyKeyReused, RowLocked, GaveWay, TooManyWrites,
)  # fmt: skip


DATABASE_ERRORS = (psycopg.Error, DatabaseBusy)


def of_database(failed: BaseException) -> ShopError | None:
    """What a refusal of the database means to a caller; None when it is a bug of ours."""
    match failed:
        case DatabaseBusy():
            return Busy(str(failed), retry_after=2)
        case pg.QueryCanceled():
            return TookTooLong("This took longer than the shop lets a call take.", retry_after=5)
        case pg.IdleInTransactionSessionTimeout():
            return LeftAlone("This call paused in the middle for longer than the shop waits.", retry_after=2)
        case pg.LockNotAvailable():
            return RowLocked("Somebody else is changing the same thing.", retry_after=1)
        case pg.DeadlockDetected() | pg.SerializationFailure():
            return GaveWay("Somebody else was changing the same things.", retry_after=1)
        case pg.UniqueViolation():
            columns = str(failed.diag.constraint_name).split("merchant_id_")[-1].replace("_", " ")
            return AlreadyTaken(f"That {columns} is in use already ({str(failed.diag.table_name).replace('_', ' ')}).")
        case pg.ExclusionViolation():
            return GaveWay("Somebody else was setting the same price at the same time.", retry_after=1)
        case psycopg.DataError():
            return OutOfRange(
                f"A value cannot be stored: {str(failed).splitlines()[0]}.", hint="Give a smaller or a plainer one."
            )
        case _:
            return None


@contextmanager
def as_shop_errors() -> Generator[None]:
    """What the database refuses, in the shop's words."""
    try:
        yield
    except MoveRefused as refused:
        raise IllegalMove(str(refused), current_state=refused.current, allowed_moves=list(refused.allowed)) from refused
    except DATABASE_ERRORS as failed:
        raise of_database(failed) or failed from failed
