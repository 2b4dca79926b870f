import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from './sandbox.ts';

/** A dummy package to build. */
export interface DummyPackage {
  readonly name: string;
  readonly version: string;
  /** Further control fields, as in `{ Depends: 'other' }`. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Shell text of maintainer scripts. */
  readonly scripts?: Readonly<Partial<Record<'preinst' | 'postinst', string>>>;
  /** Text of its configuration file, /etc/NAME.conf. */
  readonly conffile?: string;
}

/**
 * Makes dummy packages in a view, a `file:` repository of them in /repo, and an apt and dpkg that know nothing else.
 * Each call of apt-get leaves a line in /run/apt-get.calls.
 * @param packages as `name=version`, `name=version needs other`, or in full
 */
export async function makeRepository(machine: Machine, packages: readonly (string | DummyPackage)[]): Promise<void> {
  const { code, stderr } = await machine.run(`
    set -e
    # A database of its own: what this machine has installed, or is just installing, does not matter then.
    mkdir -p /run/dpkg/info /run/dpkg/updates /run/dpkg/triggers /run/dpkg/alternatives
    : >/run/dpkg/status
    mount --bind /run/dpkg /var/lib/dpkg
    rm -f /var/cache/apt/*.bin
    rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/* /etc/apt/preferences.d/*
    echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list
    mkdir -p /usr/local/sbin
    printf '#!/bin/sh\\necho "$*" >>/run/apt-get.calls\\nexec /usr/bin/apt-get "$@"\\n' >/usr/local/sbin/apt-get
    chmod 755 /usr/local/sbin/apt-get`);
  if (code !== 0) throw new Error(`no repository: ${stderr}`);
  await addToRepository(machine, packages);
}

/** Builds further packages into the repository; apt has not heard of them until it is updated. */
export async function addToRepository(machine: Machine, packages: readonly (string | DummyPackage)[]): Promise<void> {
  const builds = packages.map((one) => buildText(typeof one === 'string' ? parseDummy(one) : one));
  const { code, stderr } = await machine.run(`
    set -e
    mkdir -p /repo
    ${builds.join('\n')}
    cd /repo && dpkg-scanpackages --multiversion . >Packages 2>/dev/null`);
  if (code !== 0) throw new Error(`no packages: ${stderr}`);
}

function parseDummy(text: string): DummyPackage {
  const [, name = '', version = '', needs] = /^(\S+)=(\S+)(?: needs (.+))?$/.exec(text) ?? [];
  return { name, version, ...(needs === undefined ? {} : { fields: { Depends: needs } }) };
}

function buildText({ name, version, fields = {}, scripts = {}, conffile }: DummyPackage): string {
  const control = {
    Package: name,
    Version: version,
    Architecture: 'all',
    Maintainer: 'nobody <nobody@example.test>',
    ...fields,
    Description: 'a dummy',
  };
  const files: [path: string, text: string][] = [
    [
      'DEBIAN/control',
      Object.entries(control)
        .map(([key, value]) => `${key}: ${value}\n`)
        .join(''),
    ],
    [`usr/share/${name}/version`, `${version}\n`],
    ...Object.entries(scripts).map(([script, text]): [string, string] => [`DEBIAN/${script}`, `#!/bin/sh\n${text}\n`]),
    ...(conffile === undefined
      ? []
      : ([
          [`etc/${name}.conf`, conffile],
          ['DEBIAN/conffiles', `/etc/${name}.conf\n`],
        ] as [string, string][])),
  ];
  return [
    'build=$(mktemp -d) && chmod 755 "$build"',
    ...files.flatMap(([path, text]) => [
      `mkdir -p "$build/${path.replace(/\/[^/]*$/, '')}"`,
      `printf %s '${text.replaceAll("'", "'\\''")}' >"$build/${path}"`,
    ]),
    ...Object.keys(scripts).map((script) => `chmod 755 "$build/DEBIAN/${script}"`),
    `dpkg-deb --build "$build" '/repo/${name}_${version}_all.deb' >/dev/null`,
    'rm -rf "$build"',
  ].join('\n');
}

/** The verbs that apt-get was called with since the last look. */
export async function aptCalls(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run('cat /run/apt-get.calls 2>/dev/null; rm -f /run/apt-get.calls');
  return stdout.split('\n').flatMap((line) => /\b(update|install)\b/.exec(line)?.[1] ?? (line === '' ? [] : [line]));
}

/** `name=version` of the packages that are installed, in the order asked for. */
export async function installedOf(machine: Machine, ...names: readonly string[]): Promise<string[]> {
  const format = '${db:Status-Status} ${Package}=${Version}\\n';
  const { stdout } = await machine.run(['dpkg-query', '-W', `-f=${format}`, ...names]);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('installed '))
    .map((line) => line.slice('installed '.length));
}

/** Takes a lock file as apt and dpkg do, for some seconds at most. @returns the process that holds it, to be killed */
export async function holdLock(machine: Machine, path: string, seconds = 60): Promise<string> {
  const program = `import fcntl, os, time
file = open('${path}', 'w')
fcntl.lockf(file, fcntl.LOCK_EX)
open('/run/held.new', 'w').write(str(os.getpid()))
os.rename('/run/held.new', '/run/held')
time.sleep(${seconds})`;
  const start = 'rm -f /run/held; setsid python3 -c "$1" </dev/null >/dev/null 2>&1 & disown';
  await machine.run(['/bin/bash', '-c', start, 'hold', program]);
  for (let waited = 0; !machine.exists('/run/held'); waited += 50) {
    if (waited > 10_000) throw new Error(`nobody holds ${path}`);
    await sleep(50);
  }
  return machine.read('/run/held');
}
