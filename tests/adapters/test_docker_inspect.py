from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from watchdog.adapters.docker_inspect import container, dependencies, instant
from watchdog.stack import Container, Dependency, Health, Healthcheck

IMAGE_ID = "sha256:53cba06c040e7e4c1c97974a537e92583a951b5041a56c2f86bb1e1a5f3608af"
DEPENDS_ON = "migrate:service_completed_successfully:false,db:service_healthy"
BACKEND: dict[str, Any] = {
    "Id": "66b8df4f7791",
    "Created": "2026-11-22T16:16:36.019258937Z",
    "State": {
        "Status": "running",
        "Running": True,
        "OOMKilled": False,
        "ExitCode": 0,
        "StartedAt": "2026-11-22T16:16:36.220854932Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Health": {"Status": "healthy", "FailingStreak": 0, "Log": []},
    },
    "Image": IMAGE_ID,
    "Name": "/shop-backend-1",
    "RestartCount": 2,
    "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5}},
    "Mounts": [
        {"Type": "bind", "Source": "/opt/shop/app.conf", "Destination": "/etc/app.conf"},
        {"Type": "bind", "Source": "/opt/shop/static", "Destination": "/srv"},
        {"Type": "volume", "Name": "data", "Source": "/var/lib/docker/volumes/data/_data"},
    ],
    "Config": {
        "Env": ["A=b=c", "EMPTY="],
        "Image": "shop/backend:1.0",
        "Labels": {
            "com.docker.compose.config-hash": "2c46",
            "com.docker.compose.depends_on": DEPENDS_ON,
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": "backend",
        },
    },
    "NetworkSettings": {"Networks": {"shop_default": {"IPAddress": "172.28.1.2"}, "idle": {"IPAddress": ""}}},
}
AS_CONTAINER = Container(
    id="66b8df4f7791",
    name="shop-backend-1",
    service="backend",
    image="shop/backend:1.0",
    image_id=IMAGE_ID,
    config_hash="2c46",
    state="running",
    created_at=datetime(2026, 11, 22, 16, 16, 36, 19258, tzinfo=UTC),
    started_at=datetime(2026, 11, 22, 16, 16, 36, 220854, tzinfo=UTC),
    health=Health.HEALTHY,
    restart_count=2,
    restart_policy="on-failure",
    restart_retries=5,
    depends_on=(
        Dependency("migrate", "service_completed_successfully"),
        Dependency("db", "service_healthy"),
    ),
    mounted_files=(Path("/opt/shop/app.conf"),),
    addresses=("172.28.1.2",),
    environment=(("A", "b=c"), ("EMPTY", "")),
)
BARE: dict[str, Any] = {
    "Id": "1",
    "Created": "2026-11-22T16:16:36Z",
    "State": {
        "Status": "exited",
        "ExitCode": 137,
        "OOMKilled": True,
        "StartedAt": "2026-11-22T16:16:37Z",
        "FinishedAt": "2026-11-22T16:16:38Z",
    },
    "Image": IMAGE_ID,
    "Name": "/bare",
    "HostConfig": {"RestartPolicy": {"Name": "", "MaximumRetryCount": 0}},
    "Mounts": None,
    "Config": {"Env": None, "Image": "bare", "Labels": None},
    "NetworkSettings": {"Networks": None},
}


def _is_file(path: Path) -> bool:
    return path.suffix == ".conf"


def test_an_inspection_becomes_a_container() -> None:
    assert container(BACKEND, _is_file) == AS_CONTAINER


def test_what_an_inspection_leaves_empty_becomes_the_default() -> None:
    assert container(BARE, _is_file) == Container(
        id="1",
        name="bare",
        service="",
        image="bare",
        image_id=IMAGE_ID,
        config_hash="",
        state="exited",
        created_at=datetime(2026, 11, 22, 16, 16, 36, tzinfo=UTC),
        started_at=datetime(2026, 11, 22, 16, 16, 37, tzinfo=UTC),
        finished_at=datetime(2026, 11, 22, 16, 16, 38, tzinfo=UTC),
        exit_code=137,
        out_of_memory=True,
    )


def test_a_disabled_healthcheck_is_none() -> None:
    state = {**BACKEND["State"], "Health": {"Status": ""}}
    assert container({**BACKEND, "State": state}, _is_file).health is Health.NONE


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (None, None),
        ({"Test": ["NONE"]}, None),
        ({"Test": ["CMD-SHELL", "x"]}, (30, 0, 3, 90)),
        (
            {"Test": ["CMD", "x"], "Interval": 2_500_000_000, "StartPeriod": 10_000_000_000, "Retries": 4},
            (2.5, 10, 4, 20),
        ),
    ],
)
def test_knows_how_long_a_healthcheck_takes_to_fail(
    declared: dict[str, Any] | None, expected: tuple[float, float, int, float] | None
) -> None:
    found = container({**BACKEND, "Config": {**BACKEND["Config"], "Healthcheck": declared}}, _is_file)
    if expected is None:
        assert found.healthcheck is None
        return
    interval, start_period, needed = (timedelta(seconds=expected[i]) for i in (0, 1, 3))
    assert found.healthcheck == Healthcheck(interval, start_period, expected[2])
    assert found.healthcheck.time_to_fail == needed


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("", ()),
        ("db", (Dependency("db", "service_started"),)),
        ("db:service_healthy:true", (Dependency("db", "service_healthy"),)),
    ],
)
def test_reads_the_dependency_label_of_every_compose(label: str, expected: tuple[Dependency, ...]) -> None:
    assert dependencies(label) == expected


@pytest.mark.parametrize(("mode", "known"), [("host", True), ("container:1", False), ("shop_default", False)])
def test_knows_who_listens_on_the_host_itself(mode: str, known: bool) -> None:
    host_config = {**BARE["HostConfig"], "NetworkMode": mode}
    assert container({**BARE, "HostConfig": host_config}, _is_file).host_network is known


def test_never_is_no_instant() -> None:
    assert instant("0001-01-01T00:00:00Z") is None
    assert instant("") is None
