import type { Machine } from './sandbox.ts';

/**
 * Plays what apk-tools 2.14.10 and 3.0.6 print and how they exit, as recorded from both, for the calls that cfn-init
 * makes. It stands in because Debian has no apk: it shows that we read apk's words rightly, not that apk does its work.
 * Its state, in /run/apk: `installed`, `index` (what it knows), `remote` (what the repository has), each with lines
 * `NAME VERSION`; `locked`, `down` while that is so.
 */
const STAND_IN = `#!/bin/bash
state=/run/apk
echo "$*" >>/run/apk.calls
verb=$1
shift
# As getopt_long does, which apk uses: the options end here.
words=()
for word in "$@"; do [ "$word" = -- ] || words+=("$word"); done
set -- "\${words[@]}"
has() { grep -qxF "$2 $3" "$state/$1"; }
versions() { sed -n "s/^$2 //p" "$state/$1" | sort -V; }
if [ -e "$state/locked" ] && [ "$verb" != info ] && [ "$verb" != version ]; then
  case $(cat "$state/locked") in
  2) words='temporarily unavailable' ;;
  2-glibc) words='temporary error (try again later)' ;;
  *) words='Resource temporarily unavailable' ;;
  esac
  echo "ERROR: Unable to lock database: $words" >&2
  echo "ERROR: Failed to open apk database: $words" >&2
  exit 99
fi
case $verb in
info) # --installed --verbose NAMES
  absent=0
  for name in "\${@:3}"; do
    version=$(versions installed "$name")
    if [ -n "$version" ]; then echo "$name-$version"; else absent=$((absent + 1)); fi
  done
  exit $absent
  ;;
version) # --test ONE OTHER
  if [ "$2" = "$3" ]; then echo =; elif [ "$(printf '%s\\n%s\\n' "$2" "$3" | sort -V | tail -1)" = "$2" ]; then echo '>'; else echo '<'; fi
  ;;
update)
  if [ -e "$state/down" ]; then
    echo 'WARNING: updating and opening http://me:opensesame@mirror.test/main: could not connect to server (check repositories file)' >&2
    echo '2 unavailable, 0 stale; 4 distinct packages available'
    exit 2
  fi
  cp "$state/remote" "$state/index"
  echo "OK: $(cut -d' ' -f1 "$state/index" | sort -u | wc -l) distinct packages available"
  ;;
add) # --no-progress SPECIFICATIONS
  errors=0 complaints=
  for text in "\${@:2}"; do
    name=\${text%%=*} wanted=
    [ "$text" = "$name" ] || wanted=\${text#*=}
    newest=$(versions index "$name" | tail -1)
    if [ -z "$newest" ]; then
      complaints+="  $name (no such package):"$'\\n'"    required by: world[$text]"$'\\n' errors=$((errors + 1))
    elif [ -n "$wanted" ] && ! has index "$name" "$wanted"; then
      present=$(versions installed "$name")
      complaints+="  $name-\${present:-$newest}:"$'\\n'"    breaks: world[$text]"$'\\n' errors=$((errors + 1))
    fi
  done
  if [ $errors -gt 0 ]; then
    printf 'ERROR: unable to select packages:\\n%s' "$complaints" >&2
    exit $errors
  fi
  for text in "\${@:2}"; do
    name=\${text%%=*} present=$(versions installed "\${text%%=*}")
    version=\${present:-$(versions index "$name" | tail -1)}
    [ "$text" = "$name" ] || version=\${text#*=}
    [ "$version" != "$present" ] || continue
    action="Installing $name ($version)"
    if [ -n "$present" ]; then
      [ "$(printf '%s\\n%s\\n' "$version" "$present" | sort -V | tail -1)" = "$version" ] && action=Upgrading || action=Downgrading
      action+=" $name ($present -> $version)"
    fi
    echo "(1/1) $action"
    if [ -e "$state/down" ]; then
      echo "ERROR: $name-$version: could not connect to server (check repositories file)" >&2
      errors=$((errors + 1))
    elif ! has remote "$name" "$version"; then
      echo "ERROR: $name-$version: package mentioned in index not found (try 'apk update')" >&2
      errors=$((errors + 1))
    else
      sed -i "/^$name /d" "$state/installed"
      echo "$name $version" >>"$state/installed"
    fi
  done
  total=$(wc -l <"$state/installed")
  if [ $errors -gt 0 ]; then echo "$errors error; 0 MiB in $total packages"; exit 1; fi
  echo "OK: 0 MiB in $total packages"
  ;;
*) exit 1 ;;
esac
`;

export interface ApkState {
  /** `name=version` each. */
  readonly installed?: readonly string[];
  /** What the repository has. */
  readonly remote: readonly string[];
  /** What apk knows of it; the same when left out. */
  readonly index?: readonly string[];
  /** Whose words for a locked database it uses: Alpine's 2.14, that of a glibc system, 3.0. */
  readonly locked?: '2' | '2-glibc' | '3';
  readonly isDown?: boolean;
}

/** Puts the stand-in into a view, or its state anew. */
export async function playApk(machine: Machine, { installed = [], remote, index = remote, locked, isDown }: ApkState) {
  const lines = (packages: readonly string[]): string =>
    packages.map((text) => `'${text.replace('=', ' ')}'`).join(' ') || '';
  const fill = (name: string, packages: readonly string[]): string =>
    packages.length === 0 ? `: >/run/apk/${name}` : `printf '%s\\n' ${lines(packages)} >/run/apk/${name}`;
  await machine.run(['/bin/sh', '-c', 'printf %s "$0" >/usr/local/sbin/apk; chmod 755 /usr/local/sbin/apk', STAND_IN]);
  const { code, stderr } = await machine.run(`
    set -e
    rm -rf /run/apk /run/apk.calls && mkdir /run/apk
    ${fill('installed', installed)}
    ${fill('remote', remote)}
    ${fill('index', index)}
    ${locked === undefined ? '' : `echo ${locked} >/run/apk/locked`}
    ${isDown === true ? 'touch /run/apk/down' : ''}`);
  if (code !== 0) throw new Error(`no apk to play: ${stderr}`);
}

/** `name=version` of what is installed, in the order of the names. */
export async function installedByApk(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run('sort /run/apk/installed');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(' ', '='));
}

/** The calls of apk since the last look. */
export async function apkCalls(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run('cat /run/apk.calls 2>/dev/null; rm -f /run/apk.calls');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(' --no-progress', ''));
}
