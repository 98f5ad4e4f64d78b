# The Debian host of `Dockerfile`, with the dockerd of Debian 12: one that a test may kill.
# Not started by its socket: the daemon asks it again and again, and would bring back what a test has stopped.
# And started as often as tests kill it.
ARG BASE
FROM ${BASE}
RUN apt-get update -qq \
 && apt-get install -qq --no-install-recommends docker.io iptables >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && sed -e '/docker\.socket/d' -e 's|-H fd://|-H unix:///run/docker.sock|' \
      -e 's/^StartLimitInterval.*/StartLimitIntervalSec=0/' /lib/systemd/system/docker.service \
      >/etc/systemd/system/docker.service \
 && systemctl mask docker.socket 2>/dev/null
