"""Other processes that do something for somebody of a shop, and may be killed in its midst: `doomed.py` from the tests' side."""

import asyncio
import json
import signal

from tests.factories import NewShop

LEASE_OVER = "update turns set lease_until = now() - interval '1 second' where merchant_id = %s and status = 'running'"
LONG_DECIDED = "update approvals set decided_at = decided_at - interval '1 minute' where merchant_id = %s"


class Elsewhere:
    """Other processes, each for one deed of somebody of the shop; they may be killed in its midst."""

    def __init__(self, forks: asyncio.subprocess.Process, mine: NewShop) -> None:
        self.forks = forks
        self.mine = mine

    async def do(self, *deed: object, steps: int | str = 0) -> int:
        """How it ended: 0 when it was through, else minus the signal."""
        return (await self.at_once(deed, steps=steps))[0]

    async def at_once(self, *deeds: tuple[object, ...], steps: int | str = 0) -> list[int]:
        who = {"merchant": str(self.mine.id), "user": str(self.mine.users["owner"]), "steps": steps}
        asked = [{"deed": deed, "what": what, **who} for deed, *what in deeds]
        assert self.forks.stdin is not None
        assert self.forks.stdout is not None
        self.forks.stdin.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(150):
            return json.loads(await self.forks.stdout.readline())

    async def killed(self, *deed: object) -> None:
        """Do it until a tool has left a job behind."""
        assert await self.do(*deed, steps="job") == -signal.SIGKILL

    async def lease_over(self) -> None:
        """Time passes: nobody believes any more that they live."""
        async with self.mine.shop.database.transaction(self.mine.id) as sql:
            await sql.execute(LONG_DECIDED, (self.mine.id,))
            await sql.commit(LEASE_OVER, (self.mine.id,))
