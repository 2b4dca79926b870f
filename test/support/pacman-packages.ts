import type { Machine } from './sandbox.ts';

/** A package is a tar of files with a .PKGINFO; its entry in the database of a repository is a text `NAME-VERSION/desc`. */
const BUILD = `
build() { # NAME VERSION [group G] [needs D] [provides P]
  local name=$1 version=$2 work=/tmp/pacman/$1-$2 file=$1-$2-any.pkg.tar.gz info=
  shift 2
  mkdir -p "$work/usr/share/$name" "/arch/entries/$name-$version" /arch/files
  echo "$version" >"$work/usr/share/$name/version"
  local desc="%FILENAME%\\n$file\\n\\n%NAME%\\n$name\\n\\n%VERSION%\\n$version\\n\\n%ARCH%\\nany\\n\\n"
  while [ $# -gt 0 ]; do
    case $1 in
    group) info+="group = $2\\n" desc+="%GROUPS%\\n$2\\n\\n" ;;
    needs) info+="depend = $2\\n" desc+="%DEPENDS%\\n$2\\n\\n" ;;
    provides) info+="provides = $2\\n" desc+="%PROVIDES%\\n$2\\n\\n" ;;
    conflicts) info+="conflict = $2\\n" desc+="%CONFLICTS%\\n$2\\n\\n" ;;
    esac
    shift 2
  done
  printf "pkgname = $name\\npkgver = $version\\narch = any\\nsize = 10\\nbuilddate = 1700000000\\n$info" >"$work/.PKGINFO"
  tar -C "$work" --owner=0 --group=0 -czf "/arch/files/$file" .PKGINFO usr
  desc+="%CSIZE%\\n$(stat -c %s "/arch/files/$file")\\n\\n%ISIZE%\\n10\\n\\n"
  desc+="%SHA256SUM%\\n$(sha256sum "/arch/files/$file" | cut -d' ' -f1)\\n\\n"
  printf '%b' "$desc" >"/arch/entries/$name-$version/desc"
}
`;

/**
 * Makes dummy packages in a view, and a pacman with a database of its own that knows one repository. Each call of
 * pacman leaves a line in /run/pacman.calls.
 * @param packages as `name=version`, with `group g`, `needs other`, `provides name`, `conflicts other`
 */
export async function makePacmanPackages(machine: Machine, packages: readonly string[]): Promise<void> {
  const builds = packages.map((text) => `build ${text.replace('=', ' ')}`);
  const { code, stderr } = await machine.run(`
    set -e
    ${BUILD}
    ${builds.join('\n')}
    cat >/usr/local/sbin/pacman <<'EOF'
#!/bin/sh
echo "$*" >>/run/pacman.calls
exec /usr/bin/pacman "$@"
EOF
    chmod 755 /usr/local/sbin/pacman`);
  if (code !== 0) throw new Error(`no pacman packages: ${stderr}`);
}

/** Has the repository offer just these packages, given as `name=version`; it has one version of each. */
export async function publish(machine: Machine, ...packages: readonly string[]): Promise<void> {
  const entries = packages.map((text) => text.replace('=', '-'));
  const { code, stderr } = await machine.run(`
    set -e
    rm -rf /arch/repo && mkdir /arch/repo
    ${entries.map((entry) => `cp -a '/arch/files/${entry}-any.pkg.tar.gz' /arch/repo/`).join('\n')}
    tar -C /arch/entries -czf /arch/repo/dummies.db ${entries.map((entry) => `'${entry}'`).join(' ')}
    # Its time tells whether it is newer than what pacman has.
    touch -d "$(date -d "+$(cat /arch/serial 2>/dev/null | wc -l) min")" /arch/repo/dummies.db
    echo >>/arch/serial`);
  if (code !== 0) throw new Error(`nothing published: ${stderr}`);
}

/** Where pacman finds the repository, and further lines of its options. */
export async function configurePacman(machine: Machine, server = 'file:///arch/repo', ...options: readonly string[]) {
  const lines = ['[options]', 'Architecture = auto', 'SigLevel = Never', ...options, '[dummies]', `Server = ${server}`];
  await machine.run(['/bin/sh', '-c', 'printf "%s\\n" "$@" >/etc/pacman.conf', 'sh', ...lines]);
}

/** pacman has just installed the packages that are given, as `name=version`, keeps no files, and knows the repository. */
export async function preparePacman(machine: Machine, ...packages: readonly string[]): Promise<void> {
  await configurePacman(machine);
  const files = packages.map((text) => `'/arch/files/${text.replace('=', '-')}-any.pkg.tar.gz'`);
  const { code, stderr } = await machine.run(`
    rm -rf /var/lib/pacman /var/cache/pacman /usr/share/cfn-* && mkdir -p /var/lib/pacman /var/cache/pacman/pkg
    /usr/bin/pacman -Sy >/dev/null && ${files.length === 0 ? 'true' : `/usr/bin/pacman -U --noconfirm ${files.join(' ')}`}`);
  if (code !== 0) throw new Error(`pacman is not prepared: ${stderr}`);
  await machine.run('rm -f /run/pacman.calls');
}

/** `name=version` of what pacman has installed, in the order of the names. */
export async function installedByPacman(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run(['/usr/bin/pacman', '-Q']);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(' ', '='));
}

/** The calls of pacman since the last look, without the options that all have. */
export async function pacmanCalls(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run('cat /run/pacman.calls 2>/dev/null; rm -f /run/pacman.calls');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replaceAll(/ --noconfirm| --noprogressbar| --color never/g, ''));
}
