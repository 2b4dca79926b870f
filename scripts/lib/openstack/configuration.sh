# Sourced by openstack/inside: the configuration files of glance, placement, nova, neutron and libvirt.
# shellcheck shell=bash disable=SC2034,SC2154 # it shares the variables of inside

# The address of the world outside of the guests' network: where they reach heat, and their gateway.
outside=10.77.0.1
databases=(glance placement nova nova_api nova_cell0 neutron)
database_socket=$dir/state/database/socket
service_password=$(secret)
metadata_secret=$(secret)

# database NAME: its URL. By the socket file, since nobody else needs to reach it.
database() { echo "mysql+pymysql://root@localhost/$1?unix_socket=$database_socket&charset=utf8"; }

# account SECTION NAME: how to log in as that service.
account() {
  printf '[%s]\nregion_name = RegionOne\n' "$1"
  account_settings "$2" "$service_password"
}

# checked_by NAME: how that service has the tokens of its callers checked.
checked_by() {
  account keystone_authtoken "$1"
  printf '%s\n' "www_authenticate_uri = $keystone_url" 'service_token_roles_required = false'
}

# privileged FILE SECTION...: the helpers that do what needs root. All is root already, so there is no sudo.
privileged() {
  local section
  for section in "${@:2}"; do printf '[%s]\nhelper_command = privsep-helper --config-file %s\n' "$section" "$1"; done
}

write_configuration() {
  glance_settings >"$dir/etc/glance.conf"
  placement_settings >"$dir/etc/placement.conf"
  nova_settings >"$dir/etc/nova.conf"
  neutron_settings >"$dir/etc/neutron.conf"
  printf 'user=root\ngroup=root\n' >"$dir/etc/dnsmasq.conf"
  libvirt_settings
  mkdir -p "$dir"/state/glance/{images,tasks,staging} "$dir"/state/{nova/instances,neutron,locks}
}

glance_settings() {
  cat <<CONF
[DEFAULT]
bind_host = 127.0.0.1
workers = 1
enabled_backends = file:file
transport_url = fake://
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = $dir/state/glance/images
[os_glance_tasks_store]
filesystem_store_datadir = $dir/state/glance/tasks
[os_glance_staging_store]
filesystem_store_datadir = $dir/state/glance/staging
[database]
connection = $(database glance)
$(checked_by glance)
[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini
[oslo_concurrency]
lock_path = $dir/state/locks
CONF
}

placement_settings() {
  cat <<CONF
[DEFAULT]
log_file = $dir/log/placement.log
[placement_database]
connection = $(database placement)
$(checked_by placement)
CONF
}

nova_settings() {
  cat <<CONF
[DEFAULT]
transport_url = rabbit://guest:guest@127.0.0.1/
state_path = $dir/state/nova
instances_path = $dir/state/nova/instances
host = compute
my_ip = 127.0.0.1
osapi_compute_listen = 127.0.0.1
metadata_listen = 127.0.0.1
osapi_compute_workers = 1
metadata_workers = 1
enabled_apis = osapi_compute,metadata
api_paste_config = /etc/nova/api-paste.ini
compute_driver = libvirt.LibvirtDriver
mkisofs_cmd = genisoimage
reserved_host_memory_mb = 0
# Guests are few, but their processors are emulated by all there are.
cpu_allocation_ratio = 16
[api]
auth_strategy = keystone
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 2
[api_database]
connection = $(database nova_api)
[database]
connection = $(database nova)
$(checked_by nova)
$(account placement placement)
[glance]
region_name = RegionOne
$(account neutron neutron)
service_metadata_proxy = true
metadata_proxy_shared_secret = $metadata_secret
[vnc]
enabled = false
[libvirt]
virt_type = qemu
cpu_mode = none
disk_cachemodes = file=unsafe
inject_partition = -2
[oslo_concurrency]
lock_path = $dir/state/locks
$(privileged "$dir/etc/nova.conf" nova_sys_admin vif_plug_linux_bridge_privileged privsep_osbrick)
CONF
}

neutron_settings() {
  cat <<CONF
[DEFAULT]
transport_url = rabbit://guest:guest@127.0.0.1/
state_path = $dir/state/neutron
host = compute
bind_host = 127.0.0.1
core_plugin = ml2
service_plugins =
auth_strategy = keystone
api_workers = 1
rpc_workers = 1
rpc_state_report_workers = 0
api_paste_config = /etc/neutron/api-paste.ini
notify_nova_on_port_status_changes = true
notify_nova_on_port_data_changes = true
interface_driver = linuxbridge
# Without a router of neutron's, its DHCP agent brings the metadata service to the guests.
force_metadata = true
dnsmasq_config_file = $dir/etc/dnsmasq.conf
nova_metadata_host = 127.0.0.1
metadata_proxy_shared_secret = $metadata_secret
metadata_workers = 1
metadata_proxy_socket = $dir/state/neutron/metadata_proxy
[agent]
root_helper = env
[experimental]
linuxbridge = true
[database]
connection = $(database neutron)
$(checked_by neutron)
$(account nova nova)
$(account placement placement)
[ml2]
type_drivers = flat
tenant_network_types =
mechanism_drivers = linuxbridge
extension_drivers = port_security
[ml2_type_flat]
flat_networks = provider
[securitygroup]
enable_security_group = false
firewall_driver = noop
[linux_bridge]
physical_interface_mappings = provider:provider
[vxlan]
enable_vxlan = false
[oslo_concurrency]
lock_path = $dir/state/locks
$(privileged "$dir/etc/neutron.conf" privsep privsep_dhcp_release privsep_ovs_vsctl privsep_namespace privsep_conntrack privsep_link)
CONF
}

# libvirt finds its files in /etc, which is ours in there. A guest is nothing but a process: no user, group or label of its own.
libvirt_settings() {
  cat >/etc/libvirt/libvirtd.conf <<CONF
listen_tls = 0
auth_unix_rw = "none"
unix_sock_group = "root"
log_outputs = "2:file:$dir/log/libvirtd.log"
CONF
  cat >/etc/libvirt/qemu.conf <<'CONF'
user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
CONF
}
