# Sourced by image-build/customize: puts the files of a deb into the ext4 root of a disk, without a mount and without root.
# shellcheck shell=bash disable=SC2154 # it shares the variables of customize

# root_of_disk RAW: prints where the root file system starts, in bytes: the partition that has an /etc/os-release.
root_of_disk() {
  local raw=$1 start
  while read -r start; do
    if debugfs -R 'stat /usr/lib/os-release' "$raw?offset=$((start * 512))" 2>/dev/null | grep -q '^Inode:'; then
      echo $((start * 512))
      return 0
    fi
  done < <(sfdisk --dump "$raw" 2>/dev/null | sed -n 's/.*start= *\([0-9]*\).*/\1/p')
  return 1
}

# add_to_ext4 RAW DEB WORK
add_to_ext4() {
  local raw=$1 package=$2 work=$3 files=$3/files offset place free needed
  offset=$(root_of_disk "$raw") ||
    die 'no ext4 with a system on it: --with guestfs knows other file systems (libguestfs-tools)'
  place="$raw?offset=$offset"
  debugfs -R 'cat /usr/lib/os-release' "$place" 2>/dev/null | grep -Eq '^ID(_LIKE)?=.*(debian|ubuntu)' ||
    die 'neither Debian nor Ubuntu: --with guestfs installs an rpm (libguestfs-tools)'
  # A journal that is not played back yet would undo what is written beside it.
  e2fsck -p "$place" >"$work/fsck.log" 2>&1 || [ $? = 1 ] || {
    cat "$work/fsck.log" >&2
    die 'the root file system is damaged'
  }
  dpkg-deb --extract "$package" "$files"
  if needs_policy && ! debugfs -R 'stat /etc/cloud/ds-identify.cfg' "$place" 2>/dev/null | grep -q '^Inode:'; then
    install -D -m 644 "$project/image-build/lib/ds-identify.cfg" "$files/etc/cloud/ds-identify.cfg"
  fi
  needed=$(du -s -B 1024 "$files" | cut -f1)
  free=$(dumpe2fs -h "$place" 2>/dev/null | awk '/^Free blocks:/ { blocks = $3 } /^Block size:/ { size = $3 } END { printf "%d", blocks * size / 1024 }')
  [ "$free" -gt $((needed + 8192)) ] ||
    die "the root has $((free / 1024)) MiB free and $((needed / 1024 + 8)) are needed: grow it first (virt-resize), or boot it once on a larger disk"
  # What its maintainer script would do besides, the next boot does: systemd-tmpfiles.
  debugfs_commands "$files" "$place" >"$work/commands"
  debugfs -w -f "$work/commands" "$place" >"$work/debugfs.log" 2>&1 || {
    tail -n 5 "$work/debugfs.log" >&2
    die 'debugfs failed'
  }
  e2fsck -f -n "$place" >"$work/fsck.log" 2>&1 || {
    cat "$work/fsck.log" >&2
    die 'the root file system came out damaged: a fault of this script'
  }
  # debugfs ends well whatever became of its commands.
  find "$files" -mindepth 1 -printf 'stat "/%P"\n' >"$work/commands"
  # shellcheck disable=SC2015 # it dies when either is false
  [ "$(debugfs -f "$work/commands" "$place" 2>/dev/null | grep -c '^Inode:')" = "$(wc -l <"$work/commands")" ] &&
    debugfs -R 'stat /usr/bin/cfntools' "$place" 2>/dev/null | grep -q "Size: $(stat -c %s "$files/usr/bin/cfntools")\$" ||
    die "the agent did not arrive whole: $(grep -v '^debugfs' "$work/debugfs.log" | head -n 3)"
}

# debugfs_commands FILES DISK: prints the commands that copy a tree into a file system. Directories that are there keep their mode.
debugfs_commands() {
  local files=$1 place=$2 path directory name
  while IFS= read -r path; do
    directory=/${path%/*} name=${path##*/}
    [[ $path == */* ]] || directory=/
    if [ -d "$files/$path" ] && [ ! -L "$files/$path" ]; then
      debugfs -R "stat \"/$path\"" "$place" 2>/dev/null | grep -q '^Inode:' && continue
      printf 'cd "%s"\nmkdir "%s"\nset_inode_field "%s" mode 0%o\n' "$directory" "$name" "$name" \
        $((0040000 | 8#$(stat -c %a "$files/$path")))
      continue
    fi
    printf 'cd "%s"\nrm "%s"\n' "$directory" "$name"
    if [ -L "$files/$path" ]; then
      printf 'symlink "%s" "%s"\n' "$name" "$(readlink "$files/$path")"
    else
      printf 'write "%s" "%s"\nset_inode_field "%s" mode 0%o\n' "$files/$path" "$name" "$name" \
        $((0100000 | 8#$(stat -c %a "$files/$path")))
    fi
    printf 'set_inode_field "%s" uid 0\nset_inode_field "%s" gid 0\n' "$name" "$name"
  done < <(find "$files" -mindepth 1 -printf '%P\n' | sort)
}
