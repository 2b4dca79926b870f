#!/usr/bin/env bash
# Run by boot_nspawn.py in a mount and network namespace of its own: boots the root directory $1 with systemd-nspawn, on an
# overlay that is gone afterwards. $2: metadata or config-drive. $3: the tree of a config drive. $4: the console's log.
# Prints its id when the network is there, boots at the line "boot" on stdin, and ends the guest when stdin is closed.
set -euo pipefail
image=$1 source=$2 drive=$3 console=$4

mount --make-rprivate /
place=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$place"
mkdir "$place"/{upper,work,root}
root=$place/root
mount -t overlay overlay -o "lowerdir=$image,upperdir=$place/upper,workdir=$place/work" "$root"

# Nova's address, on the guest's loopback device: the guest shares this network.
ip link set lo up
ip address add 169.254.169.254/32 dev lo

# Without disks and a network card of its own, nothing is to be mounted and no network to be waited for.
: >"$root/etc/fstab"
for unit in networking.service systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service \
  systemd-udevd.service systemd-udev-trigger.service dev-hugepages.mount dev-mqueue.mount; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
printf 'network: {config: disabled}\n' >"$root/etc/cloud/cloud.cfg.d/99_no_network.cfg"
if [ "$source" = config-drive ]; then
  mkdir -p "$root/var/lib/cloud/seed"
  cp -r "$drive" "$root/var/lib/cloud/seed/config_drive"
  # A real drive is a device that is root's alone.
  chmod 700 "$root/var/lib/cloud/seed/config_drive"
fi
# What an image says when it has just been made; the log of an earlier boot would be taken for ours.
rm -f "$root/var/log/cloud-init.log" "$root/var/log/cloud-init-output.log"

mount -t tmpfs -o mode=755 tmpfs /run
# A control group of its own, to be removed afterwards.
groups=()
while IFS=: read -r _ names path; do
  case $names in
  '') top=/sys/fs/cgroup/unified && { [ -d "$top" ] || top=/sys/fs/cgroup; } ;;
  name=systemd) top=/sys/fs/cgroup/systemd ;;
  *) continue ;;
  esac
  if mkdir "$top${path%/}/cfntools-image-$$"; then groups+=("$top${path%/}/cfntools-image-$$"); fi
done </proc/self/cgroup

printf '%s\n' "$BASHPID"
read -r line
[ "$line" = boot ] || exit 1

export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
(
  for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
  # By product_name, cloud-init knows that it is in a server of Nova: a container has no SMBIOS to say so.
  exec systemd-nspawn --quiet --boot --directory="$root" --register=no --keep-unit --console=pipe --resolv-conf=off \
    --machine="cfntools-image-$$" --setenv='product_name=OpenStack Nova'
) </dev/null >"$console" 2>&1 &
guest=$!
printf '%s\n' "$guest"
while read -r line; do :; done
# What nspawn started would outlive nspawn.
children=$(cat "/proc/$guest/task/$guest/children" 2>/dev/null || true)
# shellcheck disable=SC2086
[ -z "$children" ] || kill -KILL $children 2>/dev/null || true
wait "$guest" || true
# The last processes of the guest leave their groups a moment after its first one has ended.
for group in "${groups[@]}"; do
  for _ in $(seq 50); do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
done
umount "$root"
umount "$place"
rmdir "$place"
