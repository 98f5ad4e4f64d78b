"""The command line as an operator types it: its exit code, and what it printed where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("ops-watchdog")
LIMIT_SECONDS = 60.0
NOWHERE = "unix:///nonexistent/docker.sock"
COMPOSE = "services:\n  web: {image: 'shop/web:1'}\n  database: {image: 'postgres:15'}\n"


@dataclass(frozen=True, slots=True)
class Done:
    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Operator:
    """At a host where no engine answers and no daemon runs."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def configuration(self) -> Path:
        return self.root / "config.yaml"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    def write(self, **sections: Any) -> None:
        """A configuration that guards `shop`; `sections` replace whole ones."""
        document = {
            "state_dir": str(self.root / "state"),
            "socket": str(self.root / "control.sock"),
            "docker": {"host": NOWHERE},
            "stacks": {"shop": self.stack("shop")},
            **sections,
        }
        self.configuration.write_text(json.dumps(document, indent=1))

    def stack(self, name: str, **other: Any) -> dict[str, Any]:
        compose = self.root / name / "compose.yaml"
        compose.parent.mkdir(exist_ok=True)
        compose.write_text(COMPOSE)
        return {
            "compose": str(compose),
            "checks": [{"tcp": "127.0.0.1:1", "name": "port", "service": "web"}],
            "backup": {"directory": str(self.backups)},
            **other,
        }

    @contextmanager
    def runs(self, *words: str) -> Iterator[Path]:
        """A command that lasts as long as the block; yields the file with everything that it says."""
        said = self.root / "said.log"
        with said.open("wb") as log:
            process = subprocess.Popen(self.argv(*words), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield said
        finally:
            process.terminate()
            process.wait(LIMIT_SECONDS)

    def argv(self, *words: str) -> list[str]:
        return [str(PROGRAM), "--config", str(self.configuration), *words]

    def types(self, *words: str) -> Done:
        done = subprocess.run(
            self.argv(*words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
            env={**os.environ, **self.environment},
        )
        return Done(done.returncode, done.stdout, done.stderr)
