"""On a terminal, `rollback` without arguments offers what there is to go back to, and asks."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest
from demo.images import docker
from demo.shop import Shop
from demo.truth import read_truth

from tests.end_to_end import engine
from tests.end_to_end.guarded import Guarded
from tests.end_to_end.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.engine, pytest.mark.long]


def on_a_terminal(guarded: Guarded, typed: str, *words: str) -> tuple[int, str]:
    """The exit code, and what was printed."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            guarded.argv(*words), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            os.write(ours, typed.encode())
            printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
            return process.returncode, printed
    finally:
        os.close(ours)
        os.close(theirs)


def test_offers_the_backups_with_what_each_displaces_and_does_what_was_shown(
    shop: Shop, guarded: Guarded
) -> None:
    before, first = read_truth(shop), guarded.backup()
    database = engine.containers(shop.project)["database"].id
    docker("exec", database, "psql", "-U", "shop", "-c", "UPDATE products SET price_cents = 1")
    changed = len(before.tables["products"].rows)
    second = guarded.backup()
    exit_code, printed = on_a_terminal(guarded, "2\nn\n", "rollback")
    assert exit_code == 1, printed
    assert f"  1  {second}, 0 min old, complete, of what runs: displaces up to 0 rows" in printed
    assert f"  2  {first}, 0 min old, complete, of what runs: displaces up to {changed} rows" in printed
    assert f"Displaces public.products of shop: up to {changed} rows written since" in printed
    assert printed.endswith("nothing was done\n")
    assert guarded.operations() == [], "the answer was no"

    exit_code, printed = on_a_terminal(guarded, "2\ny\n", "rollback")
    assert (exit_code, guarded.operations()[-1]["backup"]) == (0, first), printed
    assert read_truth(shop) == before
