# Sourced by image-build/jeos: a GPT disk that boots by BIOS and by UEFI, put together from files.
# shellcheck shell=bash disable=SC2154 # it shares the variables of jeos

disk_id=63666E74-6F6F-4C73-8000-000000000000
sector=512
# In sectors. The numbers are those of Debian's own cloud images: the root is 1, and last, so that it can grow.
bios_start=2048 bios_size=2048
esp_start=4096 esp_size=16384
root_start=20480

grub_modules=(part_gpt part_msdos ext2 fat search search_label normal configfile linux serial terminal boot echo)

# bytes VALUE COUNT: a little-endian number.
bytes() {
  local value=$1 count=$2 i
  for ((i = 0; i < count; i++)); do
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\x$(printf %02x $((value >> (8 * i) & 255)))"
  done
}

# put FILE OFFSET DISK: copies a file to a place in the disk; holes stay holes.
put() { dd if="$1" of="$3" bs=64K seek="$2" oflag=seek_bytes conv=notrunc,sparse status=none; }

# make_disk ROOT_EXT4 DISK WORK [BYTES]: writes the disk, as large as is wanted or else as the root needs.
make_disk() {
  local root=$1 disk=$2 work=$3 wanted=${4:-0} root_sectors bytes
  root_sectors=$(($(stat -c %s "$root") / sector))
  rm -f "$disk"
  # 1 MiB behind the root holds the second table.
  bytes=$(((root_start + root_sectors + 2048) * sector))
  [ "$wanted" = 0 ] || [ "$wanted" -ge $bytes ] || die "--size: the image needs $((bytes / 1048576 + 1))M"
  [ "$wanted" = 0 ] || bytes=$wanted
  truncate -s "$bytes" "$disk"
  sfdisk --quiet "$disk" <<TABLE
label: gpt
label-id: $disk_id
sector-size: $sector
first-lba: 34
1 : start=$root_start, size=$root_sectors, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=${disk_id%0}1, name="root"
14 : start=$bios_start, size=$bios_size, type=21686148-6449-6E6F-744E-656564454649, uuid=${disk_id%0}E, name="bios"
15 : start=$esp_start, size=$esp_size, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=${disk_id%0}F, name="esp"
TABLE
  # shellcheck disable=SC2016 # GRUB's variables
  printf 'search --no-floppy --label %s --set=root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' \
    "$root_label" >"$work/grub-early.cfg"
  make_bios_loader "$disk" "$work"
  make_esp "$work"
  put "$work/esp" $((esp_start * sector)) "$disk"
  put "$root" $((root_start * sector)) "$disk"
}

# make_bios_loader DISK WORK: what grub-bios-setup does, without a block device: the boot sector is told where the core starts,
# and the core's first sector where the rest of it is and how long (grub's include/grub/i386/pc/boot.h and kernel/diskboot.S).
make_bios_loader() {
  local disk=$1 work=$2 core=$2/core.img core_sectors
  grub-mkimage -O i386-pc -p /boot/grub -c "$work/grub-early.cfg" -o "$core" biosdisk "${grub_modules[@]}"
  core_sectors=$((($(stat -c %s "$core") + sector - 1) / sector))
  [ "$core_sectors" -le "$bios_size" ] || die "GRUB's core has $core_sectors sectors, its partition $bios_size"
  truncate -s $((core_sectors * sector)) "$core"
  cp /usr/lib/grub/i386-pc/boot.img "$work/boot.img"
  chmod u+w "$work/boot.img"
  bytes $bios_start 8 | dd of="$work/boot.img" bs=1 seek=$((0x5c)) conv=notrunc status=none
  printf '\x90\x90' | dd of="$work/boot.img" bs=1 seek=$((0x66)) conv=notrunc status=none
  {
    bytes $((bios_start + 1)) 8
    bytes $((core_sectors - 1)) 2
  } | dd of="$core" bs=1 seek=$((0x1f4)) conv=notrunc status=none
  dd if="$work/boot.img" of="$disk" bs=1 count=440 conv=notrunc status=none
  put "$core" $((bios_start * sector)) "$disk"
}

# make_esp WORK: writes WORK/esp. GRUB is not signed: Secure Boot has to be off.
make_esp() {
  local work=$1 esp=$1/esp
  grub-mkimage -O x86_64-efi -p /boot/grub -c "$work/grub-early.cfg" -o "$work/BOOTX64.EFI" "${grub_modules[@]}"
  touch -d "@$SOURCE_DATE_EPOCH" "$work/BOOTX64.EFI"
  truncate -s $((esp_size * sector)) "$esp"
  mkfs.vfat --invariant -n CFNTOOLSESP "$esp" >/dev/null
  mmd -i "$esp" ::/EFI ::/EFI/BOOT
  mcopy -m -i "$esp" "$work/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI
}
