# Sourced by what scripts/demo runs in namespaces of its own, with $project set: makes $view, a copy-on-write view of this
# machine, and the means to use it. What is written there goes to a tmpfs of this mount namespace and is gone with it.
# shellcheck shell=bash disable=SC2034,SC2154 # shared with what sources it

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || title() { printf '\n== %s\n' "$*"; }

layers=$(mktemp -d)
mount -t tmpfs tmpfs "$layers"
rmdir_later() {
  umount -l "$layers" 2>/dev/null
  rmdir "$layers" 2>/dev/null
}
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
# The view is a new guest: what this machine may know of a stack of its own is not known there.
rm -rf "$view"/var/{lib,cache}/heat-cfntools "$view/etc/cfn"
ip link set lo up

# inside COMMAND...: in the view.
inside() { chroot "$view" /usr/bin/env -i PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root "$@"; }

# Starts what hands out the site's archive; its process id is in $server, and where it takes signals in $endpoint.
start_demo_server() {
  inside /run/project/node_modules/.bin/node /run/project/scripts/lib/demo-server.ts &
  server=$!
  for _ in $(seq 50); do
    [ -s "$view/tmp/endpoint" ] && break
    sleep 0.1
  done
  endpoint=$(cat "$view/tmp/endpoint")
}

install_commands() {
  local command
  cp --remove-destination "$project/dist/linux-x64/cfntools" "$view/usr/bin/cfntools"
  for command in cfn-init cfn-signal cfn-get-metadata; do ln -sf cfntools "$view/usr/bin/$command"; done
}
