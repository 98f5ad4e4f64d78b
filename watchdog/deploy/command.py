"""A deployment's command as it may be shown: words that assign something may hold a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable

ASSIGNMENT = re.compile(r"^(-{0,2}[A-Za-z_][\w.-]*=).+", re.DOTALL)
SECRET_OPTION = re.compile(r"^--?[\w-]*(pass|token|secret|key|credential)[\w-]*$", re.IGNORECASE)


def shown(argv: Iterable[str]) -> tuple[str, ...]:
    """`TOKEN=x` becomes `TOKEN=…`, `--password x` becomes `--password …`; for journal, lock and alerts."""
    words: list[str] = []
    hide_next = False
    for word in argv:
        words.append("…" if hide_next else ASSIGNMENT.sub(r"\1…", word))
        hide_next = bool(SECRET_OPTION.match(word))
    return tuple(words)
