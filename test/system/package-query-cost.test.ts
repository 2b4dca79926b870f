import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { binary } from '../support/binary.ts';
import { cfnInit, metadata, summary } from '../support/cfn-init.ts';
import type { Machine } from '../support/sandbox.ts';
import { isInstalled, useSandbox } from '../support/use-machine.ts';

/** A package manager that is asked for 200 packages, all of which are installed. */
interface Row {
  readonly manager: string;
  /** Its programs: none of them but for one query may be run. The first must be there. */
  readonly programs: readonly string[];
  /** A script that makes the view ready, for instance so that other programs on this machine do not disturb. */
  readonly prepare: string;
  /** A script that prints the names of installed packages. */
  readonly names: string;
  /** The manager's own query for those names. */
  readonly query: (names: readonly string[]) => readonly string[];
  /** How often each command is timed; fewer where the query is slow, so that the little that we add does not matter. */
  readonly runs?: number;
}

const PACKAGES = 200;
const RUNS = 21;
const ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

const rows: readonly Row[] = [
  {
    manager: 'apt',
    programs: ['dpkg-query', 'dpkg', 'dpkg-deb', 'apt-get', 'apt-cache', 'apt-mark'],
    // The database of this machine, frozen.
    prepare: `mkdir -p /run/dpkg/updates /run/dpkg/triggers
      cp -a /var/lib/dpkg/status /var/lib/dpkg/info /run/dpkg/
      mount --bind /run/dpkg /var/lib/dpkg`,
    names: `dpkg-query --show --showformat '\${db:Status-Status} \${Package}\\n' | sed -n 's/^installed //p'`,
    query: (names) => ['dpkg-query', '--show', '--showformat=${Package} ${Version} ${db:Status-Status}\\n', ...names],
  },
  {
    manager: 'dnf',
    programs: ['rpm', 'dnf', 'dnf-3', 'yum'],
    // Debian keeps rpm's database in the home directory of whoever asks.
    prepare: `mkdir -p /run/rpm /etc/rpm && cd /run/rpm && echo '%_dbpath /run/rpm/database' >/etc/rpm/macros
      summary='Summary: many' && {
      printf '%s\\n' 'Name: cfn-many' 'Version: 1.0' 'Release: 1' "$summary" 'License: none' 'BuildArch: noarch' \\
        '%description' 'many'
      for i in $(seq 200); do
      printf '%s\\n' "%package -n cfn-many-$i" "$summary" "%description -n cfn-many-$i" 'many' "%files -n cfn-many-$i"
      done
      } >many.spec
      rpmbuild -bb --quiet --define '_topdir /run/rpm' --define '_rpmdir /run/rpm' many.spec
      rpm --upgrade noarch/*.rpm`,
    names: `rpm -qa --queryformat '%{NAME}\\n'`,
    // What is asked instead is rpm itself, which is a small part of this.
    query: (names) => ['dnf', '--quiet', '--cacheonly', 'list', '--installed', ...names],
    runs: 5,
  },
  {
    manager: 'pacman',
    programs: ['pacman', 'pacman-conf'],
    prepare: `mkdir -p /var/lib/pacman/local && cd /var/lib/pacman/local && echo 9 >ALPM_DB_VERSION
      for i in $(seq 200); do
      mkdir cfn-many-$i-1.0-1 && printf '%%NAME%%\\ncfn-many-%s\\n\\n%%VERSION%%\\n1.0-1\\n\\n' $i >cfn-many-$i-1.0-1/desc
      done`,
    names: 'seq -f cfn-many-%g 200',
    query: (names) => ['pacman', '-Q', ...names],
  },
  {
    manager: 'python',
    programs: ['pip3', 'pip', 'python3'],
    prepare: `rm -rf /usr/local/bin/pip* /usr/local/bin/python*
      cd "$(/usr/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" && for i in $(seq 200); do
      mkdir cfn_many_$i-1.0.dist-info
      printf 'Metadata-Version: 2.1\\nName: cfn-many-%s\\nVersion: 1.0\\n' $i >cfn_many_$i-1.0.dist-info/METADATA
      done`,
    names: 'seq -f cfn-many-%g 200',
    query: () => ['/usr/bin/pip3', 'list', '--format=freeze'],
    runs: 5,
  },
  {
    manager: 'rubygems',
    programs: ['gem'],
    prepare: `mkdir -p "$(/usr/bin/gem env gemdir)/specifications" && cd "$_" && for i in $(seq 200); do
      printf 'Gem::Specification.new { |s| s.name = "cfn-many-%s"; s.version = "1.0"; s.summary = "d" }' $i \\
        >cfn-many-$i-1.0.gemspec
      done`,
    names: 'seq -f cfn-many-%g 200',
    query: () => ['gem', 'list', '--local', '--no-verbose'],
  },
];

describe.each(rows)(
  '$manager with many packages that are installed',
  ({ manager, programs, prepare, names, query, runs = RUNS }) => {
    const view = useSandbox({}, [...programs.slice(0, 1), ...(manager === 'dnf' ? ['rpmbuild'] : [])]);
    let wanted: readonly string[] = [];
    let document = '';

    beforeAll(async () => {
      if (process.geteuid?.() !== 0 || !isInstalled(programs[0] ?? '')) return;
      const { code, stderr } = await view().run(`set -e\n${prepare}`);
      if (code !== 0) throw new Error(stderr);
      const listed = (await view().run(names)).stdout.split('\n').filter((name) => name !== '');
      wanted = [...new Set(listed)].slice(0, PACKAGES);
      document = metadata({ packages: { [manager]: Object.fromEntries(wanted.map((name) => [name, []])) } });
    });
    beforeEach((context) => {
      if (wanted.length < PACKAGES) context.skip(`needs ${PACKAGES} installed packages`);
    });

    test('runs one query at most, and nothing else', async () => {
      await view().run(`for program in ${programs.join(' ')}; do
      real=$(command -v $program) || continue
      printf '#!/bin/sh\\necho "$0" >>/run/calls\\nexec %s "$@"\\n' "$real" >/usr/local/sbin/$program
      chmod 755 /usr/local/sbin/$program
    done`);
      const result = await cfnInit(view(), document, [], { env: ENV });
      const { stdout } = await view().run('cat /run/calls 2>/dev/null');
      await view().run(`cd /usr/local/sbin && rm -f ${programs.join(' ')}`);
      expect({ code: result.code, summary: summary(result) }).toEqual({ code: 0, summary: '1 unchanged' });
      expect(stdout.split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(1);
    });

    // Twice, for a machine that was busy with something else just then.
    test('costs at most twice one query', { timeout: 180_000, retry: 1 }, async () => {
      const empty = metadata({});
      const init = binary('cfn-init');
      const medians = await measure(view(), runs, {
        nothing: [['true'], ''],
        query: [query(wanted), ''],
        packages: [[init, '-'], document],
        empty: [[init, '-'], empty],
      });
      const cost = medians.packages - medians.empty;
      const allowed = 2 * (medians.query - medians.nothing);
      console.log(`${manager}: ${cost.toFixed(1)} ms for ${PACKAGES} packages, of ${allowed.toFixed(1)} allowed`);
      expect(cost).toBeLessThanOrEqual(allowed);
    });
  },
);

/** Prints the CPU time of a command and of what it has started, in seconds, user and system. */
const TIMED = `TIMEFORMAT='%3U %3S'; { time "$@" >/dev/null 2>/run/said; } 2>&1`;

/**
 * The median CPU time of each command, in milliseconds: elapsed time would be that of all that runs on the machine. They
 * take turns all the same.
 */
async function measure<K extends string>(
  machine: Machine,
  runs: number,
  commands: Readonly<Record<K, readonly [command: readonly string[], input: string]>>,
): Promise<Readonly<Record<K, number>>> {
  const all = Object.entries(commands) as [K, readonly [readonly string[], string]][];
  const times = new Map<K, number[]>(all.map(([name]) => [name, []]));
  for (let run = 0; run <= runs; run++) {
    for (const [name, [command, input]] of all) {
      const timed = ['/bin/bash', '--norc', '-c', TIMED, 'timed', ...command];
      const { code, stdout } = await machine.run(timed, { env: ENV, input });
      if (code !== 0) throw new Error(`${name}: ${machine.read('/run/said')}`);
      const [user = 0, system = 0] = stdout.trim().split(' ').map(Number);
      // The first run is for warming up.
      if (run > 0) times.get(name)?.push((user + system) * 1000);
    }
  }
  const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
  return Object.fromEntries([...times].map(([name, list]) => [name, median(list)])) as Record<K, number>;
}
