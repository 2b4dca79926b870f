# Sourced by heat-up and openstack/inside: daemons of $dir. With $failed they say why they end.
# shellcheck shell=bash disable=SC2034,SC2154 # shared with who sources it

# What is run gets the python of Debian and nothing of the caller: no proxy, no OS_ variable.
clean=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$dir" TMPDIR="$dir/state" LANG=C.UTF-8)
declare -A daemons=()

secret() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# start NAME COMMAND...: in a session of its own, with its id and start time noted.
start() {
  local name=$1
  shift
  setsid "$@" >"$dir/log/$name.out" 2>&1 </dev/null &
  daemons[$name]=$!
  printf '%s %s %s\n' "$name" "$!" "$(sed 's/.*) //' "/proc/$!/stat" | cut -d' ' -f20)" >>"$dir/processes"
}

# until_it NAME SECONDS COMMAND...: waits until the command succeeds, as long as that daemon runs.
until_it() {
  local name=$1 seconds=$2
  shift 2
  for _ in $(seq $((seconds * 10))); do
    "$@" >/dev/null 2>&1 && return 0
    kill -0 "${daemons[$name]}" 2>/dev/null || break
    sleep 0.1
  done
  failed="$name has ended, or after $seconds s this failed still: $*"
  exit 1
}

# listening NAME ADDRESS:PORT...
listening() {
  local name=$1 address
  shift
  for address in "$@"; do until_it "$name" 120 accepts "$address"; done
}

accepts() { (exec 3<>"/dev/tcp/${1/://}"); }

# account_settings NAME PASSWORD: how that account of the project "service" logs in, as lines of a configuration.
account_settings() {
  printf '%s\n' "auth_url = $keystone_url" 'auth_type = password' "username = $1" "password = $2" 'project_name = service' \
    'user_domain_name = Default' 'project_domain_name = Default'
}
