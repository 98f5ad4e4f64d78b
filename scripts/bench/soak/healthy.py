"""Deployments with which nothing is wrong, whatever it looks like for a moment: none may be called failed."""

from __future__ import annotations

import re
from functools import partial

from bench.soak import in_the_window as window
from bench.soak.ending import End
from bench.soak.kind import DEMO_ONLY, EITHER, QUICK, WITH_MIGRATION, Kind
from bench.soak.product import CHECKED, PATIENT, PLAIN, SCALED, healthcheck, unseen
from bench.soak.scene import Scene


def announced(s: Scene) -> None:
    s.write()
    s.announce()


def observed(s: Scene) -> None:
    s.write()
    s.observe()


def slow_start(s: Scene) -> None:
    """It listens after a good part of the checks' start period."""
    s.write({"web": {"LISTEN_AFTER": "2"}})
    s.announce()


def very_slow_start(s: Scene) -> None:
    """Healthy only after half of healthy_deadline."""
    s.write({"web": {"LISTEN_AFTER": "7"}, "worker": {"READY_AFTER": "6"}})
    s.random.choice((s.announce, s.observe))()


def healthy_after_the_window(s: Scene) -> None:
    """`starting` for longer than `monitor`, and within healthy_deadline."""
    s.write({"worker": {"READY_AFTER": "8"}})
    s.announce()


def slow_migration(s: Scene) -> None:
    s.write({"migrate": {"TAKES": "5"}})
    s.random.choice((s.announce, s.observe))()


def migration_beyond_the_deadline(s: Scene) -> None:
    """Longer than healthy_deadline: what the migration takes does not count."""
    s.write({"migrate": {"TAKES": "17"}})
    s.announce()


def rolling(s: Scene) -> None:
    """Service after service, in one announced script."""
    s.write()
    one, two = (" ".join(s.up("--no-deps", name)) for name in ("worker", "web"))
    s.announce("sh", "-c", f"{one} && sleep 1 && {two}")


def rolling_unannounced(s: Scene) -> None:
    s.write()
    s.observe(*s.up("--no-deps", "worker"))
    s.pause(0.2, 2.5)
    s.run(*s.up("--no-deps", "web"))


def flapping_wanted_check(s: Scene) -> None:
    s.write({"web": {"FLAP": "1"}})
    s.random.choice((s.announce, s.observe))()


def required_check_red_before(s: Scene) -> None:
    """Red before the deployment already, and all through it: that proves nothing about it."""
    s.turn_red()
    s.write({"web": {"STATUS": "500"}})
    s.announce()


def unhealthy_before(s: Scene) -> None:
    """The same by the service's own HEALTHCHECK."""
    s.run("docker", "exec", s.container("worker"), "rm", "/tmp/ready")
    s.until_unhealthy("worker")
    s.write({"worker": {"READY_AFTER": "never", "healthcheck": healthcheck("1s")}})
    s.announce()


def down_and_up(s: Scene) -> None:
    s.write()
    s.announce("sh", "-c", f"docker compose --file {s.product.file} down && {' '.join(s.up())}")


def down_and_up_unannounced(s: Scene) -> None:
    s.compose("down")
    s.write()
    s.observe()


def superseded(s: Scene) -> None:
    """A second announcement within the window of the first."""
    s.write()
    s.announce()
    s.healthy()
    s.pause(0, 2)
    s.write()
    s.announce()


def superseded_unannounced(s: Scene) -> None:
    s.write()
    s.random.choice((s.announce, s.observe))()
    s.healthy()
    s.pause(0, 2)
    s.write()
    s.observe()


def second_before_healthy(s: Scene) -> None:
    """The first was given no time to show itself."""
    s.write()
    s.observe()
    s.write()
    s.run(*s.up())
    s.pause(1, 1.5)


def nothing_to_do(s: Scene) -> None:
    """An announced `up` that finds everything as it should be."""
    s.announce()


def rebuilt_tag(s: Scene) -> None:
    """No file changes: the tag names another image now."""
    s.build("b")
    s.random.choice((s.announce, s.observe))()
    s.until_over()
    s.build("a")


def changed_configuration(s: Scene) -> None:
    """A mounted file, which takes effect with a restart and leaves every hash as it was."""
    s.product.site.write_text(f"release {s.random.random()}\n")
    s.announce("docker", "compose", "--file", str(s.product.file), "restart", "web")


def a_service_more(s: Scene) -> None:
    s.write({"extra": {"EXTRA": "1"}})
    s.random.choice((s.announce, s.observe))()
    s.until_over()
    s.run("docker", "rm", "--force", s.container("extra"))


def done_what_it_was_for(s: Scene) -> None:
    """A new service that ends with 0 and that nothing restarts has done its work."""
    s.write({"seed": {"restart": "no", "command": ["migrate"], "TAKES": "1"}})
    s.random.choice((s.announce, s.observe))()
    s.until_over()
    s.run("docker", "rm", "--force", s.container("seed"))


def a_service_less(s: Scene) -> None:
    """Taken out of the files and removed, on purpose."""
    s.write({"worker": {"gone": True}, "web": {"STORE": None}})
    s.random.choice((s.announce, s.observe))(*s.up("--remove-orphans"))


def restarts_until_ready(s: Scene) -> None:
    """It ends twice because what it needs is not there yet, and then stays."""
    s.write(unseen({"EXIT_AFTER": "0.2", "EXIT_CODE": "1", "EXIT_TIMES": "2"}))
    s.random.choice((s.announce, s.observe))()


def slow_answers(s: Scene) -> None:
    """Near the timeout, and within it."""
    s.write({"web": {"ANSWER_AFTER": "1.2"}})
    s.announce()


def mistyped(s: Scene) -> None:
    """A command that fails before it changes anything is no release."""
    s.announce("docker", "compose", "--file", f"{s.product.file}.missing", "up", "--detach")


def shop_reworded(s: Scene) -> None:
    """A backup, a migration that finds nothing to do, and another environment."""
    s.release += 1
    text = re.sub(r"LOG_FORMAT: \S+", f"LOG_FORMAT: plain{s.release}", s.product.file.read_text())
    s.pending = partial(s.product.file.write_text, text)
    s.random.choice((s.announce, s.observe))()


ALL_SORTS = (*QUICK, PATIENT)
NOTHING = frozenset({End.NOTHING})

HEALTHY = (
    Kind("announced", announced, ALL_SORTS),
    Kind("observed", observed, ALL_SORTS),
    Kind("slow start", slow_start),
    Kind("very slow start", very_slow_start, (PATIENT,)),
    Kind("healthy after the window", healthy_after_the_window, (CHECKED,), weight=1),
    Kind("slow migration", slow_migration, WITH_MIGRATION),
    Kind("migration beyond the deadline", migration_beyond_the_deadline, WITH_MIGRATION, weight=1, cost=2),
    Kind("docker restart in the window", window.docker_restart),
    Kind("compose restart in the window", window.compose_restart),
    Kind("stopped and started in the window", window.stopped_and_started),
    Kind("killed and started in the window", window.killed_and_started),
    Kind("stopped in the window and left", window.left_stopped, (PLAIN, CHECKED), EITHER, weight=1, cost=6),
    Kind("paused for a moment", window.paused_for_a_moment),
    Kind("rolling, announced", rolling),
    Kind("rolling, observed", rolling_unannounced),
    Kind("scaled in the window", window.scaled),
    Kind("one of several restarted", window.one_of_several_restarts, (SCALED,)),
    Kind("flapping wanted check", flapping_wanted_check),
    Kind("required check red before", required_check_red_before),
    Kind("unhealthy before", unhealthy_before, (CHECKED,), cost=2),
    Kind("down and up, announced", down_and_up),
    Kind("down and up, observed", down_and_up_unannounced),
    Kind("superseded by an announced one", superseded, cost=2),
    Kind("superseded by an observed one", superseded_unannounced, cost=2),
    Kind("second before the first was healthy", second_before_healthy),
    Kind("same release made again", window.same_release_again),
    Kind("nothing to do", nothing_to_do),
    Kind("one-off containers", window.one_off),
    Kind("rebuilt tag", rebuilt_tag),
    Kind("changed configuration file", changed_configuration),
    Kind("a service more", a_service_more),
    Kind("a service that is done", done_what_it_was_for),
    Kind("a service less", a_service_less),
    Kind("restarts until ready", restarts_until_ready),
    Kind("ends with an error when stopped", window.ends_with_an_error_when_stopped),
    Kind("bad answers below the threshold", window.bad_answers_below_the_threshold),
    Kind("slow answers", slow_answers),
    Kind("looked into", window.looked_into),
    Kind("daemon killed in the window", window.daemon_killed, ALL_SORTS),
    Kind("daemon reloaded in the window", window.daemon_reloaded),
    Kind("engine frozen in the window", window.engine_frozen, engine=True, weight=1),
    Kind("engine restarted in the window", window.engine_restarted, engine=True, weight=1),
    Kind("shop with another environment", shop_reworded, DEMO_ONLY),
    Kind("mistyped command", mistyped, ends=NOTHING, weight=1),
)
