"""A small HTTP/1.1 client over asyncio streams: what it costs must not be what is measured."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    key: str

    @classmethod
    async def open(cls, port: int, key: str) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port), key)

    async def ask(self, method: str, path: str, body: object = None, *, prefer: str = "") -> tuple[int, bytes]:
        content = b"" if body is None else orjson.dumps(body)
        head = (
            f"{method} /api/v1{path} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {self.key}\r\nPrefer: {prefer}\r\n"
            f"Idempotency-Key: {uuid.uuid4()}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        self.writer.write(head.encode() + content)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        length = next(
            (int(line.split(b":")[1]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length")),
            0,
        )
        return status, await self.reader.readexactly(length) if length else b""


Request = Callable[[Connection], Awaitable[int]]


@dataclass
class Load:
    """What a number of clients did in a time: how long each request took, in milliseconds, and which statuses came."""

    seconds: float
    took: list[float] = field(default_factory=list[float])
    statuses: dict[int, int] = field(default_factory=dict[int, int])

    def per_second(self) -> float:
        return len(self.took) / self.seconds

    def percentile(self, share: float) -> float:
        return sorted(self.took)[min(len(self.took) - 1, int(len(self.took) * share))]


async def load(port: int, key: str, clients: int, seconds: float, request: Request) -> Load:
    """So many clients, each asking as soon as it was answered, for so long."""
    done = Load(seconds)
    connections = [await Connection.open(port, key) for _ in range(clients)]
    until = time.perf_counter() + seconds

    async def one(connection: Connection) -> None:
        while (began := time.perf_counter()) < until:
            status = await request(connection)
            done.took.append((time.perf_counter() - began) * 1000)
            done.statuses[status] = done.statuses.get(status, 0) + 1

    await asyncio.gather(*(one(connection) for connection in connections))
    for connection in connections:
        connection.writer.close()
    return done
