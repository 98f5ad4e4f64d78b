import os
from pathlib import Path

import pytest

from watchdog.deploy.files import defining_files, read
from watchdog.stack import Stack


def stack_of(directory: Path, **fields: tuple[Path, ...]) -> Stack:
    return Stack(**{"name": "shop", "project": "shop", "directory": directory, **fields})  # type: ignore[arg-type]


def names(directory: Path, *documents: str) -> list[str]:
    """The files that define a project of these compose files, relative to its directory."""
    files = [directory / f"{number}.yml" for number in range(len(documents))]
    for file, text in zip(files, documents, strict=True):
        file.write_text(text)
    found = defining_files(stack_of(directory, files=tuple(files)))
    return [os.path.relpath(path, directory) for path in found]


@pytest.mark.parametrize(
    ("document", "referenced"),
    [
        ("services: {a: {image: x}}", []),
        ("services: {a: {env_file: a.env}}", ["a.env"]),
        ("services: {a: {env_file: [a.env, ../b.env]}}", ["a.env", "../b.env"]),
        ("services: {a: {env_file: [{path: a.env, required: false}]}}", ["a.env"]),
        ("services: {a: {extends: {file: base.yml, service: b}}}", ["base.yml"]),
        ("services: {a: {extends: b}}", []),
        ("include: [other.yml]", ["other.yml"]),
        ("include: [{path: other.yml}]", ["other.yml"]),
        ("include: [{path: [other.yml, more.yml]}]", ["other.yml", "more.yml"]),
        ("include: [{path: other.yml, env_file: other.env}]", ["other.env", "other.yml"]),
        ("secrets: {key: {file: key.txt}}", ["key.txt"]),
        ("configs: {site: {file: ./nginx/site.conf}}", ["nginx/site.conf"]),
        ("secrets: {key: {environment: KEY}}", []),
        ("services: {a: {env_file: '${ENV_FILE}'}}", []),
        ("services: [not, a, mapping]", []),
        ("- no mapping", []),
        ("{broken", []),
        ("", []),
    ],
)
def test_every_file_that_a_compose_file_names_belongs_to_the_release(
    tmp_path: Path, document: str, referenced: list[str]
) -> None:
    assert names(tmp_path, document) == ["0.yml", ".env", *referenced]


def test_compose_files_come_first_and_in_their_order_each_file_once(tmp_path: Path) -> None:
    one, two = "services: {a: {env_file: [a.env, .env]}}", "services: {a: {env_file: b.env}}"
    assert names(tmp_path, one, two) == ["0.yml", "1.yml", ".env", "a.env", "b.env"]


def test_an_included_file_names_its_own_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "compose.yml").write_text(
        "include: [more.yml]\nservices: {db: {env_file: db.env}}\nsecrets: {key: {file: key}}"
    )
    (tmp_path / "db" / "more.yml").write_text("include: [compose.yml]")
    found = names(tmp_path, "include: [db/compose.yml]")
    assert found == ["0.yml", ".env", "db/compose.yml", "db/db.env", "db/key", "db/more.yml"]


def test_an_included_project_may_have_a_directory_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "other.yml").write_text("services: {a: {env_file: a.env}}")
    found = names(tmp_path, "include: [{path: other.yml, project_directory: ./elsewhere}]")
    assert found == ["0.yml", ".env", "other.yml", "elsewhere/a.env"]


def test_declared_env_files_take_the_place_of_the_usual_one(tmp_path: Path) -> None:
    files = defining_files(
        stack_of(
            tmp_path,
            files=(tmp_path / "compose.yml",),
            env_files=(tmp_path / "prod.env",),
            config_files=(tmp_path / "nginx.conf",),
        )
    )
    assert [path.name for path in files] == ["compose.yml", "prod.env", "nginx.conf"]


def test_an_absolute_path_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text("services: {a: {env_file: /etc/shop.env}}")
    files = defining_files(stack_of(tmp_path, files=(tmp_path / "compose.yml",)))
    assert files[-1] == Path("/etc/shop.env")


def test_a_file_is_read_with_mode_and_owner_through_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.env", tmp_path / ".env"
    real.write_bytes(b"\xff\x00A=1")
    real.chmod(0o640)
    os.chown(real, 1234, 4321)
    link.symlink_to(real)
    file = read(link)
    assert (file.path, file.content) == (link, b"\xff\x00A=1")
    assert (file.mode, file.uid, file.gid) == (0o640, 1234, 4321)
