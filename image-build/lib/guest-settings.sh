# Sourced by prepare-root.sh: what makes a root directory an image for clouds.
# shellcheck shell=bash disable=SC2154 # it shares the variables of prepare-root.sh, and what jeos exports

root_label=cfntools-root

# guest_settings ROOT: cloud-init's policy, boot loader, mounts, units.
guest_settings() {
  local root=$1 unit
  # Behind Ubuntu's 90_dpkg.cfg, which has a datasource_list, too.
  cat >"$root/etc/cloud/cloud.cfg.d/91_cfntools.cfg" <<'CFG'
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
  install -m 644 "$project/image-build/lib/ds-identify.cfg" "$root/etc/cloud/ds-identify.cfg"
  guest_apt_sources "$root"
  if [ -e "$root/usr/sbin/netplan" ]; then
    # cloud-init makes the configuration when systemd has decided already what this boot starts.
    in_root systemctl enable systemd-networkd.service systemd-resolved.service 2>"$work/systemctl.log" ||
      {
        cat "$work/systemctl.log" >&2
        die 'the services of the network could not be enabled'
      }
  fi
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

# guest_apt_sources ROOT: where apt's sources are looked for in each release: lines in sources.list up to Debian 12 and Ubuntu
# 22.04, stanzas from then on. What --guest-sources has stays as its author wrote it, and so do lines with options.
guest_apt_sources() {
  local root=$1 id keys
  id=$(sed -n 's/^ID=//p' "$root/etc/os-release")
  rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"/*
  if grep -q '^Types:' <<<"$guest_sources"; then
    printf '%s\n' "$guest_sources" >"$root/etc/apt/sources.list.d/$id.sources"
  elif [ -n "$guest_sources_file" ] || [[ $suite =~ ^(bullseye|bookworm|bionic|focal|jammy)$ || $guest_sources == *'['* ]]; then
    printf '%s\n' "$guest_sources" >"$root/etc/apt/sources.list"
  else
    keys=/usr/share/keyrings/$id-archive-keyring
    if [ -e "$root$keys.pgp" ]; then keys+=.pgp; else keys+=.gpg; fi
    awk -v keys="$keys" '/^deb / {
      printf "%sTypes: deb\nURIs: %s\nSuites: %s\nComponents:", separator, $2, $3
      for (i = 4; i <= NF; i++) printf " %s", $i
      printf "\nSigned-By: %s\n", keys
      separator = "\n"
    }' <<<"$guest_sources" >"$root/etc/apt/sources.list.d/$id.sources"
  fi
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
  # The name servers of the network are resolved's to know.
  [ ! -e "$root/usr/lib/systemd/systemd-resolved" ] || ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
  : >"$root/etc/machine-id"
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/lib/cloud/* "$root"/tmp/* "$root"/var/tmp/* "$root"/run/* \
    "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old "$root"/var/cache/ldconfig
  find "$root/var/log" -type f -delete
  mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
}
