"""What some versions do wrong at start, each a thing that real releases did."""

import os
import signal
import sys
import threading


def break_on_purpose(breakage: str) -> None:
    if breakage == "exit":
        threading.Timer(0.5, _exit).start()
    elif breakage == "never-ready":
        _hang()


def _exit() -> None:
    print("fatal: cannot load the payment module", file=sys.stderr, flush=True)
    os._exit(3)


def _hang() -> None:
    """Runs for ever and never listens, but still ends when asked to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("waiting for the licence server", file=sys.stderr, flush=True)
    while True:
        signal.pause()
