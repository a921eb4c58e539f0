"""The transport specialist."""

from agents.specialist import Specialist

SPECIALIST = Specialist(
    room="transport",
    title="Transport",
    handles="Knows the carriers, what they charge and promise; chooses one, ships orders, follows parcels, says which are late.",
    tools=(
        "create_shipment",
        "cancel_shipment",
        "get_shipment",
        "list_shipments",
        "get_shipping_label",
        "track_shipment",
        "record_tracking_event",
        "list_late_shipments",
        "quote_rates",
        "choose_carrier",
        "list_carriers",
        "get_carrier",
        "configure_carrier",
        "remove_carrier",
        "import_rate_card",
        "schedule_pickup",
        "create_manifest",
        "validate_address",
        "prepare_customs",
        "reroute_shipment",
        "open_carrier_claim",
        "list_carrier_claims",
        "carrier_performance",
    ),
)
