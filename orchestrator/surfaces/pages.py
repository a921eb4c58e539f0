"""The few pages that a person needs before there is a session: follow an invitation, sign in, set a new password.

Plain HTML without scripts. A link's token is in the page's address, so a page loads nothing from elsewhere, says no Referer, and
is kept in no cache; a link is used by sending its form, not by looking at it. The forms call the operations, like every door.
"""

import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from db.session import Database
from orchestrator import accounts
from orchestrator.surfaces.identity import COOKIE, Identity, refuse_cross_site, visit_of
from orchestrator.surfaces.session import signed_in
from tools import registry
from tools.contract.call import call
from tools.contract.errors import ShopError
from tools.contract.links import LinkKind, read_link
from tools.contract.shop import Shop
from tools.rules.passwords import LONGEST, SHORTEST

LARGEST_FORM = 16 << 10  # bytes
_HERE = Path(__file__).parent
_PAGE, _STYLE = Template((_HERE / "page.html").read_text()), (_HERE / "page.css").read_text()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
Page = Callable[[Request], Awaitable[Response]]
NEW_PASSWORD = f'autocomplete="new-password" minlength="{SHORTEST}" maxlength="{LONGEST}"'


def routes(shop: Shop, identity: Identity) -> list[Route]:
    """Each page, with the form that it sends to itself."""
    pages = _Pages(shop, identity)
    return [
        Route("/invitation", _whole(pages.invitation), methods=["GET"]),
        Route("/invitation", _whole(pages.accept), methods=["POST"]),
        Route("/sign-in", _whole(pages.sign_in_page), methods=["GET"]),
        Route("/sign-in", _whole(pages.sign_in), methods=["POST"]),
        Route("/sign-out", _whole(pages.sign_out), methods=["POST"]),
        Route("/forgot-password", _whole(pages.forgot), methods=["GET"]),
        Route("/forgot-password", _whole(pages.request_reset), methods=["POST"]),
        Route("/reset-password", _whole(pages.new_password), methods=["GET"]),
        Route("/reset-password", _whole(pages.reset), methods=["POST"]),
    ]


def _whole(page: Page) -> Page:
    """What is refused outside a form's own words (another site's form, too many requests) is a page as well."""

    async def answer(request: Request) -> Response:
        try:
            return await page(request)
        except ShopError as refused:
            return _page("That did not work", _trouble(refused), status=refused.status, refused=refused)

    return answer


class _Pages:
    def __init__(self, shop: Shop, identity: Identity) -> None:
        self.shop = shop
        self.identity = identity
        self.database: Database = shop.database

    # ---- an invitation -------------------------------------------------------------------------------------------------

    async def invitation(self, request: Request, refused: ShopError | None = None) -> Response:
        """It says nothing of the address but what was typed, whether or not it has an account."""
        token = (await _form(request)).get("token") or request.query_params.get("token", "")
        try:
            offer = await accounts.offer_of(self.database, read_link(LinkKind.invitation, token))
        except ShopError:
            offer = None
        if offer is None:
            return _void("Ask whoever invited you to send it again. If you have accepted it already,")
        return _page(
            f"Join {offer.shop}",
            f"<p>You are invited to work in <strong>{escape(offer.shop)}</strong> as {escape(offer.role)}.</p>",
            _trouble(refused),
            _form_of(
                "/invitation",
                _hidden("token", token),
                _input("E-mail address", "email", "email", f'value="{escape(offer.email)}" readonly autocomplete="username"'),
                _input("Your name", "name", "text", f'value="{escape(offer.name)}" maxlength="200" required autocomplete="name"'),
                _input("Password", "password", "password", f"{NEW_PASSWORD} required", hint=_PASSWORD_HINT),
                _button("Accept the invitation"),
            ),
            refused=refused,
        )  # fmt: skip

    async def accept(self, request: Request) -> Response:
        given = await _form(request)
        name = given.get("name", "").strip()
        arguments = {"token": given.get("token", ""), "password": given.get("password", "")} | (
            {"name": name} if name else {}
        )
        try:
            joined = await self._call("accept_invitation", arguments, request)
        except ShopError as refused:
            return await self.invitation(request, refused)
        return _page(
            f"Welcome to {joined.shop}",
            f"<p>You have joined as {escape(joined.role)}. Sign in with {escape(joined.email)} and your password.</p>",
            _sign_in_form(joined.email),
        )

    # ---- signing in ----------------------------------------------------------------------------------------------------

    async def sign_in_page(self, request: Request) -> Response:
        token = request.cookies.get(COOKIE)
        if token and await accounts.session_of(self.database, token):
            return _page(
                "You are signed in",
                '<p class="quiet">The shop is run by conversation: on the command line with <code>shopkeeper chat</code>,'
                " and by programs below <code>/api/v1</code>.</p>",
                _form_of("/sign-out", _button("Sign out")),
            )
        return _page("Sign in", _sign_in_form(""))

    async def sign_in(self, request: Request) -> Response:
        refuse_cross_site(request)
        given = await _form(request)
        email = given.get("email", "")
        try:
            token = await self.identity.sign_in(email, given.get("password", ""), None, visit_of(request))
        except ShopError as refused:
            return _page("Sign in", _trouble(refused), _sign_in_form(email), refused=refused)
        return signed_in(RedirectResponse("/sign-in", 303, _HEADERS), token, request)

    async def sign_out(self, request: Request) -> Response:
        refuse_cross_site(request)
        if token := request.cookies.get(COOKIE):
            await self.identity.sign_out(token)
        answer = RedirectResponse("/sign-in", 303, _HEADERS)
        answer.delete_cookie(COOKIE)
        return answer

    # ---- a new password ------------------------------------------------------------------------------------------------

    async def forgot(self, request: Request, refused: ShopError | None = None) -> Response:
        return _page(
            "Set a new password",
            "<p>Give the address with which you sign in: a link to set a new password goes there.</p>",
            _trouble(refused),
            _form_of(
                "/forgot-password",
                _input("E-mail address", "email", "email", 'required autocomplete="username"'),
                _button("Send the link"),
            ),
            '<p class="quiet"><a href="/sign-in">Back to signing in</a></p>',
            refused=refused,
        )

    async def request_reset(self, request: Request) -> Response:
        try:
            arguments = {"email": (await _form(request)).get("email", "")}
            asked = await self._call("request_password_reset", arguments, request)
        except ShopError as refused:
            return await self.forgot(request, refused)
        more = "" if self.shop.site.mails else " This installation sends no mail: whoever looks after it has your link."
        return _page("Look into your mail", f"<p>{escape(asked.message)}{more}</p>")

    async def new_password(self, request: Request, refused: ShopError | None = None) -> Response:
        token = (await _form(request)).get("token") or request.query_params.get("token", "")
        return _page(
            "Set a new password",
            "<p>You are signed out everywhere, and sign in anew with this password.</p>",
            _trouble(refused),
            _form_of(
                "/reset-password",
                _hidden("token", token),
                _input("New password", "password", "password", f"{NEW_PASSWORD} required", hint=_NEW_HINT),
                _button("Set the password"),
            ),
            refused=refused,
        )

    async def reset(self, request: Request) -> Response:
        given = await _form(request)
        arguments = {"token": given.get("token", ""), "password": given.get("password", "")}
        try:
            done = await self._call("reset_password", arguments, request)
        except ShopError as refused:
            return await self.new_password(request, refused)
        return _page("Your password is set", _sign_in_form(done.email))

    async def _call(self, name: str, arguments: dict[str, Any], request: Request) -> Any:
        caller = await self.identity.visitor(request)
        done = await call(self.shop, registry.tool(name), arguments, caller, key=secrets.token_urlsafe(16))
        return done.result


_PASSWORD_HINT = f"{SHORTEST} characters or more. If you have an account at this address already, give its password."
_NEW_HINT = f"{SHORTEST} characters or more: four words that have nothing to do with one another are good."


def _page(title: str, *parts: str, status: int = 200, refused: ShopError | None = None) -> Response:
    headers = dict(_HEADERS)
    if refused is not None:
        status = refused.status
        headers |= {"Retry-After": str(refused.details["retry_after"])} if "retry_after" in refused.details else {}
    return HTMLResponse(_PAGE.substitute(title=escape(title), style=_STYLE, body="\n".join(parts)), status, headers)


def _void(advice: str) -> Response:
    body = f'<p>It was used or replaced, or is too old. {advice} <a href="/sign-in">sign in</a>.</p>'
    return _page("This link works no more", body, status=410)


def _trouble(refused: ShopError | None) -> str:
    return f'<p class="trouble" role="alert">{escape(refused.message)} {escape(refused.advice)}</p>' if refused else ""


def _sign_in_form(email: str) -> str:
    return _form_of(
        "/sign-in",
        _input("E-mail address", "email", "email", f'value="{escape(email)}" required autocomplete="username"'),
        _input("Password", "password", "password", f'required maxlength="{LONGEST}" autocomplete="current-password"'),
        _button("Sign in"),
        '<p class="quiet"><a href="/forgot-password">Forgot your password?</a></p>',
    )


def _form_of(action: str, *parts: str) -> str:
    return f'<form method="post" action="{action}">\n{"".join(parts)}</form>'


def _input(label: str, name: str, kind: str, attributes: str, *, hint: str = "") -> str:
    small = f"<small>{escape(hint)}</small>" if hint else ""
    return f'<label>{escape(label)}{small}<input name="{name}" type="{kind}" {attributes}></label>\n'


def _hidden(name: str, value: str) -> str:
    return f'<input name="{name}" type="hidden" value="{escape(value)}">\n'


def _button(text: str) -> str:
    return f'<button type="submit">{escape(text)}</button>\n'


async def _form(request: Request) -> dict[str, str]:
    """What a form sent; nothing for a page that was only looked at, and for what no form of ours sends."""
    if request.method != "POST":
        return {}
    if not hasattr(request.state, "form"):
        body = b""
        async for chunk in request.stream():
            body += chunk if len(body) + len(chunk) <= LARGEST_FORM else b""
        request.state.form = dict(parse_qsl(body.decode("utf-8", "replace")))
    return request.state.form
