"""How a process that serves asks the system for memory, and gives it back.

glibc keeps what was freed, in as many heaps as there were threads: loading the encoder alone left 75 MB behind that nobody
used, and each thread that encoded a sentence some more. Two heaps are plenty for a process whose work is on one event loop,
and a block of a quarter megabyte and more comes from the system and goes back to it.

What is loaded while a process opens stays for its life. Looking through it for garbage, again and again as it grows, took a third
of a start's CPU, and each later look a quarter of a second in which nobody was answered: so nothing is looked through until the
shop is open, and what is there then never is. The garbage that stays with it is 4 MB. A command ends before there is much: it
looks seldom, and what it leaves is not looked through on its way out, which took half a second.
"""

import ctypes
import gc
import sys

_HEAPS, _LARGE = -8, -3  # M_ARENA_MAX and M_MMAP_THRESHOLD of malloc.h
_OFTEN, _SELDOM = gc.get_threshold(), (50_000, 20, 100)


def be_brief() -> None:
    """To be called by every command, before it loads what it needs."""
    gc.set_threshold(*_SELDOM)


def leave() -> None:
    """The last that a process does."""
    gc.freeze()


def be_thrifty() -> None:
    """To be called before anything large is loaded; and `be_settled` when all that stays is there."""
    gc.disable()
    if not sys.platform.startswith("linux"):
        return  # other systems give memory back by themselves
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:  # musl has none
        set_option(_HEAPS, 2)
        set_option(_LARGE, 256 * 1024)


def be_settled() -> None:
    """From now on garbage is looked for, among what is made from now on."""
    gc.freeze()
    gc.set_threshold(*_OFTEN)
    gc.enable()
