#!/usr/bin/env bash
# Runs a command with what libguestfs needs for its own small machine: a kernel and its modules, which this machine may not
# have. They are those of an image. /lib/modules is there for the command only.
#   test/image/with-guestfs.sh IMAGE DIR COMMAND...     IMAGE.vmlinuz and IMAGE.root.tar; DIR keeps the small machine
set -euo pipefail

image=$1 dir=$2
shift 2
if [ ! -d "$dir/lib" ]; then
  mkdir -p "$dir"
  tar -C "$dir" --strip-components=2 -xf "$image.root.tar" ./usr/lib/modules
fi
versions=("$dir"/lib/modules/*)
SUPERMIN_KERNEL=$image.vmlinuz
SUPERMIN_KERNEL_VERSION=${versions[0]##*/}
SUPERMIN_MODULES=/lib/modules/$SUPERMIN_KERNEL_VERSION
# Where libvirt does not run, and /dev/kvm may be there without being of use.
LIBGUESTFS_BACKEND=direct
LIBGUESTFS_BACKEND_SETTINGS=force_tcg
LIBGUESTFS_CACHEDIR=$dir
export SUPERMIN_KERNEL SUPERMIN_KERNEL_VERSION SUPERMIN_MODULES LIBGUESTFS_BACKEND LIBGUESTFS_BACKEND_SETTINGS LIBGUESTFS_CACHEDIR
exec unshare --mount --propagation private bash -euc \
  'mount -t overlay -o "lowerdir=$0/lib:/usr/lib" overlay /usr/lib; exec "$@"' "$dir" "$@"
