"""Who may do what: roles as data, after the table of roles in the catalogue of operations."""

from collections.abc import Collection

from db.models.backoffice import Role

_VIEW = {"analytics:read", "products:read", "inventory:read", "merchant:read", "account:read", "account:write"}
_STOCK = {
    "inventory:write", "warehouse:read", "warehouse:write", "quality:read", "quality:write", "transport:write",
    "returns:read", "returns:receive",
}  # fmt: skip
_SERVICE = {
    "orders:read", "orders:write", "orders:cancel", "customers:read", "customers:write", "customers:address",
    "payments:read", "payments:write", "payments:refund", "after_sales:read", "after_sales:write",
    "returns:read", "returns:receive", "transport:read", "transport:write",
    "documents:read", "documents:write", "knowledge:read", "knowledge:write", "fraud:read",
    "warehouse:read", "marketplaces:read", "quality:read", "users:read", "settings:read", "approvals:read",
    "approvals:decide", "audit:read", "monitoring:read", "risk:read", "risk:write", "fraud:write",
}  # fmt: skip
_MANAGE = {
    "products:write", "prices:write", "customers:export", "customers:merge", "marketplaces:write",
    "settings:write", "users:invite", "keys:read", "suppliers:write", "monitoring:write",
}  # fmt: skip
_OWN = {"users:write", "keys:write", "policy:write", "merchant:write", "secrets:write", "customers:erase"}

ROLES: dict[Role, frozenset[str]] = {
    Role.viewer: frozenset(_VIEW),
    Role.warehouse: frozenset(_VIEW | _STOCK | {"orders:read", "transport:read", "documents:read"}),
    Role.support: frozenset(_VIEW | _SERVICE),
    Role.manager: frozenset(_VIEW | _SERVICE | _STOCK | _MANAGE),
    Role.owner: frozenset(_VIEW | _SERVICE | _STOCK | _MANAGE | _OWN),
}
EVERY_PERMISSION = ROLES[Role.owner]
STOPPING = frozenset({"orders:cancel", "fraud:write"})  # with these a call cancels or blocks things
VISITING = frozenset({"account:enter"})  # what people may who are not signed in; no role and no key has it


def expand(scopes: Collection[str]) -> frozenset[str]:
    """The permissions of an API key's scopes: a permission, a room's (`orders:*`), all reading (`*:read`), or all (`*`)."""
    return frozenset(
        permission
        for permission in EVERY_PERMISSION
        if not {permission, "*", f"{permission.partition(':')[0]}:*", f"*:{permission.partition(':')[2]}"}.isdisjoint(
            scopes
        )
    )
