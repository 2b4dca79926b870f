import { expect, test } from 'vitest';
import { packagesSection } from '../../../../src/sections/packages/packages.ts';
import type { World } from '../../../../src/sections/step.ts';
import type { ToolResult } from '../../../../src/system/programs/exec.ts';
import { fakeGuest } from '../../metadata/fake-system.ts';

const STATUS = '/var/lib/dpkg/status';
const DPKG = 'Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n';
const RPM = 'one\t0\t1.0\t1\tnoarch\tone=1.0-1 \n';

/** A machine on which `one` is missing until `changes` is called. */
interface Row {
  readonly manager: string;
  /** What is asked for, where that is not a name. */
  readonly what?: string;
  readonly programs: readonly string[];
  /** What a program prints; undefined for one that fails. `isInstalled` is true once `changes` was called. */
  readonly prints: (call: string, isInstalled: boolean) => string | undefined;
  /** The call that installs. */
  readonly changes: RegExp;
  readonly version?: string;
  readonly inspect: readonly string[];
  readonly apply: readonly string[];
}

const rows: readonly Row[] = [
  {
    manager: 'apt',
    programs: ['apt-get', 'apt-cache'],
    prints: (call) => (call.startsWith('apt-cache') ? 'one:\n  Candidate: 1.0\n' : ''),
    changes: /^apt-get install/,
    inspect: [`read ${STATUS}`],
    apply: ['apt-cache policy one', 'apt-get install one'],
  },
  {
    manager: 'apt',
    programs: ['apt-get', 'apt-cache'],
    what: 'a name that others provide',
    prints: (call) =>
      /policy/.test(call)
        ? 'one:\n  Candidate: (none)\n'
        : /showpkg/.test(call)
          ? 'Package: one\nReverse Provides: \nother 1.0 (= )\n'
          : '',
    changes: /^apt-get install/,
    inspect: [`read ${STATUS}`],
    apply: ['apt-cache policy one', 'apt-cache showpkg one', 'apt-get install other'],
  },
  {
    manager: 'dpkg',
    programs: ['apt-get', 'dpkg'],
    prints: (call) => (call.startsWith('dpkg-deb') ? 'Package: one\nVersion: 1.0\nArchitecture: all\n' : ''),
    changes: /^apt-get install/,
    version: '/opt/one.deb',
    inspect: ['dpkg-deb /opt/one.deb Package Version Architecture', `read ${STATUS}`],
    apply: ['apt-get install /opt/one.deb'],
  },
  {
    manager: 'rpm',
    programs: ['rpm'],
    prints: (call) => (/package/.test(call) ? RPM : ''),
    changes: /^rpm --upgrade/,
    version: '/opt/one.rpm',
    inspect: ['rpm --package /opt/one.rpm', 'rpm --whatprovides one'],
    apply: ['rpm --upgrade /opt/one.rpm'],
  },
  ...['yum', 'dnf', 'zypper'].map((manager) => ({
    manager,
    programs: ['rpm', manager],
    prints: (call: string, isInstalled: boolean) => (call.startsWith('rpm') && isInstalled ? RPM : ''),
    changes: / install /,
    inspect: ['rpm --whatprovides one'],
    apply: [`${manager} install one`, 'rpm --whatprovides one'],
  })),
  {
    manager: 'apk',
    programs: ['apk'],
    prints: (call, isInstalled) => (/info/.test(call) && isInstalled ? 'one-1.0-r0\n' : ''),
    changes: /^apk add/,
    inspect: ['apk info one'],
    apply: ['apk add one', 'apk info one'],
  },
  {
    manager: 'pacman',
    programs: ['pacman'],
    prints: (call, isInstalled) =>
      /-Q/.test(call) ? (isInstalled ? 'one 1.0-1\n' : "error: package 'one' was not found\n") : '',
    changes: /^pacman -S one/,
    // Its database is not read here, as where its options move it.
    inspect: ['pacman -Q one', 'pacman -Sg one'],
    apply: ['pacman -S one', 'pacman -Q one'],
  },
  {
    manager: 'python',
    programs: ['/usr/bin/pip3'],
    prints: (call, isInstalled) => (/list/.test(call) && isInstalled ? 'one==1.0\n' : ''),
    changes: /install/,
    inspect: ['/usr/bin/pip3 list'],
    apply: ['/usr/bin/pip3 install one', '/usr/bin/pip3 list'],
  },
  {
    manager: 'python',
    programs: ['/usr/bin/pip3'],
    prints: (call, isInstalled) => {
      if (!/inspect/.test(call)) return '';
      const one = { metadata: { name: 'one', version: '1.0' }, direct_url: { url: 'file:///opt/one.whl' } };
      return JSON.stringify({ installed: isInstalled ? [one] : [] });
    },
    changes: /install/,
    what: 'a file',
    version: '/opt/one.whl',
    inspect: ['/usr/bin/pip3 inspect'],
    apply: ['/usr/bin/pip3 install /opt/one.whl', '/usr/bin/pip3 inspect'],
  },
  {
    manager: 'rubygems',
    programs: ['gem'],
    prints: (call, isInstalled) => (/list/.test(call) && isInstalled ? 'one (1.0)\n' : ''),
    changes: /^gem install/,
    inspect: ['gem list'],
    apply: ['gem install one', 'gem list'],
  },
];

/** All that changes something. */
const CHANGES = [
  ...(['write', 'stage', 'sweep', 'writeLink', 'setAttributes', 'append', 'remove'] as const),
  ...(['makeDirectory', 'makePrivateDirectory', 'openMadeDirectory', 'openScratch'] as const),
];

/** Words that tell one call of a program from another. */
const TELLING = /^(?:[^-].*|--package|--whatprovides|--upgrade|-S|-Sg|-Q)$/;

test.each(rows.map((row) => [row.manager, row.what ?? 'a package', row] as const))(
  '%s: %s that is missing is looked up once',
  async (_, __, row) => {
    const { system, log, write } = fakeGuest({});
    write(STATUS, DPKG);
    system.files.makeDirectory('/var/lib/dpkg/updates');
    for (const name of ['one.deb', 'one.rpm', 'one.whl']) write(`/opt/${name}`, 'a package');
    const calls: string[] = [];
    let isInstalled = false;
    const run = async ([program, ...words]: readonly string[]): Promise<ToolResult> => {
      const options = /^(?:Dpkg|APT|Acquire)::|^never$|^%/;
      const call = [program, ...words.filter((word) => TELLING.test(word) && !options.test(word))].join(' ');
      calls.push(call);
      const printed = row.prints(call, isInstalled);
      isInstalled ||= row.changes.test(call);
      return { exitCode: printed === undefined ? 1 : 0, stdout: printed ?? '', output: printed ?? '' };
    };
    const files: typeof system.files = {
      ...system.files,
      readIfPresent(path, most) {
        if (path === STATUS) calls.push(`read ${path}`);
        return system.files.readIfPresent(path, most);
      },
    };
    const find = (name: string) => (row.programs.includes(name) ? name : undefined);
    const exec: World['system']['exec'] = { ...system.exec, find, query: run, tool: run };
    const world: World = { system: { ...system, files, exec }, log, changes: { has: () => false, names: () => [] } };
    const entry = {
      name: row.manager,
      place: '/packages',
      packages: [{ name: 'one', versions: row.version === undefined ? [] : [row.version] }],
    } as unknown as Parameters<typeof packagesSection.inspect>[0];

    const refused = (): never => {
      throw new Error('it changes something');
    };
    const readOnly = { ...files, ...Object.fromEntries(CHANGES.map((name) => [name, refused])) };
    const found = await packagesSection.inspect(entry, { ...world, system: { ...world.system, files: readOnly } });
    if (found.state !== 'differs') throw new Error(`it is ${found.state}`);
    const asked = calls.splice(0);
    const outcome = await packagesSection.apply(entry, found.plan, world);
    expect({ inspect: asked, apply: calls }).toEqual({ inspect: row.inspect, apply: row.apply });
    expect(outcome).toMatchObject({ state: 'changed', changes: [`${row.manager}:one`] });
  },
);
