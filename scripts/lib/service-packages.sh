# Sourced after setup.sh: installs Debian packages of services without starting the services.
# shellcheck shell=bash

# reason_against_packages PACKAGE...: says which ones are missing, or nothing.
reason_against_packages() {
  local missing
  missing=$(missing_packages "$@" | paste -sd ' ')
  [ -z "$missing" ] || echo "needs the Debian packages $missing"
}

# install_without_services ANSWERS PACKAGE...: installs what is missing; the command ANSWERS prints the answers for debconf.
# No service that comes along is started, neither now nor by a later boot.
install_without_services() {
  local answers=$1 missing
  shift
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} = 0 ] && return 0
  "$answers" | debconf-set-selections
  # invoke-rc.d asks policy-rc.d whether a service may be started. Ours lies over that name in a mount namespace of its own,
  # so the machine's stays as it is, and is executable wherever temporary files are; where there is none, the empty file that it
  # lies on is one that is not asked.
  local policy=/usr/sbin/policy-rc.d ours made='' status=0 before
  before=$(mktemp)
  installed_packages >"$before"
  ours=$(mktemp)
  printf '#!/bin/sh\nexit 101\n' >"$ours"
  chmod 755 "$ours"
  [ -e "$policy" ] || {
    made=$policy
    : >"$policy"
  }
  export -f say as_root can_be_root missing_packages apt_install
  unshare --mount bash -euo pipefail -c 'mount --bind "$1" "$2"; mount -o remount,bind,exec "$2"; shift 2; apt_install "$@"' "${0##*/}" \
    "$ours" "$policy" "${missing[@]}" || status=$?
  installed_packages | LC_ALL=C comm -13 "$before" - | disable_services
  rm -f "$before" "$ours" ${made:+"$made"}
  return "$status"
}

installed_packages() {
  dpkg-query -W -f='${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | LC_ALL=C sort -u
}

# disable_services <PACKAGES: the services of these packages are not started by a later boot.
disable_services() {
  local file
  xargs -r dpkg-query -L 2>/dev/null | while read -r file; do
    case $file in
    /etc/init.d/*) update-rc.d "${file##*/}" disable ;;
    /lib/systemd/system/*@.*) ;;
    /lib/systemd/system/*.service | /lib/systemd/system/*.socket | /lib/systemd/system/*.timer | /lib/systemd/system/*.path)
      systemctl disable --quiet "${file##*/}"
      ;;
    esac >/dev/null 2>&1 || true
  done
}
