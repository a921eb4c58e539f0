"""What a process that serves keeps of the memory that it used for a while."""

import json
import subprocess
import sys

import pytest

ENCODING = """
from concurrent.futures import ThreadPoolExecutor
from bench.machine import resident
from orchestrator.memory import be_thrifty
from planner.read.embedder import Embedder
import os
be_thrifty()
before = resident(os.getpid())
with ThreadPoolExecutor(6) as threads:
    list(threads.map(Embedder().encode, [[f"blue mug {number} " * (number * 3)] for number in range(1, 30)]))
print(resident(os.getpid()) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures as Linux does")
def test_the_encoder_keeps_little_more_than_its_weights_whatever_it_read_in_how_many_threads() -> None:
    """It keeps 126 MB, 58 of them weights; loading left another 75 behind, and each thread's long sentences some more."""
    measured = subprocess.run([sys.executable, "-c", ENCODING], capture_output=True, text=True, check=True, timeout=170)

    assert float(measured.stdout) < 150


SETTLING = """
import gc, json, weakref
from orchestrator.memory import be_settled, be_thrifty

class Circle:
    def __init__(self):
        self.self = self

be_thrifty()
loaded = [Circle() for _ in range(50_000)]
opening = gc.isenabled()
be_settled()
later = weakref.ref(Circle())
made = [[] for _ in range(50_000)]
print(json.dumps({"opening": opening, "frozen": gc.get_freeze_count() > 50_000, "later": later() is None}))
"""


def test_garbage_is_looked_for_once_the_shop_is_open_and_only_in_what_is_made_from_then_on() -> None:
    ran = subprocess.run([sys.executable, "-c", SETTLING], capture_output=True, text=True, check=True, timeout=60)

    seen = json.loads(ran.stdout)

    assert not seen["opening"]
    assert seen["frozen"]
    assert seen["later"], "a circle that was dropped afterwards is collected"
