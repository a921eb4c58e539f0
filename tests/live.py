"""The web application served over real HTTP on loopback, by a thread of its own with a loop and a pool of its own."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from orchestrator.app import services, web, working
from orchestrator.installation import Urls
from orchestrator.settings import Settings


@contextmanager
def served(settings: Settings, urls: Urls, *, worker: bool = False) -> Generator[str]:
    """The address of a running shop."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop: list[uvicorn.Server] = []

    async def serve() -> None:
        async with services(settings, urls) as parts:
            server = uvicorn.Server(uvicorn.Config(web(parts), log_level="warning", access_log=False))
            stop.append(server)
            async with working(parts, urls) if worker else contextlib.nullcontext():
                await server.serve([listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    while not (stop and stop[0].started):
        if not thread.is_alive():
            raise RuntimeError("The shop ended before it was ready.")
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop[0].should_exit = True
        thread.join(timeout=30)
