"""Importing products from a sheet: begun by a call, worked through by the worker."""

from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from typing import IO, Annotated, NamedTuple
from uuid import UUID

from pydantic import Field

from db.references import Kind
from tools.contract import words
from tools.contract.context import Context
from tools.contract.declare import Effect, Input, Result, tool
from tools.contract.errors import Ambiguous, Conflict, Forbidden, NotFound
from tools.contract.fields import FileRef, Synonyms, Untrusted, WarehouseRef
from tools.contract.files import PART, Stored, copied, find_file
from tools.contract.jobs import Checked, JobStarted, LineError, Numbers, Progress, Work, begin
from tools.contract.outside import outside
from tools.products.attributes import types_of
from tools.products.importing import Batch, CatalogueChanged, Counts, Drawn, made_sku
from tools.products.sheet import Group, NotAProductSheet, Sheet
from tools.products.sheet_shelves import Shelves
from tools.rules.lookup import find_warehouse
from tools.rules.spreadsheets import NotReadable

AT_ONCE = 200  # products that are looked up and written together
SHOWN_AT_ONCE = (
    PART  # bytes of a file that is looked through before the job begins, so that its card says what it would do
)


class StockNeedsPermission(Forbidden):
    """Opening stock puts units into a warehouse."""

    hint = "Import with `opening_stock` false, or ask somebody who may change stock."


class LinesCannotBeImported(Conflict):
    """Something in the file is wrong, and nothing of it was imported."""

    hint = "Correct the lines that the job's errors name, and import the file again; or import the others with `if_wrong` skip."


class IfWrong(StrEnum):
    stop = "stop"
    skip = "skip"


class Outcome(StrEnum):
    imported = "imported"
    unchanged = "unchanged"
    refused = "refused"
    dry_run = "dry_run"


WRONG_WORDS = Synonyms({
    "stop": ("all or nothing", "nothing at all", "abort"),
    "skip": ("leave them out", "the others anyway", "ignore bad lines"),
})  # fmt: skip


class ImportProducts(Input):
    """Which file, and how."""

    file: FileRef = Field(description="An uploaded CSV file, such as `FILE-12`.")
    dry_run: bool = Field(
        default=False, description="True only says what would become of each line, and changes nothing."
    )
    if_wrong: Annotated[IfWrong, WRONG_WORDS] = Field(
        default=IfWrong.stop,
        description="stop imports nothing when a line is wrong; skip leaves out the products with errors.",
    )
    opening_stock: bool = Field(
        default=True,
        description="Whether new variants get the units of Variant Inventory Qty; existing stock is never touched.",
    )
    warehouse: WarehouseRef | None = Field(
        default=None, description="Where these units lie: `WH-1`, its code or its name; unless said, the shop's first."
    )


class ProductsImported(Result):
    """What an import came to."""

    outcome: Outcome = Field(description="imported, unchanged (all was so already), refused (errors), or dry_run.")
    file: str = Field(description="The file, such as `FILE-12`.")
    file_name: Annotated[str, Untrusted()] = Field(description="What it is called.")
    lines: int = Field(description="Lines of products, variants and pictures.")
    products: int = Field(description="Products in the file.")
    products_new: int = Field(description="Of these, new to the shop.")
    products_changed: int = Field(description="Of these, known and different.")
    products_unchanged: int = Field(description="Of these, known and the same.")
    variants_new: int = Field(description="Variants new to the shop.")
    variants_changed: int = Field(description="Variants known and different.")
    prices_changed: int = Field(description="Prices that are new or different.")
    categories_new: int = Field(description="Categories that the shop lacked.")
    skus_made: int = Field(description="Variants without a SKU, which got one made of handle and options.")
    errors: int = Field(description="What cannot be imported as it stands.")
    ignored_columns: Annotated[list[str], Untrusted()] = Field(description="Columns of the file that nothing reads.")


class _Went(NamedTuple):
    """What going through a file came to."""

    result: ProductsImported
    needs: dict[Kind, int]


class _First(NamedTuple):
    id: UUID


async def check(ctx: Context, args: ImportProducts, progress: Progress) -> Checked:
    """Go through the whole file, and change nothing."""
    result, needs = await _through(ctx, args, progress, "checking", None)
    if args.dry_run:
        return Checked(result, goes_on=False)
    if result.errors and args.if_wrong is IfWrong.stop:
        what = "thing is" if result.errors == 1 else "things are"
        refused = LinesCannotBeImported(
            f"{result.errors:,} {what} wrong in {outside(result.file_name)}, and nothing was imported."
        )
        return Checked(result, goes_on=False, refused=refused)
    return Checked(result, goes_on=bool(result.products_new or result.products_changed), needs=needs)


async def carry_out(ctx: Context, args: ImportProducts, progress: Progress, numbers: Numbers) -> ProductsImported:
    """Go through it again, writing. Raises `CatalogueChanged` when something is wrong that was not."""
    result, _ = await _through(ctx, args, progress, "importing", Drawn(numbers))
    if result.errors and args.if_wrong is IfWrong.stop:
        raise CatalogueChanged("Something in the file is wrong now that was not a moment ago.")
    return result


WORK = Work(check, carry_out)


@tool(
    route="POST /products/imports",
    effect=Effect.write,
    permission="products:write",
    work=WORK,
    raises=[StockNeedsPermission, NotReadable, NotAProductSheet, NotFound, Ambiguous],
    examples=["Import the products of FILE-12", "Check FILE-12 without importing anything"],
)
async def import_products(ctx: Context, args: ImportProducts) -> JobStarted:
    """Import products from an uploaded CSV file, in the columns of Shopify's.

    A job does it, all or nothing: its progress and a report of each wrong line are read at its link. Products are found again by
    handle or SKU and updated, others are new; what the file leaves out stays. `dry_run` only checks.
    """
    file = await find_file(ctx, args.file)
    if args.opening_stock and not args.dry_run and not ctx.may("inventory:write"):
        raise StockNeedsPermission("Opening stock needs inventory:write.", permission="inventory:write")
    await _place(ctx, args)
    if file.size <= SHOWN_AT_ONCE:
        await _tell(ctx, args, (await _through(ctx, args, Progress(), "", None)).result)
    else:
        with await copied(ctx, file, parts=1) as beginning:
            Sheet(beginning, ctx.merchant.currency)
        size = words.count(file.size // 1024, "kilobyte")
        ctx.tell(f"The products of {file.name} ({file.reference}, {size}) are worked through by a job.")
    return await begin(ctx, import_products, args)


async def _tell(ctx: Context, args: ImportProducts, found: ProductsImported) -> None:
    named = f"The file {found.file_name} ({found.file})"
    told = [
        f"{words.count(number, 'product')} {what}"
        for number, what in (
            (found.products_new, "new"),
            (found.products_changed, "changed"),
            (found.products_unchanged, "unchanged"),
        )
        if number
    ]
    ctx.tell(
        f"{named} has {words.count(found.lines, 'line')}: {words.listed(told) if told else 'nothing that can be imported'}."
    )
    if found.prices_changed:
        ctx.tell(f"{words.count(found.prices_changed, 'price')} are new or change.")
    if found.errors:
        rest = "nothing is imported" if args.if_wrong is IfWrong.stop else "the products with errors are left out"
        ctx.tell(f"{words.count(found.errors, 'error')} in it: {rest}. The job's report names each line.")
    if args.dry_run:
        ctx.tell("It is only checked; nothing changes.")


async def _place(ctx: Context, args: ImportProducts) -> UUID | None:
    """The warehouse of the opening stock."""
    if not args.opening_stock:
        return None
    if args.warehouse:
        return (await find_warehouse(ctx, args.warehouse)).id
    query = "select id from warehouses where merchant_id = %(m)s and active order by priority, id limit 1"
    first = await ctx.sql.row(query, {"m": ctx.merchant.id}, as_=_First)
    return first.id if first else None


@contextmanager
def _open(content: IO[bytes], currency: str, progress: Progress, step: str) -> Generator[Sheet]:
    with content:
        progress.begin(step, sum(part.count(b"\n") for part in iter(lambda: content.read(PART), b"")))
        content.seek(0)
        yield Sheet(content, currency)


async def _through(ctx: Context, args: ImportProducts, progress: Progress, step: str, numbers: Drawn | None) -> _Went:
    """Look at each product of the file, and with `numbers` write it; 200 at a time, whatever the file's size."""
    file = await find_file(ctx, args.file)
    warehouse, shelves, counts, seen = await _place(ctx, args), await Shelves.of(ctx), Counts(), _Seen()
    types = await types_of(ctx)
    with _open(await copied(ctx, file), ctx.merchant.currency, progress, step) as sheet:
        groups = sheet.products()
        while batch := list(islice(groups, AT_ONCE)):
            made = Batch(ctx, shelves, counts, warehouse, types)
            for group in batch:
                seen.refuse_what_came_before(group)
            await made.look([group for group in batch if not group.errors], lock=numbers is not None)
            if numbers is not None and (args.if_wrong is IfWrong.skip or not progress.failed):
                await shelves.write(ctx, [numbers.next(Kind.category) for _ in shelves.new])
                await made.write(numbers)
                ctx.changes.let_go()
            for group in batch:
                counts.products += 1
                counts.lines += group.lines
                for error in group.errors:
                    progress.refuse(error)
            progress.done = sheet.line
        ignored = sheet.ignored
    progress.done = progress.total or progress.done
    counts.categories_new = shelves.made
    return _Went(_result(args, file, counts, progress.failed, ignored), _needs(counts, shelves))


def _needs(counts: Counts, shelves: Shelves) -> dict[Kind, int]:
    needs = {Kind.product: counts.products_new, Kind.variant: counts.variants_new, Kind.category: shelves.made}
    return {kind: count for kind, count in needs.items() if count}


def _result(args: ImportProducts, file: Stored, counts: Counts, errors: int, ignored: list[str]) -> ProductsImported:
    outcome = Outcome.imported if counts.products_new or counts.products_changed else Outcome.unchanged
    if errors and args.if_wrong is IfWrong.stop:
        outcome = Outcome.refused
    return ProductsImported(
        outcome=Outcome.dry_run if args.dry_run else outcome, file=file.reference, file_name=file.name, errors=errors,
        ignored_columns=ignored, **vars(counts),
    )  # fmt: skip


class _Seen:
    """The handles and SKUs of a file, by the line on which they came first."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, int]] = {"Handle": {}, "Variant SKU": {}}

    def refuse_what_came_before(self, group: Group) -> None:
        self._look(group, "Handle", group.handle, group.line, "Put the lines of a product one after the other.")
        product = group.product
        if product is None:
            return
        for variant in product.variants:
            sku = variant.sku or made_sku(product, variant)
            self._look(
                group, "Variant SKU", sku, variant.line, "A SKU stands for one variant: give the other one its own."
            )

    def _look(self, group: Group, column: str, name: str, line: int, hint: str) -> None:
        first = self._lines[column].setdefault(name.casefold(), line)
        if first != line and name:
            group.errors.append(LineError(line, column, "ComesTwice", f"{name} came on line {first} already.", hint))
