from pathlib import Path

from tests.fakes import FakeEngine
from tests.stack.samples import container
from watchdog.errors import Unreachable
from watchdog.incident.evidence import LOG_LINES, gather


async def test_keeps_the_last_lines_of_every_container_for_the_owner_only(tmp_path: Path) -> None:
    engine, backend, web = FakeEngine(), container("backend"), container("web")
    engine.written = {backend.id: [f"line {n}" for n in range(LOG_LINES + 1)], web.id: ["täg"]}
    await gather(engine, [backend, web], tmp_path / "incident")
    logs = {path.name: path for path in (tmp_path / "incident" / "logs").iterdir()}
    assert sorted(logs) == ["backend-id-backend.log", "web-id-web.log"]
    lines = logs["backend-id-backend.log"].read_text().splitlines()
    assert (lines[0], len(lines)) == ("line 1", LOG_LINES)
    assert logs["web-id-web.log"].read_text() == "täg\n"
    assert {path.stat().st_mode & 0o777 for path in logs.values()} == {0o600}


class Forgetful(FakeEngine):
    """An engine whose `gone` container cannot be asked any more."""

    async def logs(self, container: str, lines: int) -> str:
        if container == "gone":
            raise Unreachable("no such container")
        return await super().logs(container, lines)


async def test_a_container_that_is_gone_does_not_cost_the_others_their_logs(tmp_path: Path) -> None:
    engine = Forgetful()
    engine.written = {"id-web": ["hello"]}
    await gather(engine, [container(id="gone"), container("web")], tmp_path)
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["web-id-web.log"]
