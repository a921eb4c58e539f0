"""What a process that serves keeps of the memory that it used for a while."""

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
    """Its weights are 90 MB; loading them left another 75 behind, and each thread's long sentences some more."""
    measured = subprocess.run([sys.executable, "-c", ENCODING], capture_output=True, text=True, check=True, timeout=170)

    assert float(measured.stdout) < 190
