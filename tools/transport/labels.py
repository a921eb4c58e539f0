"""Labels as printers take them: ZPL for thermal printers, PDF for all others; four inches by six, with a Code 128 barcode."""

import io
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tools.contract import words

WIDTH, HEIGHT = 812, 1218  # dots at 203 to an inch: 4 x 6 inches
LINES_A_PAGE = 52
_UNDECOMPOSED = str.maketrans(
    {"Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "ı": "i", "’": "'", "–": "-", "—": "-"}
)


@dataclass(frozen=True)
class Label:
    """What stands on it. `sender` and `receiver` are lines of an address."""

    carrier: str
    service: str
    number: str
    sender: Sequence[str]
    receiver: Sequence[str]
    weights: Sequence[int]  # grams, one for each parcel
    shipment: str
    order: str
    shipped_at: datetime

    @property
    def spaced(self) -> str:
        """The number as people read it: `CO 4731 2482 9 FR`."""
        number = self.number
        if len(number) == 13 and number[2:11].isdigit():
            return f"{number[:2]} {number[2:6]} {number[6:10]} {number[10]} {number[11:]}"
        return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def address_lines(address: dict[str, Any], name: str | None = None) -> list[str]:
    """An address as it is written on a parcel; what it lacks is left out."""
    place: str = " ".join(part for name in ("postcode", "city") if (part := address.get(name)))
    lines = [
        address.get("name") or name, address.get("company"), address.get("line1"), address.get("line2"), place,
        address.get("region"), address.get("country"),
    ]  # fmt: skip
    return [str(line) for line in lines if line]


def zpl(label: Label) -> str:
    """ZPL II, a label for each parcel. Signs that begin a command of the printer's are taken out of all texts."""
    return "".join(_zpl_of(label, number, grams) for number, grams in enumerate(label.weights, start=1))


def _zpl_of(label: Label, number: int, grams: int) -> str:
    fields = [
        _text(40, 40, 60, label.carrier), _text(40, 110, 40, label.service),
        _text(520, 50, 32, f"{number} / {len(label.weights)}"), _text(520, 110, 32, words.grams(grams)),
        "^FO30,170^GB752,3,3^FS",
        *(_text(40, 190 + 28 * row, 24, line) for row, line in enumerate(label.sender[:6])),
        "^FO30,370^GB752,3,3^FS",
        *(_text(40, 400 + 52 * row, 46, line) for row, line in enumerate(label.receiver[:7])),
        "^FO30,780^GB752,3,3^FS",
        f"^FO70,820^BY3^BCN,220,N,N,N,A^FD{_plain(label.number)}^FS",
        _text(70, 1060, 44, label.spaced),
        _text(40, 1150, 26, f"{label.shipment}  {label.order}  {label.shipped_at:%Y-%m-%d}"),
    ]  # fmt: skip
    return f"^XA^CI28^PW{WIDTH}^LL{HEIGHT}{''.join(fields)}^XZ\n"


def _text(x: int, y: int, height: int, text: str) -> str:
    return f"^FO{x},{y}^A0N,{height},{height}^FD{_plain(text)}^FS"


def _plain(text: str) -> str:
    return " ".join("".join(" " if sign in "^~\\" or not sign.isprintable() else sign for sign in text).split())


def pdf(label: Label) -> bytes:
    """A page for each parcel. The same label is the same file, whenever it is made."""
    from reportlab.graphics.barcode.code128 import Code128Auto  # pyrefly: ignore[untyped-import]  # it carries no types
    from reportlab.pdfgen.canvas import Canvas  # pyrefly: ignore[untyped-import]  # it carries no types

    made = io.BytesIO()
    inch = 72.0
    page: Any = Canvas(made, pagesize=(4 * inch, 6 * inch), invariant=1, pageCompression=0)
    page.setTitle(f"{label.carrier} {label.number}")
    barcode: Any = Code128Auto(label.number, barWidth=1.05, barHeight=78, quiet=0, humanReadable=0)
    for number, grams in enumerate(label.weights, start=1):
        _write(page, 14, 398, 20, label.carrier)
        _write(page, 14, 378, 13, label.service)
        _write(page, 184, 398, 11, f"{number} / {len(label.weights)}")
        _write(page, 184, 378, 11, words.grams(grams))
        for row, line in enumerate(label.sender[:6]):
            _write(page, 14, 352 - 10 * row, 8, line)
        for row, line in enumerate(label.receiver[:7]):
            _write(page, 14, 276 - 18 * row, 14, line)
        for y in (366, 298, 148):
            page.line(10, y, 278, y)
        barcode.drawOn(page, (4 * inch - barcode.width) / 2, 58)
        page.setFont("Helvetica-Bold", 13)
        page.drawCentredString(2 * inch, 40, label.spaced)
        _write(page, 14, 16, 8, f"{label.shipment}  {label.order}  {label.shipped_at:%Y-%m-%d}")
        page.showPage()
    page.save()
    return made.getvalue()


def pdf_of_lines(lines: Sequence[str]) -> bytes:
    """Lines of text on pages of A4."""
    from reportlab.pdfgen.canvas import Canvas  # pyrefly: ignore[untyped-import]  # it carries no types

    made = io.BytesIO()
    page: Any = Canvas(made, pagesize=(595, 842), invariant=1, pageCompression=0)
    for start in range(0, len(lines), LINES_A_PAGE):
        for row, line in enumerate(lines[start : start + LINES_A_PAGE]):
            _write(page, 50, 790 - 14 * row, 10, line)
        page.showPage()
    page.save()
    return made.getvalue()


def _write(page: Any, x: float, y: float, size: int, text: str) -> None:
    page.setFont("Helvetica", size)
    page.drawString(x, y, latin(text))


def latin(text: str) -> str:
    """The text in the letters that every PDF reader has: `Łódź` is Lódz, what has no such letter is `?`."""
    return "".join(_latin(sign) for sign in text.translate(_UNDECOMPOSED))


def _latin(sign: str) -> str:
    bare = "".join(part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
    for form in (sign, bare):
        with suppress(UnicodeEncodeError):
            return form.encode("cp1252").decode("cp1252")
    return "?"
