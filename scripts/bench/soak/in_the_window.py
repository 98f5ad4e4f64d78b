"""What people, and the machine, do to a good deployment within its window: no reason to call it failed."""

from __future__ import annotations

from bench.soak.scene import Scene


def docker_restart(s: Scene) -> None:
    s.write()
    s.random.choice((s.announce, s.observe))()
    s.pause(0.2, 3)
    s.run("docker", "restart", s.container(s.random.choice(("web", "worker"))))


def compose_restart(s: Scene) -> None:
    s.write()
    s.announce()
    s.pause(0.2, 3)
    s.compose("restart", *s.random.choice(((), ("web",), ("worker",))))


def stopped_and_started(s: Scene) -> None:
    s.write()
    s.random.choice((s.announce, s.observe))()
    s.pause(0.2, 1.5)
    service = s.random.choice(("web", "worker"))
    s.compose("stop", service)
    s.pause(2.5, 3.5)
    s.compose("start", service)


def killed_and_started(s: Scene) -> None:
    s.write()
    s.announce()
    s.pause(0.2, 2)
    s.run("docker", "kill", s.container("web"))
    s.pause(0.5, 1.5)
    s.run("docker", "start", s.container("web"))


def left_stopped(s: Scene) -> None:
    """Somebody's doing: neither good nor a failure of the release."""
    s.write()
    s.announce()
    s.pause(0.2, 2)
    s.compose("stop", "web")


def paused_for_a_moment(s: Scene) -> None:
    s.write()
    s.announce()
    s.pause(0.2, 2)
    s.run("docker", "pause", s.container("web"))
    s.pause(0.5, 1.0)
    s.run("docker", "unpause", s.container("web"))


def scaled(s: Scene) -> None:
    s.write()
    s.announce()
    s.pause(0.2, 1)
    s.run(*s.up("--no-deps", "--no-recreate", "--scale", "worker=4", "worker"))
    s.pause(0.2, 1)
    s.run(*s.up("--no-deps", "--no-recreate", "--scale", "worker=2", "worker"))


def one_of_several_restarts(s: Scene) -> None:
    s.write()
    s.announce()
    s.pause(0.2, 2)
    s.run("docker", "restart", s.container("worker"))


def same_release_again(s: Scene) -> None:
    """Other containers of the same making, by hand, in the window."""
    s.write()
    s.announce()
    s.pause(0.2, 2)
    s.run(*s.up("--force-recreate"))


def one_off(s: Scene) -> None:
    """Whatever a one-off container ends with is no service's end."""
    s.write()
    s.announce()
    s.compose("run", "--rm", "--no-deps", "--entrypoint", "sh", "worker", "-c", "exit 0")
    s.compose("run", "--no-deps", "--entrypoint", "sh", "web", "-c", "exit 3")


def looked_into(s: Scene) -> None:
    s.write({"web": {"LISTEN_AFTER": "1"}})
    s.announce()
    s.compose("logs", "--tail", "3")
    s.compose("exec", "-T", "worker", "true")


def ends_with_an_error_when_stopped(s: Scene) -> None:
    """Many programs answer TERM with code 1: told to stop, they have not failed."""
    s.write({"all": {"TERM_CODE": "1"}})
    s.announce()
    s.pause(0.2, 1)
    s.run("docker", "restart", s.container("worker"))
    s.until_over()
    s.write()
    s.announce()


def bad_answers_below_the_threshold(s: Scene) -> None:
    s.write()
    s.announce()
    s.healthy()
    s.pause(0, 1.5)
    s.behave(for_=1.2, status=503)


def daemon_killed(s: Scene) -> None:
    """SIGKILL in the window, and a new process that has to go on with it."""
    s.write()
    s.random.choice((s.announce, s.observe))()
    s.pause(0, 3)
    with s.traffic.alone():
        s.house.kill()


def daemon_reloaded(s: Scene) -> None:
    s.write()
    s.announce()
    s.pause(0, 3)
    with s.traffic.alone():
        s.house.hang_up()


def engine_frozen(s: Scene) -> None:
    s.write()
    s.announce()
    s.pause(0, 2)
    with s.traffic.alone():
        s.engine.freeze(3.0)


def engine_restarted(s: Scene) -> None:
    """Every container of every stack ends and comes back."""
    s.write()
    s.announce()
    s.pause(0, 2)
    with s.traffic.alone():
        s.engine.restart()
