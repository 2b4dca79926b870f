# Run by scripts/demo in namespaces of its own. Its argument is the project.
# shellcheck shell=bash
set -euo pipefail

project=$1
title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || title() { printf '\n== %s\n' "$*"; }

# The view: what is written goes to a tmpfs of this mount namespace and is gone with it.
layers=$(mktemp -d)
mount -t tmpfs tmpfs "$layers"
rmdir_later() { umount -l "$layers" 2>/dev/null; rmdir "$layers" 2>/dev/null; }
trap rmdir_later EXIT
mkdir "$layers"/{upper,work,view}
view=$layers/view
mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$view"
mount -t proc proc "$view/proc"
mount --rbind /dev "$view/dev"
mount -t tmpfs tmpfs "$view/run"
mount -t tmpfs tmpfs "$view/tmp"
# A checkout on another file system than / would be missing from the view.
mkdir -p "$view/run/project" && mount --bind "$project" "$view/run/project"
ip link set lo up

inside() { chroot "$view" /usr/bin/env -i PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root "$@"; }

title 'The stack: a WordPress site (examples/wordpress.json), and the wait condition it waits for'
echo 'This machine is not touched: everything happens in a copy-on-write view of it.'
inside /run/project/node_modules/.bin/node /run/project/scripts/lib/demo-server.ts &
server=$!
for _ in $(seq 50); do [ -s "$view/tmp/endpoint" ] && break; sleep 0.1; done
endpoint=$(cat "$view/tmp/endpoint")
mkdir -p -m 700 "$view/var/lib/heat-cfntools"
cp "$project/examples/wordpress.json" "$view/var/lib/heat-cfntools/cfn-init-data"
cp --remove-destination "$project/dist/linux-x64/cfntools" "$view/usr/bin/cfntools"
ln -sf cfntools "$view/usr/bin/cfn-init"; ln -sf cfntools "$view/usr/bin/cfn-signal"

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
inside cat /etc/wordpress/site.json; echo
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
