# Run by scripts/demo in namespaces of its own. Its argument is the project.
# shellcheck shell=bash
set -euo pipefail

project=$1
. "$project/scripts/lib/demo-view.sh"

title 'The stack: a WordPress site (examples/wordpress.json), and the wait condition it waits for'
echo 'This machine is not touched: everything happens in a copy-on-write view of it.'
start_demo_server
mkdir -p -m 700 "$view/var/lib/heat-cfntools"
cp "$project/examples/wordpress.json" "$view/var/lib/heat-cfntools/cfn-init-data"
install_commands

title "The user data runs: cfn-init, then cfn-signal -e \$? URL"
status=0
inside cfn-init || status=$?
inside cfn-signal -e "$status" -r 'WordPress is up' -i demo-instance "$endpoint" && echo 'cfn-signal: accepted'

title 'What the wait condition was told'
cat "$view/tmp/signals"

title 'What is new on the machine'
inside getent passwd wordpress
inside ls -ld /var/www/wordpress/index.php /var/www/wordpress/wp-config.php /etc/wordpress/site.json /etc/wordpress/current /usr/local/bin/wordpress-server
echo '--- /etc/wordpress/site.json'
inside cat /etc/wordpress/site.json
echo
inside service wordpress status && echo 'wordpress is running'

title 'The same again: what is in place stays untouched'
inside cfn-init

title 'The end'
kill "$server" 2>/dev/null || true
for path in /var/www/wordpress /etc/wordpress /etc/init.d/wordpress; do
  [ -e "$path" ] && echo "$path exists on this machine, and not through this demo"
done
[ "$status" = 0 ] && echo 'The view is thrown away. On this machine nothing has changed.'
exit "$status"
