# shellcheck shell=bash disable=SC2034 # used by the scripts that source this
# Places and probes shared by the engine scripts. Sourced, never run.
#
# The places are fixed, so that a second clone of the repository, or a test
# started from another directory, finds and reuses the engine that runs.

ENGINE_STATE=/var/lib/ops-watchdog-engine
# Someone who may use the machine's own engine without being root still needs
# a place for Compose and for a DOCKER_CONFIG that is not ~/.docker.
[ "$EUID" = 0 ] || ENGINE_STATE=${XDG_CACHE_HOME:-$HOME/.cache}/ops-watchdog-engine

ENGINE_RUN=/run/ops-watchdog-engine
ENGINE_SOCKET=$ENGINE_RUN/docker.sock
ENGINE_PIDFILE=$ENGINE_RUN/dockerd.pid
ENGINE_EXEC=$ENGINE_RUN/exec
ENGINE_DATA=$ENGINE_STATE/data
ENGINE_LOG=$ENGINE_STATE/dockerd.log
ENGINE_PREFIX=$ENGINE_STATE/prefix
ENGINE_CONFIG=$ENGINE_STATE/docker-config
ENGINE_PATH=$ENGINE_PREFIX/bin:$ENGINE_PREFIX/usr/bin:$ENGINE_PREFIX/usr/sbin

say() { printf 'engine: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Several callers (tests, demo, a second clone) may run `up` at once.
# The lock is closed for every long-lived child, which would keep it otherwise.
lock_engine() {
  local directory=$ENGINE_STATE
  # flock is essential on Debian; elsewhere (a Mac) an engine runs already and
  # there is nothing to install, so nothing to lock.
  command -v flock >/dev/null || return 0
  [ "$EUID" = 0 ] && directory=$ENGINE_RUN
  mkdir -p "$directory"
  exec 9>"$directory/lock"
  flock 9
}

# Debian's own Python first: a version manager's shim costs 100 ms a call.
# python3.11 alone is what a machine has that got only that package.
own_python() {
  local python
  for python in /usr/bin/python3 /usr/bin/python3.11 python3 python3.11; do
    if command -v "$python" >/dev/null; then
      "$python" -I -S "$@"
      return
    fi
  done
  die "no python3 here: install Python 3.11"
}

# Python rather than the docker client: a third of the time, and there before
# any client is installed.
PING_UNIX='
import socket, sys
with socket.socket(socket.AF_UNIX) as engine:
    engine.settimeout(5)
    try:
        engine.connect(sys.argv[1])
        engine.sendall(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")
        sys.exit(b" 200 " not in engine.recv(64))
    except OSError:
        sys.exit(1)
'

answers() {
  case $1 in
    unix://*)
      [ -S "${1#unix://}" ] && own_python -c "$PING_UNIX" "${1#unix://}"
      ;;
    *) timeout 5 docker --host "$1" version >/dev/null 2>&1 ;;
  esac
}

# Prints the address of the engine to use: the caller's, the machine's, ours.
find_engine() {
  local address
  for address in "${DOCKER_HOST:-}" unix:///var/run/docker.sock "unix://$ENGINE_SOCKET"; do
    if [ -n "$address" ] && answers "$address"; then
      printf '%s\n' "$address"
      return 0
    fi
  done
  return 1
}

# Makes this shell's own docker commands talk to the engine found.
use_engine() {
  DOCKER_HOST=$1
  DOCKER_CONFIG=$ENGINE_CONFIG
  PATH=$ENGINE_PATH:$PATH
  export DOCKER_HOST DOCKER_CONFIG PATH
}
