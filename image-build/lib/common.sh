# Sourced by the scripts of image-build: tools, work files, namespaces.
# shellcheck shell=bash
# shellcheck source=../../scripts/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/setup.sh"

# Administrators' tools are not in every user's path.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
umask 022
export LC_ALL=C TZ=UTC

# misuse TEXT: ends a script whose command line is wrong.
misuse() {
  say "$*: see --help"
  exit 2
}

# need TOOL:PACKAGE...: installs the packages whose tools are missing, or ends with the names of both.
need() {
  local pair missing=() tools=()
  for pair in "$@"; do
    [[ ${pair%%:*} == /* ]] && [ -e "${pair%%:*}" ] && continue
    command -v "${pair%%:*}" >/dev/null && continue
    tools+=("${pair%%:*}") missing+=("${pair#*:}")
  done
  [ ${#missing[@]} = 0 ] && return 0
  { command -v dpkg-query >/dev/null && apt_install "${missing[@]}"; } ||
    die "missing here: ${tools[*]} (Debian has them in: ${missing[*]})"
}

# newest FILE...: prints the one with the highest version; nothing where a pattern fits none.
newest() {
  local file
  for file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done | sort -V | tail -n 1
}

# in_mount_namespace COMMAND...: runs it where its mounts are seen by nobody else and end with it; for an ordinary user as the
# root of a user namespace with the ids of /etc/subuid.
in_mount_namespace() {
  local options=(--mount --propagation private)
  [ "$(id -u)" = 0 ] || options+=(--map-root-user --map-auto)
  unshare "${options[@]}" "$@"
}

# may_map_ids: ends, with what to do, where an ordinary user may not have the namespaces that the work needs.
may_map_ids() {
  [ "$(id -u)" = 0 ] && return 0
  need newuidmap:uidmap
  unshare --map-root-user --map-auto true 2>/dev/null ||
    die "$(id -un) may not map user ids: give it 65536 in /etc/subuid and /etc/subgid (usermod --add-subuids 100000-165535 \
--add-subgids 100000-165535 $(id -un)), and allow user namespaces (sysctl kernel.unprivileged_userns_clone), or be root"
}

# make_workplace DIRECTORY: sets $work to a new directory in it that is removed when the script ends, however it ends.
make_workplace() {
  mkdir -p "$1"
  work=$(mktemp -d "$1/work.XXXXXXXX")
  # In a namespace for an ordinary user, who does not own the files in it.
  trap 'if [ "$(id -u)" = 0 ]; then rm -rf "$work"; else in_mount_namespace rm -rf "$work"; fi' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

# lap TEXT: says what was done, and how long it took since the one before.
lap_started=$(date +%s%N)
lap() {
  local now
  now=$(date +%s%N)
  say "$(printf '%-44s %6.1f s' "$1" "$(((now - lap_started) / 100000000))e-1")"
  lap_started=$now
}

# source_date: one date for everything in an image: the caller's, or that of the commit
# (https://reproducible-builds.org/specs/source-date-epoch/).
source_date() {
  echo "${SOURCE_DATE_EPOCH:-$(git -C "$project" log -1 --format=%ct 2>/dev/null || stat -c %Y "$project/package.json")}"
}
