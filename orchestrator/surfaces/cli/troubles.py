"""What can go wrong, in two plain lines: what it is, and what to do about it. Anything else is a bug, and shows itself."""

import errno
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import typer

from orchestrator.surfaces.cli import show


@contextmanager
def refusals(*, as_json: bool = False) -> Generator[None]:
    """Shows why an operation was refused, and ends the command: with 2 for what was asked in a wrong way, otherwise with 1."""
    from orchestrator.surfaces.cli.answers import Refused
    from tools.contract.errors import ShopError

    try:
        yield
    except (Refused, ShopError) as error:
        refused = error if isinstance(error, Refused) else Refused(error.status, error.problem())
        if as_json:
            show.raw(refused.problem)
        else:
            show.trouble(refused.problem["message"], refused.problem["hint"])
        raise typer.Exit(refused.exit_code) from None


def plainly(error: Exception) -> tuple[str, str] | None:
    """Message and hint of a trouble that a person can do something about; None for a bug."""
    if isinstance(getattr(error, "hint", None), str):  # EmbeddedError, NotReady, NewerSchema, BackupError
        return str(error), str(getattr(error, "hint", ""))
    if isinstance(error, OSError):
        return _of_the_machine(error)
    return _of_the_settings(error) or _of_the_database(error) or _of_the_network(error)


def _of_the_machine(error: OSError) -> tuple[str, str] | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full.", "Free some space, and do the same again. What was saved is still there."
    if error.filename is None:
        return None
    reason = (error.strerror or "it cannot be used").lower()
    return (
        f"{error.filename}: {reason}.",
        "Set SHOPKEEPER_HOME to a folder that you may write to, or name another file.",
    )


def _of_the_settings(error: Exception) -> tuple[str, str] | None:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or error.title != "Settings":
        return None
    wrong = "; ".join(f"{found['loc'][0]}: {found['msg']}" for found in error.errors(include_url=False))
    return f"A setting cannot be used: {wrong}.", "Correct the environment variable, or unset it for its default."


def _of_the_database(error: Exception) -> tuple[str, str] | None:
    import psycopg
    from psycopg.errors import DiskFull
    from psycopg_pool import PoolTimeout

    from db.session import UnsafeRole

    match error:
        case UnsafeRole():
            message, _, advice = str(error).partition(". ")
            return f"{message}.", advice
        case DiskFull():
            return "The disk under the database is full.", "Free some space, and do the same again."
        case psycopg.OperationalError() | PoolTimeout():
            first = str(error).partition("\n")[0]
            return f"The database does not answer: {first}", "Is it running, and is DATABASE_URL right?"
        case _:
            return None


def _of_the_network(error: Exception) -> tuple[str, str] | None:
    import httpx

    if not isinstance(error, httpx.HTTPError | httpx.InvalidURL):
        return None
    told: Any = getattr(error, "request", None) if isinstance(error, httpx.RequestError) else None
    where = f"{told.url.scheme}://{told.url.netloc.decode()}" if told else "SHOPKEEPER_URL"
    return (
        f"No shop answers at {where}: {str(error) or type(error).__name__}.",
        "Start it there with `shopkeeper start`; or unset SHOPKEEPER_URL to work in this installation.",
    )
