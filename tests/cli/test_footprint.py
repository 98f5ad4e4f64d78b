"""What the daemon does without, in a process of its own: what is imported once stays."""

from __future__ import annotations

import subprocess
import sys

IMPORTS = """
import sys
from watchdog.cli.footprint import UNWANTED, stay_small
stay_small()
import docker, httpx, structlog
print(*(name for name in sys.modules if name.split(".")[0] in UNWANTED and sys.modules[name]))
"""


def test_the_libraries_work_without_what_they_would_like_to_import_and_say_nothing_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")
