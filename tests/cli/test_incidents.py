"""Incidents on the command line, and the files that a client writes itself."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.cli.operator import Operator
from watchdog.cli.incidents import Receiver
from watchdog.errors import UsageError


def block(name: str, content: bytes) -> dict[str, str]:
    return {"file": name, "content": base64.b64encode(content).decode()}


def test_no_incident_is_no_failure(operator: Operator) -> None:
    operator.write()
    done = operator.types("incidents", "list")
    assert (done.exit_code, done.stdout) == (0, "no incidents\n"), done
    assert operator.types("incidents", "list", "--json").stdout == "[]\n"


def test_an_incident_that_does_not_exist_is_named(operator: Operator) -> None:
    operator.write()
    for words in (("show", "x1"), ("salvage", "x1"), ("salvage", "x1", "--apply", "--yes")):
        done = operator.types("incidents", *words)
        assert (done.exit_code, "there is no incident 'x1'" in done.stderr) == (2, True), done


def test_nothing_is_put_back_unasked(operator: Operator) -> None:
    operator.write()
    done = operator.types("incidents", "salvage", "x1", "--apply")
    assert (done.exit_code, "nobody to ask: add --yes" in done.stderr) == (2, True), done


def test_files_are_written_block_by_block_for_their_owner_alone(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "new")
    for content in (b"id\n", b"1\n"):
        receiver.take(block("shop/public.users.csv", content))
    receiver.take(block("summary.json", b""))
    written = tmp_path / "new" / "shop" / "public.users.csv"
    assert written.read_bytes() == b"id\n1\n"
    assert written.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "summary.json").read_bytes() == b""


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_no_file_lands_outside_of_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="unexpected name"):
        Receiver(tmp_path).take(block(name, b"x"))


def test_no_file_of_anybodys_is_written_over(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path)
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(UsageError, match="cannot write"):
        receiver.take(block("a.csv", b"x"))
    with pytest.raises(UsageError, match="is not empty"):
        Receiver(tmp_path)
    assert (tmp_path / "a.csv").read_text() == "mine"
