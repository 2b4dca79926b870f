# Sourced by image-build/jeos: the root file system as a tar archive, by mmdebstrap. No mounts, no agent yet.
# shellcheck shell=bash disable=SC2154 # it shares the variables of jeos

# What every JeOS image has. libstdc++6 and libgcc-s1 are all that the agent needs besides; apt and grep bring them anyway. The
# script of Heat that starts the user data is in Python: it imports pkg_resources up to 2023.2, and packaging in that release.
base_packages=(
  systemd-sysv udev dbus kmod libpam-systemd
  cloud-init cloud-guest-utils fdisk
  iproute2 netbase
  openssh-server ca-certificates curl sudo
  e2fsprogs dosfstools util-linux locales tzdata gzip xz-utils zstd
  libstdc++6 libgcc-s1 python3-pkg-resources python3-packaging
)

# Left out on installation, in the image and in what is installed on it later. Locales can still be made: their sources stay.
path_excludes=('/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*' '/usr/share/locale/*' '/usr/share/lintian/*')
path_includes=('/usr/share/doc/*/copyright' '/usr/share/locale/locale.alias' '/usr/share/man/man[1-9]')

# Drivers of the first seconds: the root disk, and what a config drive may be on. One list in the place of most of the
# kernel's modules keeps the initramfs small; names that a kernel does not have are passed over.
initramfs_modules=(
  ext4 virtio_pci virtio_blk virtio_scsi virtio_net virtio_rng sd_mod sr_mod cdrom isofs vfat nls_ascii nls_cp437 nls_utf8
  ata_piix ata_generic ahci nvme vmw_pvscsi mptspi mptsas xen_blkfront hv_storvsc
)

# sources_of_this_machine SUITE: the apt source lines of this machine that are of a suite, its updates and its security fixes.
sources_of_this_machine() {
  # shellcheck disable=SC2016 # the names are apt's
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ARCHITECTURE)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$1" '
      $4 == "amd64" && ($2 == suite || index($2, suite "-") == 1) && $2 !~ /-(backports|proposed)/ &&
      ($3 == "main" || $3 == "universe") {
        key = $1 " " $2
        if (!(key in components)) order[++n] = key
        components[key] = components[key] " " $3
      }
      END { for (i = 1; i <= n; i++) print "deb " order[i] components[order[i]] }'
}

# sources_of_mirror SUITE URL: the same for a mirror that was named.
sources_of_mirror() {
  local suite=$1 mirror=${2%/} components=main
  [ "$(distribution "$suite")" = debian ] || components='main universe'
  printf 'deb %s %s %s\n' "$mirror" "$suite" "$components"
}

# distribution SUITE: debian or ubuntu.
distribution() {
  case $1 in
  bionic | focal | jammy | noble | oracular | plucky | questing) echo ubuntu ;;
  *) echo debian ;;
  esac
}

# image_name SUITE: what people call it.
image_name() {
  case $1 in
  bookworm) echo debian-12 ;;
  trixie) echo debian-13 ;;
  focal) echo ubuntu-20.04 ;;
  jammy) echo ubuntu-22.04 ;;
  noble) echo ubuntu-24.04 ;;
  *) echo "$(distribution "$1")-$1" ;;
  esac
}

# kernel_package SUITE: the kernel for virtual machines.
kernel_package() {
  if [ "$(distribution "$1")" = ubuntu ]; then echo linux-image-virtual; else echo linux-image-cloud-amd64; fi
}

# release_packages SUITE: prints what is not the same in all releases. The network, and the DHCP client that cloud-init calls before
# it is up, are those of the distribution's own cloud images: Debian 13 has no support for ISC's client any more. setuptools has
# the distutils that Heat's script imports up to 2023.1: Python 3.12 and later come without them.
release_packages() {
  case $1 in
  bullseye | bookworm) printf '%s\n' ifupdown isc-dhcp-client ;;
  # systemd-resolved is a package of its own in later ones.
  bionic | focal | jammy) printf '%s\n' netplan.io isc-dhcp-client ;;
  *) printf '%s\n' netplan.io systemd-resolved dhcpcd-base python3-setuptools ;;
  esac
}

# base_key: names the inputs of a base, so that another set of them makes another one. A date is one of them when the caller has
# set it; the commit's would make one for each commit.
base_key() {
  printf '%s\n' "$suite" "$kernel" "$sources" "${base_packages[@]}" "${extra_packages[@]}" "${path_excludes[@]}" \
    "${path_includes[@]}" "${initramfs_modules[@]}" "$wanted_date" "$(declare -f make_base)" | sha256sum | cut -c1-16
}

# make_base TAR: installs the packages of the distribution. Takes suite, sources, kernel, keyring,
# extra_packages.
make_base() {
  local tar=$1 log=$1.log include options=() path
  include=$(
    IFS=,
    echo "${base_packages[*]},$kernel${extra_packages[*]:+,${extra_packages[*]}}"
  )
  for path in "${path_excludes[@]}"; do options+=(--dpkgopt="path-exclude=$path"); done
  for path in "${path_includes[@]}"; do options+=(--dpkgopt="path-include=$path"); done
  [ -z "$keyring" ] || options+=(--keyring="$keyring")
  # A mirror or proxy of an earlier day is what makes a build repeatable.
  options+=(--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"')
  # As root its mounts are kept from the machine; otherwise it makes a user namespace of its own.
  local run=(mmdebstrap --mode=unshare)
  [ "$(id -u)" != 0 ] || run=(in_mount_namespace mmdebstrap --mode=root)
  # Before the kernel is installed, so that its initramfs is made once.
  # shellcheck disable=SC2016 # $1 is the root, in mmdebstrap's hooks
  options+=(
    --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"'
    --essential-hook='printf "MODULES=list\nRESUME=none\nFSTYPE=ext4\nCOMPRESS=zstd\n" >"$1/etc/initramfs-tools/conf.d/jeos"'
    --essential-hook="printf '%s\\n' ${initramfs_modules[*]} >\"\$1/etc/initramfs-tools/modules\""
    # Compiled in no fixed order, and again for the image; and keys that no machine is going to have.
    --customize-hook='rm -rf "$1/usr/share/python3/debpython/__pycache__" "$1"/etc/ssh/ssh_host_*'
    --essential-hook='printf "do_symlinks = yes\nlink_in_boot = yes\n" >"$1/etc/kernel-img.conf"'
  )
  if ! printf '%s\n' "$sources" |
    "${run[@]}" --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
      --include="$include" "${options[@]}" --format=tar "$suite" "$tar.part" - >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$tar.part"
    die "mmdebstrap: $suite could not be installed: the whole log is in $log"
  fi
  mv "$tar.part" "$tar"
}
