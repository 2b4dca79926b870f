# Sourced by prepare-root.sh: what makes a root directory an image for clouds.
# shellcheck shell=bash

root_label=cfntools-root

# guest_settings ROOT: cloud-init's policy, boot loader, mounts, units.
guest_settings() {
  local root=$1 unit
  cat >"$root/etc/cloud/cloud.cfg.d/90_cfntools.cfg" <<'CFG'
# Where Heat's guests find their user data. None: a machine outside any cloud does not wait for one.
datasource_list: [ ConfigDrive, OpenStack, Ec2, NoCloud, None ]
datasource:
  OpenStack: { metadata_urls: [ "http://169.254.169.254" ], timeout: 10, max_wait: 120 }
  Ec2: { metadata_urls: [ "http://169.254.169.254" ], timeout: 10, max_wait: 120 }
# Hostname and FQDN of the metadata resolve without a name server.
manage_etc_hosts: true
# RSA keys take half a minute on a slow virtual CPU. Clients since OpenSSH 5.7 know these.
ssh_genkeytypes: [ ed25519, ecdsa ]
# The package sources are those of the build, not those of a template.
apt: { preserve_sources_list: true }
CFG
  printf '%s\n' "$guest_sources" >"$root/etc/apt/sources.list"
  rm -rf "$root/etc/apt/sources.list.d"/*
  echo localhost >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
  printf 'LABEL=%s / ext4 rw,noatime,errors=remount-ro 0 1\nLABEL=CFNTOOLSESP /boot/efi vfat umask=0077,nofail,noauto 0 2\n' \
    "$root_label" >"$root/etc/fstab"
  mkdir -p "$root/boot/efi" "$root/boot/grub"
  # The links follow the newest kernel, so that an upgrade needs no boot loader in the guest.
  cat >"$root/boot/grub/grub.cfg" <<CFG
set timeout=0
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
search --no-floppy --label $root_label --set=root
linux /boot/vmlinuz root=LABEL=$root_label ro console=tty0 console=ttyS0,115200 net.ifnames=0 quiet
initrd /boot/initrd.img
boot
CFG
  if ! grep -q 'ID=ubuntu' "$root/etc/os-release"; then
    install -m 755 "$project/image-build/lib/guest-locale-gen" "$root/usr/local/sbin/locale-gen"
  fi
  # They take apt's lock just when cfn-init installs packages; e2scrub needs LVM.
  for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
}

# compile_python: cloud-init's start spends much of its time on looking whether compiled files are fresh; these are not looked at.
compile_python() {
  # shellcheck disable=SC2016 # the pattern is for the root's own shell
  in_root sh -c 'exec python3 -m compileall -q -f --invalidation-mode unchecked-hash /usr/lib/python3/dist-packages /usr/lib/python3.[0-9]* /usr/share/python3' \
    >"$work/compileall.log" 2>&1 || say "some Python files were not compiled: $(tail -n 1 "$work/compileall.log")"
}

# clean_root ROOT: what belongs to one machine alone is not in an image.
clean_root() {
  local root=$1
  rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed" \
    "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root"/etc/*- "$root/var/lib/systemd/credential.secret"
  : >"$root/etc/machine-id"
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/lib/cloud/* "$root"/tmp/* "$root"/var/tmp/* "$root"/run/* \
    "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root"/var/cache/ldconfig
  find "$root/var/log" -type f -delete
  mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
}
