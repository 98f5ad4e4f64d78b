import asyncio
import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.adapters.scope import GRACE
from watchdog.adapters.terminal_command import PR_SET_CHILD_SUBREAPER, TerminalCommand
from watchdog.errors import UsageError


@pytest.fixture(autouse=True)
def no_subreaper_afterwards() -> Iterator[None]:
    """The other tests' orphans go where they always go."""
    yield
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def shell(script: str, *arguments: object) -> TerminalCommand:
    return TerminalCommand(["sh", "-c", script, "sh", *map(str, arguments)])


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("sh -c 'kill -INT $$'; exit $?", 130),
    ],
)
async def test_the_exit_code_is_what_a_shell_would_say(script: str, code: int) -> None:
    assert await shell(script).run("") == code


@pytest.mark.parametrize(
    ("program", "reason"), [("/no/such/program", "No such file or directory"), ("/etc", "Permission denied")]
)
async def test_a_program_that_cannot_be_started_is_named(program: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"{program} cannot be run: {reason}"):
        await TerminalCommand([program]).run("")


async def test_the_command_runs_in_the_callers_directory_and_environment(tmp_path: Path) -> None:
    command = shell('test "$PWD" = "$1" && test "$HOME" = "$2"', Path.cwd(), os.environ["HOME"])
    assert await command.run("") == 0


async def told(fifo: Path) -> list[int]:
    """The process IDs that the command tells through a named pipe, however long it takes to get there."""
    return [int(line) for line in (await asyncio.to_thread(fifo.read_text)).split()]


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def reap(*pids: int) -> None:
    """What was handed to this process is its own to bury."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


async def test_ending_it_ends_the_command_and_its_children(fifo: Path) -> None:
    command = shell('sleep 600 & { echo $$; echo $!; } > "$1"; wait', fifo)
    running = asyncio.create_task(command.run(""))
    pids = await told(fifo)
    await command.end()
    assert await running == 143
    assert [pid for pid in pids if lives(pid)] == []
    reap(pids[1])


async def test_what_it_left_in_the_background_ends_too_even_in_a_session_of_its_own(fifo: Path) -> None:
    command = shell("""setsid sh -c 'echo $$ > "$1"; exec sleep 600' sh "$1" & exit 0""", fifo)
    assert await command.run("") == 0
    [pid] = await told(fifo)
    assert lives(pid)
    await command.end()
    assert not lives(pid)
    reap(pid)


async def test_a_command_that_ignores_term_gets_its_grace_and_is_killed(fifo: Path) -> None:
    command = shell("""trap '' TERM; echo $$ > "$1"; while :; do sleep 0.05; done""", fifo)
    running = asyncio.create_task(command.run(""))
    await told(fifo)
    began = asyncio.get_running_loop().time()
    await command.end()
    assert await running == 137
    assert GRACE.total_seconds() <= asyncio.get_running_loop().time() - began < 2 * GRACE.total_seconds()


async def test_a_trap_that_cleans_up_is_given_the_time_for_it(fifo: Path, tmp_path: Path) -> None:
    script = """trap 'echo cleaned > "$2"; exit 9' TERM; echo $$ > "$1"; sleep 600 & wait"""
    command = shell(script, fifo, tmp_path / "cleaned")
    running = asyncio.create_task(command.run(""))
    await told(fifo)
    await command.end()
    assert await running == 9
    assert (tmp_path / "cleaned").read_text() == "cleaned\n"


async def test_processes_that_were_there_before_are_left_alone() -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "600")
    command = shell("exit 0")
    await command.run("")
    await command.end()
    assert lives(bystander.pid)
    bystander.kill()
    await bystander.wait()
