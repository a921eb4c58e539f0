"""EasyPost as it was recorded, as a server on this machine: parcels, labels, refunds, pick-ups and trackers answer what its API
answered.

What is asked again is answered from what was done: a shipment has one label, and buying it twice is refused. `lose` has it act and
say nothing, once.
"""

import json
import re
import threading
from base64 import b64decode
from collections.abc import Generator
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAYLOADS = Path(__file__).parent / "payloads" / "easypost" / "calls.jsonl"
KEY, SECRET = "EZTK_test", "sécret"
Object = dict[str, Any]
NOT_FOUND = (
    404,
    {"error": {"code": "NOT_FOUND", "message": "The requested resource could not be found.", "errors": []}},
)


def recorded(cassette: str, nth: int = 0) -> Object:
    """A call of EasyPost's own client, and what was answered."""
    calls = [json.loads(line) for line in PAYLOADS.read_text().splitlines()]
    return [call for call in calls if call["cassette"] == cassette][nth]


class Scripted:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Object]] = []
        self.shipments: dict[str, Object] = {}
        self.pickups: dict[str, Object] = {}
        self.lose = ""  # a path's end, of which the next answer is lost
        self.refuse = ""  # the same, refused
        self.refund_status = "submitted"
        self.lock = threading.Lock()
        self.address = ""

    def asked(self, end: str) -> list[Object]:
        return [body for _, path, body in self.calls if path.endswith(end)]

    def answer(self, method: str, path: str, body: Object) -> tuple[int, Object]:
        if self.refuse and path.endswith(self.refuse):
            return 422, {"error": {"code": "RATE.UNAVAILABLE", "message": "The rate is gone.", "errors": []}}
        if path == "/v2/shipments":
            return self._offer(body)
        if path == "/v2/addresses":
            known = body["address"]["street1"] == "388 Townsend St"
            call = recorded("test_address_create_verify_strict" if known else "test_address_create_verify")
            return call["status"], call["response"]
        if path == "/v2/trackers":
            call = recorded("test_tracker_create")
            return call["status"], call["response"] | {"tracking_code": body["tracker"]["tracking_code"]}
        if path.startswith("/v2/pickups"):
            return self._pickup(path, body)
        found = re.fullmatch(r"/v2/shipments/(shp_\w+)(/buy|/refund)?", path)
        shipment = self.shipments.get(found[1]) if found else None
        if found is None or shipment is None:
            return NOT_FOUND
        if found[2] == "/buy":
            return self._buy(shipment, body)
        if found[2] == "/refund":
            shipment["refund_status"] = self.refund_status
        return 200, shipment

    def _pickup(self, path: str, body: Object) -> tuple[int, Object]:
        """One is offered to whoever has a parcel with a label there, and is told to come once."""
        if path == "/v2/pickups":
            parcel = self.shipments.get(body["pickup"]["shipment"]["id"])
            if parcel is None or not parcel["postage_label"]:
                return NOT_FOUND
            call = recorded("test_pickup_buy")
            pickup = deepcopy(call["response"]) | {"id": f"pickup_{len(self.pickups) + 1:032x}"}
            self.pickups[pickup["id"]] = pickup
            return call["status"], pickup
        name, _, buys = path.removeprefix("/v2/pickups/").partition("/")
        pickup = self.pickups.get(name)
        if pickup is None:
            return NOT_FOUND
        if buys and pickup["status"] == "scheduled":
            return 422, {"error": {"code": "PICKUP.SCHEDULED", "message": "Pickup already scheduled.", "errors": []}}
        if buys:
            pickup |= {key: recorded("test_pickup_buy", 1)["response"][key] for key in ("status", "confirmation")}
        return 200, pickup

    def _offer(self, body: Object) -> tuple[int, Object]:
        if not body.get("shipment"):
            call = recorded("test_error")
            return call["status"], call["response"]
        call = recorded("test_shipment_buy")
        number = len(self.shipments) + 1
        shipment = deepcopy(call["response"]) | {
            "id": f"shp_{number:032x}",
            "reference": body["shipment"].get("reference"),
        }
        self.shipments[shipment["id"]] = shipment
        return call["status"], shipment

    def _buy(self, shipment: Object, body: Object) -> tuple[int, Object]:
        if shipment["postage_label"]:
            return 422, {
                "error": {"code": "SHIPMENT.POSTAGE.EXISTS", "message": "Postage already exists.", "errors": []}
            }
        call = recorded("test_shipment_buy", 1)
        bought = {name: deepcopy(call["response"][name]) for name in ("postage_label", "tracker", "status")}
        number = f"94001002083031095{len(self.shipments):05d}"
        rate = next(one for one in shipment["rates"] if one["id"] == body["rate"]["id"])
        shipment |= bought | {"tracking_code": number, "selected_rate": rate}
        return call["status"], shipment


def _handler(script: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            with script.lock:
                script.calls.append((self.command, self.path, body))
                known = self.headers.get("authorization", "").removeprefix("Basic ")
                if b64decode(known).decode() != f"{KEY}:":
                    status, answer = 401, {"error": {"code": "APIKEY.INACTIVE", "message": "This key is not active."}}
                else:
                    status, answer = script.answer(self.command, self.path, body)
                lost = script.lose and self.path.endswith(script.lose)
                if lost:
                    script.lose = ""
                written = json.dumps(answer).encode()
            if lost:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def serving() -> Generator[Scripted]:
    script = Scripted()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(script))
    script.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
