# Sourced after setup.sh: the Debian packages of a whole OpenStack, as scripts/lib/openstack-up brings it up.
# shellcheck shell=bash disable=SC2154 # project is set by setup.sh
. "$project/scripts/lib/heat-packages.sh"

readonly openstack_packages=(
  "${heat_packages[@]}" rabbitmq-server mariadb-server python3-pymysql
  glance-api placement-api nova-api nova-conductor nova-scheduler nova-compute nova-compute-qemu
  libvirt-daemon-system libvirt-clients libvirt-daemon-driver-qemu qemu-system-x86 qemu-utils genisoimage
  neutron-server neutron-linuxbridge-agent neutron-dhcp-agent neutron-metadata-agent haproxy dnsmasq-base
  bridge-utils conntrack ebtables iproute2 ipset iptables
)

# openstack_reason_against [packages_later]: says why no OpenStack can be brought up here, or nothing when one can.
openstack_reason_against() {
  local reason
  reason=$(heat_reason_against "${1:-}")
  if [ -n "$reason" ]; then
    echo "$reason"
  elif [ "${1:-}" != packages_later ]; then
    reason_against_packages "${openstack_packages[@]}"
  fi
}

openstack_debconf_answers() {
  local service
  heat_debconf_answers
  for service in glance placement nova neutron; do
    printf '%s-common %s boolean false\n' "$service" "$service/configure_db" "$service" "$service/configure_rabbit" \
      "$service" "$service/configure_ksat"
    printf '%s-api %s/register-endpoint boolean false\n' "$service" "$service"
  done
}

# Installs what is missing. No service of these packages is started, neither now nor by a later boot.
openstack_install() {
  local reason
  reason=$(openstack_reason_against packages_later)
  [ -z "$reason" ] || {
    say "no OpenStack: $reason"
    return 1
  }
  install_without_services openstack_debconf_answers "${openstack_packages[@]}"
}
