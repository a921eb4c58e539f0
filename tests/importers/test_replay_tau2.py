"""tau2's retail cases through our operations: they end as they should, and what is to be refused is refused."""

import json
import random
from pathlib import Path

import psycopg
import pytest

from bench.replay_tau2 import apart, name_of, replay
from db import clock
from importers.tau2 import SHOP, import_tau2
from tests.importers.conftest import made_for
from tests.tools.misfits import misfits
from tools.contract.call import Shop

NAME = "shared/evals/tau2_retail"
WORLD = next((parent / NAME for parent in Path(__file__).parents if (parent / NAME).exists()), None)
pytestmark = pytest.mark.skipif(WORLD is None, reason="the retail world of tau2 is not beside the clone")


async def test_cases_of_tau2_end_as_they_should(shop: Shop, chance: random.Random) -> None:
    """A hundred that have no customer in common, of all kinds; `python -m bench.replay_tau2` runs each of them."""
    assert WORLD is not None
    start = json.loads((WORLD / "db.json").read_text())
    cases = [case for file in sorted(WORLD.glob("open/*re*.json")) for case in json.loads(file.read_text())]
    cases += json.loads((WORLD / "open/error_probes.json").read_text())
    chance.shuffle(cases)
    batch = apart(cases, start)[0]
    empty = await made_for(shop, SHOP)
    with psycopg.connect(shop.database.url, autocommit=True) as connection:
        import_tau2(connection, empty.id, WORLD / "db.json", now=clock.now())

    replayed = await replay(shop.database, empty.caller("owner"), batch, start)

    for case in batch:
        name = name_of(case)
        assert replayed[name].steps == [step["ok"] for step in case["steps"]], name
        expected = {kind: rows for kind, rows in case["final_diff_corrected"].items() if rows}
        changed = {
            kind: {id_: _told(row) for id_, row in rows.items()}
            for kind, rows in replayed[name].changed.items()
            if rows
        }
        assert changed == {kind: {id_: _told(row) for id_, row in rows.items()} for kind, rows in expected.items()}, (
            name
        )
    assert await misfits(empty) == {}


def _told(row: dict[str, object]) -> dict[str, object]:
    """Without what is not there, and amounts in whole cents."""
    return json.loads(
        json.dumps({key: value for key, value in row.items() if value is not None}),
        parse_float=lambda written: round(float(written), 2),
    )
