"""What the engine and the database say of a stack, asked by other means than ops-watchdog's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from demo.images import docker

POLICIES = {
    "database": "unless-stopped",
    "backend": "unless-stopped",
    "frontend": "unless-stopped",
    "migrate": "no",
}


@dataclass(frozen=True, slots=True)
class Container:
    """One container; two looks at the same one that nobody touched are equal."""

    id: str
    service: str
    image_id: str
    state: str
    started_at: str
    restart_policy: str


def containers(project: str) -> dict[str, Container]:
    """Service to its container."""
    listed = docker(
        "ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={project}"
    ).split()
    inspected = json.loads(docker("inspect", *listed)) if listed else []
    return {container.service: container for container in map(_container, inspected)}


def _container(document: dict[str, Any]) -> Container:
    return Container(
        id=document["Id"],
        service=document["Config"]["Labels"]["com.docker.compose.service"],
        image_id=document["Image"],
        state=document["State"]["Status"],
        started_at=document["State"]["StartedAt"],
        restart_policy=document["HostConfig"]["RestartPolicy"]["Name"],
    )


def policies(project: str) -> dict[str, str]:
    return {service: container.restart_policy for service, container in containers(project).items()}


def sql(project: str, *statements: str) -> list[str]:
    """Each statement by itself, in the cluster's `postgres` database; the lines of the answers."""
    commands = [word for statement in statements for word in ("--command", statement)]
    asked = ("psql", "--username", "shop", "--dbname", "postgres", "--quiet", "--no-align", "--tuples-only")
    return docker("exec", containers(project)["database"].id, *asked, *commands).splitlines()


def databases(project: str) -> dict[str, bool]:
    """Every database but the cluster's own, with whether it takes connections."""
    own = "'postgres', 'template0', 'template1'"
    query = f"SELECT datname, datallowconn FROM pg_database WHERE datname NOT IN ({own})"
    return {name: allowed == "t" for name, allowed in (row.split("|") for row in sql(project, query))}
