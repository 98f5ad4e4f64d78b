"""A host without an engine and without a daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.operator import Operator


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    operator = Operator(tmp_path)
    operator.write()
    return operator
