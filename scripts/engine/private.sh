# shellcheck shell=bash
# Starts and stops our own dockerd, on a machine where no engine answers.
# Sourced by `up` and `down`, after lib.sh.

# The pid in the pidfile, only if that process really is our dockerd: a pid of
# before a reboot may belong to anybody by now.
private_pid() {
  local pid
  pid=$(cat "$ENGINE_PIDFILE" 2>/dev/null) || return 1
  is_ours "$pid" && printf '%s\n' "$pid"
}

is_ours() {
  [ -n "$1" ] && tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "$ENGINE_RUN/"
}

# A zombie has ended, even where the first process of a container never reaps.
alive() { grep -q '^State:[[:space:]]*[A-WY]' "/proc/$1/status" 2>/dev/null; }

# nf_tables where the kernel has it, else the legacy tables, by a link of our
# own that shadows the machine's choice for our dockerd alone.
choose_iptables() {
  rm -f "$ENGINE_PREFIX/bin/iptables" "$ENGINE_PREFIX/bin/ip6tables"
  iptables --table nat --list --numeric >/dev/null 2>&1 && return 0
  iptables-legacy --table nat --list --numeric >/dev/null 2>&1 ||
    die "the kernel offers neither nf_tables nor iptables NAT, which containers need for their network"
  mkdir -p "$ENGINE_PREFIX/bin"
  ln -s "$(command -v iptables-legacy)" "$ENGINE_PREFIX/bin/iptables"
  ln -s "$(command -v ip6tables-legacy)" "$ENGINE_PREFIX/bin/ip6tables"
}

# For `docker run --init`: Debian's package links to a file of another package.
link_init() {
  mkdir -p "$ENGINE_PREFIX/bin"
  ln -sfn "$(command -v tini-static || command -v tini)" "$ENGINE_PREFIX/bin/docker-init"
}

# A machine without an init system (a container, a minimal VM) may not have
# mounted the control groups yet.
ensure_cgroups() {
  [ -e /sys/fs/cgroup/cgroup.controllers ] && return 0
  [ -d /sys/fs/cgroup/memory ] || [ -d /sys/fs/cgroup/unified ] && return 0
  say "mounting the control groups"
  mount -t cgroup2 cgroup2 /sys/fs/cgroup ||
    die "cannot mount /sys/fs/cgroup: is this container privileged?"
}

start_private() {
  mkdir -p "$ENGINE_RUN" "$ENGINE_DATA"
  local pid
  if pid=$(private_pid); then
    # It may still be starting, on behalf of a caller that was killed.
    await_private "$pid" && return 0
    say "dockerd $pid does not answer; ending it"
    stop_private
  fi
  # A new dockerd would end them too, after waiting 15 s for each.
  end_leftovers
  rm -f "$ENGINE_PIDFILE"
  ensure_cgroups
  choose_iptables
  link_init
  pid=$(launch_private)
  await_private "$pid" || die "dockerd did not start; the last lines of $ENGINE_LOG:
$(tail -n 5 "$ENGINE_LOG")"
}

# Outlives the caller's shell and terminal. Small networks, since Docker's
# default has room for 31 only and each copy of the demo stack takes one.
launch_private() {
  [ ! -e "$ENGINE_LOG" ] || mv -f "$ENGINE_LOG" "$ENGINE_LOG.1"
  PATH=$ENGINE_PATH:$PATH setsid nohup dockerd \
    --host "unix://$ENGINE_SOCKET" --pidfile "$ENGINE_PIDFILE" \
    --data-root "$ENGINE_DATA" --exec-root "$ENGINE_EXEC" \
    --default-address-pool base=172.28.0.0/14,size=24 \
    </dev/null >"$ENGINE_LOG" 2>&1 9>&- &
  printf '%s\n' $!
}

# Waits for the socket to answer, and not a moment longer than the process
# lives. 60 s: a loaded machine with many images to read takes some.
await_private() {
  local deadline=$((SECONDS + 60))
  while alive "$1" && [ $SECONDS -lt $deadline ]; do
    answers "unix://$ENGINE_SOCKET" && return 0
    sleep 0.1
  done
  return 1
}

stop_private() {
  local pid
  if pid=$(private_pid); then
    kill -TERM "$pid"
    # dockerd gives its containers 15 s before it kills them.
    await_exit "$pid" 25 || kill -KILL "$pid"
    await_exit "$pid" 5 || die "dockerd $pid does not end"
  fi
  end_leftovers
  rm -f "$ENGINE_PIDFILE" "$ENGINE_SOCKET"
}

await_exit() {
  local deadline=$((SECONDS + $2))
  while alive "$1" && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
  ! alive "$1"
}

# A dockerd that was killed leaves its containerd, its shims and, under them,
# the containers. All of them name our run directory on their command line.
end_leftovers() {
  local entry pid
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    case $(readlink "$entry/exe" 2>/dev/null) in
      *containerd*) is_ours "$pid" || continue ;;
      *) continue ;;
    esac
    end_children "$pid"
    kill -KILL "$pid" 2>/dev/null || true
  done
  rm -f "$ENGINE_EXEC/containerd/containerd.pid"
}

end_children() {
  local stat fields
  for stat in /proc/[0-9]*/stat; do
    # After the command name in parentheses: state, parent.
    fields=$(sed 's/.*) //' "$stat" 2>/dev/null) || continue
    if [ "$(cut -d' ' -f2 <<<"$fields")" = "$1" ]; then
      stat=${stat#/proc/}
      kill -KILL "${stat%/stat}" 2>/dev/null || true
    fi
  done
}

purge_private() {
  local mount
  # Deepest first; only what lies under our own directories.
  while read -r mount; do umount "$mount" || true; done < <(
    awk -v data="$ENGINE_STATE/" -v run="$ENGINE_RUN/" \
      'index($2, data) == 1 || index($2, run) == 1 { print $2 }' /proc/mounts | sort -r
  )
  # Its contents first: the directory itself may be somebody's mount point.
  find "$ENGINE_STATE" -mindepth 1 -xdev -delete
  rm -rf "$ENGINE_EXEC"
  rmdir "$ENGINE_STATE" 2>/dev/null || true
}
