"""Files in and out. What comes in lies in parts behind the wall; what goes out is made piece by piece while it is read.

Nobody holds a file whole, and no transaction stays open between two pieces: a slow reader keeps nobody else waiting.
"""

import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import IO, Any, ClassVar, NamedTuple, Self
from urllib.parse import quote, urlencode
from uuid import UUID

from pydantic import Field, PrivateAttr

from db.references import Kind
from db.session import Transaction
from tools.contract.context import Context
from tools.contract.declare import Input, Result, Tool
from tools.contract.errors import NotFound
from tools.contract.shop import Shop

PREFIX = "/api/v1"
PART = 256 * 1024  # bytes
MEDIA_TYPES = {"csv": "text/csv", "json": "application/json", "pdf": "application/pdf", "zpl": "application/zpl"}


class Piece(NamedTuple):
    """Some of a file, and the place from which it goes on; None at its end."""

    content: bytes
    place: Any


NextPiece = Callable[[Transaction, Any], Awaitable[Piece]]


class FileResult(Result):
    """A file as an answer. REST sends it, the command line writes it; where neither can, `link` leads to it.

    The link is the operation's own address: whoever follows it has to be signed in and to hold the permission, then as now.
    There is no secret in it, and it ends with the session.
    """

    KINDS: ClassVar[tuple[str, ...]] = ("csv",)  # in which it may come: the last part of its name

    name: str = Field(description="What the file is called.")
    media_type: str = Field(description="Its media type, such as `text/csv`.")
    link: str = Field(description="Where whoever is signed in, and may, downloads it.")
    _next: NextPiece = PrivateAttr()

    @classmethod
    def of(cls, ctx: Context, tool: Tool[Any, Any], args: Input, *, name: str, next_piece: NextPiece) -> Self:
        media_type = MEDIA_TYPES[name.rpartition(".")[2]]
        made = cls(name=name, media_type=media_type, link=ctx.site.address + address_of(tool, args))
        made._next = next_piece
        return made

    async def stream(self, shop: Shop, merchant: UUID) -> AsyncGenerator[bytes]:
        """Its pieces, each read in a short transaction of its own."""
        place: Any = ()
        while place is not None:
            async with (shop.replica or shop.database).transaction(merchant, read_only=True) as sql:
                content, place = await self._next(sql, place)
            yield content


class JsonFile(FileResult):
    """The same, of JSON."""

    KINDS: ClassVar[tuple[str, ...]] = ("json",)


def address_of(tool: Tool[Any, Any], args: Input) -> str:
    """Where an operation with these arguments is asked over HTTP."""
    given = args.model_dump(mode="json", exclude_unset=True)
    path = tool.path.format(**{name: quote(str(given.pop(name)), safe="") for name in tool.path_fields})
    query = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    return PREFIX + path + (f"?{urlencode(query, doseq=True)}" if query else "")


class Stored(NamedTuple):
    """A file as an operation finds it."""

    id: UUID
    reference: str
    name: str
    media_type: str
    size: int


async def find_file(ctx: Context, written: str) -> Stored:
    """The uploaded file of that reference. Raises `NotFound`."""
    query = """
        select id, reference, name, media_type, size from files
        where merchant_id = %(m)s and (reference = %(r)s or external_reference = %(written)s) and expires_at > %(now)s
        order by (reference = %(r)s) desc limit 1
    """
    params = {"m": ctx.merchant.id, "r": Kind.file.canonical(written), "written": written, "now": ctx.now()}
    found = await ctx.sql.row(query, params, as_=Stored)
    if found is None:
        raise NotFound(
            f"There is no file {written}, or it has expired.",
            hint="Upload it with POST /files, and give the FILE-… that it gets; the command line takes a path.",
        )
    ctx.means(Kind.file, written, found.reference)
    return found


class _Part(NamedTuple):
    content: bytes


async def copied(ctx: Context, file: Stored, *, parts: int | None = None) -> IO[bytes]:
    """The file's content, or its first parts, in a nameless file of this machine, at its beginning."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115  # the caller's to close
    query = (
        "select content from file_parts where merchant_id = %(m)s and file_id = %(file)s and position = %(position)s"
    )
    whole = -(-file.size // PART)
    for position in range(min(whole, parts or whole)):
        params = {"m": ctx.merchant.id, "file": file.id, "position": position}
        copy.writelines(part.content for part in await ctx.sql.rows(query, params, as_=_Part))
    copy.seek(0)
    return copy
