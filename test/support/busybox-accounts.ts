import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './sandbox.ts';

/**
 * A stand-in for busybox's adduser, addgroup, delgroup and deluser, for machines whose busybox lacks them (Debian's):
 * options, messages, exit codes, the order of the checks and the lock (/etc/passwd+) follow loginutils/{adduser,
 * addgroup,deluser}.c and libbb/update_passwd.c of busybox 1.37 with Alpine's limits, system ids 100-999, last id 256000.
 */
const STAND_IN = `#!/bin/bash
applet=\${0##*/}
die() { echo "$applet: $*" >&2; exit 1; }
usage() { printf 'BusyBox v1.37.0 (stand-in) multi-call binary.\\n\\nUsage: %s [OPTIONS] USER [GROUP]\\n' "$applet" >&2; exit "$1"; }
has() { cut -d: -f"$2" "/etc/$1" | grep -qxF -e "$3"; }
range() { case $1 in ''|*[!0-9]*) die "invalid number '$1'" ;; esac; [ "$1" -le 256000 ] || die "number $1 is not in 0..256000 range"; }
gid_of() { awk -F: -v n="$1" '$1 == n { print $3; exit }' /etc/group; }
# update FILE AWK-PROGRAM: writes FILE+ beside it, as the lock too, and renames it.
update() {
  for try in {1..30}; do
    if (set -C; : >"$1+") 2>/dev/null; then
      cp --attributes-only --preserve=mode,ownership "$1" "$1+"
      ln -f "$1" "$1-"
      awk -F: -v OFS=: -v name="$3" -v member="$4" "$2" "$1" >"$1+" && mv "$1+" "$1"
      return
    fi
    [ -e "$1+" ] || break
    sleep 0.1
  done
  [ -e "$1+" ] && why='File exists' || why='Read-only file system'
  echo "$applet: can't create '$1+': $why" >&2
  exit 1
}
append() { update "$1" '{ print } END { print name }' "$2"; }
members() { [ -e "$1" ] && update "$1" "$2" "$3" "$4"; return 0; }
join_group() {
  has passwd 1 "$1" || die "unknown user $1"
  has group 1 "$2" || die "unknown group $2"
  awk -F: -v n="$2" '$1 == n { print $4 }' /etc/group | tr , '\\n' | grep -qxF -e "$1" && return 0
  for file in /etc/group /etc/gshadow; do
    members $file '$1 == name { $4 = $4 ($4 == "" ? "" : ",") member } { print }' "$2" "$1"
  done
}
make_group() {
  has group 1 "$1" && die "group '$1' in use"
  if [ -n "$2" ]; then has group 3 "$2" && die "gid '$2' in use"; id=$2
  else id=$3; while has group 3 "$id"; do [ "$id" = "$4" ] && die 'no gids left'; id=$((id + 1)); done; fi
  append /etc/group "$1:x:$id:"
  [ ! -e /etc/gshadow ] || append /etc/gshadow "$1:!::"
}
[ "$1" = --help ] && usage 0
[ "$(id -u)" = 0 ] || die 'permission denied (are you root?)'
home= gecos='Linux User,,,' shell=/bin/sh group= uid= gid= system= given=
case $applet in
adduser)
  while getopts h:g:s:G:DSHu:k: o; do
    given=1
    case $o in h) home=$OPTARG ;; g) gecos=$OPTARG ;; s) shell=$OPTARG ;; G) group=$OPTARG ;; S) system=1 ;;
    u) uid=$OPTARG; range "$uid" ;; D|H|k) ;; *) usage 1 ;; esac
  done
  shift $((OPTIND - 1)); [ $# -ge 1 ] && [ $# -le 2 ] || usage 1
  if [ -z "$given" ] && [ $# = 2 ]; then join_group "$1" "$2"; exit 0; fi
  [ -n "$home" ] || home=/home/$1
  [ -z "$system" ] || [ -n "$group" ] || group=nogroup
  gid=
  if [ -n "$group" ]; then has group 1 "$group" || die "unknown group $group"; gid=$(gid_of "$group"); fi
  has passwd 1 "$1" && die "user '$1' in use"
  if [ -n "$uid" ]; then has passwd 3 "$uid" && die "uid '$uid' in use"
  else
    if [ -n "$system" ]; then uid=100 max=999; else uid=1000 max=256000; fi
    while has passwd 3 "$uid"; do [ "$uid" = "$max" ] && die 'no uids left'; uid=$((uid + 1)); done
  fi
  append /etc/passwd "$1:x:$uid:\${gid:-$uid}:$gecos:$home:$shell"
  [ ! -e /etc/shadow ] || append /etc/shadow "$1:!:$(($(date +%s) / 86400)):0:99999:7:::"
  if [ -n "$group" ]; then join_group "$1" "$group"; else make_group "$1" "$uid"; fi ;;
addgroup)
  while getopts g:S o; do case $o in g) gid=$OPTARG ;; S) system=1 ;; *) usage 1 ;; esac; done
  shift $((OPTIND - 1)); [ $# -ge 1 ] && [ $# -le 2 ] || usage 1
  if [ $# = 2 ]; then [ -z "$gid" ] || usage 1; join_group "$1" "$2"; exit 0; fi
  [ -z "$gid" ] || range "$gid"
  if [ -n "$system" ]; then make_group "$1" "$gid" 100 999; else make_group "$1" "$gid" 1000 256000; fi ;;
delgroup)
  case $# in
  1)
    has group 1 "$1" || die "unknown group $1"
    user=$(awk -F: -v g="$(gid_of "$1")" '$4 == g { print $1; exit }' /etc/passwd)
    [ -z "$user" ] || die "'$user' still has '$1' as their primary group!"
    for file in /etc/group /etc/gshadow; do members $file '$1 != name { print }' "$1"; done ;;
  2)
    has group 1 "$2" || die "unknown group $2"
    for file in /etc/group /etc/gshadow; do
      members $file '$1 == name { n = split($4, all, ","); $4 = ""; for (i = 1; i <= n; i++) if (all[i] != member) $4 = $4 ($4 == "" ? "" : ",") all[i] } { print }' "$2" "$1"
    done ;;
  *) usage 1 ;;
  esac ;;
deluser)
  [ $# = 1 ] || usage 1
  has passwd 1 "$1" || die "unknown user $1"
  for file in /etc/passwd /etc/shadow; do members $file '$1 != name { print }' "$1"; done ;;
esac
`;

/**
 * Makes the accounts of a view those of Alpine: shadow-utils and the distribution's own adduser are gone, busybox's
 * applets are there, the real ones where this machine's busybox has them.
 * @returns which ones they are
 */
export async function useBusyboxAccounts(view: Machine): Promise<'busybox' | 'stand-in'> {
  writeFileSync(join(view.shared, 'busybox-accounts'), STAND_IN, { mode: 0o755 });
  const { stdout, stderr, code } = await view.run(`
    set -e
    cd /usr/sbin
    rm -f useradd usermod userdel groupadd groupmod groupdel groupmems vipw ../bin/gpasswd adduser addgroup deluser delgroup
    tool=${view.shared}/busybox-accounts kind=stand-in
    if busybox --list 2>/dev/null | grep -qx adduser; then tool=$(command -v busybox) kind=busybox; fi
    cp "$tool" /usr/local/sbin/account-applets
    for applet in adduser addgroup deluser delgroup; do ln -s /usr/local/sbin/account-applets $applet; done
    echo $kind`);
  if (code !== 0) throw new Error(`no busybox accounts: ${stderr}`);
  return stdout.trim() === 'busybox' ? 'busybox' : 'stand-in';
}
