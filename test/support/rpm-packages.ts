import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from './sandbox.ts';
import { serveInView, type ViewAnswer, type ViewServer } from './serve-in-view.ts';

/** A dummy to be built. */
export interface DummyRpm {
  readonly name: string;
  /** `[EPOCH:]VERSION-RELEASE` */
  readonly version: string;
  readonly needs?: string;
  readonly provides?: string;
  /** Lines of a spec file besides the description: scripts, above all. */
  readonly scripts?: string;
}

/** What dnf and zypper need to know of a repository. */
export interface RpmRepository {
  readonly id: string;
  readonly url: string;
  /** Further lines of its file, as in `gpgcheck=1`. */
  readonly lines?: readonly string[];
}

const RPMBUILD = `rpmbuild -bb --quiet --define '_topdir /tmp/rpmbuild' --define '_rpmdir /repo' \\
  --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm'`;

/**
 * Builds dummy packages in a view and makes a repository of them in /repo, with an empty database of rpm and tools that
 * know no other repository. Each call of rpm, dnf, yum and zypper leaves a line in /run/tools.calls.
 */
export async function makeRpmRepository(machine: Machine, packages: readonly DummyRpm[]): Promise<void> {
  const builds = packages.map(
    (rpm, at) => `cat >/tmp/${at}.spec <<'SPEC'\n${specOf(rpm)}\nSPEC\n${RPMBUILD} /tmp/${at}.spec`,
  );
  const { code, stderr } = await machine.run(`
    set -e
    mkdir -p /run/rpm-database /var/lib/rpm /etc/rpm /repo /etc/yum.repos.d /etc/zypp/repos.d /etc/dnf/vars /usr/local/sbin
    mount --bind /run/rpm-database /var/lib/rpm
    # Debian keeps the database in the home directory of whoever asks.
    echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros
    ${builds.join('\n')}
    createrepo_c -q /repo
    rm -rf /etc/yum.repos.d/* /etc/zypp/repos.d/* /var/cache/dnf /var/cache/zypp /var/lib/dnf
    for tool in rpm dnf yum zypper; do
      printf '#!/bin/sh\\nprintf "%%s\\\\n" "%s $*" >>/run/tools.calls\\nexec /usr/bin/%s "$@"\\n' "$tool" "$tool" >"/usr/local/sbin/$tool"
      chmod 755 "/usr/local/sbin/$tool"
    done
    # There is no yum, unless a test puts one in.
    rm -f /usr/bin/yum /usr/local/sbin/yum
    echo 9 >/etc/dnf/vars/releasever`);
  if (code !== 0) throw new Error(`no repository: ${stderr}`);
}

/** Sets up dnf and zypper anew: nothing cached, no locks, these repositories. */
export async function useRepositories(
  machine: Machine,
  repositories: readonly RpmRepository[],
  dnfLines: readonly string[] = [],
): Promise<void> {
  const written = repositories.map(({ id, url, lines = ['gpgcheck=0'] }) => {
    const text = [`[${id}]`, `name=${id}`, `baseurl=${url}`, 'enabled=1', 'autorefresh=1', ...lines].join('\n');
    return `printf '%s\\n' '${text}' | tee /etc/yum.repos.d/${id}.repo >/etc/zypp/repos.d/${id}.repo`;
  });
  const main = ['[main]', 'module_platform_id=platform:el9', 'best=True', 'skip_if_unavailable=False', ...dnfLines];
  const { code, stderr } = await machine.run(`
    set -e
    rm -rf /etc/yum.repos.d/* /etc/zypp/repos.d/* /etc/zypp/locks /var/cache/dnf /var/cache/zypp /var/lib/dnf/repos
    printf '%s\\n' '${main.join('\n')}' >/etc/dnf/dnf.conf
    ${written.join('\n')}`);
  if (code !== 0) throw new Error(`no repositories: ${stderr}`);
}

/** Installs exactly these files of /repo, given without `.noarch.rpm`, and forgets the calls so far. */
export async function haveInstalled(machine: Machine, ...files: readonly string[]): Promise<void> {
  const paths = files.map((file) => `/repo/${file}.noarch.rpm`).join(' ');
  const { code, stderr } = await machine.run(`
    set -e
    present=$(/usr/bin/rpm -qa)
    if [ -n "$present" ]; then /usr/bin/rpm -e --allmatches --nodeps --noscripts $present; fi
    if [ -n '${paths}' ]; then /usr/bin/rpm -U --oldpackage --nodeps --noscripts ${paths}; fi
    rm -f /run/tools.calls`);
  if (code !== 0) throw new Error(`cannot install ${paths}: ${stderr}`);
}

/** `NAME=[EPOCH:]VERSION-RELEASE` of all that is installed, sorted. */
export async function installedRpms(machine: Machine): Promise<string[]> {
  const format = '%{NAME}=%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n';
  const { stdout } = await machine.run(['/usr/bin/rpm', '-qa', '--queryformat', format]);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

/** The calls of rpm, dnf, yum and zypper since the last look, as in `dnf -y install x`. */
export async function toolCalls(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.run('cat /run/tools.calls 2>/dev/null; rm -f /run/tools.calls');
  return stdout.split('\n').filter((line) => line !== '');
}

/**
 * Serves /repo at http://127.0.0.1:8081/.
 * @param instead what is answered in the place of a file, by its path as in `/repodata/repomd.xml`
 */
export function serveRepository(
  machine: Machine,
  instead: (path: string) => ViewAnswer | undefined = () => undefined,
): Promise<ViewServer> {
  const files = readdirSync(machine.path('/repo'), { recursive: true, encoding: 'utf8' });
  const answers = files.map((file): [string, ViewAnswer] => [
    `/${file}`,
    instead(`/${file}`) ?? { status: 200, body: { file: `/repo/${file}` } },
  ]);
  return serveInView(machine, Object.fromEntries(answers), { port: 8081 });
}

/**
 * Has a mirror in trouble while `work` begins, and a good one once it was asked for a file.
 * @param troubled the end of the paths that get a 503
 */
export async function whileTroubled<T>(machine: Machine, troubled: string, work: () => Promise<T>): Promise<T> {
  const bad = await serveRepository(machine, (path) => (path.endsWith(troubled) ? { status: 503 } : undefined));
  const done = work();
  const isAsked = () => bad.requests().some((line) => line.trim().endsWith(troubled));
  for (let waited = 0; !isAsked() && waited < 20_000; waited += 50) await sleep(50);
  // The tools themselves ask a few times more, at once.
  await sleep(800);
  await bad.close();
  const good = await serveRepository(machine);
  try {
    return await done;
  } finally {
    await good.close();
  }
}

/** Runs `work` while `command`, which installs cfn-slow, is in the middle of it. */
export async function whileInstalling(machine: Machine, command: string, work: () => Promise<void>): Promise<void> {
  await machine.run('rm -f /run/slow');
  const slow = machine.run(command);
  for (let waited = 0; !machine.exists('/run/slow') && waited < 20_000; waited += 50) await sleep(50);
  await work();
  const { code, stdout, stderr } = await slow;
  if (code !== 0) throw new Error(`${command} failed: ${stdout}${stderr}`);
}

function specOf({ name, version, needs, provides, scripts = '' }: DummyRpm): string {
  const [, epoch, number, release] = /^(?:(\d+):)?(.+)-(.+)$/.exec(version) ?? [];
  return [
    `Name: ${name}`,
    ...(epoch === undefined ? [] : [`Epoch: ${epoch}`]),
    `Version: ${number}`,
    `Release: ${release}`,
    'Summary: a dummy',
    'License: none',
    'BuildArch: noarch',
    // rpmbuild makes scripts need it, and no other package here has it.
    ...(scripts === '' ? [] : ['Provides: /bin/sh']),
    ...(needs === undefined ? [] : [`Requires: ${needs}`]),
    ...(provides === undefined ? [] : [`Provides: ${provides}`]),
    '%description',
    'a dummy',
    '%install',
    `mkdir -p %{buildroot}/usr/share/${name}`,
    `echo ${version} >%{buildroot}/usr/share/${name}/version`,
    '%files',
    `/usr/share/${name}`,
    scripts,
  ].join('\n');
}

/** What the tests of rpm, dnf and zypper install. */
export const dummies: readonly DummyRpm[] = [
  { name: 'cfn-dummy', version: '1.0-1' },
  { name: 'cfn-dummy', version: '1.9-1' },
  { name: 'cfn-dummy', version: '1.10-1' },
  { name: 'cfn-dummy', version: '1.10-2' },
  { name: 'cfn-epoch', version: '5.0-1' },
  { name: 'cfn-epoch', version: '1:0.5-1' },
  { name: 'cfn-other', version: '1.0-1' },
  { name: 'cfn-other', version: '2.0-1' },
  { name: 'cfn-needy', version: '3.0-1', needs: 'cfn-dummy >= 1.9' },
  { name: 'cfn-editor-enhanced', version: '8.2-1', provides: 'cfn-editor = 8.2-1' },
  { name: 'cfn-left', version: '1.0-1', needs: 'cfn-right' },
  { name: 'cfn-right', version: '1.0-1', needs: 'cfn-left' },
  { name: 'cfn-lonely', version: '1.0-1', needs: 'cfn-nowhere >= 2' },
  { name: 'cfn-refuses', version: '1.0-1', scripts: '%pre\necho the script speaks\nexit 3' },
  { name: 'cfn-grumbles', version: '1.0-1', scripts: '%post\nexit 4' },
  { name: 'cfn-slow', version: '1.0-1', scripts: '%pre\ntouch /run/slow\nsleep 4' },
];
