"""A small host on disk: compose files and secrets lie under `tmp_path`, and configurations are read there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from watchdog.errors import ConfigError
from watchdog.settings import Configuration, load

COMPOSE = "services: {backend: {}, frontend: {}, migrate: {}, postgres: {}}\n"


class Host:
    """`COMPOSE`, `OTHER` and `SECRET` in a text become the paths of files that exist."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "config.yaml"
        self.compose = self.write("shop/compose.yaml", COMPOSE)
        self.other = self.write("blog/compose.yaml", COMPOSE)
        self.secret = self.write("secret", "token\n")

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def load(self, text: str | bytes, environ: Mapping[str, str] | None = None) -> Configuration:
        if isinstance(text, str):
            for word, path in (("COMPOSE", self.compose), ("OTHER", self.other), ("SECRET", self.secret)):
                text = text.replace(word, str(path))
        self.write("config.yaml", text)
        return load(self.config, environ or {})

    def faults(self, text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, environ)
        return str(caught.value).replace(str(self.config), "config.yaml").splitlines()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)
