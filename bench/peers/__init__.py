"""Our graph beside what a user would pick instead: six requests over the same 150 tools, with a scripted model that never errs.

The harness lies beside the clone. Each peer runs in a process and an environment of its own, made here once (`.venv-peers`) from
`requirements/`; those of LangGraph's family, and ours, keep their checkpoints in the same PostgreSQL.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Any

import psycopg

from bench.shop import clear_away, free_port
from db import embedded
from db.migrate import upgrade
from orchestrator.saver import set_up_saver

HERE = Path(__file__).parent
HARNESS = HERE.parents[2] / "shared/evals/peers"
ENVIRONMENTS = HERE.parents[1] / ".venv-peers"
OURS = "shopkeeper"
ENVIRONMENT_OF = {
    "flat": "langgraph", "supervisor": "langgraph", OURS: "", "subagent_tools": "langgraph", "swarm": "langgraph",
    "deepagents": "langgraph", "openai_agents": "openai_agents", "pydantic_ai": "pydantic_ai",
}  # fmt: skip
NAMES = {
    "flat": "one agent with all tools (create_agent)", "supervisor": "langgraph-supervisor", OURS: "**Shopkeeper's graph**",
    "subagent_tools": "specialists as tools (create_agent)", "swarm": "langgraph-swarm", "deepagents": "deepagents",
    "openai_agents": "OpenAI Agents SDK", "pydantic_ai": "pydantic-ai, delegating",
}  # fmt: skip
ROUNDS = 20
Measured = dict[str, Any]


def measure() -> str:
    title = "## Beside its peers"
    harness = Path(os.environ.get("SHOPKEEPER_PEERS", HARNESS))
    if not (harness / "catalog.py").exists():
        return f"{title}\n\nNot measured: the harness is not there."
    with _model(harness) as stub, _database() as (runtime, admin):
        measured = {peer: _measured(harness, peer, stub, runtime if peer == OURS else admin) for peer in ENVIRONMENT_OF}
    head = [
        "",
        "calls of the model, by request",
        "calls",
        "prompt tokens",
        "client CPU ms a turn",
        "of langgraph-supervisor's",
        "streamed",
    ]
    head += ["rows kept a turn", "first token ms, look-up", "and change in two rooms", "copies of the answer streamed"]
    reference = _cpu(measured["supervisor"])
    return "\n".join(
        [
            title,
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *(_row(peer, lines, reference) for peer, lines in measured.items()),
            "",
            f"Requests: {', '.join(str(line['case']) for line in measured[OURS] if 'calls' in line)}. CPU is that of the",
            f"client's process, the median of {ROUNDS} rounds, averaged over the requests; of the others first without a",
            "stream, then streamed, ours always streamed. The last two peers keep nothing, the others and ours in PostgreSQL",
            "(`durability=sync`). For the first token the model takes 400 ms, and 8 ms for each that follows; else it takes",
            "none. What is measured is architecture, not what models understand.",
        ]
    )


def _row(peer: str, lines: list[Measured], reference: float) -> str:
    costs = [line for line in lines if "calls" in line]
    streams = [line for line in lines if "first" in line]
    wrong = [line["case"] for line in costs if not line["right"]]
    kept = mean(line["rows"] for line in costs)
    aloud = mean(line.get("streamed", line["cpu"]) for line in costs)
    cells = [
        NAMES[peer] + (f" (wrong: {', '.join(wrong)})" if wrong else ""),
        " ".join(str(line["calls"]) for line in costs),
        str(sum(line["calls"] for line in costs)),
        f"{sum(line['prompt'] for line in costs):,}",
        f"{_cpu(lines):.1f}",
        f"{_cpu(lines) / reference:.2f}",
        f"{aloud:.1f}" if streams else "",
        f"{kept:.0f}" if streams else "",
        *(f"{line['first']:.0f}" for line in streams),
        *([] if streams else ["", ""]),
        ", ".join(str(line["copies"]) for line in streams),
    ]
    return f"| {' | '.join(cells)} |"


def _cpu(lines: list[Measured]) -> float:
    return mean(line["cpu"] for line in lines if "calls" in line)


def _measured(harness: Path, peer: str, stub: str, database: str) -> list[Measured]:
    """What a peer's process prints."""
    environment = os.environ | {"STUB": stub, "PGDSN": database, "PYTHONDONTWRITEBYTECODE": "1"}
    if peer == OURS:
        command = [sys.executable, "-m", "bench.peers.ours", str(harness), str(ROUNDS)]
    else:
        command = [_python(ENVIRONMENT_OF[peer]), str(HERE / "theirs.py"), str(harness), peer, str(ROUNDS)]
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in told.splitlines() if line.startswith("{")]


def _python(environment: str) -> str:
    """The interpreter of an environment, which is made when it is first asked for."""
    folder, pinned = ENVIRONMENTS / environment, HERE / "requirements" / f"{environment}.txt"
    python, made = folder / "bin/python", folder / ".made"
    if not made.exists() or made.read_text() != pinned.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", pinned], check=True)
        made.write_text(pinned.read_text())
    return str(python)


@contextmanager
def _model(harness: Path) -> Generator[str]:
    """The harness's scripted model, until it is no longer needed; its address."""
    port = free_port()
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    server = subprocess.Popen([_python("server"), harness / "server.py", str(port)], env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/stats")
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(address).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("The scripted model did not come up.")


@contextmanager
def _database() -> Generator[tuple[str, str]]:
    """A PostgreSQL: the address of our checkpoints, and of an empty database for the others'."""
    with tempfile.TemporaryDirectory(prefix="shopkeeper-bench-") as folder:
        home = Path(folder)
        server = embedded.start(home)
        try:
            upgrade(server.url("app_owner"))
            asyncio.run(set_up_saver(server.url("app_owner")))
            with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
                admin.execute("create database peers")
            yield server.url("app_rt"), server.url("postgres", "peers")
        finally:
            embedded.stop(server)
            clear_away(home)
