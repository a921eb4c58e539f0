"""The REST door: what HTTP adds to an operation, and nothing else."""

import uuid
from typing import Any

import httpx
import pytest

from orchestrator.surfaces.identity import COOKIE, RateLimiter
from tests.factories import NewShop
from tools.contract.errors import TooManyRequests


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


@pytest.fixture
async def program(client: httpx.AsyncClient, mine: NewShop) -> httpx.AsyncClient:
    """The client, as a program of the shop with every scope."""
    client.headers["Authorization"] = f"Bearer {await mine.key_text(scopes=['*'])}"
    return client


async def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


# ---- who asks ------------------------------------------------------------------------------------------------------------


async def test_without_a_key_the_answer_is_401_and_says_what_to_send(client: httpx.AsyncClient) -> None:
    body = await problem(await client.get("/api/v1/merchant"), 401)

    assert body["code"] == "Unauthenticated"
    assert "Authorization" in body["hint"]


@pytest.mark.parametrize("key", ["nonsense", "sk_1_2", "pk_x_y", "sk_01a203e1-0000-7000-8000-000000000000_secret"])
async def test_a_key_that_is_not_one_of_ours_is_401(client: httpx.AsyncClient, key: str) -> None:
    await problem(await client.get("/api/v1/merchant", headers={"Authorization": f"Bearer {key}"}), 401)


async def test_a_key_of_one_shop_opens_no_other(client: httpx.AsyncClient, mine: NewShop, other: NewShop) -> None:
    secret = (await mine.key_text(scopes=["*"])).split("_", 2)[2]
    forged = f"sk_{other.id}_{secret}"

    await problem(await client.get("/api/v1/merchant", headers={"Authorization": f"Bearer {forged}"}), 401)


async def test_a_key_sees_only_what_its_scopes_name(client: httpx.AsyncClient, mine: NewShop) -> None:
    key = await mine.key_text(scopes=["products:read"])

    body = await problem(await client.get("/api/v1/orders", headers={"Authorization": f"Bearer {key}"}), 403)

    assert body["permission"] == "orders:read"


async def test_signing_in_gives_a_session_that_ends_with_signing_out(client: httpx.AsyncClient, mine: NewShop) -> None:
    email = await mine.with_password("owner", "correct horse")

    wrong = await client.post("/api/v1/session", json={"email": email, "password": "battery staple"})
    signed_in = await client.post("/api/v1/session", json={"email": email, "password": "correct horse"})
    inside = await client.get("/api/v1/merchant")
    await client.delete("/api/v1/session")
    outside = await client.get("/api/v1/merchant")

    assert (wrong.status_code, signed_in.status_code, inside.status_code, outside.status_code) == (401, 204, 200, 401)
    cookie = signed_in.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_a_sessions_token_is_a_bearer_token_until_it_ends(client: httpx.AsyncClient, mine: NewShop) -> None:
    bearer = {"Authorization": f"Bearer {await mine.session('viewer')}"}

    inside = await client.get("/api/v1/merchant", headers=bearer)
    written = await client.post(
        "/api/v1/customers", json={"name": "Eve"}, headers=bearer | new_key() | {"Sec-Fetch-Site": "cross-site"}
    )
    await client.delete("/api/v1/session", headers={"Cookie": f"{COOKIE}={bearer['Authorization'].split()[1]}"})
    outside = await client.get("/api/v1/merchant", headers=bearer)

    assert (inside.status_code, outside.status_code) == (200, 401)
    # By what a viewer may, not by where it came from.
    assert (await problem(written, 403))["permission"] == "customers:write"


async def test_a_browsers_write_from_another_site_is_refused(client: httpx.AsyncClient, mine: NewShop) -> None:
    email = await mine.with_password("owner", "correct horse")
    await client.post("/api/v1/session", json={"email": email, "password": "correct horse"})

    forged = {"Sec-Fetch-Site": "cross-site", **new_key()}
    answer = await client.post("/api/v1/customers", json={"name": "Eve"}, headers=forged)

    assert (await problem(answer, 403))["code"] == "CrossSite"


def test_a_caller_who_asks_too_often_is_told_how_long_to_wait() -> None:
    limiter = RateLimiter(per_minute=60)
    for _ in range(10):
        limiter.check("somebody")

    with pytest.raises(TooManyRequests) as refused:
        limiter.check("somebody")

    limiter.check("somebody else")
    assert refused.value.details["retry_after"] >= 1


def test_who_waits_as_long_as_told_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("orchestrator.surfaces.identity.time.monotonic", lambda: now)
    limiter = RateLimiter(per_minute=30)
    for _ in range(5):
        limiter.check("somebody")
    now = 0.6  # a token comes every two seconds

    with pytest.raises(TooManyRequests) as refused:
        limiter.check("somebody")

    now += refused.value.details["retry_after"]
    limiter.check("somebody")


# ---- what is asked -------------------------------------------------------------------------------------------------------


async def test_unknown_filters_are_refused_not_ignored(program: httpx.AsyncClient) -> None:
    body = await problem(await program.get("/api/v1/orders", params={"colour": "blue"}), 422)

    assert body["errors"][0]["pointer"] == "/colour"


async def test_a_body_that_is_not_json_is_400_and_one_that_is_no_object_422(program: httpx.AsyncClient) -> None:
    broken = await program.post(
        "/api/v1/customers", content=b"{", headers={"Content-Type": "application/json", **new_key()}
    )
    listed = await program.post("/api/v1/customers", json=[1], headers=new_key())
    form = await program.post("/api/v1/customers", data={"name": "Eve"}, headers=new_key())

    await problem(broken, 400)
    await problem(listed, 422)
    await problem(form, 415)


async def test_a_body_too_large_is_refused_before_it_is_read_whole(program: httpx.AsyncClient) -> None:
    answer = await program.post("/api/v1/customers", json={"name": "x" * (1 << 21)}, headers=new_key())

    await problem(answer, 413)


async def test_the_path_alone_says_which_row_is_meant(program: httpx.AsyncClient) -> None:
    answer = await program.patch(
        "/api/v1/customers/CUS-1", json={"customer": "CUS-2", "name": "Eve"}, headers=new_key()
    )

    assert "customer" in (await problem(answer, 422))["detail"]


async def test_a_write_without_an_idempotency_key_is_refused_and_a_preview_needs_none(
    program: httpx.AsyncClient,
) -> None:
    without = await program.post("/api/v1/customers", json={"name": "Ana Torres"})
    preview = await program.post("/api/v1/customers?preview=true", json={"name": "Ana Torres"})

    assert (await problem(without, 400))["code"] == "idempotency_key_missing"
    assert preview.status_code == 200
    assert preview.json()["approval"] is None
    assert {change["row"] for change in preview.json()["card"]["changes"]} >= {"customer"}


# ---- how it is read ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lines": [{"sku": "MUG-BLUE", "quantity": "2"}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "MUG-BLUE", "quantity": 2.0}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": "MUG-BLUE", "quantity": True}]}, "/lines/0/quantity"),
        ({"lines": [{"sku": 7}]}, "/lines/0/sku"),
        ({"lines": [{"sku": "MUG-BLUE"}], "draft": "true"}, "/draft"),
        ({"lines": [{"sku": "MUG-BLUE"}], "draft": 0}, "/draft"),
        ({"lines": {"sku": "MUG-BLUE"}}, "/lines"),
    ],
)
async def test_in_a_body_a_number_is_a_number_and_a_boolean_a_boolean_however_deep(
    program: httpx.AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    directly = await program.post("/api/v1/orders", json=body, headers=new_key())
    asked = await program.post("/api/v1/requests", json={"tool": "create_order", "arguments": body}, headers=new_key())

    for answer in (directly, asked):
        assert [error["pointer"] for error in (await problem(answer, 422))["errors"]] == [pointer]


async def test_what_is_written_in_a_query_is_read_as_what_its_field_is(program: httpx.AsyncClient) -> None:
    read = await program.get("/api/v1/orders?limit=2&on_hold=false&total_min=0&status=pending&status=draft&text=12")

    assert read.status_code == 200, read.text


@pytest.mark.parametrize("query", ["limit=2.0", "limit=two", "limit=1_0", "on_hold=0", "on_hold=yes", "total_min="])
async def test_what_a_query_can_only_be_guessed_to_mean_is_refused(program: httpx.AsyncClient, query: str) -> None:
    body = await problem(await program.get(f"/api/v1/orders?{query}"), 422)

    assert [error["pointer"] for error in body["errors"]] == [f"/{query.partition('=')[0]}"]


@pytest.mark.parametrize("route", ["/orders", "/requests", "/session", "/conversations/CNV-1/messages"])
async def test_a_body_nested_without_end_is_refused(program: httpx.AsyncClient, route: str) -> None:
    for levels in (99, 101, 260, 1_000, 50_000):
        nested = b'{"arguments":' * levels + b"1" + b"}" * levels
        headers = {"Content-Type": "application/json", **new_key()}

        answer = await program.post(f"/api/v1{route}", content=nested, headers=headers)

        await problem(answer, 422 if levels < 1_000 else answer.status_code)
        assert answer.status_code in (400, 422)


# ---- what is answered ----------------------------------------------------------------------------------------------------


async def test_the_same_key_gives_the_same_answer_and_says_so(program: httpx.AsyncClient) -> None:
    key = new_key()

    first = await program.post("/api/v1/customers", json={"name": "Ana Torres"}, headers=key)
    second = await program.post("/api/v1/customers", json={"name": "Ana Torres"}, headers=key)
    another = await program.post("/api/v1/customers", json={"name": "Omar Haddad"}, headers=key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert (await problem(another, 422))["code"] == "idempotency_key_reused"


async def test_what_was_read_has_a_tag_and_a_stale_change_is_412(program: httpx.AsyncClient) -> None:
    made = (await program.post("/api/v1/customers", json={"name": "Ana Torres"}, headers=new_key())).json()
    path = f"/api/v1/customers/{made['reference']}"
    read = await program.get(path)
    tag = read.headers["etag"]

    unchanged = await program.get(path, headers={"If-None-Match": tag})
    changed = await program.patch(path, json={"name": "Ana T."}, headers={"If-Match": tag, **new_key()})
    stale = await program.patch(path, json={"name": "Ana X."}, headers={"If-Match": tag, **new_key()})
    put = await program.put(path, json={"name": "Ana Y."}, headers=new_key())

    assert unchanged.status_code == 304
    assert changed.status_code == 200
    assert (await problem(stale, 412))["code"] == "StaleVersion"
    assert put.status_code == 200


async def test_an_unknown_reference_offers_the_nearest(program: httpx.AsyncClient) -> None:
    made = (await program.post("/api/v1/customers", json={"name": "Ana Torres"}, headers=new_key())).json()

    body = await problem(await program.get(f"/api/v1/customers/{made['reference']}9"), 404)

    assert made["reference"] in body["hint"]


async def test_unknown_paths_and_methods_are_problems_too(program: httpx.AsyncClient) -> None:
    await problem(await program.get("/api/v1/nothing"), 404)
    wrong = await program.request("DELETE", "/api/v1/merchant")

    await problem(wrong, 405)
    assert "GET" in wrong.headers["allow"]


async def test_the_callers_request_id_is_kept(program: httpx.AsyncClient) -> None:
    answer = await program.get("/api/v1/merchant", headers={"X-Request-ID": "till-7.order-3"})

    assert answer.headers["x-request-id"] == "till-7.order-3"


async def test_health_and_readiness_need_no_key(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json()["status"] == "ok"
    assert (await client.get("/ready")).json() == {"status": "ready"}
