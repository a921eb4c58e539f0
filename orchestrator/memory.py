"""How a process that serves asks the system for memory, and gives it back.

glibc keeps what was freed, in as many heaps as there were threads: loading the encoder alone left 75 MB behind that nobody
used, and each thread that encoded a sentence some more. Two heaps are plenty for a process whose work is on one event loop,
and a block of a quarter megabyte and more comes from the system and goes back to it.
"""

import ctypes
import sys

_HEAPS, _LARGE = -8, -3  # M_ARENA_MAX and M_MMAP_THRESHOLD of malloc.h


def be_thrifty() -> None:
    """To be called before anything large is loaded. Other systems than glibc's need none of it."""
    if not sys.platform.startswith("linux"):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:  # musl has none
        set_option(_HEAPS, 2)
        set_option(_LARGE, 256 * 1024)
