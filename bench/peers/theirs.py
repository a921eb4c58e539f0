"""A peer in an environment of its own: `python theirs.py <harness> <peer> <rounds>`, with `STUB` and `PGDSN` set.

Those of LangGraph's family keep their checkpoints in PostgreSQL; the others keep nothing. Prints what was measured.
"""

import asyncio
import os
import sys
import time
import uuid
import warnings
from typing import Any

ROWS = """
select (select count(*) from checkpoints where thread_id = %(thread)s)
     + (select count(*) from checkpoint_blobs where thread_id = %(thread)s)
     + (select count(*) from checkpoint_writes where thread_id = %(thread)s) as rows
"""


async def of_langgraph(peer: str, rounds: int) -> None:
    import run_langgraph
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from langgraph.types import Command
    from measuring import Turned, measure
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    settings = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    opened: Any = AsyncConnectionPool
    async with opened(os.environ["PGDSN"], min_size=1, max_size=6, open=False, kwargs=settings) as pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        graph = run_langgraph.VARIANTS[peer](saver)

        async def turn(case: Any, counted: bool) -> Turned:
            config = {"configurable": {"thread_id": uuid.uuid4().hex}, "recursion_limit": 60}
            asked: Any = {"messages": [{"role": "user", "content": case.text}]}
            state = await graph.ainvoke(asked, config, durability="sync")
            if case.approval and (cards := state.get("__interrupt__")):
                decisions = [{"type": "approve"}] * len(cards[0].value["action_requests"])
                state = await graph.ainvoke(Command(resume={"decisions": decisions}), config, durability="sync")
            asked_in: Any = config["configurable"]
            rows = await kept(asked_in["thread_id"]) if counted else 0
            return Turned(state["messages"][-1].content, rows)

        async def kept(thread: Any) -> int:
            async with pool.connection() as connection:
                cursor: Any = await connection.execute(ROWS, {"thread": thread})
                return (await cursor.fetchone())["rows"]

        async def stream(case: Any, _: bool, durability: Any = None) -> Turned:
            """To the end of the turn, through its card; as the library would keep it, or as surely as `turn` does."""
            config = {"configurable": {"thread_id": uuid.uuid4().hex}, "recursion_limit": 60}
            given: Any = {"messages": [{"role": "user", "content": case.text}]}
            began, first, last, text = time.perf_counter(), 0.0, None, ""
            while given:
                cards, modes = None, ["messages", "updates"]
                run = graph.astream(given, config, stream_mode=modes, subgraphs=True, durability=durability)
                async for _, mode, data in run:
                    if mode == "updates":
                        cards = data.get("__interrupt__") or cards
                    elif type(data[0]).__name__ == "AIMessageChunk" and data[0].content:
                        if data[0].id != last:  # the last message of the stream is the answer that stays
                            last, first = data[0].id, time.perf_counter() - began
                        text += data[0].content
                decisions = [{"type": "approve"}] * len(cards[0].value["action_requests"]) if cards else []
                given = Command(resume={"decisions": decisions}) if decisions else None
            return Turned(text, 0, first, text)

        async def streamed(case: Any, counted: bool) -> Turned:
            return await stream(case, counted, "sync")

        await measure(peer, turn, rounds, stream=stream, streamed=streamed)


async def of_another(peer: str, rounds: int) -> None:
    from measuring import Turned, measure

    if peer == "openai_agents":
        import run_openai_agents

        asked = run_openai_agents.turn
    else:
        import run_pydantic_ai

        asked = run_pydantic_ai.tf(run_pydantic_ai.deleg())

    async def turn(case: Any, _: bool) -> Turned:
        return Turned(await asked(case, ""))

    await measure(peer, turn, rounds)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    _, harness, peer_, rounds_ = sys.argv
    sys.path.append(harness)
    others = ("openai_agents", "pydantic_ai")
    asyncio.run((of_another if peer_ in others else of_langgraph)(peer_, int(rounds_)))
