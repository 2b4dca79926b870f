# Sourced after setup.sh: the Debian packages of a real keystone and a real heat.
# shellcheck shell=bash disable=SC2154 # project is set by setup.sh
. "$project/scripts/lib/service-packages.sh"

readonly heat_packages=(keystone heat-engine heat-api heat-api-cfn python3-openstackclient python3-heatclient)

# heat_reason_against [packages_later]: says why no heat can be brought up here, or nothing when one can. With
# packages_later, the packages need not be there yet.
heat_reason_against() {
  # shellcheck source=/dev/null
  if [ "$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}")" != 'debian 12' ]; then
    echo 'needs Debian 12, whose heat and keystone it runs'
  elif [ "$(id -u)" != 0 ]; then
    echo 'needs root'
  elif [ "${1:-}" != packages_later ]; then
    reason_against_packages "${heat_packages[@]}"
  fi
}

# Answers for the questions of the packages: no database, no user and no endpoint is made at installation.
heat_debconf_answers() {
  printf '%s boolean false\n' 'keystone keystone/configure_db' 'keystone keystone/create-admin-tenant' \
    'keystone keystone/register-endpoint' 'heat-common heat/configure_db' 'heat-common heat/configure_rabbit' \
    'heat-common heat/configure_ksat' 'heat-api heat/register-endpoint' 'heat-api-cfn heat-cfn/register-endpoint'
}

# Installs what is missing. No service of these packages is started, neither now nor by a later boot.
heat_install() {
  local reason
  reason=$(heat_reason_against packages_later)
  [ -z "$reason" ] || {
    say "no heat: $reason"
    return 1
  }
  install_without_services heat_debconf_answers "${heat_packages[@]}"
}
