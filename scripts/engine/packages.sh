# shellcheck shell=bash
# Fetches the engine's parts from the distribution's own archive, without
# installing them: the machine keeps the packages, services and groups it has.
# Sourced by `up` and `base-image`, after lib.sh.

os_release() { (. /etc/os-release && printf '%s' "${!1:-}"); }

# The suite that has a usable engine and Compose v2. Debian 12 ships Docker
# 20.10 without Compose v2; the packages of Debian 13 need no more than glibc
# 2.34, so they run on 12 as they are (tried: 26.1.5 with Compose 2.26.1).
engine_suite() {
  command -v apt-get >/dev/null || return 1
  case "$(os_release ID):$(os_release VERSION_CODENAME)" in
    debian:bookworm) echo trixie ;;
    debian:?*) os_release VERSION_CODENAME ;;
    ubuntu:?*) os_release VERSION_CODENAME ;;
    *) return 1 ;;
  esac
}

# Ubuntu names Compose v2 differently, and its docker.io carries the client.
# Not tried: no mirror of Ubuntu was within reach. Tried: Debian 12 and 13.
engine_packages() {
  case $(os_release ID) in
    ubuntu) echo docker.io containerd docker-compose-v2 docker-buildx ;;
    *) echo docker.io containerd docker-cli docker-compose docker-buildx ;;
  esac
}

client_packages() {
  case $(os_release ID) in
    ubuntu) echo docker.io docker-compose-v2 docker-buildx ;;
    *) echo docker-cli docker-compose docker-buildx ;;
  esac
}

# The mirror that this machine already uses, from its own apt configuration, as
# sources.list lines. apt knows a codename only once it has been updated.
own_sources() {
  local id lines
  id=$(os_release ID)
  lines=$(index_targets "Origin: ${id^}" "$@")
  if [ -z "$lines" ] && [ "$EUID" = 0 ]; then
    apt-get -qq update >/dev/null 2>&1 || true
    lines=$(index_targets "Origin: ${id^}" "$@")
  fi
  [ -n "$lines" ] || die "apt names no mirror for $*: run 'apt-get update' and look at its errors"
  printf '%s\n' "$lines"
}

# The machine's keyring is named outright where there is one, since Debian 13
# keeps its keys out of apt's global trust.
index_targets() {
  local keys option=
  for keys in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    [ "$(os_release ID)" != debian ] || [ ! -e "$keys" ] || option="[signed-by=$keys] "
  done
  apt-get indextargets --format "deb $option\$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
    'Created-By: Packages' "$@" | grep -E ' (main|universe)$' | sort -u
}

install_from_own_suite() {
  say "installing $* (apt-get)"
  # An archive of somebody else's that fails to update must not stop us: what
  # is really missing shows in the install.
  apt-get -qq update >/dev/null 2>&1 || true
  DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes \
    --no-install-recommends "$@" </dev/null >"$ENGINE_STATE/apt.log" 2>&1 ||
    die "apt-get install $* failed; see $ENGINE_STATE/apt.log"
}

# apt with a state directory and a sources list of its own: the machine's
# lists, pins and caches stay as they are. Trust comes from the machine's keys.
private_apt() {
  local state=$ENGINE_STATE/apt
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  apt-get -qq -o Dir::State="$state" -o Dir::State::lists="$state/lists" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$state/cache" \
    -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o APT::Update::Post-Invoke-Success::=true -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false "$@"
}

write_private_sources() {
  local suite=$1 own lines
  own=$(os_release VERSION_CODENAME)
  lines=$(own_sources "Codename: $own")
  mkdir -p "$ENGINE_STATE/apt"
  printf '%s\n' "${lines//$own/$suite}" >"$ENGINE_STATE/apt/sources.list"
}

# Unpacks packages into the private prefix; a stamp per package makes this
# safe to repeat after an interruption.
unpack_privately() {
  local package missing=() suite
  for package in "$@"; do
    [ -e "$ENGINE_PREFIX/.unpacked/$package" ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  suite=$(engine_suite) ||
    die "cannot fetch ${missing[*]} here: install Docker Engine and Compose v2 (docker compose), then run 'make engine' again"
  say "fetching ${missing[*]} of $suite into $ENGINE_PREFIX"
  write_private_sources "$suite"
  private_apt update || die "apt-get update for $suite failed (above)"
  local downloads=$ENGINE_STATE/apt/downloads
  rm -rf "$downloads" && mkdir -p "$downloads" "$ENGINE_PREFIX/.unpacked"
  (cd "$downloads" && private_apt download "${missing[@]}" >/dev/null) ||
    die "apt-get download ${missing[*]} failed (above)"
  for package in "${missing[@]}"; do
    dpkg -x "$downloads/${package}"_*.deb "$ENGINE_PREFIX"
    touch "$ENGINE_PREFIX/.unpacked/$package"
  done
  rm -rf "$downloads"
}

# Docker's client looks for plugins in DOCKER_CONFIG/cli-plugins and in the
# system's directories; a user's own plugins are linked, never written to.
link_plugins() {
  local plugin directory
  mkdir -p "$ENGINE_CONFIG/cli-plugins"
  for plugin in docker-compose docker-buildx; do
    for directory in "$ENGINE_PREFIX/usr/libexec/docker" "$ENGINE_PREFIX/usr/lib/docker" "$HOME/.docker"; do
      if [ -x "$directory/cli-plugins/$plugin" ]; then
        ln -sfn "$directory/cli-plugins/$plugin" "$ENGINE_CONFIG/cli-plugins/$plugin"
        break
      fi
    done
  done
}

has_client() {
  docker compose version --short 2>/dev/null | grep -q '^v\?[2-9]' &&
    docker buildx version >/dev/null 2>&1
}

# A client with Compose v2 and buildx for the engine in use, added privately
# where the machine has none.
ensure_client() {
  link_plugins
  has_client && return 0
  local packages
  read -ra packages <<<"$(client_packages)"
  unpack_privately "${packages[@]}"
  link_plugins
  has_client || die "no working 'docker compose' v2 with buildx: install the Compose v2 plugin"
}
