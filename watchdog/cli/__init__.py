"""The command line: talks to the daemon, or does the same itself where none runs."""

from watchdog.cli.main import main

__all__ = ["main"]
