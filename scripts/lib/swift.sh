# Sourced by heat-up: a real swift of one disk, which is the directory $dir/swift/disk. It serves TempURLs.
# shellcheck shell=bash disable=SC2154 # shared with heat-up

readonly swift_packages=(swift-proxy swift-account swift-container swift-object)

# Installs what is missing; needs service-packages.sh.
swift_install() { install_without_services true "${swift_packages[@]}"; }

# start_swift PROXY_PORT ACCOUNT_PORT CONTAINER_PORT OBJECT_PORT
start_swift() {
  local etc=$dir/etc/swift kind
  local -A ports=([proxy]=$1 [account]=$2 [container]=$3 [object]=$4)
  mkdir -p "$etc" "$dir/swift/disk"
  printf '[swift-hash]\nswift_hash_path_suffix = %s\n' "$(secret)" >"$etc/swift.conf"
  for kind in account container object; do
    # One replica in one zone of one device, about which rebalance complains by its exit code.
    {
      "${clean[@]}" swift-ring-builder "$etc/$kind.builder" create 1 1 1
      "${clean[@]}" swift-ring-builder "$etc/$kind.builder" add --region 1 --zone 1 --ip 127.0.0.1 --port "${ports[$kind]}" \
        --device disk --weight 1
      "${clean[@]}" swift-ring-builder "$etc/$kind.builder" rebalance
    } >>"$dir/log/swift-rings.out" 2>&1 || [ -e "$etc/$kind.ring.gz" ]
    cat >"$etc/$kind.conf" <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${ports[$kind]}
swift_dir = $etc
devices = $dir/swift
mount_check = false
fallocate_reserve = 0
workers = 0
user = $(id -un)
log_address = /dev/null
[pipeline:main]
pipeline = $kind-server
[app:$kind-server]
use = egg:swift#$kind
conn_timeout = 20
CONF
  done
  cat >"$etc/proxy.conf" <<CONF
[DEFAULT]
bind_ip = $host
bind_port = ${ports[proxy]}
swift_dir = $etc
workers = 0
user = $(id -un)
[pipeline:main]
pipeline = catch_errors gatekeeper cache tempurl authtoken keystoneauth versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
# On a busy machine, half a second and then a minute without the one replica would be a container that is not found.
conn_timeout = 20
node_timeout = 60
error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:tempurl]
use = egg:swift#tempurl
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = $keystone_url
$(account_settings heat "$service_password")
delay_auth_decision = true
service_token_roles_required = false
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = member, heat_stack_owner
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
CONF
  for kind in account container object proxy; do
    start "swift-$kind" "${clean[@]}" "swift-$kind-server" "$etc/$kind.conf" --verbose
  done
}
