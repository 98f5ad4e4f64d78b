"""A release is captured only while the bytes on disk are proven to be what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import MORNING, FakeEngine
from tests.stack.project import FileOrchestrator
from tests.stack.samples import container
from watchdog.deploy.capture import MOUNTED_FILE_LIMIT, Uncaptured, capture
from watchdog.errors import StepFailed, Unreachable
from watchdog.stack import Release, Stack

COMPOSE = "services: {backend: {image: 'shop/backend:latest'}, web: {image: 'shop/web:1'}}\n"


class Project:
    """A project of two services that was brought up from real files."""

    def __init__(self, directory: Path) -> None:
        self.compose, self.env = directory / "compose.yml", directory / ".env"
        self.compose.write_text(COMPOSE)
        self.env.write_text("PASSWORD=secret\n")
        self.env.chmod(0o600)
        self.engine = FakeEngine()
        self.engine.images = {"shop/backend:latest": "sha256:b1", "shop/web:1": "sha256:w1"}
        self.orchestrator = FileOrchestrator(self.engine)
        self.stack = Stack("shop", "shop", directory, (self.compose,))

    async def up(self) -> None:
        await self.orchestrator.up(self.stack, (), timedelta(0))

    async def again(self, service: str, **changes: Any) -> None:
        """A second container of a service, made of the same but for `changes`."""
        first = next(c for c in await self.engine.containers("shop") if c.service == service)
        self.engine.put("shop", replace(first, **{"id": f"{first.id}-again", **changes}))

    async def captured(self) -> Release | Uncaptured:
        containers = await self.engine.containers("shop")
        return await capture(self.stack, containers, self.engine, self.orchestrator, MORNING)

    async def release(self) -> Release:
        found = await self.captured()
        assert isinstance(found, Release), found
        return found

    async def refusal(self) -> str:
        found = await self.captured()
        assert isinstance(found, Uncaptured), "it was captured"
        return found.reason


@pytest.fixture
async def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    await project.up()
    return project


async def test_a_release_holds_images_hashes_and_the_bytes_of_every_file(project: Project) -> None:
    project.engine.digests = {"sha256:w1": ("shop/web@sha256:d",)}
    release = await project.release()
    assert release.id == f"20261120_090000-{release.fingerprint[:8]}"
    assert [(s.service, s.image, s.image_id, s.repo_digests) for s in release.services] == [
        ("backend", "shop/backend:latest", "sha256:b1", ()),
        ("web", "shop/web:1", "sha256:w1", ("shop/web@sha256:d",)),
    ]
    assert [(f.path, f.content, f.mode) for f in release.files] == [
        (project.compose, COMPOSE.encode(), 0o644),
        (project.env, b"PASSWORD=secret\n", 0o600),
    ]


async def test_files_of_the_next_release_are_not_taken_for_what_runs(project: Project) -> None:
    before = await project.release()
    project.compose.write_text(COMPOSE.replace("shop/web:1", "shop/web:2"))
    assert await project.refusal() == (
        "the files on disk are not what runs: web would be changed by the next 'up'"
    )
    project.compose.write_text(COMPOSE)
    assert await project.release() == before


async def test_a_changed_variable_is_not_what_runs_either(project: Project) -> None:
    project.env.write_text("PASSWORD=other\n")
    assert "backend, web would be changed" in await project.refusal()


async def test_a_tag_that_means_another_image_by_now_does_not_deceive(project: Project) -> None:
    project.engine.images["shop/backend:latest"] = "sha256:b2"
    found = (await project.release()).service("backend")
    assert found is not None
    assert found.image_id == "sha256:b1"


class Editing(FileOrchestrator):
    """Somebody edits a mounted file while the hashes are computed."""

    edited: Path

    async def config_hashes(self, stack: Stack) -> Mapping[str, str]:
        self.edited.write_text("edited")
        return await super().config_hashes(stack)


async def test_files_that_change_meanwhile_are_not_captured(project: Project, tmp_path: Path) -> None:
    site = tmp_path / "site.conf"
    site.write_text("old")
    project.engine.change("web-2", mounted_files=(site,))
    orchestrator = Editing(project.engine)
    orchestrator.edited = site
    project.orchestrator = orchestrator
    assert await project.refusal() == "the files are being changed right now"
    assert isinstance(await project.captured(), Release)


async def test_a_service_of_several_containers_is_captured_with_their_number(project: Project) -> None:
    await project.again("web")
    release = await project.release()
    assert {s.service: s.replicas for s in release.services} == {"backend": 1, "web": 2}


async def test_a_service_in_the_middle_of_its_replacement_is_not_captured(project: Project) -> None:
    await project.again("web", image_id="sha256:other")
    assert await project.refusal() == ("containers of different making run for web: it is being replaced")


async def test_mounted_files_belong_to_the_release_unless_they_are_data(
    project: Project, tmp_path: Path
) -> None:
    small, large, gone = tmp_path / "site.conf", tmp_path / "dump.sql", tmp_path / "gone"
    small.write_bytes(b"x" * MOUNTED_FILE_LIMIT)
    large.write_bytes(b"x" * (MOUNTED_FILE_LIMIT + 1))
    project.engine.change("web-2", mounted_files=(small, large, gone))
    assert [f.path for f in (await project.release()).files] == [project.compose, project.env, small]


async def test_a_compose_file_that_is_gone_cannot_be_captured(project: Project) -> None:
    project.compose.unlink()
    assert await project.refusal() == f"{project.compose} cannot be read"


async def test_nothing_started_is_nothing_to_capture(project: Project) -> None:
    project.engine.projects = {"shop": [container("backend", one_off=True)]}
    assert await project.refusal() == "nothing of this stack has been started yet"


async def test_files_that_name_none_of_what_runs_are_another_release(project: Project) -> None:
    project.compose.write_text("services: {api: {image: 'shop/api:1'}}\n")
    assert "none of what runs (backend, web)" in await project.refusal()


async def test_files_that_do_not_parse_are_a_failure_of_the_orchestrator(project: Project) -> None:
    project.compose.write_text("services: {backend: [\n")
    with pytest.raises(StepFailed, match="does not parse"):
        await project.captured()


async def test_an_engine_that_does_not_answer_proves_nothing(project: Project) -> None:
    containers = await project.engine.containers("shop")
    project.engine.unreachable = True
    with pytest.raises(Unreachable):
        await capture(project.stack, containers, project.engine, project.orchestrator, MORNING)


@pytest.mark.parametrize(
    ("state", "running"),
    [("running", True), ("restarting", True), ("paused", True), ("exited", False), ("dead", False)],
)
async def test_what_had_ended_when_it_was_captured_is_remembered_as_such(
    project: Project, state: str, running: bool
) -> None:
    project.engine.change("web-2", state=state)
    found = (await project.release()).service("web")
    assert found is not None
    assert found.running is running
