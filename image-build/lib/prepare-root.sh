#!/usr/bin/env bash
# Run by image-build/jeos as root of a mount namespace: unpacks the base, adds the agent and the settings of an image, and
# writes what the disk is made from.
#   prepare-root.sh BASE.tar PACKAGE|'' WORK        writes WORK/root.tar, root.ext4, vmlinuz, initrd, packages
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/guest-settings.sh"
. "$(dirname "$0")/root-filesystem.sh"

base=$1 package=$2 work=$3
root=$work/root
mkdir "$root"
tar -C "$root" -xpf "$base" --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*'

# Maintainer scripts write to /dev/null. The mounts are this namespace's own, and gone before the tree is read.
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C PYTHONHASHSEED=0 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }

if [ -n "$package" ]; then
  cp "$package" "$root/tmp/agent.deb"
  in_root dpkg --install /tmp/agent.deb >"$work/dpkg.log" 2>&1 || {
    cat "$work/dpkg.log" >&2
    die "$package could not be installed"
  }
  rm "$root/tmp/agent.deb"
fi
guest_settings "$root"
compile_python
in_root dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' >"$work/packages"
umount -l "$root/run" "$root/dev"
clean_root "$root"
settle_times "$root"

cp "$root"/boot/vmlinuz "$work/vmlinuz"
cp "$root"/boot/initrd.img "$work/initrd"
make_root_tar "$root" "$work/root.tar"
make_root_filesystem "$root" "$work/root.ext4"
