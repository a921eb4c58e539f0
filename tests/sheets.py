"""Product sheets of tests: written from rows, uploaded, imported."""

import csv
import io
import uuid
from typing import Any

from orchestrator import files, jobs
from orchestrator.jobs import JobRow
from orchestrator.settings import Settings
from tests.factories import NewShop
from tools.contract.call import call
from tools.products.exports import ExportProducts, export_products
from tools.products.imports import import_products

LAMP = {
    "Handle": "brass-lamp", "Title": "Brass lamp", "Body (HTML)": "<p>Warm light.</p>", "Vendor": "Lumen",
    "Product Category": "Home > Lamps", "Type": "Table lamp", "Tags": 'new, "warm, soft"', "Published": "TRUE",
    "Option1 Name": "Size", "Option1 Value": "S", "Variant SKU": "LAMP-S", "Variant Grams": "900",
    "Variant Inventory Tracker": "shopify", "Variant Inventory Qty": "4", "Variant Inventory Policy": "deny",
    "Variant Price": "39.90", "Variant Compare At Price": "49.90", "Variant Barcode": "4006381333931",
    "Image Src": "https://img.example/lamp.jpg", "Image Position": "1", "Image Alt Text": "A lamp", "Cost per item": "12.345",
    "SEO Title": "Lamps of brass", "Status": "active",
}  # fmt: skip
LARGE_LAMP = {
    "Handle": "brass-lamp",
    "Option1 Value": "L",
    "Variant SKU": "LAMP-L",
    "Variant Price": "59.90",
    "Variant Inventory Tracker": "shopify",
}
SECOND_PICTURE = {"Handle": "brass-lamp", "Image Src": "https://img.example/back.jpg", "Image Position": "2"}
MUG = {"Handle": "mug", "Title": "Stone mug", "Variant SKU": "MUG-STONE", "Variant Price": "12.00"}


def sheet(*rows: dict[str, str], columns: list[str] | None = None, separator: str = ",") -> bytes:
    """A file with those rows; its columns are all that any row has, unless said."""
    columns = columns or list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


async def uploaded(mine: NewShop, content: bytes, role: str = "owner") -> str:
    kept = await files.upload(
        mine.shop,
        Settings.model_validate({}),
        mine.caller(role),
        uuid.uuid4().hex,
        "products.csv",
        "text/csv",
        io.BytesIO(content),
    )
    return kept.reference


async def imported(mine: NewShop, content: bytes, role: str = "owner", **how: Any) -> JobRow:
    """The job of an import, worked through."""
    arguments = {"file": await uploaded(mine, content, role), **how}
    begun = await call(mine.shop, import_products, arguments, mine.caller(role), key=uuid.uuid4().hex)
    assert begun.result is not None
    await jobs.work_off(mine.shop, mine.id, begun.result.job)
    return await jobs.job_of(mine.shop, mine.caller(role), begun.result.job)


async def errors_of(mine: NewShop, job: JobRow) -> list[tuple[int, str, str]]:
    """Line, column and code of each."""
    page = await jobs.errors_of(mine.shop, mine.caller("owner"), job.reference, limit=100, after=None)
    return [(error["line"], error["column"], error["code"]) for error in page.data]


async def exported(mine: NewShop, **which: Any) -> bytes:
    made = await call(mine.shop, export_products, ExportProducts(**which), mine.caller("owner"))
    assert made.result is not None
    return b"".join([piece async for piece in made.result.stream(mine.shop, mine.id)])


def result_of(job: JobRow) -> dict[str, Any]:
    assert job.status == "done", job.problem
    assert job.result is not None
    return job.result
