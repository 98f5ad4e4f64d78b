"""Deployments that are broken, each in the way that somebody's release once was: all must be caught."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial

from demo.versions import BREAKAGES

from bench.soak.kind import CAUGHT, DEMO_ONLY, QUICK, WITH_HEALTHCHECK, WITH_MIGRATION, Kind
from bench.soak.product import (
    CHECKED,
    DEMO_TAG,
    MIGRATING,
    PATIENT,
    PLAIN,
    SCALED,
    Edits,
    Flavour,
    healthcheck,
    unseen,
)
from bench.soak.scene import Scene

QUIET = {"EXIT_AFTER": "0.5", "EXIT_CODE": "3", "restart": "no"}
LOOP = {"EXIT_AFTER": "0", "EXIT_CODE": "1"}
ELSEWHERE = "https://id.example.com/closed"
NEVER_READY = {"READY_AFTER": "never", "healthcheck": healthcheck("1h")}


def deployed(edits: Edits) -> Callable[[Scene], None]:
    """Announced or not, as the round's seed decides."""

    def act(s: Scene) -> None:
        s.write(edits)
        s.random.choice((s.announce, s.observe))()

    return act


def announced(edits: Edits) -> Callable[[Scene], None]:
    def act(s: Scene) -> None:
        s.write(edits)
        s.announce()

    return act


def a_service_is_missing(s: Scene) -> None:
    """The script took all down and brought back a part only."""
    s.write()
    web = " ".join(s.up("--no-deps", "web"))
    s.announce("sh", "-c", f"docker compose --file {s.product.file} down && {web}")


def command_fails_after_a_change(s: Scene) -> None:
    s.write()
    s.announce("sh", "-c", f"{' '.join(s.up())} && exit 3")


def command_hangs(s: Scene) -> None:
    """Longer than command_timeout."""
    s.write()
    s.announce("sh", "-c", f"{' '.join(s.up())} && sleep 600")


def terminal_is_gone(s: Scene) -> None:
    """The caller is killed in the middle of its command, which had taken all down."""
    s.write()
    command = f"docker compose --file {s.product.file} down && sleep 60"
    with s.announcing("sh", "-c", command) as process:
        s.house.wait(lambda: not s.product.running(), 30.0, "the first half of the command")
        os.kill(process.pid, signal.SIGKILL)


def broken_successor(s: Scene) -> None:
    """A good one is superseded within its window by one that is not."""
    s.write()
    s.announce()
    s.healthy()
    s.write({"web": {"STATUS": "500"}})
    s.random.choice((s.announce, s.observe))()


def beside_a_check_that_was_red(s: Scene) -> None:
    """One check proves nothing, since it was red before; another one tells."""
    s.turn_red()
    s.write({"web": {"STATUS": "500", "LOGIN": ELSEWHERE}})
    s.announce()


def across_a_restart_of_the_daemon(s: Scene) -> None:
    """The daemon is killed between the deployment and its failure."""
    s.write({"web": {"STATUS": "500", "STATUS_AFTER": "3"}})
    s.random.choice((s.announce, s.observe))()
    with s.traffic.alone():
        s.house.kill()


def loop_across_a_restart_of_the_daemon(s: Scene) -> None:
    s.write(unseen(LOOP))
    s.random.choice((s.announce, s.observe))()
    with s.traffic.alone():
        s.house.kill()


def port_is_taken(s: Scene) -> None:
    """Compose has replaced the worker already when the engine refuses the port."""
    s.write({"web": {"ports": [f"127.0.0.1:{s.product.port}:8000", f"127.0.0.1:{s.taken_port}:8000"]}})
    s.announce()


def demo(breakage: str) -> Callable[[Scene], None]:
    """A breakage of the demo's shop, with its database."""

    def act(s: Scene) -> None:
        assert s.shop is not None
        s.pending = partial(s.shop.write_version, breakage)
        s.announce()

    return act


def _shops(breakage: str) -> tuple[Flavour, ...]:
    """A tag can be rebuilt only where the product has a mutable one."""
    return (DEMO_TAG,) if breakage == "tag" else DEMO_ONLY


def broken(name: str, act: Callable[[Scene], None], on: tuple[Flavour, ...] = QUICK, cost: int = 1) -> Kind:
    return Kind(name, act, on, CAUGHT, cost=cost)


BROKEN = (
    broken("crash loop of the web service", deployed({"web": LOOP})),
    broken("crash loop that no check sees", deployed(unseen(LOOP))),
    broken("slow crash loop", deployed(unseen({**LOOP, "EXIT_AFTER": "0.8"}))),
    broken("loop of exits with 0", deployed(unseen({**LOOP, "EXIT_CODE": "0", "restart": "always"}))),
    broken("exit that nothing restarts", deployed(unseen(QUIET)), (PLAIN, MIGRATING, CHECKED)),
    broken("late exit that nothing restarts", deployed(unseen({**QUIET, "EXIT_AFTER": "2.5"}))),
    broken("retries of on-failure used up", deployed(unseen({**LOOP, "restart": "on-failure:1"}))),
    # The kernel may try for seconds to make room before it kills: longer than a short window.
    broken("out of memory", deployed(unseen({"EAT_AFTER": "0", "mem_limit": "48m"})), (PATIENT,)),
    broken("command not found by the engine", announced({"worker": {"entrypoint": ["/not/there"]}})),
    broken("command not found by the shell", deployed(unseen({"entrypoint": ["sh", "-c", "exit 127"]}))),
    broken("command not executable", deployed(unseen({"entrypoint": ["sh", "-c", "exit 126"]}))),
    broken("unhealthy by its HEALTHCHECK", deployed({"worker": {"UNREADY_AFTER": "1"}}), WITH_HEALTHCHECK),
    broken("`starting` for ever", deployed(unseen(NEVER_READY)), cost=2),
    broken("red check while the container runs", deployed({"web": {"STATUS": "500"}})),
    broken("red later in the window", deployed({"web": {"STATUS": "500", "STATUS_AFTER": "2.5"}})),
    broken("200 with a bad body", deployed({"web": {"BODY": '{"status": "degraded"}'}})),
    broken("redirect to the wrong place", deployed({"web": {"LOGIN": ELSEWHERE}})),
    broken("beside a check that was red before", beside_a_check_that_was_red),
    broken("store not reachable", deployed({"web": {"STORE": "wroker:9000"}})),
    broken("never listens", deployed({"web": {"LISTEN_AFTER": "3600"}})),
    broken("answers too late", deployed({"web": {"ANSWER_AFTER": "4"}})),
    broken("migration fails", deployed({"migrate": {"FAILS": "1"}}), WITH_MIGRATION),
    broken("slow migration fails", deployed({"migrate": {"TAKES": "3", "FAILS": "2"}}), WITH_MIGRATION),
    broken("all of several loop", deployed(unseen({**LOOP, "EXIT_AFTER": "0.3"})), (SCALED,)),
    broken("a service is missing", a_service_is_missing, (PLAIN, MIGRATING), cost=2),
    broken("command fails after a change", command_fails_after_a_change),
    broken("command hangs", command_hangs, (PLAIN,), cost=2),
    broken("terminal is gone", terminal_is_gone, (PLAIN, MIGRATING)),
    broken("broken successor", broken_successor),
    broken("daemon killed before it fails", across_a_restart_of_the_daemon),
    broken("daemon killed during a crash loop", loop_across_a_restart_of_the_daemon),
    broken("port is taken", port_is_taken, (PLAIN, MIGRATING)),
    *(broken(f"demo: {breakage}", demo(breakage), _shops(breakage)) for breakage in BREAKAGES),
)
