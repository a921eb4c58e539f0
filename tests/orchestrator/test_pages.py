"""The pages of people who are not signed in: they lead through, without scripts, and give nothing away."""

import re

import httpx
import pytest

from orchestrator.accounts import reset_link
from tests.conftest import Do
from tests.factories import NewShop
from tests.tools.cases.backoffice import token_of
from tools.backoffice.invitations import create_user
from tools.backoffice.people import get_user

PASSWORD = "four words of mine"
PAGES = ("/sign-in", "/forgot-password", "/reset-password", "/invitation")


async def invited(do: Do, mine: NewShop, email: str = "") -> str:
    """The token of an invitation."""
    made = await do(create_user, email=email or f"lea@{mine.slug}.example", name='Lea "<b>" Martin', role="support")
    return token_of(made.link)


async def test_an_invited_person_joins_and_signs_in_with_a_browser(
    client: httpx.AsyncClient, do: Do, mine: NewShop
) -> None:
    token = await invited(do, mine)

    page = await client.get("/invitation", params={"token": token})
    form = {"token": token, "name": "Lea Martin", "password": PASSWORD}
    joined = await client.post("/invitation", data=form)
    opened = await client.post("/sign-in", data={"email": f"lea@{mine.slug}.example", "password": PASSWORD})

    assert (page.status_code, joined.status_code, opened.status_code) == (200, 200, 303)
    assert "Join Test Shop" in page.text
    assert "Lea &quot;&lt;b&gt;&quot; Martin" in page.text
    assert "Welcome to Test Shop" in joined.text
    assert "You are signed in" in (await client.get("/sign-in")).text
    assert (await client.get("/api/v1/merchant")).status_code == 200
    assert (await do(get_user, user=f"lea@{mine.slug}.example")).active


async def test_looking_at_a_link_does_not_use_it_up(client: httpx.AsyncClient, do: Do, mine: NewShop) -> None:
    """Mail programs follow links before people do."""
    token = await invited(do, mine)

    pages = [await client.get("/invitation", params={"token": token}) for _ in range(2)]

    assert [page.status_code for page in pages] == [200, 200]


async def test_the_page_of_an_invitation_is_the_same_whether_or_not_there_is_an_account(
    client: httpx.AsyncClient, do: Do, mine: NewShop, other: NewShop
) -> None:
    seen = list[str]()
    for email in (f"manager@{other.slug}.example", f"nobody0@{other.slug}.example"):
        token = await invited(do, mine, email)
        page = await client.get("/invitation", params={"token": token})
        seen.append(page.text.replace(token, "TOKEN").replace(email, "ADDRESS"))

    assert seen[0] == seen[1]


async def test_what_is_wrong_is_said_on_the_page_and_can_be_corrected(
    client: httpx.AsyncClient, do: Do, mine: NewShop
) -> None:
    token = await invited(do, mine)

    short = await client.post("/invitation", data={"token": token, "password": "short"})
    void = await client.get("/invitation", params={"token": "inv_nobody"})
    wrong = await client.post("/sign-in", data={"email": f"x@{mine.slug}.example", "password": "wrong"})

    assert (short.status_code, void.status_code, wrong.status_code) == (422, 410, 401)
    assert "5 characters, and needs 12 or more" in short.text
    assert 'name="token"' in short.text
    assert "do not belong together" in wrong.text


async def test_a_forgotten_password_is_set_anew(client: httpx.AsyncClient, mine: NewShop) -> None:
    email = f"owner@{mine.slug}.example"
    asked = await client.post("/forgot-password", data={"email": email})
    token = token_of(await reset_link(mine.shop.database, mine.users["owner"], ""))

    done = await client.post("/reset-password", data={"token": token, "password": PASSWORD})

    assert "If that address has an account here" in asked.text
    assert "Your password is set" in done.text
    assert (await client.post("/sign-in", data={"email": email, "password": PASSWORD})).status_code == 303


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_loads_nothing_tells_no_one_and_is_kept_nowhere(client: httpx.AsyncClient, page: str) -> None:
    answer = await client.get(page, params={"token": "x"})

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script|\bon\w+=|src=|href=\"http", answer.text)


@pytest.mark.parametrize("page", [*PAGES, "/sign-out"])
@pytest.mark.parametrize("sign", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_a_form_of_another_site_is_refused(client: httpx.AsyncClient, page: str, sign: dict[str, str]) -> None:
    answer = await client.post(page, data={"email": "a@b.example", "password": "x", "token": "x"}, headers=sign)

    assert answer.status_code in (403, 410)
    assert "set-cookie" not in answer.headers


async def test_a_form_that_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sign-in", data={"email": "a" * 50_000, "password": "x"})

    assert answer.status_code == 401
