# Sourced after setup.sh: the Debian packages of a real keystone and a real heat.
# shellcheck shell=bash

readonly heat_packages=(keystone heat-engine heat-api heat-api-cfn python3-openstackclient python3-heatclient)

heat_has() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# heat_reason_against [packages_later]: says why no heat can be brought up here, or nothing when one can. With
# packages_later, the packages need not be there yet.
heat_reason_against() {
  local package
  # shellcheck source=/dev/null
  if [ "$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}")" != 'debian 12' ]; then
    echo 'needs Debian 12, whose heat and keystone it runs'
  elif [ "$(id -u)" != 0 ]; then
    echo 'needs root'
  elif [ "${1:-}" != packages_later ]; then
    for package in "${heat_packages[@]}"; do
      heat_has "$package" && continue
      echo "needs the Debian package $package"
      return
    done
  fi
}

# Answers for the questions of the packages: no database, no user and no endpoint is made at installation.
heat_debconf_answers() {
  local question
  for question in 'keystone keystone/configure_db' 'keystone keystone/create-admin-tenant' \
    'keystone keystone/register-endpoint' 'heat-common heat/configure_db' 'heat-common heat/configure_rabbit' \
    'heat-common heat/configure_ksat' 'heat-api heat/register-endpoint' 'heat-api-cfn heat-cfn/register-endpoint'; do
    printf '%s boolean false\n' "$question"
  done
}

# Installs what is missing. No service of these packages is started, neither now nor by a later boot.
heat_install() {
  local reason package missing=()
  reason=$(heat_reason_against packages_later)
  [ -z "$reason" ] || { say "no heat: $reason"; return 1; }
  for package in "${heat_packages[@]}"; do heat_has "$package" || missing+=("$package"); done
  [ ${#missing[@]} = 0 ] && return 0
  heat_debconf_answers | debconf-set-selections
  # invoke-rc.d asks policy-rc.d whether a service may be started. Ours lies over that name in a mount namespace of its own,
  # so the machine's stays as it is; where there is none, the empty file that it lies on is one that is not asked.
  local policy=/usr/sbin/policy-rc.d ours made='' status=0
  ours=$(mktemp)
  printf '#!/bin/sh\nexit 101\n' >"$ours"
  chmod 755 "$ours"
  [ -e "$policy" ] || { made=$policy; : >"$policy"; }
  export -f say as_root can_be_root apt_install
  unshare --mount bash -euo pipefail -c 'mount --bind "$1" "$2"; shift 2; apt_install "$@"' "${0##*/}" \
    "$ours" "$policy" "${missing[@]}" || status=$?
  rm -f "$ours" ${made:+"$made"}
  [ "$status" = 0 ] || return 1
  for package in "${missing[@]}"; do
    [ -e "/etc/init.d/$package" ] || continue
    update-rc.d "$package" disable >/dev/null 2>&1 || true
    systemctl disable --quiet "$package" 2>/dev/null || true
  done
}
