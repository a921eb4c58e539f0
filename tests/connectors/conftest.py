"""Stripe's own API, as a server on this machine that knows nothing of ours: see `stripe_server.py`."""

import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator

import httpx
import pytest

from tests.easypost_server import Scripted, serving


@pytest.fixture(scope="session")
def stripe_url() -> Generator[str]:
    pytest.importorskip("localstripe")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = subprocess.Popen(
        [sys.executable, "-m", "tests.connectors.stripe_server", str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert serving.stdout is not None
        assert "Running on" in serving.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        serving.terminate()
        serving.wait(10)
        if serving.stdout:
            serving.stdout.close()


@pytest.fixture
async def at_stripe(stripe_url: str) -> AsyncGenerator[httpx.AsyncClient]:
    """The same server, spoken to without the SDK: what it has is looked up so."""
    async with httpx.AsyncClient(base_url=stripe_url, auth=("sk_test_shop", "")) as client:
        yield client


@pytest.fixture
def easypost_server() -> Generator[Scripted]:
    with serving() as script:
        yield script
