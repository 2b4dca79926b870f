# Run by scripts/demo --heat in namespaces of its own. Its argument is the project.
# shellcheck shell=bash
set -euo pipefail

project=$1
. "$project/scripts/lib/demo-view.sh"
template=$project/examples/wordpress-heat.yaml
guest_data=$view/var/lib/heat-cfntools
status=0

# What the owner of the stack types; the guest sees nothing of it.
operator() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$layers/heat" LANG=C.UTF-8 \
    bash -c '. "$0" && exec "$@"' "$layers/heat/openrc" "$@"
}
show() { operator openstack stack show "$stack" "$@"; }
output() { operator openstack stack output show "$stack" "$1" -f value -c output_value 2>/dev/null || true; }
# address KEY: an address of the heat that is up.
address() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p" "$layers/heat/heat.json"; }

# until_true SECONDS COMMAND...
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    if [ $SECONDS -ge $end ]; then
      echo "demo: not in time: $*" >&2
      return 1
    fi
    sleep 0.5
  done
}
everything_else_is_made() {
  ! operator openstack stack resource list "$stack" -f value -c resource_name -c resource_status |
    grep -v '^site_is_up ' | grep -qv CREATE_COMPLETE
}
# The values of a resource are known to the stack a moment after its status.
outputs_are_known() {
  access_key=$(output access_key) secret_key=$(output secret_key) signal_url=$(output signal_url)
  [[ $access_key != @(|None) && $secret_key != @(|None) && $signal_url == http* ]]
}
is_settled() { case $(show -f value -c stack_status) in *_IN_PROGRESS) return 1 ;; esac }

# make_stack NAME: the names of its outputs are those of variables.
make_stack() {
  stack=$1
  title "openstack stack create -t wordpress-heat.yaml $stack"
  operator openstack stack create -t "$template" --parameter "title=The site of $stack" "$stack" -f value \
    -c stack_status_reason
  until_true 120 everything_else_is_made
  columns=(-c resource_name -c resource_type -c resource_status --sort-column resource_name)
  operator openstack stack resource list "$stack" "${columns[@]}"
  until_true 60 outputs_are_known
}

# boot_guest URL: leaves what heat has cloud-init leave in a new guest, to which heat-api-cfn is at that URL.
boot_guest() {
  local file
  title "A guest boots: what heat has cloud-init leave in /var/lib/heat-cfntools, besides the metadata as it is now"
  rm -rf "$view"/var/{lib,cache}/heat-cfntools "$view"/{var/www,etc}/wordpress
  mkdir -p -m 700 "$guest_data"
  operator openstack stack resource metadata "$stack" server >"$guest_data/cfn-init-data"
  printf '%s' "$1" >"$guest_data/cfn-metadata-server"
  printf '%s\n' '[Boto]' 'debug = 0' 'is_secure = 0' 'https_validate_certificates = 1' 'cfn_region_name = heat' \
    'cfn_region_endpoint = 127.0.0.1' >"$guest_data/cfn-boto-cfg"
  for file in cfn-metadata-server cfn-boto-cfg; do
    printf -- '--- %s\n' "$file"
    # shellcheck disable=SC1003 # the backslash is sed's
    sed -e '$a\' "$guest_data/$file"
  done
}

configure() { inside cfn-init -s "$stack" -r server --region RegionOne --access-key "$access_key" --secret-key "$secret_key"; }

# run_user_data: as the template has it. A stack that is not CREATE_COMPLETE then is the demo's failure.
run_user_data() {
  local ended=0
  title "Its user data runs: cfn-init -s $stack -r server --region RegionOne --access-key KEY --secret-key SECRET"
  configure || ended=$?
  title "Then: cfn-signal -e $ended URL"
  inside cfn-signal -e "$ended" -d 'WordPress is up' -i demo-instance "$signal_url" && echo 'cfn-signal: accepted by heat'
  title "openstack stack show $stack"
  until_true 60 is_settled
  show -c stack_name -c stack_status -c stack_status_reason
  echo "The wait condition was told: $(output told)"
  [ "$(show -f value -c stack_status)" = CREATE_COMPLETE ] || status=1
}

show_site() {
  title 'What is new on the machine'
  inside getent passwd wordpress
  inside ls -ld /var/www/wordpress/index.php /var/www/wordpress/wp-config.php /etc/wordpress/site.json
  echo '--- /etc/wordpress/site.json'
  inside cat /etc/wordpress/site.json
  echo
}

title 'A real keystone and a real heat come up, on the loopback device of a network of their own'
"$project/scripts/lib/heat-up" "$layers/heat"
start_demo_server
install_commands

title "The template (${template#"$project/"})"
grep -v '^ *#' "$template" | sed '/^$/d'

make_stack wordpress
boot_guest "$(address cfn)"
run_user_data
show_site

title "The same with the default policy of Heat 2024.1 and later, which forbids guests to ask for metadata"
make_stack wordpress-2024
boot_guest "$(address strictCfn)"
run_user_data
show_site

title 'Heat goes down, and cfn-init runs again: it uses the last metadata it had'
"$project/scripts/lib/heat-down" "$layers/heat"
configure || status=$?

title 'The end'
kill "$server" 2>/dev/null || true
[ "$status" = 0 ] && echo 'The stacks are CREATE_COMPLETE. Heat and the view are thrown away: this machine is as it was.'
exit "$status"
