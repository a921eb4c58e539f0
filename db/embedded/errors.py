"""What can be wrong with a machine that is to keep a database, and what to do about it."""

import errno
import os
import shutil
from pathlib import Path

ELSEWHERE = "set DATABASE_URL to a PostgreSQL server (16 or newer) of your own"


class EmbeddedError(Exception):
    """The embedded server cannot be used as things are; `hint` says what to do."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class BinariesMissing(EmbeddedError):
    """There are no PostgreSQL programs here, or they do not run."""


class ServiceUserMissing(EmbeddedError):
    """PostgreSQL refuses to run as root, and no other user could be made."""


class FolderTaken(EmbeddedError):
    """Somebody else owns a folder that has to be ours alone."""


class UnsupportedFilesystem(EmbeddedError):
    """A network drive may lie about what it has written; a database on it breaks."""


class DiskFull(EmbeddedError):
    """The disk under the database has no room left."""


class NewerDataDirectory(EmbeddedError):
    """The cluster was made by a newer major version than the programs at hand."""


class OlderDataDirectory(EmbeddedError):
    """The cluster was made by an older major version than the programs at hand."""


class ClusterElsewhere(EmbeddedError):
    """The home has had a cluster, and it is not where this start looks: an empty shop in its place would be a shock."""


class PasswordsMissing(EmbeddedError):
    """There is a cluster, but the home has lost the passwords to it."""


class ServerDidNotStart(EmbeddedError):
    """PostgreSQL ended before it was ready; the message has the last lines of its log."""


class ServerDidNotStop(EmbeddedError):
    """PostgreSQL was asked to stop and did not."""


class ServerRefuses(EmbeddedError):
    """PostgreSQL runs, but does not let us in."""


def disk_full(path: Path, reason: Exception | str) -> DiskFull | None:
    """The error to show if the reason for a failure is the full disk that holds the path."""
    standing = next(folder for folder in (path, *path.parents) if os.path.exists(folder))
    free = shutil.disk_usage(standing).free // 2**20
    said = isinstance(reason, OSError) and reason.errno in (errno.ENOSPC, errno.EDQUOT)
    if not said and "No space left on device" not in str(reason) and free >= 16:  # a full disk also swallows the log
        return None
    return DiskFull(
        f"The disk that holds {path} is full: {free} MB are free.",
        hint="Free some space there (a new shop needs about 200 MB) and start again. What was saved is still there.",
    )
