"""Pulling by digest from a registry in miniature: one tiny image, served over HTTP on loopback."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.adapters.conftest import Docker
from watchdog.adapters.docker_engine import DockerEngine
from watchdog.errors import StepFailed

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry:
    """Serves one image as `name@digest`; `image_id` is what the engine will call it."""

    def __init__(self, content: bytes) -> None:
        layer = _tar({"content": content})
        packed = gzip.compress(layer)
        config = {"architecture": "amd64", "os": "linux", "config": {}}
        rootfs = {"type": "layers", "diff_ids": [digest(layer)]}
        described = json.dumps({**config, "rootfs": rootfs}).encode()
        self.manifest = _manifest(described, packed)
        self.blobs = {digest(blob): blob for blob in (described, packed)}
        self.image_id = digest(described)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.reference = f"127.0.0.1:{self._server.server_port}/test/image@{digest(self.manifest)}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _manifest(config: bytes, layer: bytes) -> bytes:
    def part(kind: str, blob: bytes) -> dict[str, object]:
        prefix = "application/vnd.docker"
        return {"mediaType": f"{prefix}.{kind}", "size": len(blob), "digest": digest(blob)}

    image = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": part("container.image.v1+json", config),
        "layers": [part("image.rootfs.diff.tar.gzip", layer)],
    }
    return json.dumps(image).encode()


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, _, last = self.path.rpartition("/")
            if "/manifests/" in self.path and last == digest(registry.manifest):
                self._answer(registry.manifest, MANIFEST_TYPE)
            elif last in registry.blobs:
                self._answer(registry.blobs[last], "application/octet-stream")
            elif self.path == "/v2/":
                self._answer(b"{}", "application/json")
            else:
                self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 - the base class names methods after HTTP's verbs

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


@pytest.fixture
def registry(project: str) -> Iterator[Registry]:
    registry = Registry(project.encode())
    yield registry
    registry.close()


@pytest.fixture
async def engine(engine_environment: dict[str, str]) -> AsyncIterator[DockerEngine]:
    engine = DockerEngine(engine_environment["DOCKER_HOST"])
    yield engine
    await engine.close()


@pytest.mark.engine
async def test_pulls_exactly_the_image_of_the_digest(
    engine: DockerEngine, registry: Registry, docker: Docker
) -> None:
    image_id = await engine.pull(registry.reference)
    try:
        assert image_id == registry.image_id
        assert await engine.repo_digests(image_id) == (registry.reference,)
    finally:
        docker("rmi", registry.reference)


@pytest.mark.engine
async def test_a_layer_that_is_missing_fails_the_pull(engine: DockerEngine, registry: Registry) -> None:
    registry.blobs = {registry.image_id: registry.blobs[registry.image_id]}
    with pytest.raises(StepFailed, match="cannot pull"):
        await engine.pull(registry.reference)
    assert await engine.image_ids([registry.reference]) == {}


@pytest.mark.engine
async def test_a_digest_that_the_registry_does_not_have_fails_the_pull(
    engine: DockerEngine, registry: Registry
) -> None:
    name, _, _ = registry.reference.partition("@")
    with pytest.raises(StepFailed):
        await engine.pull(f"{name}@sha256:{'1' * 64}")
