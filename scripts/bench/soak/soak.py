"""Plays all rounds on all stacks side by side, and says what must hold."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from bench.limits import Limit
from bench.soak.broken import BROKEN
from bench.soak.healthy import HEALTHY
from bench.soak.kind import Kind
from bench.soak.plan import Round, dealt, merged
from bench.soak.play import play
from bench.soak.report import Report
from bench.soak.stage import ROOT, STACKS, Stage, set_up


@dataclass(frozen=True, slots=True)
class Wish:
    """How much is played. `only`: kinds by name, each `healthy` or `broken` times; empty: all of them.

    `disturbs_engine` False leaves out what ends or freezes the engine, which others may be using.
    """

    healthy: int = 200
    broken: int = 42
    seed: int = 1
    only: tuple[str, ...] = ()
    disturbs_engine: bool = True


def run(console: Console, wish: Wish | None = None) -> list[Limit]:
    """The caller sees to it that no other demo or bench runs."""
    wish = wish or Wish()
    console.print("soak: setting up ten stacks (the first time, their images are built)")
    begin = time.monotonic()
    with set_up() as stage:
        hands = _hands(wish, stage)
        total = sum(len(rounds) for rounds in hands.values())
        report = Report(console, total, wish.seed, ROOT / "failures")
        console.print(f"soak: {total} deployments on {len(STACKS)} stacks, seed {wish.seed}")
        _play_all(stage, hands, report)
    report.tell_ends()
    console.print(f"soak: {(time.monotonic() - begin) / 60:.1f} minutes")
    return report.limits()


def _hands(wish: Wish, stage: Stage) -> dict[str, list[Round]]:
    engine = wish.disturbs_engine and stage.engine.ours
    groups = ((HEALTHY, wish.healthy, wish.seed), (BROKEN, wish.broken, wish.seed + 1))
    drawn = [
        (kinds, count * len(kinds) if wish.only else count, seed)
        for group, count, seed in groups
        if (kinds := _wanted(group, wish.only, engine))
    ]
    return merged([dealt(kinds, count, STACKS, seed) for kinds, count, seed in drawn], wish.seed)


def _wanted(kinds: Sequence[Kind], only: tuple[str, ...], engine: bool) -> list[Kind]:
    return [kind for kind in kinds if (engine or not kind.engine) and (not only or kind.name in only)]


def _play_all(stage: Stage, hands: dict[str, list[Round]], report: Report) -> None:
    """A thread for each stack; a fault of the soak's own ends it for all."""
    with ThreadPoolExecutor(len(stage.scenes)) as pool:
        playing = [
            pool.submit(play, scene, hands.get(scene.name, []), partial(report.take, scene))
            for scene in stage.scenes
        ]
        try:
            for played in playing:
                played.result()
        except BaseException:  # Ctrl-C, too: the others are not to play on
            stage.house.close()
            raise
