"""Taking files in: who may, how large, of which type. They lie in PostgreSQL, behind the wall, with the rows that speak of them."""

import hashlib
import mimetypes
from datetime import timedelta
from typing import IO, Any, NamedTuple

from db.model import new_id
from db.references import TAKE, Kind
from db.session import Transaction
from orchestrator.settings import Settings
from tools import registry
from tools.contract.actors import Actor, Caller
from tools.contract.context import Taken
from tools.contract.errors import Forbidden, IdempotencyKeyReused, Invalid, ShopError
from tools.contract.files import PART
from tools.contract.idempotency import enter
from tools.contract.outside import outside
from tools.contract.shop import Shop

_SIGNATURES = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


class FileTooLarge(ShopError):
    """The file is larger than the shop takes."""

    status = 413
    hint = "Split it: an import may come in several files."


class FileTypeNotTaken(ShopError):
    """The file is of a kind that no operation reads."""

    status = 415
    hint = "Save it as “CSV UTF-8” in your spreadsheet program, and upload that. Archives are not unpacked."


class NoRoomForFiles(ShopError):
    """The shop's uploaded files together take as much room as it gives them."""

    status = 413
    hint = "Wait until older files expire, or raise SHOPKEEPER_FILES_BYTES."


class Uploaded(NamedTuple):
    """A file that was taken in."""

    reference: str
    name: str
    media_type: str
    size: int
    digest: str
    expires_at: str


class _Sum(NamedTuple):
    size: int


_KNOWN = """
select reference, name, media_type, size, digest, to_json(expires_at) #>> '{}' as expires_at from files
where merchant_id = %(m)s and uploaded_by = %(actor)s and upload_key = %(key)s
"""
_INSERT = """
insert into files (merchant_id, id, reference, name, media_type, digest, size, uploaded_by, upload_key, created_at, expires_at)
values (%(m)s, %(id)s, %(reference)s, %(name)s, %(media_type)s, %(digest)s, %(size)s, %(actor)s, %(key)s, %(now)s, %(expires)s)
"""
_PART = """
insert into file_parts (merchant_id, id, file_id, position, content, created_at)
values (%(m)s, %(id)s, %(file)s, %(position)s, %(content)s, %(now)s)
"""


async def upload(
    shop: Shop, settings: Settings, caller: Caller, key: str, name: str, media_type: str, content: IO[bytes]
) -> Uploaded:
    """Keep a file; the same key is the same file.

    Raises `Forbidden`, `FileTooLarge`, `FileTypeNotTaken`, `NoRoomForFiles` or `IdempotencyKeyReused`.
    """
    name = _plain_name(name)
    digest, size = _measured(content, settings.file_bytes)
    media_type = _type(name, media_type, content, settings)
    async with shop.database.transaction(caller.merchant, patience=shop.room.jobs) as sql:
        actor = (await enter(sql, caller, None, shop.clock())).actor(caller)
        _refuse_who_has_no_use_for_it(actor)
        now = shop.clock()
        params = {
            "m": caller.merchant, "actor": actor.reference, "key": key, "name": name, "media_type": media_type,
            "digest": digest, "size": size, "now": now, "expires": now + timedelta(days=settings.file_days), "id": new_id(),
        }  # fmt: skip
        known = await sql.row(_KNOWN, params, as_=Uploaded)
        if known is None:
            await _refuse_without_room(sql, size, settings)
            await _keep(sql, params, content)
            known = await sql.row(_KNOWN, params, as_=Uploaded)
            await sql.commit()
    assert known is not None
    if known.digest != digest:
        raise IdempotencyKeyReused(f"This idempotency key was used for another file ({known.reference}).")
    return known


async def may_upload(shop: Shop, caller: Caller) -> None:
    """Raises `Forbidden` for who could not use a file in any operation, before anything of it is read."""
    async with shop.database.transaction(caller.merchant, read_only=True) as sql:
        _refuse_who_has_no_use_for_it((await enter(sql, caller, None, shop.clock())).actor(caller))


def _refuse_who_has_no_use_for_it(actor: Actor) -> None:
    uses = {tool.permission for tool in registry.tools().values() if "'x-prefix': 'FILE'" in str(tool.schema)}
    if not uses & actor.permissions:
        named = " or ".join(sorted(uses))
        raise Forbidden(f"Uploading a file needs a permission to do something with it: {named}.", permission=named)


def _plain_name(name: str) -> str:
    """The last part of a path, as systems write them; nobody hides a folder or a line end in it."""
    plain = "".join(sign for sign in name.replace("\\", "/").rpartition("/")[2] if sign.isprintable()).strip()
    if not plain:
        raise Invalid("The file has no name.", hint="Send it as a form's field with `filename`.")
    return plain[-200:]


def _measured(content: IO[bytes], most: int) -> tuple[str, int]:
    """SHA-256 and size."""
    digest, size = hashlib.sha256(), 0
    content.seek(0)
    while part := content.read(PART):
        size += len(part)
        digest.update(part)
    if size > most:
        raise FileTooLarge(f"The file has more than {most:,} bytes.")
    if not size:
        raise Invalid("The file is empty.", hint="Send a file with content.")
    return digest.hexdigest(), size


def _type(name: str, media_type: str, content: IO[bytes], settings: Settings) -> str:
    """The media type; a program that names none is believed the name's ending. What a file is, its first bytes say better."""
    given = media_type.partition(";")[0].strip().lower()
    if given in ("", "application/octet-stream"):
        given = mimetypes.guess_type(name)[0] or "application/octet-stream"
    content.seek(0)
    begins = content.read(8)
    for signature, what in _SIGNATURES.items():
        if begins.startswith(signature):
            raise FileTypeNotTaken(f"{outside(name)} is {what}, whatever it is called.")
    taken = [kind.strip() for kind in settings.file_types.split(",")]
    if given not in taken:
        raise FileTypeNotTaken(f"{outside(name)} is {given}; the shop takes {', '.join(taken)}.")
    return given


async def _refuse_without_room(sql: Transaction, size: int, settings: Settings) -> None:
    kept = await sql.row(
        "select coalesce(sum(size), 0)::bigint as size from files where merchant_id = %(m)s",
        {"m": sql.merchant},
        as_=_Sum,
    )
    if kept and kept.size + size > settings.files_bytes:
        raise NoRoomForFiles(
            f"The shop keeps {kept.size:,} bytes of files, and {size:,} more would be over {settings.files_bytes:,}."
        )


async def _keep(sql: Transaction, params: dict[str, Any], content: IO[bytes]) -> None:
    counter = {"merchant": sql.merchant, "id": new_id(), "name": Kind.file.value, "count": 1, "now": params["now"]}
    last = (await sql.rows(TAKE, counter, as_=Taken))[0].value
    await sql.execute(_INSERT, {**params, "reference": Kind.file.reference(last)})
    content.seek(0)
    position = 0
    while part := content.read(PART):
        own = {"id": new_id(), "file": params["id"], "position": position, "content": part}
        await sql.execute(_PART, {"m": sql.merchant, "now": params["now"], **own})
        position += 1


SWEEP = "delete from files where merchant_id = %(m)s and expires_at < %(now)s"
