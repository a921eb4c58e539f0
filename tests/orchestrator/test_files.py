"""Files over HTTP, and the long jobs that work through them."""

import asyncio
import csv
import io
import signal
import sys
import uuid
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest
from fastapi import FastAPI

from db import clock
from orchestrator import files, jobs
from orchestrator.files import FileTooLarge, NoRoomForFiles
from orchestrator.settings import Settings
from orchestrator.surfaces.rest import PREFIX
from tests.factories import NewShop
from tests.sheets import LAMP, LARGE_LAMP, MUG, exported, imported, sheet, uploaded
from tests.tools.probes import count
from tools.contract.call import Shop, call
from tools.contract.errors import NotFound
from tools.products.exports import export_products
from tools.products.imports import import_products


@pytest.fixture
async def manager(mine: NewShop, client: httpx.AsyncClient) -> httpx.AsyncClient:
    return await signed_in(client, mine, "manager")


async def signed_in(client: httpx.AsyncClient, who: NewShop, role: str) -> httpx.AsyncClient:
    client.cookies.set("shopkeeper_session", await who.session(role))
    return client


async def send(
    client: httpx.AsyncClient, content: bytes, *, name: str = "p.csv", kind: str = "text/csv", key: str = ""
) -> httpx.Response:
    return await client.post(
        f"{PREFIX}/files", files={"file": (name, content, kind)}, headers={"Idempotency-Key": key or uuid.uuid4().hex}
    )


# ---- uploading -----------------------------------------------------------------------------------------------------------


async def test_a_file_is_taken_in_once_for_a_key(manager: httpx.AsyncClient, mine: NewShop) -> None:
    first = await send(manager, sheet(LAMP), name="../../etc/our\r\nlamps.csv", key="k")
    again = await send(manager, sheet(LAMP), name="lamps.csv", key="k")
    other = await send(manager, sheet(MUG), key="k")

    assert first.status_code == 201
    told = first.json()
    assert (told["name"][-9:], told["media_type"], told["size"]) == ("lamps.csv", "text/csv", len(sheet(LAMP)))
    assert "/" not in told["name"]
    assert again.json()["file"] == told["file"]
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await count(mine, "files", "true") == 1


@pytest.mark.parametrize(
    ("content", "name", "kind", "status"),
    [
        (b"PK\x03\x04" + b"\0" * 100, "products.csv", "text/csv", 415),
        (b"\x1f\x8b" + b"\0" * 100, "products.csv", "text/csv", 415),
        (b"<html>", "p.html", "text/html", 415),
        (b"a,b", "p.exe", "application/octet-stream", 415),
        (b"", "p.csv", "text/csv", 422),
    ],
)
async def test_what_no_operation_reads_is_refused_with_what_to_do(
    manager: httpx.AsyncClient, content: bytes, name: str, kind: str, status: int
) -> None:
    refused = await send(manager, content, name=name, kind=kind)

    assert refused.status_code == status
    assert refused.json()["hint"]


async def test_a_program_that_names_no_type_is_believed_the_files_ending(manager: httpx.AsyncClient) -> None:
    assert (await send(manager, sheet(MUG), kind="application/octet-stream")).json()["media_type"] == "text/csv"


async def test_a_form_that_is_none_and_a_missing_key_are_refused(manager: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    no_form = await manager.post(f"{PREFIX}/files", json={}, headers=key)
    no_file = await manager.post(f"{PREFIX}/files", files={"other": b"x"}, headers=key)
    broken = await manager.post(
        f"{PREFIX}/files", content=b"x", headers=key | {"Content-Type": "multipart/form-data; boundary=b"}
    )
    no_key = await manager.post(f"{PREFIX}/files", files={"file": b"x"})

    assert [answer.status_code for answer in (no_form, no_file, broken, no_key)] == [415, 422, 400, 400]


async def test_who_could_do_nothing_with_a_file_cannot_upload_one(client: httpx.AsyncClient, mine: NewShop) -> None:
    refused = await send(await signed_in(client, mine, "viewer"), sheet(MUG))

    assert refused.status_code == 403
    assert "products:write" in refused.json()["permission"].split(" or ")
    client.cookies.clear()
    assert (await send(client, sheet(MUG))).status_code == 401


async def test_a_larger_file_is_cut_off_and_a_full_shop_takes_no_more(shop: Shop, mine: NewShop) -> None:
    small = Settings.model_validate({"SHOPKEEPER_FILE_BYTES": 100, "SHOPKEEPER_FILES_BYTES": 150})

    async def keep(size: int) -> None:
        await files.upload(
            shop, small, mine.caller("owner"), uuid.uuid4().hex, "p.csv", "text/csv", io.BytesIO(b"x" * size)
        )

    with pytest.raises(FileTooLarge):
        await keep(101)
    await keep(100)
    with pytest.raises(NoRoomForFiles, match=r"keeps 100 bytes"):
        await keep(51)


async def test_no_more_of_a_form_is_read_than_a_file_may_have(app: FastAPI, mine: NewShop) -> None:
    sent = 0

    async def endless() -> AsyncGenerator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="p.csv"\r\n\r\n'
        while True:
            sent += 1
            yield b"x" * (1 << 20)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as browser:
        await signed_in(browser, mine, "owner")
        headers = {"Idempotency-Key": "k", "Content-Type": "multipart/form-data; boundary=b"}
        refused = await browser.post(f"{PREFIX}/files", content=endless(), headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (413, "FileTooLarge")
    assert sent <= 52


async def test_a_file_expires_and_is_then_deleted_with_its_parts(shop: Shop, mine: NewShop) -> None:
    file = await uploaded(mine, sheet(MUG))
    later = replace(shop, clock=lambda: clock.now() + timedelta(days=8))

    with pytest.raises(NotFound, match="has expired"):
        await call(later, import_products, {"file": file}, mine.caller("owner"), key="k")
    async with shop.database.transaction(mine.id) as sql:
        await sql.execute(files.SWEEP, {"m": mine.id, "now": later.clock()})
        await sql.commit()

    assert await count(mine, "files", "true") == 0
    assert await count(mine, "file_parts", "true") == 0


# ---- jobs ----------------------------------------------------------------------------------------------------------------


async def test_an_import_over_http_is_followed_from_its_beginning_to_its_report(
    manager: httpx.AsyncClient, mine: NewShop
) -> None:
    file = (await send(manager, sheet(LAMP, MUG | {"Title": "=x", "Variant Price": "=1"}))).json()["file"]
    key = {"Idempotency-Key": uuid.uuid4().hex}

    begun = await manager.post(f"{PREFIX}/products/imports", json={"file": file}, headers=key)
    job = begun.json()["job"]
    waiting = (await manager.get(f"{PREFIX}/jobs/{job}")).json()
    await jobs.work_off(mine.shop, mine.id, job)
    ended = (await manager.get(f"{PREFIX}/jobs/{job}")).json()
    page = (await manager.get(ended["errors"], params={"limit": 1})).json()
    report = await manager.get(ended["error_file"])

    assert begun.json()["link"] == f"http://127.0.0.1:8000{PREFIX}/jobs/{job}"
    assert (waiting["status"], waiting["step"], waiting["result"]) == ("queued", None, None)
    assert (ended["status"], ended["failed"], ended["total"], ended["result"]["outcome"]) == ("failed", 1, 3, "refused")
    assert ended["problem"]["code"] == "LinesCannotBeImported"
    assert (page["data"][0]["line"], page["data"][0]["column"], page["has_more"]) == (3, "Variant Price", False)
    assert report.headers["content-disposition"] == f"attachment; filename*=UTF-8''{job}-errors.csv"
    (told,) = csv.DictReader(io.StringIO(report.text))
    assert (told["Line"], told["Column"], told["What is wrong"]) == ("3", "Variant Price", "'=1 is not an amount.")


async def test_errors_come_in_pages_and_as_a_file_of_many_pieces(mine: NewShop) -> None:
    many = [MUG | {"Handle": f"m{n}", "Variant SKU": f"M{n}", "Variant Price": "x"} for n in range(1_001)]
    job = await imported(mine, sheet(*many))
    owner = mine.caller("owner")

    first = await jobs.errors_of(mine.shop, owner, job.reference, limit=100, after=None)
    second = await jobs.errors_of(mine.shop, owner, job.reference, limit=100, after=first.next)
    report = b"".join([piece async for piece in await jobs.error_file(mine.shop, owner, job.reference)])

    assert (first.data[0]["line"], second.data[0]["line"], first.has_more) == (2, 102, True)
    assert len(report.splitlines()) == 1_002


async def test_a_job_is_nobody_elses(mine: NewShop, other: NewShop, client: httpx.AsyncClient) -> None:
    job = await imported(mine, sheet(MUG))

    for who, role, status in ((mine, "manager", 200), (mine, "viewer", 404), (other, "owner", 404)):
        await signed_in(client, who, role)
        for path in ("", "/errors", "/errors.csv"):
            assert (await client.get(f"{PREFIX}/jobs/{job.reference}{path}")).status_code == status, (role, path)


async def begun(mine: NewShop, content: bytes) -> str:
    file = await uploaded(mine, content)
    outcome = await call(mine.shop, import_products, {"file": file}, mine.caller("owner"), key=uuid.uuid4().hex)
    assert outcome.result is not None
    return outcome.result.job


async def test_an_import_whose_worker_is_killed_leaves_nothing_and_is_done_once_by_the_next(
    mine: NewShop, runtime_url: str
) -> None:
    job = await begun(mine, sheet(LAMP, LARGE_LAMP, MUG))
    command = [sys.executable, "-m", "tests.orchestrator.doomed_import", runtime_url, str(mine.id), job]
    process = await asyncio.create_subprocess_exec(*command)
    async with asyncio.timeout(150):
        assert await process.wait() == -signal.SIGKILL
    left = await count(mine, "products", "true"), await count(mine, "categories", "true")

    await jobs.work_off(mine.shop, mine.id, job)
    await jobs.work_off(mine.shop, mine.id, job)

    assert left == (0, 0)
    assert await count(mine, "variants", "true") == 3
    assert await count(mine, "jobs", "status = 'done'") == 1
    assert await count(mine, "audit_entries", f"key = 'job:{job}'") == 1


async def test_a_job_ends_though_whoever_tells_how_far_it_is_does_not_hear_that_it_did(
    mine: NewShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, unheard = await begun(mine, sheet(MUG)), list[str]()

    async def sleep(_: float) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if unheard:
                raise
            unheard.append("as `asyncio.wait_for` swallows it before Python 3.12")

    monkeypatch.setattr(jobs, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep}))
    async with asyncio.timeout(30):
        await jobs.work_off(mine.shop, mine.id, job)

    assert unheard
    assert (await jobs.job_of(mine.shop, mine.caller("owner"), job)).status == "done"


async def test_what_was_committed_before_the_job_knew_is_not_done_again(mine: NewShop) -> None:
    job = await begun(mine, sheet(LAMP))
    await jobs.work_off(mine.shop, mine.id, job)
    async with mine.shop.database.transaction(mine.id) as sql:  # as if the worker had died in between
        await sql.execute(
            "update jobs set status = 'running', result = null, finished_at = null where merchant_id = %s", (mine.id,)
        )
        await sql.execute("update products set title = 'Renamed meanwhile' where merchant_id = %s", (mine.id,))
        await sql.commit()

    await jobs.work_off(mine.shop, mine.id, job)

    found = await jobs.job_of(mine.shop, mine.caller("owner"), job)
    assert found.result is not None
    assert (found.status, found.result["products_new"]) == ("done", 1)
    assert await count(mine, "products", "title = 'Renamed meanwhile'") == 1


async def test_what_was_committed_is_not_done_again_however_long_the_worker_was_away(
    mine: NewShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await begun(mine, sheet(LAMP))
    with monkeypatch.context() as dying:
        dying.setattr(jobs, "_end", AsyncMock(side_effect=ConnectionError))
        with pytest.raises(ConnectionError):
            await jobs.work_off(mine.shop, mine.id, job)
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.commit("update products set title = 'Renamed meanwhile' where merchant_id = %s", (mine.id,))
    later = replace(mine.shop, clock=lambda: clock.now() + timedelta(days=40))  # the record of the key has lapsed

    await jobs.work_off(later, mine.id, job)

    found = await jobs.job_of(mine.shop, mine.caller("owner"), job)
    assert found.result is not None
    assert (found.status, found.result["products_new"]) == ("done", 1)
    assert await count(mine, "products", "title = 'Renamed meanwhile'") == 1
    assert await count(mine, "audit_entries", f"key = 'job:{job}'") == 1


async def test_a_job_of_somebody_who_may_no_longer_fails(mine: NewShop) -> None:
    job = await begun(mine, sheet(LAMP))
    async with mine.shop.database.transaction(mine.id) as sql:
        await sql.execute("update memberships set role = 'viewer' where merchant_id = %s", (mine.id,))
        await sql.commit()

    await jobs.work_off(mine.shop, mine.id, job)

    assert await count(mine, "jobs", "status = 'failed' and problem ->> 'code' = 'Forbidden'") == 1
    assert await count(mine, "products", "true") == 0


async def test_a_job_that_always_crashes_ends_as_failed(mine: NewShop, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await begun(mine, sheet(LAMP))

    async def crash(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(jobs, "carried_out", crash)
    with pytest.raises(RuntimeError):
        await jobs.work_off(mine.shop, mine.id, job)
    running = await count(mine, "jobs", "status = 'running'")
    with pytest.raises(RuntimeError):
        await jobs.work_off(mine.shop, mine.id, job, last=True)

    assert running == 1
    assert await count(mine, "jobs", "status = 'failed' and problem ->> 'code' = 'JobCrashed'") == 1


# ---- downloading ---------------------------------------------------------------------------------------------------------


async def test_an_export_is_sent_in_pieces_to_who_may_and_only_to_them(
    client: httpx.AsyncClient, mine: NewShop
) -> None:
    await imported(mine, sheet(*({**MUG, "Handle": f"m{n}", "Variant SKU": f"M{n}"} for n in range(450))))
    viewer = await signed_in(client, mine, "viewer")

    answer = await viewer.get(f"{PREFIX}/products/export")
    refused = await viewer.get(f"{PREFIX}/products/export", params={"category": "nowhere"})
    client.cookies.clear()
    stranger = await client.get(f"{PREFIX}/products/export")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment; filename*=UTF-8''products-" in answer.headers["content-disposition"]
    assert answer.content == await exported(mine)
    assert len(answer.text.splitlines()) == 451
    assert (refused.status_code, stranger.status_code) == (404, 401)


async def test_no_connection_is_held_while_a_slow_reader_takes_its_time(shop: Shop, mine: NewShop) -> None:
    await imported(mine, sheet(*({**MUG, "Handle": f"m{n}", "Variant SKU": f"M{n}"} for n in range(250))))
    made = (await call(shop, export_products, {}, mine.caller("owner"))).result
    assert made is not None
    pieces = made.stream(shop, mine.id)

    await anext(pieces)

    stats = shop.database.pool.get_stats()
    assert stats["pool_available"] == stats["pool_size"]
    await pieces.aclose()


async def test_a_link_has_no_secret_and_says_what_was_asked(mine: NewShop) -> None:
    made = (await call(mine.shop, export_products, {"status": "draft"}, mine.caller("owner"))).result

    assert made is not None
    assert made.link == f"http://127.0.0.1:8000{PREFIX}/products/export?status=draft"
