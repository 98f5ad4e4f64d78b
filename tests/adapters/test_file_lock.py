import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import FakeClock
from watchdog.adapters.file_lock import FileLock
from watchdog.errors import Busy, Refused

HOLDER = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(handle, fcntl.LOCK_EX)
os.write(handle, sys.argv[2].encode())
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> FileLock:
    return FileLock(tmp_path / "locks", FakeClock())


async def test_a_second_operation_is_told_who_holds_the_stack_and_since_when(lock: FileLock) -> None:
    async with lock.hold("shop", "backup"):
        with pytest.raises(Busy, match=rf"shop is busy: 'backup' \(process {os.getpid()}\) since \d\d:00:00"):
            async with lock.hold("shop", "rollback"):
                pytest.fail("two operations at once")


async def test_other_stacks_are_free(lock: FileLock) -> None:
    async with lock.hold("shop", "backup"), lock.hold("blog", "backup"):
        pass


@pytest.mark.parametrize("fails", [False, True])
async def test_the_stack_is_free_again_afterwards(lock: FileLock, fails: bool) -> None:
    try:
        async with lock.hold("shop", "a command with a long name"):
            assert not fails
    except AssertionError:
        pass
    async with lock.hold("shop", "b"):
        with pytest.raises(Busy, match="'b'"):
            async with lock.hold("shop", "c"):
                pytest.fail("two operations at once")


@pytest.mark.parametrize(
    "text", ["", "{", "null", "5", "[]", "{}", '{"pid": 1, "command": "x", "since": "?"}']
)
async def test_a_holder_that_has_not_said_who_it_is_holds_it_nevertheless(tmp_path: Path, text: str) -> None:
    lock = FileLock(tmp_path, FakeClock())
    argv = [sys.executable, "-c", HOLDER, str(tmp_path / "shop.lock"), text]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:  # noqa: ASYNC220
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Busy, match="shop is busy with another operation"):
            async with lock.hold("shop", "rollback"):
                pytest.fail("two operations at once")
        holder.kill()
    async with lock.hold("shop", "rollback"):
        pass


async def test_a_directory_that_cannot_be_made_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(
        Refused, match=r"the lock of shop in .*/file/locks cannot be opened: .*check state_dir"
    ):
        async with FileLock(tmp_path / "file" / "locks", FakeClock()).hold("shop", "backup"):
            pytest.fail("no lock")


async def test_the_lock_says_nothing_to_others(lock: FileLock, tmp_path: Path) -> None:
    async with lock.hold("shop", "backup"):
        assert (tmp_path / "locks" / "shop.lock").stat().st_mode & 0o777 == 0o600
