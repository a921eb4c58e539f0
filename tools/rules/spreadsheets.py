"""CSV files as people's spreadsheet programs write and read them: line by line, however large, and whatever somebody put in."""

import csv
import io
import re
from collections.abc import Callable, Generator, Iterable
from typing import IO, NamedTuple

from tools.contract.errors import Invalid

LONGEST_LINE = 1 << 20  # bytes; csv's own limit for a cell is 128 KiB
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
AS_CSV_UTF8 = "Save it as “CSV UTF-8” in your spreadsheet program, and upload that."
# What spreadsheet programs take for a formula, or for one that was made harmless already.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_HARMLESS = re.compile(r"'+[=+\-@\t\r]")


class NotReadable(Invalid):
    """The file is no CSV file in UTF-8."""

    hint = AS_CSV_UTF8


class Row(NamedTuple):
    """A record, and the line of the file on which it begins."""

    line: int
    cells: list[str]


def row_of(cells: Iterable[object]) -> bytes:
    """A line of a CSV file. Text that would be run as a formula gets an apostrophe, which `text_of` takes away."""
    line = io.StringIO()
    csv.writer(line).writerow([guarded(cell) if isinstance(cell, str) else cell for cell in cells])
    return line.getvalue().encode()


def guarded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def text_of(cell: str) -> str:
    """A cell without the apostrophe that keeps it from being a formula, and without space around."""
    return (cell[1:] if _HARMLESS.match(cell) else cell).strip()


def rows(file: IO[bytes], separator: Callable[[str], str]) -> Generator[Row]:
    """The records of a file, the header first; `separator` finds in its line what stands between the cells.

    Raises `NotReadable` with the line, and with what to do.
    """
    lines = _Lines(file)
    header = lines.first()
    reader = csv.reader(lines, delimiter=separator(header), strict=True)
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(begins, cells)
            begins = reader.line_num + 1
    except csv.Error as broken:
        raise NotReadable(*_told(str(broken), begins, reader.line_num)) from broken


def _told(broken: str, begins: int, ends: int) -> tuple[str]:
    if "field larger" in broken or "unexpected end" in broken:
        return (f"A quote that is opened on line {begins} is not closed, or a cell has more than 131,072 characters.",)
    if "new-line character" in broken:
        return (f"Line {ends} ends as lines did on old Macintoshes.",)
    if "expected after" in broken:
        return (f"On line {ends} text follows a closing quote: a quote inside a cell has to be doubled.",)
    return (f"Line {ends} cannot be read: {broken}.",)


class _Lines:
    """The lines of a file, decoded; each is looked at before it is taken whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._number = 0
        self._first: str | None = None

    def first(self) -> str:
        self._first = self._read()
        return self._first

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line, self._first = self._first if self._first is not None else self._read(), None
        if not line:
            raise StopIteration
        return line

    def _read(self) -> str:
        line = self._file.readline(LONGEST_LINE)
        self._number += 1
        if self._number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise NotReadable("The file is in UTF-16, as “Unicode Text” is.")
        if len(line) == LONGEST_LINE:
            raise NotReadable(
                f"Line {self._number} has more than {LONGEST_LINE:,} bytes.", hint="Is it a CSV file at all?"
            )
        if b"\0" in line:
            raise NotReadable(f"Line {self._number} has bytes that no text has.", hint="Is it a CSV file at all?")
        try:
            return line.decode("utf-8-sig" if self._number == 1 else "utf-8")
        except UnicodeDecodeError as unreadable:
            before = line[: unreadable.start].decode()[-20:]
            raise NotReadable(
                f"Line {self._number} is not in UTF-8 after “{before}”: probably the file is in Latin-1 or Windows-1252."
            ) from None
