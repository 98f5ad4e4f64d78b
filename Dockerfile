# The daemon in a container, for hosts where installing it under systemd is not wanted.
#
#   docker build --tag ops-watchdog .
#   docker run --detach --name ops-watchdog --restart unless-stopped --init --network host \
#     --volume /var/run/docker.sock:/var/run/docker.sock \
#     --volume /etc/ops-watchdog:/etc/ops-watchdog:ro \
#     --volume ops-watchdog:/var/lib/ops-watchdog \
#     --volume /opt/shop:/opt/shop \
#     ops-watchdog
#   docker exec ops-watchdog ops-watchdog status
#   docker kill --signal HUP ops-watchdog        # after a change of the configuration
#
# --network host: the checks ask 127.0.0.1 as the host does, and PostgreSQL is reached at its container's address.
# The socket: whoever has it is root on the host. There is nothing to gain from a user of its own in here.
# Each project's directory at the same path as on the host: Compose makes bind mounts and labels of these paths.
# The volume: backups that lie in the project's directory stay there; everything else it must not forget is here.
# --init: what a deployment's command leaves behind is reaped.
# postgresql-client is for databases on servers outside of the stacks (`host`): Debian 13 has that of PostgreSQL 17,
# which serves 13 to 17. Databases in containers are dumped by their own tools. Passwords: by `password_file` below
# /etc/ops-watchdog.
#
# Other bases: --build-arg BASE=... (Debian 13 or newer: Debian 12 has no Compose v2).
# Without a package index in reach of the build: scripts/image/build.

ARG BASE=debian:trixie-slim

FROM ${BASE} AS python
RUN apt-get update -qq \
 && apt-get install -qq --no-install-recommends python3-venv >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

FROM python AS download
WORKDIR /source
RUN python3 -m venv .tools && .tools/bin/pip install --quiet 'uv>=0.8,<1'
COPY . .
RUN scripts/image/wheels 3.13 /wheels

# `--build-context wheels=DIRECTORY` takes this stage's place, and the download above is left out.
FROM scratch AS wheels
COPY --from=download /wheels /

FROM python AS install
RUN python3 -m venv /opt/ops-watchdog
RUN --mount=type=bind,from=wheels,source=dependencies,target=/wheels \
    /opt/ops-watchdog/bin/pip install --quiet --no-index --find-links /wheels --require-hashes --no-deps \
      --requirement /wheels/requirements.txt
RUN --mount=type=bind,from=wheels,source=project,target=/wheels \
    /opt/ops-watchdog/bin/pip install --quiet --no-index --no-deps /wheels/*.whl \
 && /opt/ops-watchdog/bin/pip uninstall --quiet --yes pip

FROM ${BASE}
RUN apt-get update -qq \
 && apt-get install -qq --no-install-recommends ca-certificates docker-cli docker-compose postgresql-client python3 tzdata \
      >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=install /opt/ops-watchdog /opt/ops-watchdog
ENV PATH=/opt/ops-watchdog/bin:$PATH \
    PYTHONUNBUFFERED=1
VOLUME /var/lib/ops-watchdog
# The daemon answers on its socket; without the package's imports this costs 20 ms. Whether the *stacks* are well
# is not asked here: a container that is restarted because of them could not bring them back.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --start-interval=1s CMD ["python3", "-ISc", "\
import socket, sys\n\
with socket.socket(socket.AF_UNIX) as daemon:\n\
    daemon.settimeout(4)\n\
    daemon.connect('/run/ops-watchdog/control.sock')\n\
    daemon.sendall(b'{\"command\": \"ping\"}\\n')\n\
    sys.exit(b'result' not in daemon.recv(4096))\n"]
# As under systemd: SIGTERM checkpoints a running operation, which may take up to 90 s (docker stop --time 90).
STOPSIGNAL SIGTERM
ENTRYPOINT ["ops-watchdog"]
CMD ["run"]
