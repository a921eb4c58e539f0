"""What must always hold between the tables: each check is a statement that returns the rows which break it, and should none.

Ledgers are the truth and counters their caches; these are the reconciliations, for `shopkeeper check`, monitoring and tests.
Each runs inside a merchant's transaction, with the parameters `merchant` and `now`. Two sides are compared by adding one and
taking away the other: one pass over both, however stale the statistics.
"""

from db.checks.check import Check
from db.checks.goods import STOCK, UNTRACKED, WAREHOUSE
from db.checks.people import AUDIT, COUNTERS, CUSTOMERS, DUE
from db.checks.trade import MONEY, ORDERS

__all__ = ["CHECKS", "Check"]

CHECKS: tuple[Check, ...] = (*STOCK, *WAREHOUSE, UNTRACKED, *ORDERS, *MONEY, *CUSTOMERS, COUNTERS, *DUE, *AUDIT)
