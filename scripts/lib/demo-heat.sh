# Run by scripts/demo --heat in namespaces of its own. Its argument is the project.
# shellcheck shell=bash
set -euo pipefail

project=$1
. "$project/scripts/lib/demo-view.sh"
template=$project/examples/wordpress-heat.yaml
stack=wordpress

# What the owner of the stack types; the guest sees nothing of it.
operator() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$layers/heat" LANG=C.UTF-8 \
    bash -c '. "$0" && exec "$@"' "$layers/heat/openrc" "$@"
}
show() { operator openstack stack show "$stack" "$@"; }
output() { operator openstack stack output show "$stack" "$1" -f value -c output_value 2>/dev/null || true; }

# until_true SECONDS COMMAND...
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    if [ $SECONDS -ge $end ]; then echo "demo: not in time: $*" >&2; return 1; fi
    sleep 0.5
  done
}

title 'A real keystone and a real heat come up, on the loopback device of a network of their own'
"$project/scripts/lib/heat-up" "$layers/heat"
cfn_url=$(sed -n 's/.*"cfn": "\(.*\)".*/\1/p' "$layers/heat/heat.json")
start_demo_server
install_commands

title "The template (${template#"$project/"})"
grep -v '^ *#' "$template" | sed '/^$/d'

title "openstack stack create -t wordpress-heat.yaml $stack"
operator openstack stack create -t "$template" "$stack" -f value -c stack_status_reason
everything_else_is_made() {
  ! operator openstack stack resource list "$stack" -f value -c resource_name -c resource_status |
    grep -v '^site_is_up ' | grep -qv CREATE_COMPLETE
}
until_true 120 everything_else_is_made
columns=(-c resource_name -c resource_type -c resource_status --sort-column resource_name)
operator openstack stack resource list "$stack" "${columns[@]}"
# The values of a resource are known to the stack a moment after its status.
outputs_are_known() {
  access_key=$(output access_key) secret_key=$(output secret_key) signal_url=$(output signal_url)
  [[ $access_key != @(|None) && $secret_key != @(|None) && $signal_url == http* ]]
}
until_true 60 outputs_are_known

title 'The guest boots: what heat has cloud-init leave in /var/lib/heat-cfntools'
guest_data=$view/var/lib/heat-cfntools
mkdir -p -m 700 "$guest_data"
printf '%s' "$cfn_url" >"$guest_data/cfn-metadata-server"
printf '%s\n' '[Boto]' 'debug = 0' 'is_secure = 0' 'https_validate_certificates = 1' 'cfn_region_name = heat' \
  'cfn_region_endpoint = 127.0.0.1' >"$guest_data/cfn-boto-cfg"
for file in cfn-metadata-server cfn-boto-cfg; do
  printf -- '--- %s\n' "$file"
  sed -e '$a\' "$guest_data/$file"
done

title "Its user data runs: cfn-init -s $stack -r server --region RegionOne --access-key KEY --secret-key SECRET"
status=0
inside cfn-init -s "$stack" -r server --region RegionOne --access-key "$access_key" --secret-key "$secret_key" || status=$?

title "Then: cfn-signal -e $status URL"
inside cfn-signal -e "$status" -d 'WordPress is up' -i demo-instance "$signal_url" && echo 'cfn-signal: accepted by heat'

title "openstack stack show $stack"
is_settled() { case $(show -f value -c stack_status) in *_IN_PROGRESS) return 1 ;; esac; }
until_true 60 is_settled
show -c stack_name -c stack_status -c stack_status_reason
echo "The wait condition was told: $(output told)"
[ "$(show -f value -c stack_status)" = CREATE_COMPLETE ] || status=1

title 'What is new on the machine'
inside getent passwd wordpress
inside ls -ld /var/www/wordpress/index.php /var/www/wordpress/wp-config.php /etc/wordpress/site.json
echo '--- /etc/wordpress/site.json'
inside cat /etc/wordpress/site.json; echo

title 'Heat goes down, and cfn-init runs again: it goes by what it fetched last'
"$project/scripts/lib/heat-down" "$layers/heat"
inside cfn-init -s "$stack" -r server --region RegionOne --access-key "$access_key" --secret-key "$secret_key" || status=$?

title 'The end'
kill "$server" 2>/dev/null || true
[ "$status" = 0 ] && echo 'The stack is CREATE_COMPLETE. Heat and the view are thrown away: this machine is as it was.'
exit "$status"
