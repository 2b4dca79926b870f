# Sourced by prepare-root.sh: a directory as a tar archive and as an ext4 file system, the same bytes for the same tree.
# shellcheck shell=bash disable=SC2154 # it shares the variables of prepare-root.sh

root_uuid=6366746f-6f6c-4073-8000-000000000001
# What every mke2fs makes the same, whatever its distribution prefers, and GRUB 2.04 and kernels from 5.4 on read.
mke2fs_conf='[defaults]
base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
default_mntopts = acl,user_xattr
blocksize = 4096
inode_size = 256
inode_ratio = 8192
[fs_types]
small = {
blocksize = 4096
}
ext4 = {
features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
}
'

# settle_times ROOT: nothing in it is younger than SOURCE_DATE_EPOCH.
settle_times() {
  find "$1" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -m -d "@$SOURCE_DATE_EPOCH" {} +
}

make_root_tar() {
  tar -C "$1" --sort=name --format=pax --pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f --numeric-owner \
    --xattrs --xattrs-include='security.*' -cf "$2" .
}

# make_root_filesystem ROOT FILE: without a mount. A tenth and 64 MiB are left free: the disk grows, but not before it has booted.
make_root_filesystem() {
  local root=$1 file=$2 blocks
  # What it has in bytes, and a block for each directory, whose size is a matter of the file system that we build on.
  blocks=$(find "$root" -printf '%i %y %s\n' | sort -u |
    awk '{ bytes += $2 == "d" ? 4096 : $3 } END { print int(bytes / 4096) + 1 }')
  blocks=$((blocks + $(find "$root" | wc -l) / 2))
  truncate -s "$(((blocks * 4096 * 110 / 100 / 1048576 + 64 + 40) / 16 * 16 + 16))M" "$file"
  printf '%s' "$mke2fs_conf" >"$file.conf"
  export E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH
  MKE2FS_CONFIG=$file.conf mke2fs -q -F -t ext4 -m 1 -J size=32 -L "$root_label" \
    -U "$root_uuid" -E "hash_seed=$root_uuid,lazy_itable_init=1,lazy_journal_init=1,nodiscard" -d "$root" "$file"
  rm "$file.conf"
  settle_other_times "$file"
}

# settle_other_times FILE: mke2fs copies from the tree when each inode was read and changed last, which nobody can hold still
# there. It hands out inodes one after the other, from 12 on.
settle_other_times() {
  local file=$1 last
  last=$(dumpe2fs -h "$file" 2>/dev/null | awk '/^Inode count:/ { all = $3 } /^Free inodes:/ { free = $3 } END { print all - free }')
  seq 12 "$last" | awk -v date="@$SOURCE_DATE_EPOCH" '{ for (i = 1; i <= 2; i++)
    printf "set_inode_field <%d> %s %s\n", $1, i == 1 ? "ctime" : "atime", date }' >"$file.times"
  debugfs -w -f "$file.times" "$file" >/dev/null 2>"$file.errors" || {
    cat "$file.errors" >&2
    die 'debugfs could not set the times'
  }
  rm "$file.times" "$file.errors"
}
