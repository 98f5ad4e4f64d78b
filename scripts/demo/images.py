"""Builds the demo product's images, all in one go, and only when they are missing.

Run as a program, it builds them: `python -m demo.images`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from demo.versions import POSTGRES, SUITES, VERSIONS, backend_image, database_image, frontend_image

STACK = Path(__file__).parent / "stack"
BASE_IMAGE = "ops-watchdog-demo/base:bookworm"
MAKE_BASE_IMAGE = Path(__file__).parents[1] / "engine" / "base-image"
SOURCES_LABEL = "ops-watchdog.demo.sources"
PROJECT_LABEL = "ops-watchdog.demo.project"

Target = dict[str, Any]


def build_images() -> None:
    """Makes every version's images exist. Several processes may call this at once."""
    labels = {SOURCES_LABEL: _sources_hash()}
    _build(_shared_targets(labels), labels)


def build_database(major: int) -> str:
    """Makes PostgreSQL's image of one major version exist; its name. As safe as `build_images`."""
    subprocess.run([MAKE_BASE_IMAGE, SUITES[major]], check=True)
    labels = {SOURCES_LABEL: _sources_hash()}
    _build({"database": _database(major, labels)}, labels)
    return database_image(major)


def build_mutable(project: str, tag: str, backend: str, frontend: str) -> None:
    """Builds `tag` of both images anew, for this project alone.

    The project's label gives these images IDs of their own: as with a real
    mutable tag, no other tag keeps the old content once the tag has moved on.
    """
    labels = {PROJECT_LABEL: project}
    _bake(
        {
            "backend": _backend(backend, [backend_image(tag)], labels),
            "frontend": _frontend(frontend, [frontend_image(tag)], labels),
        }
    )


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Runs a docker command; its error output is part of the error raised."""
    done = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, text=True, check=False, cwd=STACK
    )
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments)} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def _build(targets: dict[str, Target], labels: dict[str, str]) -> None:
    with (STACK / "Dockerfile").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = {tag for target in targets.values() for tag in target["tags"]}
        [(name, value)] = labels.items()
        if not wanted <= _images_labelled(f"{name}={value}"):
            _bake(targets)


def _shared_targets(labels: dict[str, str]) -> dict[str, Target]:
    targets = {"database": _database(POSTGRES, labels)}
    for version in VERSIONS.values():
        backend, frontend = version.backend, version.frontend
        targets[_name("backend", backend)] = _backend(backend, [backend_image(backend)], labels)
        targets[_name("frontend", frontend)] = _frontend(frontend, [frontend_image(frontend)], labels)
    return targets


def _name(image: str, tag: str) -> str:
    return f"{image}-{tag}".replace(".", "_")


def _database(major: int, labels: dict[str, str]) -> Target:
    arguments = {"SUITE": SUITES[major], "POSTGRES": str(major)}
    return {"target": "database", "args": arguments, "tags": [database_image(major)], "labels": labels}


def _backend(version: str, tags: list[str], labels: dict[str, str]) -> Target:
    number, _, breakage = version.partition("-")
    arguments = {"VERSION": number, "BREAKAGE": breakage}
    return {"target": "backend", "args": arguments, "tags": tags, "labels": labels}


def _frontend(version: str, tags: list[str], labels: dict[str, str]) -> Target:
    return {"target": "frontend", "args": {"VERSION": version}, "tags": tags, "labels": labels}


def _bake(targets: dict[str, Target]) -> None:
    plan = {"group": {"default": {"targets": sorted(targets)}}, "target": targets}
    docker("buildx", "bake", "--progress", "plain", "--load", "--file", "-", stdin=json.dumps(plan))


def _images_labelled(label: str) -> set[str]:
    listed = docker("image", "ls", "--filter", f"label={label}", "--format", "{{.Repository}}:{{.Tag}}")
    return set(listed.splitlines())


def _sources_hash() -> str:
    """Over the stack's files, the list of versions and the base image's ID."""
    digest = hashlib.sha256()
    digest.update(docker("image", "inspect", "--format", "{{.Id}}", BASE_IMAGE).encode())
    digest.update(repr(sorted(VERSIONS.items())).encode())
    for file in sorted(path for path in STACK.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(STACK)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    build_images()
