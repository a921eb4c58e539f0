"""The payments specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="payments",
    title="Payments",
    handles="Authorizes, captures, voids and refunds payments; shows why one failed; saved methods, store credit and gift cards; "
    "payment links, disputes, payouts, reconciliation with providers, the ledger, and what money came in.",
    tools=(
        "authorize_payment",
        "capture_payment",
        "void_payment",
        "refund_payment",
        "create_payment_link",
        "get_payment",
        "list_payments",
        "list_payment_providers",
        "save_payment_method",
        "list_payment_methods",
        "remove_payment_method",
        "issue_store_credit",
        "issue_gift_card",
        "get_gift_card",
        "list_disputes",
        "respond_to_dispute",
        "list_payouts",
        "reconcile_payments",
        "get_ledger",
        "transaction_report",
        "refund_report",
        "revenue_report",
    ),
)
